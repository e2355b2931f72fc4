"""np.memmap over a dataset's tokens, as language models are trained: random blocks of 1024."""
import numpy as np

VERSION = np.__version__
BLOCK, BATCH, BATCHES = 1024, 16, 1000


def load(path):
    data = np.memmap(path, dtype="<u2", mode="r")
    return len(data), samples(data)


def get_batch(data, random):
    starts = random.integers(len(data) - BLOCK, size=BATCH)
    x = np.stack([data[start:start + BLOCK] for start in starts])
    y = np.stack([data[start + 1:start + 1 + BLOCK] for start in starts])
    return x, y


def samples(data):
    random = np.random.default_rng(7)
    for _ in range(BATCHES):
        yield from zip(*get_batch(data, random))
