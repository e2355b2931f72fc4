"""Epochs in a random order that is known before they begin: plain files and records/ in the order of a
view, the view itself, and records/ once the order has been handed over."""

import re
import subprocess
import time

import epochs
import machine
import measure
import slow
from mounts import Failed
from peers import ROOT

# How several readers share an epoch: each has its own split of it, or they take batches in turn.
SHARED = ("split", "batches")
ALONE = "alone"
# Files in a batch.
BATCH = 64


def takes_part(peer):
    return peer.name == "plain" or peer.is_roxfs and peer.under != "files"


def view_of(spec, records):
    """The records of a view in its order, by the Python code that its specification has."""
    page = (ROOT / "src/order/views.md").read_text()
    code = {}
    exec(re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE).group(1), code)
    count, record_at, _ = code["view"](spec, records)
    return [record_at(position) for position in range(count)]


class Order:
    """The first `count` records of an epoch, and how its readers share them."""

    def __init__(self, run, number, count, readers, way):
        self.dataset = run.dataset
        self.count = count
        self.readers = readers
        # Files that a reader reads in turn.
        self.turn = 1 if way == "split" else BATCH
        part = f",slice=:{count}" if count < run.dataset.files else ""
        self.spec = f"shuffle={run.seed(number)}{part}"
        # The view of each reader, or the one of all.
        self.views = [self.spec]
        if way == "split":
            self.views = [f"{self.spec},split={reader}of{readers}" for reader in range(readers)]
        # All lists are written here, so that no measurement has to.
        self.numbers = self.write(f"{self.spec}.numbers", lambda: view_of(self.spec, self.dataset.files))
        self.listing = self.write(f"{self.views[0]}.names", self.entries)
        self.directories = self.write(f"{self.views[0]}.directories", lambda: self.views)
        self.handed_over = [
            self.write(f"{view}.numbers", lambda: self.read_numbers()[reader::len(self.views)])
            for reader, view in enumerate(self.views)]

    def write(self, name, lines):
        path = self.dataset.work / name
        if not path.exists():
            self.dataset.write_list(path, lines())
        return path

    def read_numbers(self):
        return self.numbers.read_text().split()

    def entries(self):
        """Where the views have each record, by its number."""
        digits = max(6, len(str(-(-self.count // len(self.views)) - 1)))
        entries = ["-"] * self.dataset.files
        for position, record in enumerate(self.read_numbers()):
            place, view = divmod(position, len(self.views))
            entries[int(record)] = f"{self.views[view]}/{place:0{digits}d}.bin"
        return entries

    def hand_over(self, peer, mountpoint, limited):
        """Each split by itself, as its reader would, or all in one. Returns the seconds that it took,
        which belong to the epoch."""
        begin = time.monotonic()
        givers = []
        for path in self.handed_over:
            with open(path) as numbers:
                givers.append(subprocess.Popen(
                    [peer.program, "hint", "--quiet", mountpoint], stdin=numbers, stderr=subprocess.PIPE,
                    text=True, preexec_fn=limited.join if limited else None))
        words = [giver.communicate()[1].strip() for giver in givers]
        if any(giver.returncode for giver in givers):
            raise Failed(f"{peer.program} hint: {'; '.join(words)}")
        return time.monotonic() - begin


def rows(test):
    """A function of a run and options that gives the rows of a test: for each number of readers, and each
    way that they share an epoch."""
    def of(run, options):
        readers = [(count, way) for count in options.processes_of("known")
                   for way in (SHARED if count > 1 else [ALONE])]
        return [row for count, way in readers for row in test(run, options, count, way)]
    return of


def cold(run, _, count, way):
    everything = run.dataset.everything()
    order = Order(run, 1, run.dataset.files, count, way)
    test = f"known-cold-{count}-{way}"
    yield test, lambda peer: measure.cold_pass(run, test, "rate", peer, everything, order=order)


def over_slow_storage(run, options, count, way):
    """Of no more files than other passes read: plain files give a hundred in a second."""
    everything = run.dataset.everything()
    order = Order(run, 1, run.dataset.most, count, way)
    for delay in filter(None, options.delays or [3]):
        test = f"known-slow-{delay:g}-{count}-{way}"
        yield test, lambda peer, test=test, delay=delay: slow.first_pass(
            run, test, peer, delay, everything, order=order)


def in_little_memory(run, options, count, way):
    """Each epoch in another order."""
    orders = [Order(run, number, run.dataset.files, count, way)
              for number in range(1, options.epochs + 1)]
    for fraction in options.fractions or [0.5]:
        test = f"known-memory-{fraction:g}-{count}-{way}"
        yield test, lambda peer, test=test, fraction=fraction: epochs.watch(
            run, peer, test, lambda number: {"order": orders[number - 1]}, fraction)


def in_memory(run, _, count, way):
    """The first epoch after a listing, and a second one in another order; beside it a first pass in order
    after a listing, over a mount of its own."""
    test = f"known-listed-{count}-{way}"
    orders = [Order(run, number, run.dataset.files, count, way) for number in (1, 2)]
    yield test, lambda peer: two_epochs(run, test, peer, orders)


def two_epochs(run, test, peer, orders):
    everything = run.dataset.everything()
    run.warm(peer, everything)
    in_order = first_in_order(run, test, peer, orders[0].readers) if peer.is_mount else None
    with run.mounted(peer, timed=False) as (directory, mount):
        if peer.is_mount:
            run.reader.list(peer, everything, directory, orders[0])
        run.touch_memory()
        read, asked = run.disk_read(mount), 0
        for name, order in zip(("first", "second"), orders):
            totals = run.reader.files("read", peer, everything, directory, order=order)
            run.rate(test, name, peer, totals)
            asked += totals["bytes"]
            if name == "first" and in_order:
                run.sample(test, "first-in-order", peer.name, "x", in_order / totals["seconds"])
        run.sample(test, "disk", peer.name, "x", (run.disk_read(mount) - read) / asked)
        run.private(test, peer, mount)


def first_in_order(run, test, peer, readers):
    """Returns the seconds of the pass."""
    everything = run.dataset.everything()
    with run.mounted(peer, timed=False) as (_, mount):
        records = mount.directory / "records"
        run.reader.list(peer, everything, records)
        run.touch_memory()
        totals = run.reader.files("read", peer, everything, records, processes=readers)
    run.rate(test, "in-order", peer, totals)
    return totals["seconds"]
