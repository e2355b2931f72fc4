"""A program that is hungry for memory: takes BYTES, prints the seconds that it took, keeps them for
SECONDS: take_memory.py BYTES SECONDS"""

import mmap
import sys
import time

PIECE = 1 << 20

size, seconds = int(sys.argv[1]), float(sys.argv[2])
piece = bytes(PIECE)
begin = time.monotonic()
with mmap.mmap(-1, size) as area:
    for at in range(0, size // PIECE * PIECE, PIECE):
        area[at:at + PIECE] = piece
    print(time.monotonic() - begin, flush=True)
    time.sleep(max(0, begin + seconds - time.monotonic()))
