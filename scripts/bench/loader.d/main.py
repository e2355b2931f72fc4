"""Measures a DataLoader over plain files and over roxfs, in turn, and prints a table."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compare.d"))
os.environ.setdefault("ROXFS", "roxfs")

import machine
import memory
import mounts
from storage import Slow

PEERS = ("plain files", "roxfs", "roxfs, HintedSampler")
# Workers may take this many bytes beside images in their first epoch. Then it is known how many they take.
SPARE = 96 << 20


def parse(arguments):
    parser = argparse.ArgumentParser(prog="loader", description="Images a second of a DataLoader.",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--images", type=int, default=4000, help="of about 110 KB each")
    parser.add_argument("--rounds", type=int, default=3, help="medians are shown")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4, help="with a limit of memory; from the third on they count")
    parser.add_argument("--delay", type=float, default=3, help="of slow storage, in milliseconds a request")
    parser.add_argument("--fraction", type=float, default=0.5, help="of the images that there is memory for")
    parser.add_argument("--tests", default="slow,memory,both", help="of slow, memory, both")
    parser.add_argument("--work", default="/var/tmp", help="a directory on a disk")
    return parser.parse_args(arguments)


class Bench:
    """Images in `work`/images, as plain files and as shards."""

    def __init__(self, python, options, top):
        self.python, self.options, self.top = python, options, top
        self.work = top / "work"
        self.images = self.work / "images"
        self.pixels = {}

    def make(self):
        subprocess.run([self.python, HERE / "images.py", self.images, str(self.options.images)], check=True)
        pack = [os.environ["ROXFS"], "pack", "-q", "-o", self.work / "d.rox", self.images]
        subprocess.run(pack, check=True)
        self.bytes = sum(path.stat().st_size for path in self.images.glob("*/*"))

    def warm_torch(self):
        """PyTorch's own files are in memory, and belong to no limit."""
        subprocess.run([self.python, "-c", "import torch, torchvision"], check=True)

    def read(self, directory, mountpoint, epochs, limited, after):
        """Reads epochs: of each its images a second, and what `after` has found behind it."""
        command = [self.python, HERE / "epochs.py", directory, mountpoint, self.options.workers, epochs,
                   limited.path if limited else "-"]
        found = []
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            for epoch in range(epochs):
                words = process.stdout.readline().split()
                if len(words) != 3:
                    raise mounts.Failed(f"{directory}: no figures of epoch {epoch + 1}; of few images a part may be "
                                        "less than what PyTorch's need of memory varies by")
                seconds, *read = words
                # Crops are drawn by workers, from seeds that are the same for all.
                if self.pixels.setdefault(epoch, read) != read:
                    raise mounts.Failed(f"{directory}: other pixels in epoch {epoch + 1}")
                found.append((int(read[0]) / float(seconds), after()))
                process.stdin.write("\n")
                process.stdin.flush()
        return found

    def measure(self, test, peer):
        """Images a second, and bytes read from storage in times those of the images."""
        images = int(self.options.fraction * self.bytes)
        epochs = 1 if test == "slow" else self.options.epochs
        machine.drop_caches()
        self.warm_torch()
        if test != "memory":
            # The server has them.
            machine.warm([*self.images.glob("*/*"), *self.work.glob("*.rox")])
        with ExitStack() as stack:
            slow = stack.enter_context(Slow(self.work, self.options.delay)) if test != "memory" else None
            limited = stack.enter_context(memory.Limited(images + SPARE)) if test != "slow" else None

            def bytes_read():
                return slow.counted().bytes if slow else machine.disk_read(self.work) or 0

            def after():
                if limited:
                    limited.set("memory.limit_in_bytes" if limited.version_1 else "memory.max",
                                images + anonymous(limited))
                return bytes_read()

            source = slow.directory if slow else self.work
            directory = source / "images" if peer == "plain files" else self.mounted(source, limited, stack)
            mountpoint = directory if peer == "roxfs, HintedSampler" else "-"
            begin = bytes_read()
            rates, read = zip(*self.read(directory, mountpoint, epochs, limited, after))
        skipped = min(2, epochs - 1)
        share = (read[-1] - [begin, *read][skipped]) / (epochs - skipped) / self.bytes
        # Epochs are of one length, so their common rate is the harmonic mean.
        return statistics.harmonic_mean(rates[skipped:]), share

    def mounted(self, source, limited, stack):
        """The images of the shards in a directory, mounted until the stack ends."""
        command = [os.environ["ROXFS"], "mount", "-f", "--root", "files", source / "d.rox", self.top / "mnt"]
        start = lambda mount: mount.serve([str(word) for word in command])
        return stack.enter_context(mounts.Mount(self.top / "mnt", start, self.top / "log", limited)).directory


def anonymous(limited):
    """Bytes of memory of a cgroup that are no file on a disk: what processes have, and batches that wait."""
    counts = dict(line.split() for line in (limited.path / "memory.stat").read_text().splitlines())
    return sum(int(counts[name]) for name in (("total_rss", "total_shmem") if limited.version_1 else ("anon", "shmem")))


def main(python, *arguments):
    options = parse(arguments)
    names = {"slow": f"{options.delay:g} ms a request, first epoch",
             "memory": f"memory of {options.fraction:g} times the images, epochs 3 to {options.epochs}",
             "both": f"{options.delay:g} ms a request and memory of {options.fraction:g}, epochs 3 to {options.epochs}"}
    tests = options.tests.split(",")
    if not set(tests) <= set(names):
        sys.exit(f"loader: no such test: {options.tests}")
    mounts.exit_on_signals()
    with tempfile.TemporaryDirectory(prefix="roxfs-loader-", dir=options.work) as top:
        try:
            bench = Bench(python, options, Path(top).resolve())
            bench.make()
            print(f"{options.images:,} images, {bench.bytes / options.images / 1000:.0f} KB each; "
                  f"{options.workers} workers\n")
            print(f"| images a second (bytes read) | {' | '.join(PEERS)} |\n|---|{'---:|' * len(PEERS)}", flush=True)
            for test in tests:
                found = {peer: [] for peer in PEERS}
                for _ in range(options.rounds):
                    for peer in PEERS:
                        found[peer].append(bench.measure(test, peer))
                medians = [[statistics.median(column) for column in zip(*found[peer])] for peer in PEERS]
                cells = " | ".join(f"{rate:,.0f} ({share:.2f})" for rate, share in medians)
                print(f"| {names[test]} | {cells} |", flush=True)
        finally:
            mounts.unmount_all()


main(*sys.argv[1:])
