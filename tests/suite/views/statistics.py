"""Statistics of shuffles, each as a number of standard deviations from what permutations that are all
equally frequent give. No one of them may be more than BOUND, neither of the shuffles in a file of u64, all of
one length, nor of as many permutations by NumPy, so that the bound is one that random permutations keep."""

import math
import sys

import numpy as np

BOUND = 5.0
BINS = 16


def chi_square(counts, expected):
    """Of a table whose rows and columns have fixed sums."""
    rows, columns = counts.shape
    freedom = (rows - 1) * (columns - 1)
    return (((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom)


def table(first, second, n, bins):
    cells = first * bins // n * bins + second * bins // n
    return np.bincount(cells.ravel(), minlength=bins * bins).reshape(bins, bins).astype(float)


def statistics(orders):
    seeds, n = orders.shape
    bins = min(BINS, n)
    positions = np.broadcast_to(np.arange(n), orders.shape)
    sizes = np.bincount(np.arange(n) * bins // n, minlength=bins).astype(float)
    even = np.outer(sizes, sizes) / n
    yield "record by position", chi_square(table(positions, orders, n, bins), seeds * even)
    yield "record by the one of the seed before", chi_square(
        table(orders[1:], orders[:-1], n, bins), (seeds - 1) * even
    )
    if n > 16:
        pairs = (np.outer(sizes, sizes) - np.diag(sizes)) / n
        found = table(orders[:, :-1].copy(), orders[:, 1:].copy(), n, bins)
        yield "record by the one before", chi_square(found, seeds * pairs)
    centred = (orders - (n - 1) / 2) / math.sqrt((n * n - 1) / 12)
    side = max(16, math.isqrt(n) + 1)
    for lag in {1, 2, side - 1, side, side + 1} if n > 2 * side else {1}:
        products = (centred[:, lag:] * centred[:, :-lag]).mean(axis=1) + 1 / (n - 1)
        yield f"serial correlation at {lag}", products.sum() / math.sqrt(seeds / (n - lag))
    fixed = (orders == positions).sum()
    yield "records at their own positions", (fixed - seeds) / math.sqrt(seeds)
    rises = (orders[:, 1:] > orders[:, :-1]).sum()
    yield "rises", (rises - seeds * (n - 1) / 2) / math.sqrt(seeds * (n + 1) / 12)
    if n > 2 * side:
        # What a Feistel network of few rounds keeps: the distance in rows of records in one column.
        rows = orders // side
        sizes = np.bincount(np.arange(n) // side, minlength=side).astype(float)
        kept = expected = 0
        for distance in range(1, min(8, n // side)):
            ahead, behind = rows[:, distance * side :], rows[:, : -distance * side]
            kept += ((behind + distance) % side == ahead).sum()
            expected += ahead.size * (sizes * np.roll(sizes, -distance)).sum() / (n * (n - 1))
        yield "rows kept", (kept - expected) / math.sqrt(expected)
    if n <= 6:
        codes = (orders * n ** np.arange(n)).sum(axis=1)
        _, counts = np.unique(codes, return_counts=True)
        every = math.factorial(n)
        expected = seeds / every
        chi = ((counts - expected) ** 2 / expected).sum() + (every - len(counts)) * expected
        yield "all permutations", (chi - (every - 1)) / math.sqrt(2 * (every - 1))


path, n = sys.argv[1], int(sys.argv[2])
shuffles = np.fromfile(path, dtype="<u8").reshape(-1, n).astype(np.int64)
generator = np.random.default_rng(1)
numpys = np.stack([generator.permutation(n) for _ in range(len(shuffles))])
for whose, orders in [("the shuffle's", shuffles), ("NumPy's", numpys)]:
    for what, deviations in statistics(orders):
        print(f"{n}: {whose} {what}: {deviations:.2f}")
        assert abs(deviations) < BOUND, f"{n}: {whose} {what}: {deviations:.2f} standard deviations"
