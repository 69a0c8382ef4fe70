"""Messages that wait are held, released, removed and tried again by a
queue-edit that a fault is put into: for tests/tools/fault."""
import glob
import os
import re
import socket
import time

# What each start of queue-edit does: a verb, and to which of the five.
EDITS = (("hold", (0, 1, 2)), ("release", (0, 1)), ("remove", (1, 2, 3)),
         ("retry", (0, 4)))


class Edit:
    """A message that queue-edit did not remove arrives once.  One is removed
    when it says so; where it could not say so, when queue-run did."""

    def __init__(self, *args):
        self.walked = {}
        super().__init__(*args)

    def known(self, instance, around):
        """What each start does on its way through the queue is."""
        return self.walked.setdefault(around, instance) != instance and \
            not {"socket", "connect", "sendto", "recvfrom", "writev"} & \
            set(around)

    def states(self):
        """Of all messages on disk, by id."""
        found = {}
        for d in glob.iglob(self.s.queue + "/slot/*/*"):
            with open(d, "rb") as f:
                head = f.read(56)
            found[head[40:56].decode()] = head[16:17].decode()
        return {i: c for i, c in found.items() if c != "F"}

    def listed(self):
        """What queue-run says that it has; after all that it was asked."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.s.queue + "/control")
            s.sendall(b"list\n")
            lines = s.makefile().read().split("\n")
        return {w[1]: w[2] for w in (x.split(" ") for x in lines)
                if len(w) > 2}

    def wait_for(self, true):
        end = time.time() + 10
        while not true() and time.time() < end:
            time.sleep(0.005)

    def edit(self, verb, *what):
        """Its exit code, and the ids that it says were changed."""
        out = os.memfd_create("out")
        code = self.s.wait(self.s.spawn("queue-edit", verb, *what,
                                        fds=[(out, 1)]))
        os.lseek(out, 0, 0)
        said = os.read(out, 10000).decode().split()
        os.close(out)
        return code, set(said[1::2])

    def tried_edit(self, verb, ids):
        """One that may have the fault: what it says is true."""
        code, said = self.edit(verb, *ids)
        self.listed()
        if code == 0 and said != set(ids):
            self.wrong.append(f"{verb}: exit 0, but only {len(said)} done")
        now = self.states()
        for i in said:
            if now.get(i) != {"hold": "H", "remove": None}.get(verb, "Q"):
                self.wrong.append(f"{verb} {i}: it is {now.get(i)}")
        return said

    def send(self):
        s, self.wrong = self.s, []
        if os.path.exists(s.t + "/open"):
            os.unlink(s.t + "/open")
        if not s.running():
            s.up()
            s.ready()
        sent = [s.inject(200, "late@example.test", "alice@example.test",
                         want_id=True) for i in range(5)]
        ids = [s.ids.pop(m[0]) for m in sent]
        self.wait_for(lambda: list(self.listed().values()) == ["waiting"] * 5)
        gone = set()
        for verb, which in EDITS:
            said = self.tried_edit(verb, [ids[n] for n in which])
            if verb == "remove":
                gone = said
        told = set(re.findall(r"msg-edit id=(\S+) verb=remove answer=ok",
                              s.log_so_far()))
        self.let_go()
        return [(m, i not in told or i in gone,
                 ["alice@example.test"] if i in told | gone else r)
                for (m, _, r), i in zip(sent, ids)]

    def let_go(self):
        """Lets all that is there arrive; for every other point, by another
        queue-run."""
        s = self.s
        if s.tokens % 2 == 0:
            s.down()
            s.up()
            s.ready()
        s.write("open", "")
        self.wait_for(lambda: "H" not in self.states().values() or
                      self.edit("release", "all") is None)

    def check(self, sent, bad):
        bad += self.wrong
        super().check(sent, bad)
