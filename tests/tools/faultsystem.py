"""A private mail system that a fault is put into: for tests/tools/fault."""
import collections
import fcntl
import glob
import os
import re
import signal
import socket
import tempfile
import threading
import time


class Sink(threading.Thread):
    """The next host: takes all mail, counts (recipient, message)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.sock.getsockname()[1]
        self.got = collections.Counter()
        self.lock = threading.Lock()
        self.start()

    def run(self):
        while True:
            s, _ = self.sock.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            self.session(s, s.makefile("rb"))
        except OSError:
            pass
        finally:
            s.close()

    def session(self, s, f):
        s.sendall(b"220 sink ESMTP\r\n")
        rcpts = []
        for line in iter(f.readline, b""):
            word = line[:4].upper()
            reply = b"250 ok\r\n"
            if word == b"EHLO":
                reply = b"250-sink\r\n250 PIPELINING\r\n"
            elif word == b"RCPT":
                rcpts.append(re.search(rb"<(.*?)>", line).group(1).decode())
            elif word == b"MAIL" or word == b"RSET":
                rcpts = []
            elif word == b"QUIT":
                reply = b"221 bye\r\n"
            elif word == b"DATA":
                s.sendall(b"354 go\r\n")
                text = b""
                for line in iter(f.readline, b".\r\n"):
                    if not line:
                        return
                    text += line
                with self.lock:
                    for r in rcpts:
                        for m in whole(text.replace(b"\r\n", b"\n")):
                            self.got[r, m] += 1
            s.sendall(reply)
            if word == b"QUIT":
                return


def whole(text):
    """The messages in a text; one that is not whole counts as `torn'."""
    begins = re.findall(rb"^BEGIN (\S+)$", text, re.M)
    ends = re.findall(rb"^END (\S+) (\d+)$", text, re.M)
    if [e[0] for e in ends] != begins:
        return ["torn"]
    for m, n in ends:
        body = re.search(rb"^BEGIN " + m + rb"\n(.*?)^END " + m + rb" ", text,
                         re.M | re.S)
        if len(body.group(1)) != int(n):
            return ["torn"]
    return [m.decode() for m in begins]


def message(token, size):
    line = b"0123456789012345678901234567890123456789012345678\n"
    body = line * (size // len(line))
    return (b"From: dave@example.test\nSubject: %s\n\nBEGIN %s\n%sEND %s %d\n" %
            (token, token, body, token, len(body)))


class System:
    """A private system: prefix, queue, mailboxes."""
    sink_kind = Sink
    service, ipid = False, 0  # queue-inject -s

    def __init__(self, options, program, recycle, settings="", service=False):
        self.o, self.program, self.recycle = options, program, recycle
        self.settings = settings
        self.service = service
        self.t = tempfile.mkdtemp(prefix="fault.")
        self.queue = self.t + "/var/spool/postchaise"
        self.spool = self.t + "/var/spool/virtual/example.test"
        self.p = self.t + "/p"
        self.sink = self.sink_kind()
        self.tokens = 0
        self.ids = {}  # of those that were wanted, by token
        self.qpid = 0
        self.started = 0.0
        self.seen = 0
        self.ended = {}
        self.configure()

    def write(self, path, text):
        path = self.t + "/" + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def configure(self):
        uid, gid = os.getuid(), os.getgid()
        conf = "etc/postchaise/postchaise.conf"
        self.write(conf, f"hostname=mail.example.test\n"
                   f"virtual-user={uid}:{gid}\nvirtual-minimum-uid=1\n"
                   f"alias-user=local\nqueue-recycle={self.recycle}\n"
                   f"retry-min=1\nretry-max=1\nverify-from=no\nminfree=0\n"
                   f"relay-host=[127.0.0.1]:{self.sink.port}\n"
                   f"{self.settings}")
        self.write("etc/virtual/domains.cf", "admin:example.test:1:test\n")
        self.write("etc/virtual/example.test/passwd",
                   "alice:*\nbob:*\ncarol:*\ndave:*\n")
        self.write("etc/virtual/example.test/aliases",
                   "postmaster: alice\nteam: carol, bob\n"
                   f'cmd: "|cat >{self.t}/pipe/$$"\n'
                   f'late: "|test -e {self.t}/open || exit 111; '
                   f'cat >{self.t}/late/$$"\n'
                   'bad: "|exit 100"\n')
        self.write("etc/aliases", "postmaster: local\n")
        self.write("etc/passwd",
                   f"local:x:{uid}:{gid}::{self.t}/home:/bin/sh\n")
        self.write("home/.forward", f"\\local\n{self.t}/home/box\n"
                   f"|cat >{self.t}/fwd/$$\ncarol@example.test\n")
        for d in "pipe fwd late p var/mail var/run/postchaise".split():
            os.makedirs(f"{self.t}/{d}")
        for d in "alice carol dave".split():
            for s in "cur new tmp".split():
                os.makedirs(f"{self.spool}/{d}/{s}")
        self.write("var/spool/virtual/example.test/bob", "")
        os.chmod(f"{self.t}/home", 0o700)
        os.chmod(self.spool + "/bob", 0o600)
        os.symlink(self.o["-b"], self.p + "/real")
        for n in os.listdir(self.o["-b"]):
            os.symlink(self.o["-w"] if n == self.program
                       else f"{self.o['-b']}/{n}", f"{self.p}/{n}")
        self.env = {"PC_PREFIX": self.t, "PC_PATH": self.p,
                    "PATH": "/usr/bin:/bin"}
        self.log = os.open(self.t + "/log",
                           os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.null = os.open("/dev/null", os.O_RDWR)
        if self.wait(self.spawn("alias-compile")) != 0:
            raise RuntimeError("alias-compile")

    # Processes.  This one adopts what its children leave behind.

    def spawn(self, program, *args, fds=(), env=None):
        acts = [(os.POSIX_SPAWN_DUP2, self.null, 0),
                (os.POSIX_SPAWN_DUP2, self.null, 1),
                (os.POSIX_SPAWN_DUP2, self.log, 2)]
        acts += [(os.POSIX_SPAWN_DUP2, a, b) for a, b in fds]
        pid = os.posix_spawn(f"{self.p}/{program}", [program, *args],
                             dict(self.env, **(env or {})), file_actions=acts)
        self.ended.pop(pid, None)  # of one that had this number before
        return pid

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ended[pid] = os.waitstatus_to_exitcode(status)

    def wait(self, pid, seconds=20):
        end = time.time() + seconds
        while pid not in self.ended:
            self.reap()
            if pid in self.ended:
                break
            if time.time() > end:
                os.kill(pid, signal.SIGKILL)
                end += 5
            time.sleep(0.002)
        return self.ended.pop(pid)

    def running(self):
        self.reap()
        return self.qpid != 0 and self.qpid not in self.ended

    def up(self):
        self.serve()
        self.qpid = self.spawn("queue-start")
        self.started = time.time()

    def serve(self):
        """Starts the injection service if it is not running, as supervise
        would."""
        self.reap()
        if self.service and (self.ipid == 0 or self.ipid in self.ended):
            self.ipid = self.spawn("queue-inject", "-s")

    def served(self):
        """Does the service take connections?"""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(self.t + "/var/run/postchaise/inject")
            return True
        except OSError:
            return False
        finally:
            s.close()

    def no_service(self):
        self.reap()
        if self.ipid and self.ipid not in self.ended:
            os.kill(self.ipid, signal.SIGTERM)
        if self.ipid:
            self.wait(self.ipid)
        self.ipid = 0

    def ready(self):
        """Waits until queue-run serves, or has ended."""
        for _ in range(1000):
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.queue + "/control")
                return
            except OSError:
                pass
            finally:
                s.close()
            if not self.running():
                return
            time.sleep(0.005)

    def old_running(self):
        """Does a spawner or delivery of any queue-start run?"""
        try:
            names = os.listdir(self.queue + "/lock")
        except FileNotFoundError:
            return False
        for n in names:
            try:
                with open(f"{self.queue}/lock/{n}", "rb") as f:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                pass
        return False

    def down(self):
        self.no_service()
        if self.running():
            os.kill(self.qpid, signal.SIGTERM)
        if self.qpid:
            self.wait(self.qpid)
        self.qpid = 0
        end = time.time() + 20
        while self.old_running() and time.time() < end:
            self.reap()
            time.sleep(0.005)

    # The fault.

    def clear(self):
        for n in os.listdir(self.p):
            if n in ("spec", "starts") or n.startswith("trace."):
                os.unlink(f"{self.p}/{n}")

    def order(self, instance, call, which, action):
        self.clear()
        with open(self.p + "/spec", "w", encoding="utf-8") as f:
            f.write(f"{instance} {call} {which} {action} "
                    f"{int(self.service and self.program == 'queue-inject')}\n")

    def trace(self, instance):
        try:
            with open(f"{self.p}/trace.{instance}", encoding="utf-8") as f:
                return f.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    def log_so_far(self):
        """What new_log will return, to here."""
        with open(self.t + "/log", encoding="utf-8", errors="replace") as f:
            f.seek(self.seen)
            return f.read()

    def new_log(self):
        """What was logged since the last time."""
        with open(self.t + "/log", encoding="utf-8", errors="replace") as f:
            f.seek(self.seen)
            text = f.read()
            self.seen = f.tell()
        return text

    # Mail.

    def token(self):
        self.tokens += 1
        return f"m{self.tokens:06}"

    def message_fd(self, token, size):
        fd = os.memfd_create("message")
        os.write(fd, message(token.encode(), size))
        os.lseek(fd, 0, 0)
        return fd

    def inject(self, size, *rcpts, sender="dave@example.test", folder=None,
               notify=None, want_id=False):
        """With notify the sender gets a report; of success, if it asks."""
        token = self.token()
        fd = self.message_fd(token, size)
        env = [f"Afolder={folder}"] if folder else []
        env.append("F" + sender)
        for r in rcpts:
            env += ["T" + r] + ([f"anotify={notify}"] if notify else [])
        envelope = os.memfd_create("envelope")
        os.write(envelope, "\0".join(env + ["", ""]).encode())
        os.lseek(envelope, 0, 0)
        fds = [(fd, 0), (envelope, 1)]
        if want_id:
            six = os.memfd_create("six")
            fds.append((six, 6))
        code = self.wait(self.spawn("queue-inject", fds=fds))
        if want_id:
            self.ids[token] = os.pread(six, 100, 1).decode()
            os.close(six)
        os.close(fd)
        os.close(envelope)
        return token, code == 0, rcpts + (("dave",) if notify else ())

    def smtp(self, *messages):
        """One session; each message is (size, recipients...)."""
        a, b = socket.socketpair()
        a.settimeout(10)
        pid = self.spawn("smtp-recv", fds=[(b.fileno(), 0), (b.fileno(), 1)],
                         env={"PROTO": "TCP", "TCPREMOTEIP": "127.0.0.1",
                              "TCPLOCALIP": "127.0.0.1", "RELAYCLIENT": ""})
        b.close()
        f = a.makefile("rb")

        def say(line):
            try:
                if line:
                    a.sendall(line)
                while True:
                    reply = f.readline()
                    if reply[3:4] != b"-":
                        return reply
            except TimeoutError:
                sent.append(("hung", True, ["nobody"]))
                return b""
            except OSError:
                return b""
        sent = []
        say(b"")
        say(b"EHLO client.example.test\r\n")
        for size, *rcpts in messages:
            token = self.token()
            self.serve()
            good = say(b"MAIL FROM:<dave@example.test>\r\n")[:1] == b"2"
            told = [r for r in rcpts
                    if say(b"RCPT TO:<%s>\r\n" % r.encode())[:1] == b"2"]
            text = message(token.encode(), size).replace(b"\n", b"\r\n")
            good = good and say(b"DATA\r\n")[:1] == b"3" and \
                say(text + b".\r\n")[:1] == b"2"
            sent.append((token, good, told))
        say(b"QUIT\r\n")
        a.close()
        self.wait(pid)
        return sent

    def queued(self):
        """Slots that hold a message."""
        n = 0
        for d in glob.iglob(self.queue + "/slot/*/*"):
            try:
                with open(d, "rb") as f:
                    n += f.read(17)[16:] in (b"Q", b"H")
            except FileNotFoundError:
                pass
        return n

    def collect(self):
        """All mail that was delivered, as (place, message), and removes it."""
        got = collections.Counter()

        def take(place, path):
            with open(path, "rb") as f:
                text = f.read()
            for m in whole(text):
                got[place, m] += 1
            return text
        for u in "alice carol".split():
            for sub in "new", "cur", ".Junk/new", ".Junk/cur":
                d = f"{self.spool}/{u}/{sub}"
                for n in os.listdir(d) if os.path.exists(d) else ():
                    take(u, f"{d}/{n}")
                    os.unlink(f"{d}/{n}")
        d = self.spool + "/dave/new" # reports, with the message's header
        for n in os.listdir(d):
            with open(f"{d}/{n}", "rb") as f:
                m = re.findall(rb"^Subject: (m\d+)$", f.read(), re.M)
            got["dave", m[0].decode() if len(m) == 1 else "torn"] += 1
            os.unlink(f"{d}/{n}")
        for place, path in (("bob", self.spool + "/bob"),
                            ("bob", self.spool + "/bob:Junk"),
                            ("local", self.t + "/var/mail/local"),
                            ("box", self.t + "/home/box")):
            if os.path.exists(path):
                text = take(place, path)
                if len(re.findall(rb"^From ", text, re.M)) != \
                   len(re.findall(rb"^BEGIN ", text, re.M)):
                    got[place, "torn"] += 1
                os.truncate(path, 0)
        for place in "pipe", "fwd", "late":
            d = f"{self.t}/{place}"
            for n in os.listdir(d):
                # One that was cut off with its deliverer does not count.
                with open(f"{d}/{n}", "rb") as f:
                    for m in whole(f.read()):
                        if m != "torn":
                            got[place, m] += 1
                os.unlink(f"{d}/{n}")
        with self.sink.lock:
            got.update(self.sink.got)
            self.sink.got.clear()
        return got
