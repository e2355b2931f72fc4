"""Passes over shards by the Python package roxxel, the bytes of one record after the other.

    roxxel_pass.py PATTERN LIST ORDER...

LIST is of numbered files, as the reader's is; ORDER is in-order or a seed. Prints JSON, with the
sums that the reader would give, taken after the clock has stopped.
"""

import json
import random
import sys
import time

from roxxel import Roxxel

MASK = (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return x ^ x >> 31


def sum_of(place, record):
    first, last = (int.from_bytes(part, "little") for part in (record[:8], record[-8:]))
    return mix(mix(mix(mix(place) ^ len(record)) ^ first) ^ last)


def one_pass(dataset, numbers):
    begin = time.monotonic()
    size = 0
    for number in numbers:
        size += len(bytes(dataset[number]))
    return {"files": len(numbers), "bytes": size, "seconds": time.monotonic() - begin}


def main():
    pattern, listing, *orders = sys.argv[1:]
    with open(listing) as file:
        numbers = [int(line.split(".")[0]) for line in file]
    begin = time.monotonic()
    dataset = Roxxel(pattern)
    dataset.open()
    opened = time.monotonic() - begin
    passes = []
    for order in orders:
        shuffled = list(numbers)
        if order != "in-order":
            random.Random(int(order)).shuffle(shuffled)
        passes.append(one_pass(dataset, shuffled))
    records = (sum_of(place, bytes(dataset[number])) for place, number in enumerate(numbers))
    total = f"{sum(records) & MASK:016x}"
    for each in passes:
        each["sum"] = total
    json.dump({"open": opened, "passes": passes}, sys.stdout)


main()
