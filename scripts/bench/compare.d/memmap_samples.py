"""Reads random samples of tokens from a file as an array: memmap_samples.py FILE BYTES SAMPLES SEED WORK

Of the first BYTES. Prints the seconds, the bytes that the disk under WORK has read meanwhile, and a
checksum."""

import sys
import time
import zlib

import numpy as np

import machine

LENGTH = 1024

path, size, count, seed, work = sys.argv[1:]
tokens = np.memmap(path, dtype="<u2", mode="r", shape=int(size) // 2)
starts = np.random.default_rng(int(seed)).integers(len(tokens) - LENGTH, size=int(count))
before = machine.disk_read(work) or 0
begin = time.monotonic()
samples = [np.array(tokens[start:start + LENGTH]) for start in starts]
seconds = time.monotonic() - begin
after = machine.disk_read(work) or 0
print(seconds, after - before, zlib.crc32(np.stack(samples).tobytes()))
