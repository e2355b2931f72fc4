"""Epochs over a dataset with a limit of memory: smaller than the dataset, or a little larger."""

import machine
import memory
from contextlib import ExitStack
from mounts import Failed
from passes import Killed
from storage import Slow

# The epochs that a row's rate and what it reads from the disk are of: by then all is as it stays.
LATER = 3


def rows(run, options):
    """Fraction of the dataset, order, readers, where the limit is, and delay of each row."""
    counts = options.processes_of("memory")
    wanted = [(fraction, order, count, where, delay)
              for delay in options.delays or [0] for where in options.limit_on or ["both"]
              for fraction in options.fractions or [0.25, 0.5, 0.9, 1.5]
              for order in options.orders for count in counts]
    if not (options.delays or options.limit_on or options.fractions or options.processes):
        wanted += [(0.5, order, count, "reader", 0) for order in options.orders for count in counts]
        wanted += [(0.5, "random", max(counts), "both", 3)] * ("random" in options.orders)
    return [(test_name(*row), lambda peer, row=row: measure(run, peer, *row)) for row in wanted]


def test_name(fraction, order, processes, where, delay):
    return f"memory-{fraction:g}-{order}-{processes}-{where}-{delay:g}"


def measure(run, peer, fraction, order, processes, where, delay):
    if peer.slow or peer.is_roxfs and peer.under == "files":
        return
    if not peer.can_read_files and not peer.is_shard:
        return
    watch(run, peer, test_name(fraction, order, processes, where, delay), lambda number: {
        "processes": processes, "seed": run.seed(number) if order == "random" else None,
    }, fraction, where, delay)


def watch(run, peer, test, how, fraction, where="both", delay=0):
    """Epochs, each read as `how` says of its number."""
    try:
        epochs(run, peer, test, how, fraction, where, delay)
    except (Killed, Failed) as error:
        run.note(f"{peer.name}, {test}: {error!r}")


def epochs(run, peer, test, how, fraction, where, delay):
    """What is in memory outside of the limit has to go first: it would be found there. Below slow
    storage all is in memory, on the side of the server."""
    everything = run.dataset.everything()
    machine.drop_caches()
    if delay:
        run.warm_all(peer, everything)
    with ExitStack() as stack:
        enter = stack.enter_context
        slow = enter(Slow(run.dataset.work, delay)) if delay else None
        limited = enter(memory.Limited(int(fraction * run.dataset.bytes)))
        directory, mount = enter(run.mounted(
            peer, limited if where == "both" else None, timed=False,
            images=slow.directory if slow else None))
        later, read_later = [], 0
        for number in range(1, run.options.epochs + 1):
            before = bytes_read(run, slow, mount)
            totals = run.reader.files(
                "read", peer, everything, directory, limited=limited, **how(number))
            read = bytes_read(run, slow, mount) - before
            run.rate(test, f"epoch-{number}", peer, totals, disk=read)
            if number >= min(LATER, run.options.epochs):
                later.append(totals)
                read_later += read
        total = {key: sum(each[key] for each in later) for key in ("files", "bytes", "seconds")}
        run.rate(test, "later", peer, total)
        run.sample(test, "disk", peer.name, "x", read_later / total["bytes"])
        run.private(test, peer, mount)


def bytes_read(run, slow, mount):
    """From the storage below, so far."""
    return slow.counted().bytes if slow else run.disk_read(mount)
