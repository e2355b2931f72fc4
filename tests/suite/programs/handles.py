"""Takes handles of files and directories in one mount, and opens them in another of the same shards.

handles.py MOUNT LATER-MOUNT LAST-RECORD

Prints how many were opened and equal. A handle beyond the last record has to be stale.
"""

import ctypes
import errno
import os
import stat
import sys
from pathlib import Path

AT_FDCWD = -100
MOST = 128

libc = ctypes.CDLL(None, use_errno=True)


class Handle(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("kind", ctypes.c_int), ("value", ctypes.c_ubyte * MOST)]

    @staticmethod
    def of(path):
        handle = Handle(length=MOST)
        mount = ctypes.c_int()
        arguments = [AT_FDCWD, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount), 0]
        if libc.name_to_handle_at(*arguments):
            raise OSError(ctypes.get_errno(), "name_to_handle_at", path)
        return handle

    def open(self, mount):
        file = libc.open_by_handle_at(mount, ctypes.byref(self), os.O_RDONLY)
        if file < 0:
            raise OSError(ctypes.get_errno(), "open_by_handle_at")
        return file


def content(file):
    if stat.S_ISDIR(os.fstat(file).st_mode):
        return sorted(os.listdir(file))
    with open(file, "rb", closefd=False) as reader:
        return reader.read()


def paths(mount):
    yield mount
    for top in ["records", "raw", "shards", ".roxfs"]:
        yield mount / top
    for pattern in ["records/*", "raw/*", "shards/*"]:
        yield from sorted(mount.glob(pattern))


def check_same(path, handle, later):
    file = handle.open(later)
    named = os.open(path, os.O_RDONLY)
    if os.fstat(file).st_ino != os.fstat(named).st_ino:
        sys.exit(f"{path}: its handle opens another file")
    if content(file) != content(named):
        sys.exit(f"{path}: its handle opens other bytes")
    os.close(file)
    os.close(named)


def check_stale(last, later):
    handle = Handle.of(last)
    ino = os.stat(last).st_ino
    # The kernel's handles of a FUSE file begin with the inode number, its upper half first.
    old = ino.to_bytes(8, "little")[4:] + ino.to_bytes(8, "little")[:4]
    if bytes(handle.value[:8]) != old:
        sys.exit("the handle does not hold the inode number")
    beyond = (ino + 1).to_bytes(8, "little")
    handle.value[:8] = beyond[4:] + beyond[:4]
    try:
        handle.open(later)
    except OSError as error:
        if error.errno == errno.ESTALE:
            return
        raise
    sys.exit("a handle of no file was opened")


def main(mount, later, last):
    handles = [(path, Handle.of(path)) for path in paths(mount)]
    later = os.open(later, os.O_RDONLY | os.O_DIRECTORY)
    # In the opposite order, so that no directory is known before what is in it.
    for path, handle in reversed(handles):
        check_same(path, handle, later)
    check_stale(last, later)
    print(len(handles))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
