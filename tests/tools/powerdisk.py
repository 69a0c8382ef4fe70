"""Power cuts of a block device: for tests/tools/powercut.

A private system (tests/system.sh) runs on a file system on a loop device, whose
disk is power-disk's.  Clients send mail, and note how long the disk's log was
when each message was acknowledged.  From the log come disks as a power cut at
some instant would have left them: what had been flushed, and of the rest
nothing, all, or any part.  Each is mounted, which recovers it, the system is
run empty on it, and the mailboxes are compared with the notes.
"""
import collections
import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import traceback

import powerlog

COLUMNS = ["writes", "flushes", "sent", "cuts", "acknowledged", "lost",
           "doubled", "junk", "aside", "stuck"]
SIZE = 96 << 20
RECORD = struct.Struct("4Q")
WRITE, DONE, FLUSH = 1, 2, 3
SECTOR = 512
CLIENTS, PER_SESSION = 5, 3

# How it is made, mounted and, after the cut, mended.
KINDS = {
    "ext4, data=ordered": (["mkfs.ext4", "-q", "-F", "-J", "size=4"],
                           "data=ordered", None),
    "ext4, data=writeback": (["mkfs.ext4", "-q", "-F", "-J", "size=4"],
                             "data=writeback", None),
    "ext4, no journal": (["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
                         "defaults", ["e2fsck", "-fy"]),
    "XFS": (["mkfs.xfs", "-q", "-f"], "defaults", None),
    "btrfs": (["mkfs.btrfs", "-q", "-f"], "defaults", None),
}
SIZES = {"XFS": 320 << 20, "btrfs": 160 << 20}


def run(*command, check=True):
    return subprocess.run(command, check=check, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8")


def possible():
    """Why this cannot be done here, or None."""
    if os.getuid() != 0:
        return "only root can mount"
    for path in "/dev/loop-control", "/dev/fuse":
        if not os.path.exists(path):
            return "no " + path
    return None


def jobs(o):
    why = possible()
    if why:
        print("# no disk:", why, flush=True)
        return []
    found = []
    for kind, (mkfs, _, _) in KINDS.items():
        # After a power cut ext4 without a journal has lost what was synced
        # long before: no program can help that.
        if "no journal" in kind and not o.pattern:
            continue
        if not shutil.which(mkfs[0]):
            print("#", kind, "left out: no", mkfs[0], flush=True)
            continue
        for recycle in 1, 0:
            found.append((kind, recycle,
                          lambda k=kind, r=recycle: Job(o, k, r)))
    return found


def body(token, size):
    """Lines that no other message has."""
    line = hashlib.sha1(token.encode()).hexdigest() + "\n"
    return line * (size // len(line) + 1)


class Ledger:
    def __init__(self, log):
        self.log = log
        self.lock = threading.Lock()
        self.messages = []  # (token, places, hash, acknowledged at, or None)
        self.sent = 0
        self.stop = False

    def client(self, port, n):
        rng = random.Random(n)
        while not self.stop:
            try:
                self.session(rng, port)
            except OSError:
                time.sleep(0.01)

    def session(self, rng, port):
        s = socket.create_connection(("127.0.0.1", port), 20)
        f = s.makefile("rb")

        def say(line):
            s.sendall(line)
            reply = f.readline()
            while reply[3:4] == b"-":
                reply = f.readline()
            return reply[:3] == b"250" or reply[:3] == b"354"
        try:
            say(b"")
            say(b"EHLO client.example.test\r\n")
            for _ in range(rng.randrange(1, PER_SESSION + 1)):
                self.message(rng, say)
                if self.stop:
                    break
            say(b"QUIT\r\n")
        finally:
            f.close()
            s.close()

    def message(self, rng, say):
        with self.lock:
            self.sent += 1
            token = f"t{self.sent:06}"
        places = rng.choice((["alice"], ["bob"], ["bob"], ["carol"],
                             ["alice", "bob"], ["alice", "carol"]))
        text = body(token, rng.choice((100, 100, 1000, 4000, 9000, 80000)))
        note = [token, places, hashlib.sha1(text.encode()).hexdigest(), None]
        self.messages.append(note)
        say(b"MAIL FROM:<dave@example.test>\r\n")
        to = ["team"] if places == ["alice", "bob"] else places
        for place in to:
            say(b"RCPT TO:<%s@example.test>\r\n" % place.encode())
        say(b"DATA\r\n")
        text = f"Subject: {token}\n\nBEGIN {token}\n{text}END {token}\n.\n"
        if say(text.replace("\n", "\r\n").encode()):
            note[3] = os.stat(self.log).st_size


class System(powerlog.System):
    """The private system on a disk, without services."""

    def __init__(self, prefix):
        self.t, self.p = prefix, prefix + "/bin"
        self.queue = prefix + "/var/spool/postchaise"
        self.spool = prefix + "/var/spool/virtual/example.test"
        self.qpid, self.started, self.ended = 0, 0.0, {}
        self.env = {"PC_PREFIX": prefix, "PC_PATH": self.p,
                    "PATH": "/usr/bin:/bin"}
        self.null = os.open("/dev/null", os.O_RDWR)
        self.log = os.open(prefix + "/var/log/recovered",
                           os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def found(self):
        """[(place, token, hash)]; token `junk' for what is no message."""
        got = []

        def take(place, text):
            m = re.search(rb"^BEGIN (\S+)\n(.*)^END (\S+)\n+\Z", text,
                          re.M | re.S)
            if not m or m[1] != m[3]:
                got.append((place, "junk", ""))
            else:
                got.append((place, m[1].decode(),
                            hashlib.sha1(m[2]).hexdigest()))
        for u in "alice", "carol":
            for sub in "new", "cur":
                for text in self.texts(f"{self.spool}/{u}/{sub}"):
                    take(u, text)
        with open(self.spool + "/bob", "rb") as f:
            parts = re.split(rb"^From ", f.read(), flags=re.M)
        if parts[0].strip(b"\n"):
            got.append(("bob", "junk", ""))
        for part in parts[1:]:
            take("bob", part)
        return got


class Job:
    def __init__(self, o, kind, recycle):
        self.o, self.kind, self.recycle = o, kind, recycle
        self.mkfs, self.options, self.mend = KINDS[kind]
        self.count, self.wrong = collections.Counter(), []
        self.d = tempfile.mkdtemp(prefix="disk.", dir=o.other)
        os.chmod(self.d, 0o755)
        self.m = self.d + "/m"
        self.prefix = self.m + "/s"
        for d in self.m, self.d + "/f":
            os.mkdir(d)
        self.rng = random.Random(f"{kind} {recycle} {o.seed}")
        # Mounts end with this process.
        if ctypes.CDLL(None).unshare(0x20000) != 0:
            raise OSError("unshare")
        run("mount", "--make-rprivate", "/")

    def run(self):
        image, log = self.d + "/image", self.d + "/log"
        with open(image, "wb") as f:
            f.truncate(SIZES.get(self.kind, SIZE))
        run(*self.mkfs, image)
        shutil.copy(image, self.d + "/begin")
        disk = subprocess.Popen([self.o.tools + "/power-disk", self.d + "/f",
                                 image, log], stdout=subprocess.PIPE)
        if disk.stdout.readline() != b"ready\n":
            raise RuntimeError("power-disk")
        self.mount(self.d + "/f/disk", "--direct-io=on")
        try:
            ledger, first = self.load(log)
        finally:
            run("umount", self.m)
            run("umount", self.d + "/f")
            disk.wait()
            disk.stdout.close()
        self.cuts(log, ledger, first)
        return self

    def mount(self, disk, *how):
        dev = run("losetup", "-f", "--show", *how, disk).stdout.strip()
        try:
            run("mount", "-o", self.options, dev, self.m)
        finally:
            run("losetup", "-d", dev)

    def shell(self, script):
        r = run("sh", "-c", f"top={self.o.top}; . $top/tests/system.sh; "
                f"{script}", check=False)
        if r.returncode != 0:
            raise RuntimeError(f"{script}: {r.stderr}")
        return r.stdout

    def load(self, log):
        """Runs the system with its clients; their notes, and the log's length
        when they began."""
        port = self.shell("tools=; . $top/tests/lib.sh; free_port").strip()
        self.shell(f"make_system {self.prefix}")
        with open(self.prefix + "/etc/postchaise/postchaise.conf", "a",
                  encoding="utf-8") as f:
            f.write(f"queue-recycle={self.recycle}\nretry-min=1\n"
                    "retry-max=1\nminfree=0\n")
        self.shell(f"in_system {self.prefix} alias-compile")
        ledger = Ledger(log)
        try:
            self.shell(f"start_system {self.prefix} {port}")
            # What was made up to here is old.
            os.sync()
            first = os.stat(log).st_size
            threads = [threading.Thread(target=ledger.client,
                                        args=(int(port), n))
                       for n in range(CLIENTS)]
            for t in threads:
                t.start()
            time.sleep(min(2, self.o.seconds / 8))
            ledger.stop = True
            for t in threads:
                t.join()
        finally:
            self.shell(f"stop_system {self.prefix}")
        self.count["sent"] = len(ledger.messages)
        return ledger, first

    # Disks.

    def cuts(self, log, ledger, first):
        records = self.read(log)
        self.count["writes"] = sum(r[0] == WRITE for r in records)
        self.count["flushes"] = sum(r[0] == FLUSH for r in records)
        ends = [r[4] for r in records]
        last = max(m[3] or 0 for m in ledger.messages)
        # A quarter of them right when a message had been acknowledged, a
        # quarter just before a flush, the rest anywhere.
        acks = [m[3] for m in ledger.messages if m[3]]
        flushes = [r[4] - 1 for r in records if r[0] == FLUSH and
                   first < r[4] < last]
        wanted = self.o.states
        at = self.rng.sample(acks, min(len(acks), wanted // 4))
        at += self.rng.sample(flushes, min(len(flushes), wanted // 4))
        at += [self.rng.randrange(first, ends[-1])
               for _ in range(wanted - len(at))]
        begun, passed = time.time(), 0
        with open(log, "rb") as data, open(self.d + "/begin", "r+b") as disk:
            state = Disk(records, data, disk)
            for where in sorted(at):
                passed += 1
                if (time.time() - begun) / self.o.seconds > passed / len(at):
                    continue
                state.advance(where)
                self.cut(state, where, ledger)

    @staticmethod
    def read(log):
        """[(kind, id, offset, length, end in the log)]"""
        found, at = [], 0
        size = os.stat(log).st_size
        with open(log, "rb") as f:
            while at < size:
                f.seek(at)
                kind, n, offset, length = RECORD.unpack(f.read(RECORD.size))
                at += RECORD.size + (length if kind == WRITE else 0)
                found.append((kind, n, offset, length, at))
        return found

    def cut(self, state, where, ledger):
        self.count["cuts"] += 1
        kept = state.write(self.d + "/cut", self.rng)
        what = f"{self.kind} recycle={self.recycle} cut={where} kept={kept}"
        if self.mend:
            run(*self.mend, self.d + "/cut", check=False)
        try:
            self.mount(self.d + "/cut")
        except subprocess.CalledProcessError as e:
            self.count["stuck"] += 1
            self.wrong.append(f"{what}: {e.stderr}")
            return
        try:
            result = self.child()
            self.judge(result, where, ledger, what)
        finally:
            for _ in range(50):
                if run("umount", self.m, check=False).returncode == 0:
                    break
                time.sleep(0.1)

    def child(self):
        """The system on what is mounted, run empty by a process of nobody."""
        out, into = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(out)
                ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                signal.alarm(60)
                s = System(self.prefix)
                done = s.empty(15)
                s.down()
                result = {"done": done, "got": s.found(),
                          "aside": len(os.listdir(s.queue + "/bad"))}
                with open(into, "w", encoding="utf-8") as f:
                    json.dump(result, f)
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(into)
        with open(out, encoding="utf-8") as f:
            text = f.read()
        os.waitpid(pid, 0)
        return json.loads(text or "null")

    def judge(self, result, where, ledger, what):
        bad = []
        if result is None or not result["done"]:
            self.count["stuck"] += 1
            bad.append("stuck")
            result = result or {"got": [], "aside": 0}
        self.count["aside"] += result["aside"] > 0
        got = collections.Counter(tuple(g) for g in result["got"])
        for token, places, digest, acked in ledger.messages:
            must = acked is not None and acked <= where
            self.count["acknowledged"] += must
            for place in places:
                n = got.pop((place, token, digest), 0)
                if n == 0 and must:
                    self.count["lost"] += 1
                    bad.append(f"lost {token} {place}")
                elif n > 1:
                    self.count["doubled"] += 1
                    bad.append(f"doubled {token} {place} {n}")
        for (place, token, _), n in got.items():
            self.count["junk"] += n
            bad.append(f"junk {place} {token} {n}")
        if bad:
            print(what, "; ".join(bad), file=self.o.err, flush=True)
            self.wrong.append(f"{what}: {'; '.join(bad)}")
            if self.o.keep and len(self.wrong) < 3:
                shutil.copy(self.d + "/cut", f"{self.o.keep}/cut-{where}")
                run("cp", "-a", "--sparse=always", self.prefix,
                    f"{self.o.keep}/tree-{where}", check=False)

    def remove(self):
        run("umount", "-lq", self.m, check=False)
        run("umount", "-lq", self.d + "/f", check=False)
        shutil.rmtree(self.d, ignore_errors=True)


class Disk:
    """What had been flushed at a point of the log, and what had not."""

    def __init__(self, records, data, disk):
        self.records, self.data, self.disk = records, data, disk
        self.next = 0
        self.cache = {}   # id: record of a write that may be lost
        self.done = set() # of these, reported

    def bytes_of(self, r):
        self.data.seek(r[4] - r[3])
        return self.data.read(r[3])

    def advance(self, where):
        while self.next < len(self.records) and \
                self.records[self.next][4] <= where:
            r = self.records[self.next]
            self.next += 1
            if r[0] == WRITE:
                self.cache[r[1]] = r
            elif r[0] == DONE:
                self.done.add(r[1])
            else:
                for n in sorted(self.done):
                    old = self.cache.pop(n)
                    self.disk.seek(old[2])
                    self.disk.write(self.bytes_of(old))
                self.done.clear()
        self.disk.flush()

    def write(self, path, rng):
        """A disk after the cut; says what it has kept of the cache."""
        run("cp", "--sparse=always", self.disk.name, path)
        how = rng.choice(("none", "all", "some", "some", "torn"))
        kept = 0
        with open(path, "r+b") as f:
            for n in sorted(self.cache):
                r = self.cache[n]
                if how == "none" or (how != "all" and rng.random() < 0.5):
                    continue
                kept += 1
                text = self.bytes_of(r)
                for i in range(0, len(text), SECTOR):
                    if how == "torn" and rng.random() < 0.3:
                        continue
                    f.seek(r[2] + i)
                    f.write(text[i:i + SECTOR])
        return f"{how}:{kept}/{len(self.cache)}"
