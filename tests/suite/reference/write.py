"""Writes every stream, as source files and as the reference implementation's shards.

write.py DIRECTORY

makes DIRECTORY/NAME/source/000000, 000001, ... and DIRECTORY/NAME/reference/d_0000.rox, ... (or
d.rox) for each stream, and prints a list of the streams as JSON.
"""

import json
import sys
from pathlib import Path

import streams


def write(stream, directory):
    source, reference = directory / "source", directory / "reference"
    for made in (source, reference):
        made.mkdir(parents=True)
    for number, record in enumerate(stream.records):
        (source / f"{number:06d}").write_bytes(record)
    streams.write(reference / "d.rox", stream.records, stream.limit)
    return {
        "name": stream.name,
        "limit": stream.limit,
        "records": len(stream.records),
        "left_out": 0 if streams.HAS_TYPE else stream.records.count(b""),
        "shards": len(list(reference.iterdir())),
    }


if __name__ == "__main__":
    root = Path(sys.argv[1])
    json.dump([write(stream, root / stream.name) for stream in streams.all_streams()], sys.stdout)
