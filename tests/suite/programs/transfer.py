"""Copies every file of a mount with one system call, and compares with the plain files.

transfer.py sendfile|splice|copy_file_range MOUNT PLAIN

Prints how many files were equal.
"""

import errno
import os
import sys
import tempfile
from pathlib import Path

PART = 100_000


def sendfile(source, target, size):
    while os.sendfile(target, source, None, PART):
        pass


def splice(source, target, size):
    reader, writer = os.pipe()
    while count := os.splice(source, writer, PART):
        while count:
            count -= os.splice(reader, target, count)
    os.close(reader)
    os.close(writer)


def copy_file_range(source, target, size):
    try:
        while os.copy_file_range(source, target, PART):
            pass
    except OSError as error:
        # Between file systems of different kinds; then programs read and write.
        if error.errno != errno.EXDEV:
            raise
        os.write(target, os.read(source, size))


def main(call, mount, plain):
    equal = 0
    for expected in sorted(plain.glob("*/*")):
        name = expected.relative_to(plain)
        with open(mount / name, "rb") as source, tempfile.TemporaryFile() as target:
            call(source.fileno(), target.fileno(), expected.stat().st_size)
            target.seek(0)
            if target.read() != expected.read_bytes():
                sys.exit(f"{name} differs")
        equal += 1
    print(equal)


if __name__ == "__main__":
    main(globals()[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
