"""The measurements of files: each mounts a peer afresh, measures, and unmounts."""

import sys
import time
from contextlib import contextmanager

import machine
from dataset import Dataset
from passes import Reader

GROWTH_PASSES = 3
# Percent of the records that a partial reader reads, and the seconds after its end in which what
# the disk reads still counts: a daemon may go on.
PARTS = (5, 20, 50)
LINGER = 1


class Run:
    """One dataset's measurements, and where their figures go."""

    def __init__(self, dataset: Dataset, reader: Reader, options):
        self.dataset = dataset
        self.reader = reader
        self.options = options
        self.round = 0
        self.samples = []
        self.notes = []
        # The peers whose raw/data is measured: one of each roxfs.
        self.raw_peers = {}

    def sample(self, test, measure, peer, unit, value, **details):
        """Notes one figure; `peer` is a name."""
        self.samples.append({
            "dataset": self.dataset.name, "test": test, "measure": measure, "round": self.round,
            "peer": peer, "unit": unit, "value": value, **details})

    def rate(self, test, measure, peer, totals, **details):
        """Notes files per second."""
        kept = {key: totals[key] for key in ("files", "bytes", "seconds")}
        self.sample(test, measure, peer.name, "files/s", totals["files"] / totals["seconds"],
                    **kept, **details)

    def touch_memory(self):
        """As much as a pass brings into memory: the shard's pages, and the mount's."""
        machine.touch(3 * self.dataset.bytes)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(f"compare: {text}", file=sys.stderr)

    def seed(self, number):
        """Another one in each round and pass, the same for all peers."""
        return 100 * self.round + number

    @contextmanager
    def mounted(self, peer, limited=None, timed=True, images=None):
        """Mounts a peer, whose images are in the dataset's directory unless it is said where; gives
        the directory of its files, and its mount."""
        images = images or self.dataset.work
        if not peer.is_mount:
            yield images if peer.is_shard else images / "tree", None
            return
        with peer.mount(self.dataset, images, limited) as mount:
            if timed:
                self.sample("mount", "time", peer.name, "ms", 1000 * mount.seconds)
            yield mount.directory / peer.under, mount

    def warm(self, peer, selection):
        """Puts into memory what a pass needs below the mount: for plain files all of it."""
        self.dataset.warm(peer)
        if peer.name == "plain":
            self.reader.list(peer, self.dataset.in_order(peer), self.dataset.tree)
            self.reader.files("read", peer, selection, self.dataset.tree)

    def warm_all(self, peer, selection):
        """Puts into memory what a pass reads from the storage."""
        self.dataset.warm(peer)
        if peer.name == "plain":
            self.reader.files("read", peer, selection, self.dataset.tree)

    def disk_read(self, mount):
        """Bytes read from the disk so far: by the readers and the daemon of a mount; where the
        kernel itself reads an image, which may be on nobody's account, by the whole machine."""
        if mount is None:
            return machine.read_by_children()
        if mount.process is None:
            return machine.disk_read(self.dataset.work) or 0
        return machine.read_by_children() + machine.read_by(mount.process.pid)

    def private(self, test, peer, mount):
        """Notes the private memory of a peer's daemon at the end of a test."""
        if mount is not None and mount.process is not None:
            used = machine.private_memory(mount.process.pid)
            self.sample(test, "private", peer.name, "kB", used / 1024)


def mount(run, peer):
    """Each mount is timed, those of the other tests too."""
    run.dataset.warm(peer)
    if peer.is_mount:
        with run.mounted(peer):
            pass


def listed(run, peer, processes):
    """A listing, a pass in order, another one."""
    test = f"listed-{processes}"
    selection = run.dataset.in_order(peer)
    run.warm(peer, selection)
    if not peer.can_read_files:
        return roxxel(run, peer, test, selection, [None, None])
    with run.mounted(peer) as (directory, _):
        run.reader.list(peer, selection, directory)
        run.touch_memory()
        for measure in ("first", "second"):
            totals = run.reader.files("read", peer, selection, directory, processes=processes)
            run.rate(test, measure, peer, totals)


def in_random_order(run, peer, processes):
    """A pass in random order over a mount that knows nothing yet, and another one."""
    test = f"random-{processes}"
    selection = run.dataset.in_random_order(peer)
    run.warm(peer, selection)
    seeds = [run.seed(1), run.seed(2)]
    if not peer.can_read_files:
        return roxxel(run, peer, test, selection, seeds)
    with run.mounted(peer) as (directory, _):
        run.touch_memory()
        for measure, seed in zip(("first", "second"), seeds):
            totals = run.reader.files("read", peer, selection, directory, seed=seed,
                                      processes=processes)
            run.rate(test, measure, peer, totals)


def roxxel(run, peer, test, selection, seeds):
    """The same two passes, in Python, in one process."""
    if peer.is_shard or not test.endswith("-1"):
        return
    passes = run.reader.roxxel(peer, selection, seeds)
    run.sample("mount", "time", peer.name, "ms", 1000 * passes["open"])
    for measure, totals in zip(("first", "second"), passes["passes"]):
        run.rate(test, measure, peer, totals)


def listing(run, peer):
    """The attributes of all files: by a listing, and by stat of each in order."""
    if not peer.can_read_files:
        return
    selection = run.dataset.in_order(peer)
    everything = run.dataset.to_list(peer)
    run.warm(peer, selection)
    if peer.name == "plain":
        run.reader.list(peer, everything, run.dataset.tree)
    with run.mounted(peer) as (directory, _):
        for measure in ("list-first", "list-second"):
            run.rate("listing", measure, peer, run.reader.list(peer, everything, directory))
    with run.mounted(peer) as (directory, _):
        for measure in ("stat-first", "stat-second"):
            totals = run.reader.files("stat", peer, selection, directory)
            run.rate("listing", measure, peer, totals)


def growth(run, peer):
    """Between the passes the kernel forgets what it knows of the mount, and asks again."""
    if not peer.is_mount or run.round > 0:
        return
    selection = run.dataset.in_order(peer)
    with run.mounted(peer, timed=False) as (directory, mount):
        if mount.process is None:
            return
        private(run, "mounted", peer, mount)
        for number in range(GROWTH_PASSES):
            machine.drop_caches(2)
            run.reader.list(peer, selection, directory)
            run.reader.files("read", peer, selection, directory)
            private(run, f"pass-{number + 1}", peer, mount)


def private(run, measure, peer, mount):
    used = machine.private_memory(mount.process.pid)
    run.sample("growth", measure, peer.name, "kB", used / 1024, files=run.dataset.count(peer))


def cold(run, peer):
    """Nothing in memory but the reader and its list."""
    if not peer.can_read_files:
        return
    in_order, scattered = run.dataset.cold_in_order(peer), run.dataset.cold_random(peer)
    cold_pass(run, "cold", "in-order", peer, in_order)
    cold_pass(run, "cold", "listed", peer, in_order, is_listed=True)
    cold_pass(run, "cold", "random", peer, scattered, seed=run.seed(1))


def partial(run, peer):
    """A reader that ends before it has read all, in random order, nothing in memory."""
    if not peer.can_read_files and not peer.is_shard:
        return
    everything = run.dataset.everything()
    for percent in PARTS:
        count = max(1, run.dataset.files * percent // 100)
        how = {"seed": run.seed(1), "first": min(count, run.dataset.slow) if peer.slow else count}
        run.reader.expect_part(everything, **how)
        cold_pass(run, "partial", str(percent), peer, everything, linger=LINGER, **how)


def cold_pass(run, test, measure, peer, selection, is_listed=False, linger=0, **how):
    """What the disk reads is counted until `linger` seconds later."""
    machine.drop_caches()
    with run.mounted(peer, timed=False) as (directory, mount):
        machine.warm(run.reader.needs(peer, selection, how.get("order")))
        if is_listed:
            run.reader.list(peer, selection, directory)
        run.touch_memory()
        before = run.disk_read(mount)
        totals = run.reader.files("read", peer, selection, directory, **how)
        time.sleep(linger)
        disk = run.disk_read(mount) - before
        run.private(test, peer, mount)
    run.rate(test, measure, peer, totals, disk=disk)
    run.sample(test, f"{measure}-disk", peer.name, "x", disk / totals["bytes"])
