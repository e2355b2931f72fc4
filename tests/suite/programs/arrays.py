"""Reads a mount's raw/data and raw/index as NumPy arrays, and compares with the plain files.

arrays.py MOUNT PLAIN

Prints how many records were found in raw/data by raw/index.
"""

import sys
from pathlib import Path

import numpy as np


def expect(what, equal):
    if not equal:
        sys.exit(f"{what} differs")


def main(mount, plain):
    files = sorted((mount / "records").iterdir())
    sizes = [file.stat().st_size for file in files]

    index = np.memmap(mount / "raw/index", dtype="<u8", mode="r")
    expect("the mapped index", np.array_equal(index, np.cumsum(sizes)))
    read = np.fromfile(mount / "raw/index", dtype="<u8")
    expect("the index as read", np.array_equal(index, read))
    later = np.fromfile(mount / "raw/index", dtype="<u8", offset=24, count=2)
    expect("a part of the index", np.array_equal(index[3:5], later))

    data = np.memmap(mount / "raw/data", dtype="u1", mode="r")
    expected = np.fromfile(plain / "raw/data", dtype="u1")
    expect("the mapped data", np.array_equal(data, expected))
    expect("the data as read", np.array_equal(np.fromfile(mount / "raw/data", dtype="u1"), expected))
    wide = np.memmap(mount / "raw/data", dtype="<u2", mode="r", offset=4097, shape=(1_000_000,))
    expect("data mapped from within", np.array_equal(wide.view("u1"), expected[4097:][:2_000_000]))
    # Backwards and with gaps, so that pages come in no order that readahead expects.
    expect("data in strides", np.array_equal(data[::-4099], expected[::-4099]))

    starts = np.concatenate([[0], index[:-1]]).astype(np.int64)
    for number, (file, start, end) in enumerate(zip(files, starts, index.astype(np.int64))):
        record = np.fromfile(file, dtype="u1")
        expect(f"record {number}", np.array_equal(data[start:end], record))
    print(len(files))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
