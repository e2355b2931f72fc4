"""Prints the seconds and the result of adding up a file as an array: memmap_sum.py FILE BYTES."""

import sys
import time

import numpy as np

data = np.memmap(sys.argv[1], dtype="<u8", mode="r", shape=int(sys.argv[2]) // 8)
begin = time.monotonic()
total = int(data.sum(dtype="u8"))
print(time.monotonic() - begin, total)
