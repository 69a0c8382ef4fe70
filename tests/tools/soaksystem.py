"""Two private systems on a file system of their own, for tests/tools/soak: the
first takes mail and passes some of it on to the second."""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
USER = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

# What may be killed at any moment.
VICTIMS = ("smtp-recv queue-inject queue-run queue-start deliver-spawn "
           "deliver-vhost deliver-mbox deliver-pipe deliver-smtp include-read "
           "bounce-build mx-lookup tls-serve auth-check").split()
# Where mail ends up on each system: Maildirs, and mboxes of virtual users.
MAILDIRS = {"a": "m0 m1 m2 m3 m4 m5 tm fm lm rep".split(),
            "b": "r0 r1 r2 r3 tr fr lr fa".split()}
MBOXES = {"a": [f"b{i}" for i in range(16)] + ["tb", "lb"],
          "b": [f"s{i}" for i in range(8)] + ["fb"]}
DOMAIN = {"a": "example.test", "b": "remote.test"}
# The places of an address that is not a mailbox.  A report comes for the
# last two.
PLACES = {
    "team@example.test": ["a/tm", "a/tb", "b/tr"],
    "local@mail.example.test": ["a/local", "a/box", "a/fwd", "a/fm", "b/fr"],
    "list@example.test": ["a/lm", "a/lb", "b/lr"],
    "cmd@example.test": ["a/cmd"],
    "far@remote.test": ["b/fa", "b/fb"],
    "bad@example.test": ["report:bad@example.test"],
    "nosuch@remote.test": ["report:nosuch@remote.test"],
}


def places(rcpt):
    if rcpt in PLACES:
        return PLACES[rcpt]
    user, domain = rcpt.split("@")
    return [("a/" if domain == DOMAIN["a"] else "b/") + user]


def free_ports(n):
    """Two times three ports below those that clients get."""
    found, port = [], 20000 + os.getpid() % 1000 * 10
    while len(found) < n:
        port = 20000 if port > 31000 else port + 5
        socks = [socket.socket() for _ in range(3)]
        try:
            for i, s in enumerate(socks):
                s.bind(("127.0.0.1", port + i))
            found.append(port)
        except OSError:
            pass
        finally:
            for s in socks:
                s.close()
    return found


class System:
    def __init__(self, top, name, port):
        self.d = f"{top}/mnt/{name}"
        self.name, self.port = name, port
        self.queue = self.d + "/var/spool/postchaise"
        self.spool = f"{self.d}/var/spool/virtual/{DOMAIN[name]}"
        self.log = f"{top}/log/{name}"

    def sh(self, script, check=True):
        """With the functions of tests/system.sh; $d is the system."""
        r = subprocess.run(
            ["sh", "-c", f'. "$top/tests/system.sh"\n{script}'], check=False,
            env=dict(os.environ, top=TOP, d=self.d, sys_user=USER),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd="/")
        if check and r.returncode != 0:
            raise RuntimeError(script + ": " + r.stdout.decode())

    def write(self, path, text, mode="w"):
        path = f"{self.d}/{path}"
        own_dirs(os.path.dirname(path))
        with open(path, mode, encoding="utf-8") as f:
            f.write(text)
        own(path)

    def make(self, settings):
        own_dirs(self.d + "/var")
        own_dirs(self.log)
        os.symlink(self.log, self.d + "/var/log")
        self.sh('make_system "$d"')
        self.own_programs()
        self.write("etc/postchaise/postchaise.conf", settings, "a")
        self.write("etc/virtual/domains.cf",
                   f"{USER}:{DOMAIN[self.name]}:1:soak\n")
        users = MAILDIRS[self.name] + MBOXES[self.name]
        # rep's password is alice-secret, as alice's in tests/system.sh.
        self.write(f"etc/virtual/{DOMAIN[self.name]}/passwd", "".join(
            f"{u}:" + ("$apr1$Vp/V8.PU$AzvH7IvBYIBN6iJLbVGMB/"
                       if u == "rep" else "*") + "\n" for u in users))
        own_dirs(self.spool)
        for u in MBOXES[self.name]:
            with open(f"{self.spool}/{u}", "w", opener=private):
                own(f"{self.spool}/{u}")
        if self.name == "a":
            self.first_places()
        else:
            self.write("etc/virtual/remote.test/aliases",
                       "postmaster: r0\nfar: fa, fb\n")
            self.write("etc/aliases", "postmaster: r0@remote.test\n")
        # Logs are on another disk, large enough for all of the run.
        for s in "smtp-recv submission submissions queue-run mx-lookup " \
                 "queue-inject".split():
            if s != "queue-inject" or os.path.exists(TOP + "/run/queue-inject"):
                self.write(f"service/{s}/log/run", "#!/bin/sh\nexec multilog t "
                           f"s16777215 n1000 {self.log}/{s}\n")
        self.sh('in_system "$d" alias-compile')

    def first_places(self):
        for d in "cmd", "fwd":
            own_dirs(f"{self.d}/{d}")
        each = "$$.$(date +%s%N)"
        self.write("etc/virtual/example.test/aliases",
                   "postmaster: m0\nteam: tm, tb, tr@remote.test\n"
                   f"list: :include:{self.d}/list\n"
                   f'cmd: "|cat >{self.d}/cmd/{each}"\nbad: "|exit 100"\n')
        self.write("list", "lm@example.test\nlb@example.test\n"
                   "lr@remote.test\n")
        self.write("etc/passwd", "local:x:%d:%d::%s/home/local:/bin/sh\n" %
                   (*ids(), self.d), "a")
        self.write("home/local/.forward", f"\\local\n{self.d}/home/local/box\n"
                   f"|cat >{self.d}/fwd/{each}\nfm@example.test\n"
                   "fr@remote.test\n")
        os.chmod(self.d + "/home/local", 0o700)
        self.write("etc/aliases", "postmaster: m0@example.test\n")

    def own_programs(self):
        """Copies: nobody's build changes them, and the path says whose a
        process is."""
        for path in glob.glob(self.d + "/bin/*"):
            to = os.readlink(path) if os.path.islink(path) else ""
            if to.startswith("/"):
                os.unlink(path)
                shutil.copy(to, path)

    def start(self):
        self.sh(f'start_system "$d" {self.port}')

    def stop(self):
        self.sh('stop_system "$d"', check=False)

    def tell(self, option, service="queue-run"):
        self.sh(f'in_system "$d" svc {option} "$d/service/{service}"', False)

    def queued(self):
        """Slots that hold a message."""
        n = 0
        for path in glob.iglob(self.queue + "/slot/*/*"):
            try:
                with open(path, "rb") as f:
                    n += f.read(17)[16:] in (b"Q", b"H")
            except FileNotFoundError:
                pass
        return n

    def left(self):
        """What should not be there at the end."""
        return {k: len(glob.glob(f"{self.queue}/{k}"))
                for k in ("bad/*", "body/*/*", "note/*/*")} | {
                    "tmp/*": len(glob.glob(self.spool + "/*/tmp/*"))}


def ids():
    p = pwd.getpwnam(USER)
    return p.pw_uid, p.pw_gid


def own(path):
    if os.getuid() == 0:
        os.chown(path, *ids())


def own_dirs(path):
    if not os.path.exists(path):
        own_dirs(os.path.dirname(path))
        os.mkdir(path)
        own(path)


def private(path, flags):
    return os.open(path, flags, 0o600)


class Disk:
    """A directory; for root a small file system is mounted there."""

    def __init__(self, parent, megabytes):
        self.top = tempfile.mkdtemp(prefix="soak.", dir=parent)
        os.chmod(self.top, 0o755)
        self.mnt = self.top + "/mnt"
        self.kind = "no file system of its own"
        os.mkdir(self.mnt)
        if os.getuid() == 0 and self.loop(megabytes):
            self.kind = f"ext4 on a loop device, {megabytes} MiB"
        elif os.getuid() == 0 and run(
                f"mount -t tmpfs -o size={megabytes}m soak {self.mnt}"):
            self.kind = f"tmpfs, {megabytes} MiB"
        own(self.mnt)
        self.ballast = None

    def loop(self, megabytes):
        image = self.top + "/image"
        return run(f"truncate -s {megabytes}M {image} && "
                   f"mkfs.ext4 -q -m 0 -i 4096 {image} && "
                   f"mount -o loop,noatime {image} {self.mnt}")

    def own_fs(self):
        return os.path.ismount(self.mnt)

    def fill(self):
        """Until no block is left; again, for what was freed meanwhile."""
        if self.ballast is None:
            self.ballast = os.open(self.mnt + "/ballast",
                                   os.O_RDWR | os.O_CREAT, 0o600)
        size = os.fstat(self.ballast).st_size
        step = 1 << 30
        while step >= 4096:
            try:
                os.posix_fallocate(self.ballast, size, step)
                size += step
            except OSError:
                step >>= 1

    def free(self):
        os.close(self.ballast)
        self.ballast = None
        os.unlink(self.mnt + "/ballast")

    def used(self):
        s = os.statvfs(self.mnt)
        return (s.f_blocks - s.f_bfree) * s.f_frsize >> 20

    def remove(self):
        if self.own_fs():
            run(f"umount {self.mnt} || umount -l {self.mnt}")
        shutil.rmtree(self.top, ignore_errors=True)


def run(command):
    """What it printed, or a blank; empty when it failed."""
    r = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, check=False)
    return (r.stdout.decode().strip() or " ") if r.returncode == 0 else ""


# Processes.  The caller adopts what its children leave behind.

def family(pid):
    """All that descend from a process."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children",
                          encoding="ascii") as f:
                    new = [int(c) for c in f.read().split()]
                found += new
                todo += new
        except OSError:
            pass
    return found


def programs(mnt, names):
    """Running programs of both systems: (system, name) to pids."""
    got = {}
    for p in family(os.getpid()):
        try:
            exe = os.readlink(f"/proc/{p}/exe")
        except OSError:
            continue
        name = exe.rsplit("/", 1)[1]
        if exe.startswith(mnt + "/") and name in names:
            got.setdefault((exe[len(mnt) + 1:].split("/")[0], name),
                           []).append(p)
    return got


def kill(pid, exe):
    """Exactly this process, whoever has its number by now."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if os.readlink(f"/proc/{pid}/exe") != exe:
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
