"""Lists directories with opendir, readdir, telldir and seekdir.

listing.py resume|together|abandon|kinds DIRECTORY
listing.py jump DIRECTORY SAME-DIRECTORY-IN-A-NEW-MOUNT

Prints how many entries it has, without the two dots; ends with a message where a listing is wrong.
"""

import ctypes
import os
import random
import stat
import sys
from itertools import islice

DT_DIR, DT_REG = 4, 8

libc = ctypes.CDLL(None, use_errno=True)


class Dirent(ctypes.Structure):
    _fields_ = [
        ("ino", ctypes.c_uint64),
        ("next", ctypes.c_int64),
        ("length", ctypes.c_uint16),
        ("kind", ctypes.c_uint8),
        ("name", ctypes.c_char * 256),
    ]


libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(Dirent)
libc.readdir.argtypes = [ctypes.c_void_p]
libc.telldir.restype = ctypes.c_long
libc.telldir.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
libc.closedir.argtypes = [ctypes.c_void_p]


class Directory:
    """An open directory; iterating gives (position, name, kind, inode number)."""

    def __init__(self, path):
        self.stream = libc.opendir(os.fsencode(path))
        if not self.stream:
            raise OSError(ctypes.get_errno(), "opendir", path)

    def __iter__(self):
        return self

    def __next__(self):
        position = libc.telldir(self.stream)
        ctypes.set_errno(0)
        entry = libc.readdir(self.stream)
        if not entry:
            if ctypes.get_errno():
                raise OSError(ctypes.get_errno(), "readdir")
            raise StopIteration
        return position, entry.contents.name, entry.contents.kind, entry.contents.ino

    def seek(self, position):
        libc.seekdir(self.stream, position)
        return self

    def close(self):
        libc.closedir(self.stream)


def expect(what, holds):
    if not holds:
        sys.exit(f"wrong: {what}")


def whole(path):
    """All entries, each name once, the dots first."""
    directory = Directory(path)
    entries = list(directory)
    directory.close()
    expect("the dots come first", [entry[1] for entry in entries[:2]] == [b".", b".."])
    expect("each name once", len({entry[1] for entry in entries}) == len(entries))
    return entries


def resume(path):
    entries = whole(path)
    directory = Directory(path)
    places = list(range(len(entries)))
    random.shuffle(places)
    for place in places:
        part = list(islice(directory.seek(entries[place][0]), 2))
        expect(f"what is at position {place}", part == entries[place : place + 2])
    for place in random.choices(range(len(entries)), k=5):
        begun = list(islice(directory.seek(0), place))
        rest = list(directory.seek(entries[place][0]))
        expect(f"a listing resumed at {place}", begun + rest == entries)
        expect("nothing after the end", not list(directory))
    return entries


def jump(path, new):
    """Goes to positions of one mount in another, which has listed nothing yet."""
    entries = whole(path)
    for place in [len(entries) - 1, len(entries) // 2, 3]:
        directory = Directory(new)
        expect(f"the rest from {place}", list(directory.seek(entries[place][0])) == entries[place:])
        directory.close()
    expect("the other listing", whole(new) == entries)
    return entries


def together(path):
    """Two streams at different pace, in a directory that nobody has listed before."""
    slow, fast = Directory(path), Directory(path)
    seen = {slow: [], fast: []}
    more = True
    while more:
        seen[slow] += islice(slow, random.randrange(1, 400))
        before = len(seen[fast])
        seen[fast] += islice(fast, random.randrange(1, 900))
        more = len(seen[fast]) > before
    seen[slow] += slow
    entries = whole(path)
    expect("the fast reader's entries", seen[fast] == entries)
    expect("the slow reader's entries", seen[slow] == entries)
    return entries


def abandon(path):
    for count in [1, 100, 2_000]:
        directory = Directory(path)
        begun = list(islice(directory, count))
        directory.close()
        expect("as many as asked for", len(begun) == count)
    return whole(path)


def kinds(path):
    entries = whole(path)
    for _, name, kind, ino in entries:
        found = os.lstat(os.path.join(os.fsencode(path), name))
        expected = DT_DIR if stat.S_ISDIR(found.st_mode) else DT_REG
        expect(f"kind of {name}: {kind}", kind == expected)
        # What is above a mount's root has the number of another file system.
        outside = name == b".." and os.path.ismount(path)
        expect(f"inode number of {name}: {ino}", outside or ino == found.st_ino)
    for entry in os.scandir(path):
        expect(f"{entry.name} is a file or a directory", entry.is_file() != entry.is_dir())
    return entries


if __name__ == "__main__":
    random.seed(1)
    print(len(globals()[sys.argv[1]](*sys.argv[2:])) - 2)
