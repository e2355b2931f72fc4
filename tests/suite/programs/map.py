"""Maps every file of a mount, and compares with the plain files.

map.py MOUNT PLAIN

Prints how many files could be mapped and were equal.
"""

import ctypes
import mmap
import sys
from pathlib import Path

READ = mmap.PROT_READ
WRITE = mmap.PROT_WRITE
FAILED = ctypes.c_void_p(-1).value

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def expect(what, holds):
    if not holds:
        sys.exit(f"wrong: {what}")


def check_shared(name, file, expected):
    with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, READ) as mapped:
        expect(f"{name} from its end", mapped[::-4099] == expected[::-4099])
        expect(f"{name} mapped shared", mapped[:] == expected)
        mapped.madvise(mmap.MADV_DONTNEED)
        mapped.madvise(mmap.MADV_WILLNEED)
        expect(f"{name} after advice", mapped[:] == expected)


def check_not_writable(name, file):
    try:
        mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, READ | WRITE)
    except PermissionError:
        return
    sys.exit(f"{name} was mapped shared and writable")


def check_private(name, file, expected):
    places = {0, len(expected) // 2, len(expected) - 1}
    changed = bytearray(expected)
    shared = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, READ)
    with mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, READ | WRITE) as private:
        for place in places:
            private[place] ^= 0xFF
            changed[place] ^= 0xFF
        expect(f"{name} mapped private", private[:] == changed)
        expect(f"{name} beside a private mapping", shared[:] == expected)
    file.seek(0)
    expect(f"{name} after a private mapping", file.read() == expected)


def check_rest_of_page(name, file, expected):
    size = -len(expected) % mmap.PAGESIZE + len(expected)
    address = libc.mmap(None, size, READ, mmap.MAP_SHARED, file.fileno(), 0)
    expect(f"{name} mapped to its page's end", address != FAILED)
    rest = ctypes.string_at(address + len(expected), size - len(expected))
    expect(f"{name} is followed by zeros", not any(rest))
    libc.munmap(address, size)


def main(mount, plain):
    mapped = 0
    for source in sorted(plain.glob("*/*")):
        name = source.relative_to(plain)
        expected = source.read_bytes()
        if not expected:
            continue
        with open(mount / name, "rb") as file:
            check_shared(name, file, expected)
            check_not_writable(name, file)
            check_private(name, file, expected)
            check_rest_of_page(name, file, expected)
        mapped += 1
    print(mapped)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
