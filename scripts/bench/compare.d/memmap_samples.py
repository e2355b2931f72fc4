"""Reads random samples of tokens from a file as an array: memmap_samples.py FILE BYTES SAMPLES SEED

Of the first BYTES. Prints the seconds, the bytes that it has had the disk read meanwhile, and a
checksum."""

import sys
import time
import zlib

import numpy as np

import machine

LENGTH = 1024

path, size, count, seed = sys.argv[1:]
tokens = np.memmap(path, dtype="<u2", mode="r", shape=int(size) // 2)
starts = np.random.default_rng(int(seed)).integers(len(tokens) - LENGTH, size=int(count))
before = machine.read_by("self")
begin = time.monotonic()
samples = [np.array(tokens[start:start + LENGTH]) for start in starts]
seconds = time.monotonic() - begin
after = machine.read_by("self")
print(seconds, after - before, zlib.crc32(np.stack(samples).tobytes()))
