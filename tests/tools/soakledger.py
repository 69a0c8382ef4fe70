"""Compares what arrived with the ledger, for tests/tools/soak."""
import collections
import glob
import os
import re

from soakload import whole
from soaksystem import MAILDIRS, MBOXES, places

# Places of which a message is taken before that can be written down.
AGAIN = ("a/fwd", "a/cmd")


def received_id(text):
    """Our id in the topmost Received field of a mailbox's message."""
    m = re.search(rb"\(postchaise\) with \S+ id (\S{16})", text)
    return m[1].decode() if m else "-"


def chunks(path):
    """The messages of an mbox."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as f:
        return re.split(rb"^From (?=\S* +\w{3} \w{3} )", f.read(),
                        flags=re.M)[1:]


def collect(systems):
    """(place, token) to the ids with which it arrived; and torn ones."""
    got, torn = collections.defaultdict(list), []

    def take(place, text, where, cut=False):
        token = whole(text)
        if token is not None:
            got[place, token].append(received_id(text))
        elif not cut:
            torn.append(f"torn {where}")

    def take_all(place, pattern, cut=False):
        for path in glob.iglob(pattern):
            with open(path, "rb") as f:
                take(place, f.read(), path, cut)
    for s in systems:
        for u in MAILDIRS[s.name]:
            if u != "rep":
                take_all(f"{s.name}/{u}", f"{s.spool}/{u}/[nc]*/*")
        for u in MBOXES[s.name]:
            for i, c in enumerate(chunks(f"{s.spool}/{u}")):
                take(f"{s.name}/{u}", c, f"{s.name}/{u} {i}")
    d = systems[0].d
    for place, path in (("a/local", f"{d}/var/mail/local"),
                        ("a/box", f"{d}/home/local/box")):
        for i, c in enumerate(chunks(path)):
            take(place, c, f"{place} {i}")
    # A command that was cut off with its deliverer has a part, or nothing.
    for place in AGAIN:
        take_all(place, f"{d}/{place[2:]}/*", True)
    reports(systems[0], got, torn)
    return got, torn


def reports(s, got, torn):
    for path in glob.iglob(s.spool + "/rep/[nc]*/*"):
        with open(path, "rb") as f:
            text = f.read()
        tokens = re.findall(rb"^Subject: (\w+\d)$", text, re.M)
        failed = re.findall(rb"^Final-Recipient: rfc822; ?(\S+)$", text, re.M)
        if len(tokens) != 1 or not failed:
            torn.append(f"strange report {path}")
        for t in tokens:
            for r in failed:
                got["report:" + r.decode(), t.decode()].append(
                    received_id(text))


def sent_twice(system):
    """Remote deliveries that the log of one queue-run has as done twice: what
    it knows as done it must not send again."""
    done = collections.Counter()
    for path in glob.iglob(system.log + "/queue-run/*"):
        with open(path, "rb") as f:
            done.update(re.findall(
                rb"queue-run\[(\d+)\]: info: deliver-done id=(\S+) to=<(\S+)> "
                rb"\S+ relay=\S+\[", f.read()))
    return [k for k, n in done.items() if n > 1]


class Verdict:
    """The ledger against the mailboxes."""

    def __init__(self, ledgers, systems):
        self.count = collections.Counter()
        self.ways = collections.defaultdict(collections.Counter)
        self.arrived = collections.Counter()
        self.got, self.bad = collect(systems)
        self.count["torn"] = len(self.bad)
        for path in ledgers:
            with open(path, encoding="ascii") as f:
                for line in f:
                    token, fate, way, rcpts = line.rstrip("\n").split(" ")
                    self.entry(token, fate, way,
                               rcpts.split(",") if rcpts else [])
        for k in sent_twice(systems[0]):
            self.wrong("sent again", b" ".join(k).decode())
        for (place, token), came in self.got.items():
            self.wrong("strange", f"{token} at {place}: {came}")

    def wrong(self, what, why):
        self.count[what] += 1
        self.bad.append(f"{what} {why}")

    def entry(self, token, fate, way, rcpts):
        self.ways[way][fate] += 1
        if fate == "H":
            self.wrong("hung", f"{way}")
            return
        there = {}
        for place in dict.fromkeys(p for r in rcpts for p in places(r)):
            there[place] = self.got.pop((place, token), [])
            self.arrived[place.split(":")[0]] += len(there[place])
        some = any(there.values())
        if fate == "D" and some:
            self.ways[way]["came"] += 1
        for place, came in there.items():
            what = f"{token} at {place} ({fate}): {came}"
            if fate == "N" and came:
                self.wrong("refused, but came", what)
            elif not came and (fate == "A" or some and fate == "D"):
                self.wrong("lost", what)
            elif len(came) > 1:
                self.more_than_one(place, came, what)

    def more_than_one(self, place, came, what):
        """By SMTP a second transfer has another id there."""
        if place in AGAIN:
            self.count["again: command"] += len(came) - 1
        elif place.startswith("report:"):
            self.count["again: report"] += len(came) - 1
        elif place[0] == "b" and len(set(came)) == len(came):
            self.count["again: SMTP"] += len(came) - 1
        else:
            self.wrong("doubled", what)
