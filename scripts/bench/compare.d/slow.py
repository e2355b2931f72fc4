"""Files on slow storage: shards, images and plain files behind the same delay, nothing cached."""

from storage import Slow

# As many files are read as plain files give in this many seconds, where each takes three requests:
# lookup, open, read. A slow peer reads a tenth of them.
SECONDS = 8
REQUESTS = 3
SLOW_PEER = 10
# Files that the reader's processes read in turn.
TURN = 64


def rows(run, options):
    """Delay in milliseconds, readers and order of each row."""
    delays, counts = options.delays, options.processes_of("slow")
    pairs = [(delay, count) for delay in delays or [3] for count in counts]
    if delays is None and options.processes is None and run.dataset.mean <= 20_000:
        pairs.append((20, 32))
    return [(f"slow-{delay:g}-{order}-{count}",
             lambda peer, row=(delay, order, count): measure(run, peer, *row))
            for delay, count in pairs if delay > 0 for order in options.orders]


def measure(run, peer, delay, order, processes):
    """The first of an epoch; what is below the storage is in memory, as with a server that has it."""
    if not peer.can_read_files and not peer.is_shard:
        return
    count = SECONDS * processes * 1000 / (REQUESTS * delay) / (SLOW_PEER if peer.slow else 1)
    # All readers have as much to do.
    step = TURN * processes
    count = min(run.dataset.files, max(1, round(count / step)) * step)
    if order == "in-order":
        selection, how = run.dataset.first(count), {}
    else:
        selection, how = run.dataset.everything(), {"seed": run.seed(1), "first": count}
    first_pass(run, f"slow-{delay:g}-{order}-{processes}", peer, delay, selection,
               processes=processes, **how)


def first_pass(run, test, peer, delay, selection, **how):
    """One over a fresh mount of what is on slow storage."""
    run.reader.expect_part(selection, **how)
    run.dataset.warm(peer)
    if peer.name == "plain":
        run.reader.files("read", peer, selection, run.dataset.tree, **how)
    with Slow(run.dataset.work, delay) as slow:
        with run.mounted(peer, images=slow.directory, timed=False) as (directory, mount):
            run.touch_memory()
            before = slow.counted()
            totals = run.reader.files("read", peer, selection, directory, **how)
            asked = slow.counted() - before
            run.rate(test, "rate", peer, totals)
            run.sample(test, "requests", peer.name, "", asked.requests / totals["files"])
            run.sample(test, "bytes", peer.name, "x", asked.bytes / totals["bytes"])
            run.private(test, peer, mount)
