"""The streams of records that the tests write, pack and read; the same ones every time."""

import contextlib
import random
import sys
from typing import NamedTuple

import roxxel

STREAMS = 220
INDEX_ENTRY = 8
# From version 0.4.0 on a footer has an element type.
HAS_TYPE = hasattr(roxxel.Roxxel, "_write_orchestrator")
FOOTER = 32 if HAS_TYPE else 24
DTYPE = "uint16"


class Stream(NamedTuple):
    """Records, and the size that a shard must not exceed; None for a single file."""

    name: str
    records: list
    limit: int | None


def write(path, records, limit):
    """Has the reference write or append records. Version 0.1.0 leaves out empty ones. From 0.4.0 on
    `write` joins what it is given, and cuts it into blocks of one size: here its second half, which
    writes blocks into shards, is given the records."""
    writer = roxxel.Roxxel(str(path))
    with contextlib.redirect_stdout(sys.stderr):
        if HAS_TYPE:
            writer._write_orchestrator(iter(records), limit, lambda: DTYPE)
        else:
            writer.write(iter(records), max_shard_bytes=limit)


def some(rng, count, most, least=1):
    """That many records of `least` to `most` bytes."""
    return [rng.randbytes(rng.randint(least, most)) for _ in range(count)]


def shard_size(records):
    """The size of the file that has just these records."""
    return sum(map(len, records)) + len(records) * INDEX_ENTRY + FOOTER


def small(rng):
    records = some(rng, rng.randint(1, 60), 300)
    return records, rng.randint(1, 8) * 500


def single(rng):
    return some(rng, rng.randint(1, 60), 2000), None


def one_each(rng):
    """A shard of its own for every record, whose size does not matter."""
    return some(rng, rng.randint(1, 10), 500), rng.randint(1, 32)


def oversized(rng):
    """Records larger than the limit among such as fit."""
    limit = rng.randint(100, 2000)
    bounds = [(limit // 4, 1), (limit * 4, limit)]
    return [some(rng, 1, *rng.choice(bounds))[0] for _ in range(16)], limit


def full_to_the_byte(rng):
    """The first shard's records fill the limit exactly, or miss it by a byte."""
    records = some(rng, rng.randint(2, 40), 100)
    first = records[: rng.randint(1, len(records) // 2)]
    return records, shard_size(first) + rng.choice([-1, 0, 1])


def equal_sizes(rng):
    """Every shard can be full to the byte."""
    size, per_shard = rng.randint(1, 400), rng.randint(1, 7)
    records = some(rng, rng.randint(1, 40), size, size)
    return records, shard_size(records[:1]) + (per_shard - 1) * (size + INDEX_ENTRY)


def with_empty(rng):
    """Empty records anywhere, also first and last, and in shards without any other."""
    records = [b""] * rng.randint(0, 3) + some(rng, 1, 50)
    for _ in range(rng.randint(1, 30)):
        records += rng.choice([[b""], [b"", b""], some(rng, 1, 50)])
    return records + [b""], rng.choice([None, 40, 150, 1000])


def one_byte(rng):
    """Thousands of records, and more index than payload."""
    records = some(rng, rng.randint(2000, 5000), 1)
    return records, rng.choice([None, 5000, 9001, 1 << 20])


def round_sizes(rng):
    """Sizes around those of pages, buffers and requests."""
    around = rng.choice([4096, 65536, 131072, 262144, 1 << 20])
    records = [rng.randbytes(around + rng.choice([-1, 0, 1])) for _ in range(4)]
    return records + some(rng, 4, 10), rng.choice([None, 2 * around, 3 * around + 100])


KINDS = [small, single, one_each, oversized, full_to_the_byte, equal_sizes, with_empty]
# One in this many streams is of a kind that takes longer.
RARE = {20: one_byte, 11: round_sizes}


def stream(number):
    rng = random.Random(number)
    rare = (kind for each, kind in RARE.items() if number % each == 0)
    kind = next(rare, KINDS[number % len(KINDS)])
    records, limit = kind(rng)
    return Stream(f"{number:03d}-{kind.__name__}", records, limit)


def all_streams():
    return map(stream, range(STREAMS))
