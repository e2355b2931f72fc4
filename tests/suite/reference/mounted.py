"""Compares mounts with what the reference implementation reads from the shards below them.

mounted.py read|map DIRECTORY [NAME MOUNT]...

`read` compares every file of records/ and raw/, `map` maps raw/data; the shards of a mount are
DIRECTORY/NAME/reference/*.rox. Prints how many records (or pairs of bytes mapped as one number)
were equal. The first difference ends it, with a message.
"""

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import roxxel


def expect(what, equal):
    if not equal:
        sys.exit(f"{what} differs from what the reference reads")


def reference_records(directory):
    with roxxel.Roxxel(str(directory / "*.rox")) as reader:
        return [reader[number].tobytes() for number in range(len(reader))]


def read(name, records, mount):
    names = [f"{number:06d}.bin" for number in range(len(records))]
    expect(f"{name}: list of records/", sorted(os.listdir(mount / "records")) == names)
    for file, record in zip(names, records):
        expect(f"{name}: records/{file}", (mount / "records" / file).read_bytes() == record)
    ends = np.cumsum([len(record) for record in records])
    index = np.fromfile(mount / "raw/index", dtype="<u8")
    expect(f"{name}: raw/index", np.array_equal(index, ends))
    expect(f"{name}: raw/data", (mount / "raw/data").read_bytes() == b"".join(records))
    return len(records)


def shard_ends(directory):
    """Where each shard's payload ends in raw/data."""
    readers = [roxxel.Roxxel(str(path)) for path in sorted(directory.iterdir())]
    for reader in readers:
        reader.open()
    return list(itertools.accumulate(len(reader.raw_data) for reader in readers))


def map_(name, records, mount, ends):
    payload = b"".join(records)
    dtype = np.dtype("<u2" if len(payload) % 2 == 0 else "u1")
    mapped = np.memmap(mount / "raw/data", dtype=dtype, mode="r")
    expected = np.frombuffer(payload, dtype=dtype)
    # First where two shards meet, while those pages have not been read.
    for end in ends:
        around = slice(max(0, end // dtype.itemsize - 8), end // dtype.itemsize + 8)
        expect(f"{name}: raw/data around {end}", np.array_equal(mapped[around], expected[around]))
    expect(f"{name}: raw/data", np.array_equal(mapped, expected))
    return len(expected) if dtype.itemsize == 2 else 0


def main(mode, root, *pairs):
    total = 0
    for name, mount in zip(pairs[::2], map(Path, pairs[1::2])):
        directory = Path(root, name, "reference")
        records = reference_records(directory)
        if mode == "read":
            total += read(name, records, mount)
        else:
            total += map_(name, records, mount, shard_ends(directory))
    print(total)


if __name__ == "__main__":
    main(*sys.argv[1:])
