"""Reads what roxfs packed with the reference implementation, and compares it with the streams.

read.py DIRECTORY SHARDS [reversed]

reads DIRECTORY/NAME/SHARDS/*.rox of each stream that has them, in the reverse order if asked to,
and prints how many records were equal. The first difference ends it, with a message.
"""

import sys
from pathlib import Path

import roxxel
from streams import all_streams


def compare(name, expected, pattern):
    with roxxel.Roxxel(pattern) as reader:
        if len(reader) != len(expected):
            sys.exit(f"stream {name}: {len(reader)} records, expected {len(expected)}")
        for number, record in enumerate(expected):
            found = reader[number].tobytes()
            if found != record:
                sys.exit(f"stream {name}: record {number} is {found[:40]}, expected {record[:40]}")
    return len(expected)


def main(root, shards, *order):
    records = 0
    for stream in all_streams():
        directory = Path(root, stream.name, shards)
        if directory.exists():
            expected = stream.records[::-1] if order == ("reversed",) else stream.records
            records += compare(stream.name, expected, str(directory / "*.rox"))
    print(records)


if __name__ == "__main__":
    main(*sys.argv[1:])
