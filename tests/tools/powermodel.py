"""What a power cut may leave of files: for tests/tools/powercut.

A trace (power-trace.c) is replayed on a model of a file system.  What the
model knows is a set of keys, each with the values that it had since it was
last durable, the oldest first:

    ("n", dir, name)   an entry of a directory: the file's number, or None
    ("s", file)        its length
    ("b", file, i)     block i of its content, 4096 bytes

A cut leaves any of its values to each key, independently of each other (a
block that was written twice can be as before, as between, or as now).  fsync
of a file makes its length and blocks durable, of a directory its entries, and
nothing else: neither is a rename one step, nor does a new file's fsync keep
its name.

With `journal' the promises of a journal hold besides (ext4, XFS): changes of
entries become durable in the order in which they were made, a rename in one
step, before any length that was changed later, and with fsync of a file all of
them up to the last one that was about this file.  Blocks are as free as
without, and so are lengths otherwise: the kernel may change them on disk as
late as when it writes the blocks, or before.
"""
import bisect
import hashlib
import itertools
import os
import random
import stat

BLOCK = 4096
SECTOR = 512
ZERO = bytes(BLOCK)


class Node:
    """A file (`f'), directory (`d'), FIFO (`p') or symbolic link (`l')."""

    def __init__(self, kind, mode=0o600, text=""):
        self.kind, self.mode, self.text = kind, mode, text


class Model:
    def __init__(self, root, skip, journal):
        self.root, self.journal = root, journal
        self.nodes = []
        self.now = {}      # key: its value now
        self.past = {}     # key: [(step, value)...] that may come back
        self.step = 0      # operations replayed
        self.changes = []  # with journal: (key, old) of entries, in order,
        self.at = []       # and the steps at which they were made
        self.touched = {}  # with journal: file: the last of these about it
        self.base = 0      # entries are durable up to this change
        self.files = {}    # file: its keys of blocks
        self.skip = {f"{root}/{s}" for s in skip}
        self.top = self.load(root)

    def node(self, *what):
        self.nodes.append(Node(*what))
        n = len(self.nodes) - 1
        self.now["s", n] = 0
        self.files[n] = set()
        return n

    def load(self, path):
        """The tree as it is on disk: all of it is durable."""
        n = self.node("d", stat.S_IMODE(os.stat(path).st_mode))
        for e in os.scandir(path):
            mode = e.stat(follow_symlinks=False).st_mode
            if e.path in self.skip or stat.S_ISFIFO(mode) or \
                    stat.S_ISSOCK(mode):
                continue
            if stat.S_ISDIR(mode):
                k = self.load(e.path)
            elif stat.S_ISLNK(mode):
                k = self.node("l", 0, os.readlink(e.path))
            else:
                k = self.node("f", stat.S_IMODE(mode))
                with open(e.path, "rb") as f:
                    self.content(k, f.read())
            self.now["n", n, e.name] = k
        return n

    def content(self, n, data):
        self.now["s", n] = len(data)
        for i in range(0, len(data), BLOCK):
            key = "b", n, i // BLOCK
            self.now[key] = data[i:i + BLOCK].ljust(BLOCK, b"\0")
            self.files[n].add(key)

    # Changes.

    def set(self, key, value):
        old = self.now.get(key, ZERO if key[0] == "b" else None)
        if old == value:
            return
        self.past.setdefault(key, []).append((self.step, old))
        self.now[key] = value

    def entry(self, d, name, n):
        key = "n", d, name
        if self.journal:
            self.changes.append((key, self.now.get(key)))
            self.at.append(self.step)
            self.now[key] = n
        else:
            self.set(key, n)

    def about(self, *nodes):
        for n in nodes:
            self.touched[n] = len(self.changes)

    def durable(self, *keys):
        for key in keys:
            self.past.pop(key, None)

    def find(self, path):
        """(directory, name, file or None); None when it is not ours."""
        if path == self.root:
            return None, None, self.top
        parts = path[len(self.root) + 1:].split("/")
        if any("/".join([self.root] + parts[:i + 1]) in self.skip
               for i in range(len(parts))):
            return None
        d = self.top
        for p in parts[:-1]:
            d = self.now.get(("n", d, p))
            if d is None:
                raise KeyError(path)
        return d, parts[-1], self.now.get(("n", d, parts[-1]))

    def write(self, n, off, data):
        end = off + len(data)
        for i in range(off // BLOCK, (end + BLOCK - 1) // BLOCK):
            key = "b", n, i
            old = self.now.get(key, ZERO)
            a, b = max(off - i * BLOCK, 0), min(end - i * BLOCK, BLOCK)
            at = i * BLOCK - off
            self.files[n].add(key)
            self.set(key, old[:a] + data[at + a:at + b] + old[b:])
        if end > self.now["s", n]:
            self.set(("s", n), end)
            self.about(n)

    def truncate(self, n, size):
        self.set(("s", n), size)
        self.about(n)
        for key in list(self.files[n]):
            keep = max(0, min(BLOCK, size - key[2] * BLOCK))
            old = self.now.get(key, ZERO)
            self.set(key, old[:keep].ljust(BLOCK, b"\0"))

    def sync(self, n, kind):
        if self.journal:
            self.base = max(self.base, self.touched.get(n, 0))
        if self.nodes[n].kind == "f":
            self.durable(("s", n), *self.files[n])
        elif not self.journal:
            self.durable(*[k for k in self.past
                           if k[0] == "n" and k[1] == n])

    def everything(self):
        self.past.clear()
        self.base = len(self.changes)

    def apply(self, op, data):
        """One record of the trace; False when it is no change or sync."""
        self.step += 1
        what, path = op[1], op[-1]
        if what in ("mark", "say"):
            return False
        if what == "unknown":
            raise ValueError(" ".join(op))
        if what == "sync":
            self.everything()
            return True
        at = self.find(path)
        if at is None:
            return False
        d, name, n = at
        if what in ("create", "mkdir", "fifo", "symlink"):
            kind = {"create": "f", "mkdir": "d", "fifo": "p"}.get(what, "l")
            n = self.node(kind, int(op[2], 8) if kind != "l" else 0,
                          op[2] if kind == "l" else "")
            self.entry(d, name, n)
            self.about(n, d)
        elif what in ("unlink", "rmdir"):
            self.entry(d, name, None)
            self.about(n, d)
        elif what in ("rename", "link"):
            self.rename(what, op)
        elif n is None:
            return False # without a name any more
        elif what == "write":
            self.write(n, int(op[2]), data)
        elif what == "trunc":
            self.truncate(n, int(op[2]))
        else:
            self.sync(n, what)
        return True

    def rename(self, what, op):
        d, name, n = self.find(op[2])
        d2, name2, _ = self.find(op[3])
        # Counted as two steps, so that a cut of the one without the other
        # comes where there is no journal; with one they are one step.
        self.entry(d2, name2, n)
        if what == "rename":
            self.entry(d, name, None)
            if self.journal:
                key, old = self.changes.pop()
                self.at.pop()
                self.changes[-1] = self.changes[-1] + (key, old)
        self.about(n, d, d2)

    # Cuts.

    def choices(self):
        """[(key, number of values)]: what a cut at this point leaves open.
        The key `j' is the journal's end."""
        found = [(k, len(v) + 1) for k, v in self.past.items()]
        if len(self.changes) > self.base:
            found.append((("j",), len(self.changes) - self.base + 1))
        return found

    def values(self, choice):
        """choice: {key: which of its values, from 0, the oldest}; others have
        their newest.  Returns {key: value} that differ from now."""
        got = {}
        for key, k in choice.items():
            if key != ("j",) and k < len(self.past[key]):
                got[key] = self.past[key][k][1]
        if ("j",) in choice:
            k = max(self.base + choice["j",], self.needed(choice))
            for change in reversed(self.changes[k:]):
                for i in range(0, len(change), 2):
                    got[change[i]] = change[i + 1]
        return got

    def needed(self, choice):
        """How many changes of entries were made before the last length that
        is chosen."""
        step = 0
        for key, past in self.past.items():
            k = choice.get(key, len(past))
            if key[0] == "s" and k > 0:
                step = max(step, past[k - 1][0])
        return bisect.bisect_left(self.at, step)

    def some(self, choice, rng):
        """values(choice), now and then with a block of which each sector has
        a version of its own."""
        got = self.values(choice)
        for key in choice:
            if key[0] == "b" and rng.random() < 0.1:
                got[key] = self.torn(key, rng)
        return got

    def torn(self, key, rng):
        all_of = [v for _, v in self.past[key]] + [self.now[key]]
        return b"".join(rng.choice(all_of)[i:i + SECTOR]
                        for i in range(0, BLOCK, SECTOR))

    def tree(self, changed):
        """{path: (kind, mode, content)} below the root, {} its directories
        too, when these keys have other values than now."""
        kids = {}
        for key in self.now:
            if key[0] == "n":
                n = changed[key] if key in changed else self.now[key]
                if n is not None:
                    kids.setdefault(key[1], []).append((key[2], n))
        found = {}

        def walk(d, path):
            for name, n in kids.get(d, ()):
                p = path + name
                node = self.nodes[n]
                if node.kind == "d":
                    found[p] = "d", node.mode, b""
                    walk(n, p + "/")
                elif node.kind == "f":
                    found[p] = "f", node.mode, self.read(n, changed)
                elif node.kind == "l":
                    found[p] = "l", 0, node.text
        walk(self.top, "")
        return found

    def read(self, n, changed):
        size = changed.get(("s", n), self.now["s", n])
        out = []
        for i in range((size + BLOCK - 1) // BLOCK):
            key = "b", n, i
            out.append(changed[key] if key in changed
                       else self.now.get(key, ZERO))
        return b"".join(out)[:size]


def samples(model, rng, recent, many, exhaustive=64):
    """Choices for a cut here: all of them where they are few; otherwise the
    two ends, each key that was changed within the last `recent' operations
    alone old and alone new, and `many' at random."""
    open_keys = model.choices()
    total = 1
    for _, n in open_keys:
        total *= n
    if total <= exhaustive:
        keys = [k for k, _ in open_keys]
        for ks in itertools.product(*[range(n) for _, n in open_keys]):
            yield dict(zip(keys, ks))
        return
    oldest = {k: 0 for k, _ in open_keys}
    yield {}
    yield oldest
    for k, n in open_keys:
        if k == ("j",) or model.past[k][-1][0] > model.step - recent:
            for v in range(max(0, n - 4), n - 1):
                yield {k: v}
            alone = dict(oldest)
            del alone[k]
            yield alone
    for _ in range(many):
        bias = rng.random()
        yield {k: rng.randrange(n - 1) for k, n in open_keys
               if rng.random() < bias}


def parse(path):
    """The records of a trace: [(words, data)]."""
    ops = []
    with open(path, "rb") as f:
        while True:
            line = f.readline()
            if not line.endswith(b"\n"):
                return ops
            words = line.decode().rstrip("\n").split(" ")
            data = b""
            if words[1] == "write":
                data = f.read(int(words[3]))
                f.read(1)
            ops.append((words, data))


def digest(tree):
    h = hashlib.sha1()
    for p in sorted(tree):
        kind, _, content = tree[p]
        if isinstance(content, str):
            content = content.encode()
        h.update(f"{p} {kind} {len(content)} ".encode() + content)
    return h.digest()


def put(root, tree, skip):
    """Makes what is below root this tree, but for the names in skip."""
    def clean(d, path):
        for e in list(os.scandir(d)):
            p = path + e.name
            if p in skip:
                continue
            if e.is_dir(follow_symlinks=False):
                clean(e.path, p + "/")
                if tree.get(p, "-")[0] != "d":
                    os.rmdir(e.path)
            else:
                os.unlink(e.path)
    clean(root, "")
    for p in sorted(tree):
        kind, mode, content = tree[p]
        path = f"{root}/{p}"
        if kind == "d":
            try:
                os.mkdir(path, mode)
            except FileExistsError:
                pass
        elif kind == "l":
            os.symlink(content, path)
        else:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
            os.write(fd, content)
            os.close(fd)


def seeded(*what):
    return random.Random("/".join(str(w) for w in what))
