"""Writes every stream in random pieces, as the reference implementation appends them.

append.py DIRECTORY

makes for each stream DIRECTORY/NAME/piece0, piece1, ... (each record after its length, 32 bits
little-endian) and DIRECTORY/NAME/reference0, reference1, ... (what the reference's shards are
after each piece), and prints a list of the streams as JSON.
"""

import json
import random
import shutil
import struct
import sys
from pathlib import Path

import streams


def pieces(rng, records):
    """2 to 5 pieces, each with a record that is not empty: without one the reference leaves a
    file that is no shard."""
    cuts = sorted(rng.randint(0, len(records)) for _ in range(rng.randint(1, 4)))
    parts = [records[a:b] for a, b in zip([0, *cuts], [*cuts, len(records)])]
    return [part if any(part) else [*part, rng.randbytes(rng.randint(1, 100))] for part in parts]


def limits(rng, limit, count):
    """The shard size of each piece: the same one, or now and then another."""
    if limit is None or rng.random() < 0.6:
        return [limit] * count
    return [max(1, int(limit * rng.choice([0.5, 1, 1, 2, 3]))) for _ in range(count)]


def write(number, stream, directory):
    rng = random.Random(f"pieces of {number}")
    parts = pieces(rng, stream.records)
    given = limits(rng, stream.limit, len(parts))
    work = directory / "work"
    work.mkdir(parents=True)
    for step, (part, limit) in enumerate(zip(parts, given)):
        framed = b"".join(struct.pack("<I", len(record)) + record for record in part)
        (directory / f"piece{step}").write_bytes(framed)
        streams.write(work / "d.rox", part, limit)
        shutil.copytree(work, directory / f"reference{step}")
    return {"name": stream.name, "limits": given, "shards": len(list(work.iterdir()))}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    numbered = enumerate(streams.all_streams())
    json.dump([write(number, each, root / each.name) for number, each in numbered], sys.stdout)
