"""Sends mail and keeps the ledger, for tests/tools/soak.

A line of the ledger is `token fate way recipients':
A	accepted: 250, or sendmail's exit 0
D	no answer came, or a temporary one: it may arrive, at all places or none
N	was refused before it was complete: it must not arrive
"""
import base64
import encodings.idna  # nobody may not be able to reach it later
import os
import random
import re
import socket
import ssl
import time
import zlib

LINE = b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789\n"
SENDER = "rep@example.test"
# Of 100 messages.  The ways, and how many clients each has.
WAYS = {"one": (36, 3), "many": (52, 3), "large": (2, 1),
        "sendmail": (5, 1), "submission": (5, 1)}

WAIT = 63  # where the clients are told to wait, behind what each has accepted


def message(token, size):
    t = token.encode()
    body = b"".join([t + b" " + LINE] * (size // (len(t) + 1 + len(LINE))))
    return b"From: <%s>\nSubject: %s\n\nBEGIN %s\n%sEND %s %d %08x\n" % (
        SENDER.encode(), t, t, body, t, len(body), zlib.crc32(body))


def whole(text):
    """The token of a message that is all there; None."""
    m = re.search(rb"\nBEGIN (\S+)\n(.*?)END \1 (\d+) ([0-9a-f]{8})\n", text,
                  re.S)
    if m is None or len(m[2]) != int(m[3]) or zlib.crc32(m[2]) != int(m[4], 16):
        return None
    return m[1].decode()


def recipients(rng):
    x = rng.random() * 100
    one = [f"m{rng.randrange(6)}@example.test", f"b{rng.randrange(16)}@"
           "example.test", f"r{rng.randrange(4)}@remote.test",
           f"s{rng.randrange(8)}@remote.test"]
    special = ["team@example.test", "local@mail.example.test",
               "cmd@example.test", "list@example.test", "far@remote.test",
               "bad@example.test", "nosuch@remote.test"]
    for edge, rcpts in ((34, one[:1]), (50, one[1:2]), (70, one[2:3]),
                        (75, one[3:]), (80, special[:1]), (83, special[1:2]),
                        (85, special[2:3]), (87, special[3:4]),
                        (90, special[4:5]), (90.5, special[5:6]),
                        (91, special[6:])):
        if x < edge:
            return rcpts
    return rng.sample(one + special[:5], rng.randrange(2, 6))


class Lost(Exception):
    """The connection is gone."""


class Client:
    def __init__(self, way, number, quota, system, ledger, seed, shared):
        self.way, self.number, self.quota = way, number, quota
        self.system = system
        self.rng = random.Random(f"{seed} {way} {number}")
        self.ledger = ledger
        self.shared = shared  # of all clients: accepted at [number]
        self.sent = self.accepted = 0
        self.sock = None

    def note(self, token, fate, rcpts):
        """True when it was accepted."""
        self.ledger.write(f"{token} {fate} {self.way} {','.join(rcpts)}\n")
        self.ledger.flush()
        self.accepted += fate == "A"
        self.shared[self.number] = self.accepted
        return fate == "A"

    def new(self):
        self.sent += 1
        token = f"{self.way}{self.number}n{self.sent}"
        size = self.rng.randrange(100, 2500)
        if self.way == "large" or self.rng.random() < 0.002:
            size = self.rng.randrange(66000, 200000)
        return token, size, recipients(self.rng)

    def run(self, end):
        while self.accepted < self.quota and time.time() < end:
            if not getattr(self, "do_" + self.way)():
                time.sleep(0.1)

    # SMTP.

    def replies(self, n=1):
        """The codes of the next n replies."""
        codes = []
        while len(codes) < n:
            while b"\n" not in self.buf:
                try:
                    got = self.sock.recv(65536)
                except OSError as e:
                    if isinstance(e, TimeoutError):
                        self.note("hung", "H", [])
                    raise Lost() from e
                if not got:
                    raise Lost()
                self.buf += got
            line, self.buf = self.buf.split(b"\n", 1)
            if line[3:4] != b"-":
                codes.append(int(line[:3]))
        return codes

    def say(self, text, n=1):
        try:
            self.sock.sendall(text)
        except OSError as e:
            raise Lost() from e
        return self.replies(n)

    def connect(self, port):
        self.buf = b""
        try:
            self.sock = socket.create_connection(("127.0.0.1", port), 120)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as e:
            raise Lost() from e
        return self.replies() == [220] and \
            self.say(b"EHLO load.test\r\n") == [250]

    def transaction(self):
        while self.shared[WAIT]:
            time.sleep(0.02)
        token, size, rcpts = self.new()
        fate = "N"
        try:
            codes = self.say(b"MAIL FROM:<%s>\r\n%sDATA\r\n" % (
                SENDER.encode(), b"".join(b"RCPT TO:<%s>\r\n" % r.encode()
                                          for r in rcpts)), len(rcpts) + 2)
            rcpts = [r for r, c in zip(rcpts, codes[1:]) if c == 250]
            if codes[-1] != 354:
                self.say(b"RSET\r\n")
                return False
            text = message(token, size).replace(b"\n", b"\r\n")
            if size > 60000: # the dot apart: without it nothing may come
                self.sock.sendall(text)
                text = b""
            fate = "D"
            fate = "A" if self.say(text + b".\r\n") == [250] else "D"
        except OSError as e:
            raise Lost() from e
        finally:
            self.note(token, fate, rcpts)
        return fate == "A"

    def session(self, messages, port, begin=lambda: True):
        """True when all went well."""
        try:
            good = self.connect(port) and begin()
            for _ in range(messages if good else 0):
                good = good and self.transaction()
            self.say(b"QUIT\r\n")
            return good
        except Lost:
            return False
        finally:
            if self.sock is not None:
                self.sock.close()

    def do_one(self):
        return self.session(1, self.system.port)

    def do_many(self):
        return self.session(min(50, self.quota - self.accepted),
                            self.system.port)

    def do_large(self):
        return self.session(self.rng.randrange(1, 4), self.system.port)

    def log_in(self):
        if self.say(b"STARTTLS\r\n") != [220]:
            return False
        context = ssl.create_default_context(
            cafile=self.system.d + "/etc/postchaise/tls/cert.pem")
        try:
            self.sock = context.wrap_socket(self.sock,
                                            server_hostname="localhost")
        except OSError as e:
            raise Lost() from e
        secret = base64.b64encode(b"\0%s\0alice-secret" % SENDER.encode())
        return self.say(b"EHLO load.test\r\n") == [250] and \
            self.say(b"AUTH PLAIN " + secret + b"\r\n") == [235]

    def do_submission(self):
        return self.session(self.rng.randrange(1, 5), self.system.port + 1,
                            self.log_in)

    def do_sendmail(self):
        while self.shared[WAIT]:
            time.sleep(0.02)
        token, size, rcpts = self.new()
        fd = os.memfd_create("message")
        os.write(fd, message(token, size))
        os.lseek(fd, 0, 0)
        null = os.open("/dev/null", os.O_RDWR)
        d = self.system.d
        pid = os.posix_spawn(
            d + "/bin/sendmail", ["sendmail", "-f", SENDER, *rcpts],
            {"PC_PREFIX": d, "PC_PATH": d + "/bin", "PATH": "/usr/bin:/bin"},
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, 0),
                          (os.POSIX_SPAWN_DUP2, null, 1),
                          (os.POSIX_SPAWN_DUP2, null, 2)])
        code = os.waitpid(pid, 0)[1]
        os.close(fd)
        os.close(null)
        return self.note(token, "A" if code == 0 else "D", rcpts)
