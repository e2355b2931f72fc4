"""Writes arrays of several types in blocks, as versions of the reference implementation with an
element type in the footer do.

blocks.py DIRECTORY

makes DIRECTORY/NAME/reference/d_0000.rox, ... (or d.rox), and prints as JSON how, and what the
reference reads from each: the number of records, and the element type of every shard.
"""

import contextlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import roxxel

# The last one has a longer name than the footer has room for.
DTYPES = ["uint8", "uint16", "int32", "int64", "float32", "float64", "complex64"]
# Block size, shard limit (None for a single file), separator.
SHAPES = [(4096, None, b"\xff"), (64, 1000, b""), (1000, 4321, b"\xff\xfe"), (8192, 4096, None)]


def arrays(dtype, seed):
    rng = np.random.default_rng(seed)
    for length in rng.integers(0, 400, size=20):
        yield rng.integers(0, 256, size=length).astype(dtype)


def write(number, dtype, block_size, limit, separator, root):
    name = f"{number:02d}-{dtype}-{block_size}"
    directory = root / name / "reference"
    directory.mkdir(parents=True)
    items = arrays(dtype, number)
    given = None
    if number % 2:
        # The type is not that of the items, but told.
        items, given = (item.tobytes() for item in items), dtype
    with contextlib.redirect_stdout(sys.stderr):
        roxxel.Roxxel(str(directory / "d.rox")).write(
            items, block_size=block_size, max_shard_bytes=limit, separator=separator, dtype=given
        )
    return {"name": name, "block_size": block_size, "limit": limit, **describe(directory)}


def describe(directory):
    dtypes, records = [], 0
    for path in sorted(directory.iterdir()):
        with roxxel.Roxxel(str(path)) as reader:
            dtypes.append(reader.dtype)
            records += len(reader)
    return {"records": records, "dtypes": dtypes}


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    cases = enumerate(itertools.product(DTYPES, SHAPES))
    written = [write(number, dtype, *shape, directory) for number, (dtype, shape) in cases]
    json.dump(written, sys.stdout)
