"""Power cuts of a traced run: for tests/tools/powercut.

A private system takes and delivers some messages under power-trace.  For each
cut point what may be left then (powermodel.py) is put on disk, the system is
started on it and run empty, and its mailboxes are compared with what had been
acknowledged before the cut.
"""
import bisect
import collections
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import faultsystem
import powermodel

# Where a recipient's mail ends up.
PLACES = {
    "alice@example.test": ["alice"], "bob@example.test": ["bob"],
    "new@example.test": ["new"],
    "team@example.test": ["carol", "bob"],
    "local@mail.example.test": ["local", "box", "carol"],
    "bad@example.test": ["dave"],
    "list@example.test": ["alice", "r3@sink.test"],
}
# These may get a message twice: the next host and the reader of a report.
AGAIN = ("r1@sink.test", "r2@sink.test", "r3@sink.test", "dave")
PARTS = ("bob", "junk"), ("local", "junk"), ("box", "junk")
SKIP = ("p", "log", "etc", "pipe", "fwd", "var/log")
SMALL, LARGE = 200, 70000


def mark(*words):
    """Writes words into the trace."""
    try:
        os.unlink("/power-mark/" + " ".join(words))
    except OSError:
        pass


class Noted(collections.Counter):
    """Counts what the next host has got, and notes it in the trace."""

    def __setitem__(self, key, n):
        super().__setitem__(key, n)
        if n > 0:
            mark("sink", *key)


class Sink(faultsystem.Sink):
    """Serves in the process that calls begin() only."""

    def start(self):
        pass

    def begin(self):
        self.got = Noted()
        threading.Thread.start(self)


class System(faultsystem.System):
    sink_kind = Sink

    def configure(self):
        super().configure()
        # A mailbox that its first message makes.
        self.write("etc/virtual/example.test/passwd",
                   "alice:*\nbob:*\ncarol:*\ndave:*\nnew:*\n")
        with open(self.t + "/etc/virtual/example.test/aliases", "a",
                  encoding="utf-8") as f:
            f.write("list: alice, r3@sink.test\n")
        self.write("home/.forward",
                   f"\\local\n{self.t}/home/box\ncarol@example.test\n")
        if self.wait(self.spawn("alias-compile")) != 0:
            raise RuntimeError("alias-compile")

    def injected(self, size, *rcpts):
        token, good, _ = self.inject(size, *rcpts)
        mark("inject", "ack" if good else "no", token, *rcpts)

    def session(self, *messages):
        """One session; each message is (size, recipients...)."""
        a, b = socket.socketpair()
        a.settimeout(20)
        pid = self.spawn("smtp-recv", fds=[(b.fileno(), 0), (b.fileno(), 1)],
                         env={"PROTO": "TCP", "TCPREMOTEIP": "127.0.0.1",
                              "TCPLOCALIP": "127.0.0.1", "RELAYCLIENT": ""})
        b.close()
        f = a.makefile("rb")

        def say(line):
            a.sendall(line)
            reply = f.readline()
            while reply[3:4] == b"-":
                reply = f.readline()
            return reply[:3].decode()
        say(b"")
        say(b"EHLO client.example.test\r\n")
        for size, *rcpts in messages:
            token = self.token()
            say(b"MAIL FROM:<dave@example.test>\r\n")
            for r in rcpts:
                say(b"RCPT TO:<%s>\r\n" % r.encode())
            say(b"DATA\r\n")
            text = faultsystem.message(token.encode(), size)
            code = say(text.replace(b"\n", b"\r\n") + b".\r\n")
            mark("smtp", "ack" if code == "250" else "no", token, *rcpts)
        say(b"QUIT\r\n")
        a.close()
        self.wait(pid)

    def empty(self, seconds):
        """Runs until nothing is queued; False: that never came."""
        end, poke = time.time() + seconds, 0.0
        while time.time() < end:
            if not self.running():
                self.up()
                self.ready()
            if self.queued() == 0:
                return True
            if time.time() > max(poke, self.started + 0.3):
                poke = time.time() + 0.15
                os.kill(self.qpid, signal.SIGALRM)
            time.sleep(0.005)
        return False

    # What is in the mailboxes: {place: [tokens]}; `junk' is what is no
    # message of ours, or not a whole one.

    def mailboxes(self):
        got = collections.Counter()

        def take(place, text):
            tokens = faultsystem.whole(text)
            if len(tokens) != 1 or tokens[0] == "torn" or b"\0" in text:
                tokens = ["junk"]
            got[place, tokens[0]] += 1
        for u in "alice carol new".split():
            for sub in "new", "cur":
                for text in self.texts(f"{self.spool}/{u}/{sub}"):
                    take(u, text)
        for text in self.texts(self.spool + "/dave/new"):
            m = re.findall(rb"^Subject: (m\d+)$", text, re.M)
            got["dave", m[0].decode() if len(m) == 1 else "junk"] += 1
        for place, path in (("bob", self.spool + "/bob"),
                            ("local", self.t + "/var/mail/local"),
                            ("box", self.t + "/home/box")):
            try:
                with open(path, "rb") as f:
                    text = f.read()
            except FileNotFoundError:
                continue
            parts = re.split(rb"^From ", text, flags=re.M)
            if parts[0].strip(b"\n"):
                got[place, "junk"] += 1
            for part in parts[1:]:
                take(place, part)
        return got

    @staticmethod
    def texts(d):
        try:
            names = os.listdir(d)
        except FileNotFoundError:
            return
        for n in names:
            with open(f"{d}/{n}", "rb") as f:
                yield f.read()


# What is sent in the traced run.

def cold(s):
    """The first mail of a new system."""
    s.up()
    s.ready()
    s.session((SMALL, "alice@example.test"), (LARGE, "bob@example.test"))
    s.injected(SMALL, "new@example.test")
    s.empty(20)


def warm(s):
    """Each kind of way, and slots that are used again."""
    s.up()
    s.ready()
    s.session((SMALL, "alice@example.test", "bob@example.test"),
              (LARGE, "alice@example.test"), (SMALL, "bob@example.test"))
    s.injected(SMALL, "team@example.test", "local@mail.example.test",
               "r1@sink.test")
    s.injected(LARGE, "new@example.test", "r2@sink.test")
    s.empty(20)
    s.session((9000, "alice@example.test"), (SMALL, "bob@example.test"))
    s.injected(SMALL, "bad@example.test", "alice@example.test")
    s.injected(SMALL, "list@example.test", "bob@example.test")
    s.empty(20)


def backlog(s):
    """Mail that came while nothing was delivered, and a queue-run that finds
    it and is ended in the midst of new mail."""
    s.injected(SMALL, "alice@example.test", "bob@example.test")
    s.injected(LARGE, "bob@example.test", "list@example.test")
    s.up()
    s.ready()
    s.session((SMALL, "alice@example.test"), (5000, "bob@example.test"),
              (SMALL, "team@example.test"))
    s.down()
    s.session((SMALL, "alice@example.test"))
    s.up()
    s.empty(20)


SCENARIOS = {"cold": cold, "warm": warm, "backlog": backlog}


class Job:
    """One scenario, setting and kind of file system."""

    def __init__(self, o, name, recycle, journal, directory):
        self.o, self.name, self.recycle = o, name, recycle
        self.journal = journal
        tempfile.tempdir = directory
        self.s = System({"-b": o.programs, "-w": ""}, "", recycle)
        self.count = collections.Counter()
        self.wrong = []
        self.rng = powermodel.seeded(name, recycle, journal, o.seed)

    # The system runs in children: the sink's thread, and what is traced.

    def child(self, work, trace=None):
        """Runs work(system) in a process; returns what it returns."""
        out, into = os.pipe()
        wait, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(out)
            os.close(go)
            self.in_child(work, wait, into)
        os.close(into)
        os.close(wait)
        tracer = None
        if trace:
            tracer = subprocess.Popen([self.o.tracer, trace, self.s.t,
                                       str(pid)], stdout=subprocess.PIPE)
            if tracer.stdout.readline() != b"ready\n":
                raise RuntimeError("power-trace")
        os.close(go)
        text = b""
        while True:
            ready, _, _ = select.select([out], [], [], 90)
            part = os.read(out, 65536) if ready else b""
            if not part:
                break
            text += part
        os.close(out)
        if not text:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if tracer:
            tracer.stdout.close()
            if tracer.wait() != 0:
                raise RuntimeError("power-trace")
        return json.loads(text or "null")

    def in_child(self, work, wait, into):
        code = 1
        try:
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) # PR_SET_CHILD_SUBREAPER
            os.read(wait, 1)
            self.s.sink.begin()
            result = work(self.s)
            os.write(into, json.dumps(result).encode())
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)

    @staticmethod
    def recover(s):
        done = s.empty(10)
        if not done: # what nobody told of waits for the next start
            s.down()
            done = s.empty(20)
        s.down()
        got = s.mailboxes() + s.sink.got
        aside = len(os.listdir(s.queue + "/bad"))
        return {"done": done, "got": [[*k, n] for k, n in got.items()],
                "aside": aside}

    def play(self, s):
        SCENARIOS[self.name](s)
        s.down()
        return s.tokens

    def run(self):
        if self.name != "cold":
            # Directories, and slots that are free.
            self.s.tokens = self.child(self.before)
        trace = self.s.t + "/p/trace"
        start = powermodel.Model(self.s.t, SKIP, self.journal)
        start_tree = start.tree({})
        self.s.tokens = self.child(self.play, trace)
        ops = powermodel.parse(trace)
        self.count["operations"] += len(ops)
        acks = Ledger(ops)
        self.count["acknowledged"] += sum(m.acked for m in acks.messages)
        # Which states there are; then some of them, as many as time allows,
        # from all of the run.
        states, seen, cuts = [], set(), set()
        for n, at, values, model in self.states(start_tree, ops):
            cuts.add(at)
            t = powermodel.digest(model.tree(values)), acks.said(at)
            if t not in seen:
                seen.add(t)
                states.append(n)
        self.count["cuts"], self.count["states"] = len(cuts), len(states)
        chosen = set(self.rng.sample(states, min(self.o.states, len(states))))
        begun, passed = time.time(), 0
        for n, at, values, model in self.states(start_tree, ops):
            if n not in chosen:
                continue
            passed += 1
            if (time.time() - begun) / self.o.seconds < passed / len(chosen):
                self.try_state(at, model.tree(values), acks, n % 10 == 0)
        return self

    @staticmethod
    def before(s):
        s.up()
        s.ready()
        for i in range(3):
            s.injected(SMALL if i else 12000, "alice@example.test")
        s.empty(20)
        s.down()
        for u in "alice", "bob":
            d = f"{s.spool}/{u}/new"
            for n in os.listdir(d) if os.path.isdir(d) else ():
                os.unlink(f"{d}/{n}")
        return s.tokens

    def states(self, tree, ops):
        """All that cuts may leave: (number, operation, values, model)."""
        powermodel.put(self.s.t, tree, SKIP)
        model = powermodel.Model(self.s.t, SKIP, self.journal)
        rng = powermodel.seeded(self.name, self.o.seed)
        n = 0
        for at, (op, data) in enumerate(ops):
            if not model.apply(op, data) and op[1] != "say":
                continue
            if op[1] == "mkdir" and ops[at - 1][0][1] == "mkdir" and \
                    ops[at + 1][0][1] == "mkdir":
                continue # one of hundreds
            for choice in powermodel.samples(model, rng, 15, self.o.random):
                yield n, at, model.some(choice, rng), model
                n += 1

    def try_state(self, at, tree, acks, deep):
        powermodel.put(self.s.t, tree, SKIP)
        trace = self.s.t + "/p/trace2" if deep else None
        self.count["tried"] += 1
        result = self.child(self.recover, trace)
        self.judge(result, acks, at, acks, f"cut={at}")
        if not deep or result is None:
            return
        # The power fails once more while the system recovers.
        ops = powermodel.parse(trace)
        rng = powermodel.seeded(self.name, at)
        second = Ledger(ops)
        powermodel.put(self.s.t, tree, SKIP)
        model = powermodel.Model(self.s.t, SKIP, self.journal)
        cuts = set(rng.sample(range(len(ops)), min(self.o.second, len(ops))))
        got = []
        for k, (op, data) in enumerate(ops):
            model.apply(op, data)
            if k in cuts:
                choice = rng.choice(list(powermodel.samples(model, rng, 15,
                                                            15)))
                got.append((k, model.tree(model.some(choice, rng))))
        for k, t in got:
            powermodel.put(self.s.t, t, SKIP)
            self.count["tried twice"] += 1
            result = self.child(self.recover)
            self.judge(result, acks, at, second, f"cut={at} second={k}", k)

    def judge(self, result, acks, at, sinks, what, second=None):
        bad = []
        if result is None:
            self.count["stuck"] += 1
            self.tell(f"{what}: the system did not come up")
            return
        if not result["done"]:
            self.count["stuck"] += 1
            bad.append("stuck")
        self.count["aside"] += result["aside"] > 0
        got = collections.Counter({(p, t): n for p, t, n in result["got"]})
        got.update(acks.sink_before(at))
        if second is not None:
            got.update(sinks.sink_before(second))
        done = acks.done_before(at)
        known = set()
        for m in acks.messages:
            must = m.acked and m.at <= at
            for place in m.places:
                known.add((place, m.token))
                n = got[place, m.token]
                if must and n == 0:
                    self.count["lost"] += 1
                    bad.append(f"lost {m.token} {place}")
                elif n > 1 and place in AGAIN and not (
                        (place, m.token) in done and m.several):
                    self.count["again"] += 1
                elif n > 1:
                    self.count["doubled"] += 1
                    bad.append(f"doubled {m.token} {place} {n}")
        for key, n in got.items():
            if key not in known:
                # Without a journal's order a torn part of an mbox may have
                # lost the note that tells of it.
                part = not self.journal and key in PARTS
                self.count["parts" if part else "junk"] += 1
                if part:
                    continue
                bad.append(f"junk {key[0]} {key[1]} {n}")
        if bad:
            self.tell(f"{what}: {'; '.join(bad)}")

    def tell(self, text):
        text = f"{self.name} recycle={self.recycle} " \
            f"journal={int(self.journal)} {text}"
        print(text, file=sys.stderr, flush=True)
        if self.o.keep and len(self.wrong) < 3:
            where = f"{self.o.keep}/{len(os.listdir(self.o.keep))}"
            shutil.copytree(self.s.t, where, symlinks=True,
                            ignore=lambda d, ns: [n for n in ns if n in
                                                  ("trigger", "free",
                                                   "control")])
            with open(where + "/what", "w", encoding="utf-8") as f:
                f.write(text + "\n")
        self.wrong.append(text)

    def remove(self):
        shutil.rmtree(self.s.t)


class Message:
    def __init__(self, token, acked, at, rcpts):
        self.token, self.acked, self.at = token, acked, at
        # An only recipient is marked behind the line in the log.
        self.several = len(rcpts) > 1
        self.places = {p for r in rcpts for p in PLACES.get(r, [r])}


class Ledger:
    """What the trace's marks say of messages, and of the next host."""

    def __init__(self, ops):
        self.messages, self.sinks, self.done = [], [], []
        self.marks = [at for at, (op, _) in enumerate(ops)
                      if op[1] in ("say", "mark")]
        said = 0
        for at, (op, data) in enumerate(ops):
            # What the log has as sent was on disk before.
            for to in re.findall(rb" deliver-done .*? to=<(\S+@sink.test)>",
                                 data if op[-1].endswith("/log") else b""):
                self.done.append((at, [k for _, k in self.sinks
                                       if k[0] == to.decode()][-1]))
            if op[1] == "say":
                said = at
            elif op[1] == "mark" and op[2] == "sink":
                self.sinks.append((at, (op[3], op[4])))
            elif op[1] == "mark":
                self.messages.append(Message(
                    op[4], op[3] == "ack", said if op[2] == "smtp" else at,
                    op[5:]))

    def said(self, at):
        """A number that is another one where more must be there."""
        return bisect.bisect_right(self.marks, at)

    def done_before(self, at):
        return {k for n, k in self.done if n <= at}

    def sink_before(self, at):
        return collections.Counter(k for n, k in self.sinks if n <= at)
