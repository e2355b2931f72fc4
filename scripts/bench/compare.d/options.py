"""The command line, and what the datasets and tests are called."""

import argparse
import sys

# Name: files, and their mean size in bytes. Sizes are even between 0.5 and 1.5 times the mean, those
# of UNEVEN log-normal.
DATASETS = {"10kb": (100_000, 10_000), "110kb": (20_000, 110_000), "37kb": (40_000, 37_000),
            "100b": (1_000_000, 100)}
UNEVEN = {"37kb"}

TESTS = {
    "slow": "storage of 3 and 20 ms a request, nothing in memory: the first of an epoch, in order and random",
    "memory": "epochs with a limit of memory of a fraction of the dataset; bytes read from the disk",
    "hungry": "epochs while another program takes 60 % of a memory of the dataset's size for 10 s",
    "partial": "5, 20 and 50 % of the records in random order, nothing in memory; bytes read from the disk",
    "memmap": "960 random samples of 2 KiB by np.memmap, of raw/data and of the shard itself, nothing in memory",
    "mount": "time to mount",
    "listed": "first and second pass in order, after a listing; images in the page cache",
    "random": "first and second pass in random order, never listed; images in the page cache",
    "listing": "listing (as ls -lU) and stat of everything, first and second time",
    "growth": "private memory of each daemon after each of three passes over one mount (first round)",
    "known-cold": "an epoch in a known random order, nothing in memory; bytes read from the disk",
    "known-slow": "the same on storage of 3 ms a request",
    "known-memory": "epochs, each in another known order, with a limit of memory of half the dataset",
    "known-listed": "two epochs in known orders after a listing; images in the page cache",
    "raw": "raw/data against the shard itself: dd, fio, np.memmap",
    "cold": "nothing in memory: in order, in order after a listing, random; bytes read from the disk",
}

# Files that are read in a pass: of a dataset that is not scaled, and at least.
MOST_FILES = 30_000
LEAST_FILES = 5000

# What a dataset is not measured for unless --tests asks for it.
KNOWN = [name for name in TESTS if name.startswith("known-")]
LEFT_OUT = {"10kb": set(), "110kb": set(), "37kb": set(KNOWN),
            "100b": {"raw", "slow", "memory", "hungry", *KNOWN}}

# How many processes read, and in which orders, where nothing is said.
PROCESSES = {"slow": [1, 8, 32], "memory": [1, 4], "hungry": [1], "listed": [1, 4], "random": [1, 4],
             "known": [1, 4]}
ORDERS = ("in-order", "random")
LIMIT_ON = ("both", "reader")
EPOCHS = 5

PEERS = (
    "plain", "shard", "roxfs-records", "roxfs-files", "roxfs-view", "roxfs-hint", "before-records",
    "before-files", "before-view", "before-hint", "erofs", "squashfs", "squashfuse", "fuse-zip",
    "ratarmount", "roxxel",
)

DESCRIPTION = """\
Measures roxfs against the same files on the same disk and in other mounted formats: kernel erofs
(from a file) and squashfs, squashfuse_ll, fuse-zip, ratarmount, and the Python package roxxel
(index access, no mount); in some tests also against reading the records from the shards themselves.
Installs what it needs, makes the same dataset for all, and measures them
in turn, several rounds. Prints medians as Markdown. Needs root.

Every pass compares a sum over place, size, first and last 8 bytes of each file with that of the
plain files, and a difference ends the run.

A known order is that of the view shuffle=SEED, another seed in each round and epoch. All read the same
records in this order: plain files, records/ of roxfs that does not know it, the view, and records/ after the
order was handed over (`roxfs hint`, whose time counts). Several readers share it in two ways: each reads
its own split (plain files and records/: the same ones; each is handed over by itself), or they take batches
of 64 in turn, as a DataLoader's workers do.

Slow storage is a directory whose file system waits before it answers a lookup, a question for
attributes, an open and each read of up to 1 MiB; many wait at the same time, and what the kernel has
cached costs nothing. How real storage compares, each as its maker says: Amazon EFS (NFS) reads from
0.25 ms, of its cheaper classes single-digit milliseconds; FSx for Lustre below 1 ms on SSD,
single-digit on disks; EBS gp3 single-digit milliseconds; S3 100 to 200 ms for a small object. So
3 ms stands for a busy NFS server, Lustre on disks or a cloud disk, 20 ms for one that is far away.

environment:
  ROXFS=FILE     measure this binary and do not build one
  BEFORE=FILE    measure this binary as well, in turn with the other: the peer called before, whose
                 mounts have the same shards
"""


def listed(allowed, groups=()):
    """A type of argument: names separated by commas."""
    def parse(text):
        names = [name for word in text.split(",") for name in dict(groups).get(word, [word])]
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(allowed)}")
        return names
    return parse


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def process_counts(text):
    return [positive(word) for word in text.split(",")]


def numbers(text):
    """Numbers from 0, separated by commas."""
    found = [float(word) for word in text.split(",")]
    if min(found) < 0:
        raise ValueError
    return found


class Options(argparse.Namespace):
    """What is asked for."""

    def processes_of(self, test):
        return self.processes or PROCESSES[test]


def parser():
    tests = "\n".join(f"  {name:<12} {what}" for name, what in TESTS.items())
    datasets = "\n".join(
        f"  {name:<9} {files:,} files of about {mean:,} bytes; without: "
        + (", ".join(sorted(LEFT_OUT[name])) or "-")
        for name, (files, mean) in DATASETS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench/compare", description=DESCRIPTION, allow_abbrev=False,
        epilog=f"tests:\n{tests}\n\ndatasets:\n{datasets}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--dataset", metavar="NAME,...", type=listed(DATASETS), default=list(DATASETS),
        help="these datasets alone, one after the other [all]")
    add("--tests", metavar="NAME,...", type=listed(TESTS, {"known": KNOWN}),
        help="these tests alone; known means those of its name [all that the dataset is for]")
    add("--only", metavar="PEER,...",
        type=listed(PEERS, {
            name: [peer for peer in PEERS if peer.startswith(f"{name}-")]
            for name in ("roxfs", "before")}),
        default=list(PEERS),
        help=f"these alone, and plain, which is what the others are compared with; of "
             f"{', '.join(PEERS)}; roxfs and before mean all of each [all]")
    counts = "; ".join(f"{test}: {','.join(map(str, of))}" for test, of in PROCESSES.items())
    add("--processes", metavar="N,...", type=process_counts,
        help=f"how many processes read at the same time [{counts}]")
    add("--orders", metavar="ORDER,...", type=listed(ORDERS), default=list(ORDERS),
        help="orders in slow and memory [in-order,random]")
    add("--delays", metavar="MS,...", type=numbers,
        help="milliseconds a request in slow [3, and of small files 20 with 32 readers], known-slow [3] and "
             "memory (0 is the disk itself) [0, and 3 with half of the dataset, random, the most readers]")
    add("--fractions", metavar="X,...", type=numbers,
        help="limits in memory [0.25,0.5,0.9,1.5] and known-memory [0.5], times the dataset")
    add("--limit-on", metavar="WHAT,...", type=listed(LIMIT_ON),
        help="in memory: both, the reader and the daemon together, or the reader alone [both, and "
             "reader with half of the dataset]")
    add("--epochs", metavar="N", type=positive, default=EPOCHS,
        help=f"epochs in memory and known-memory [{EPOCHS}]")
    add("--rounds", metavar="N", type=positive, help="rounds to take the medians of [3]")
    add("--quick", action="store_true", help="a twentieth of the files, one round")
    add("--scale", metavar="N", type=positive, help="make one Nth of the files [1]")
    add("--limit", metavar="N", type=positive,
        help="read at most this many files in a pass: neighbours in order, and spread over the "
             "dataset in random order [30000; where the dataset is scaled less, at least 5000]")
    add("--work", metavar="DIR", default="/var/tmp",
        help="make everything in a new directory under DIR, and remove it at the end; it needs "
             "about 7 times the dataset [/var/tmp]")
    add("--json", metavar="FILE", help="write every figure of every round")
    add("--plot", metavar="FILE", help="draw the main figures as SVG")
    add("--plot-hungry", metavar="FILE", help="draw the rates of hungry over time as SVG")
    return parser


def parse(arguments):
    """The options, complete."""
    options = parser().parse_args(arguments, Options())
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.scale = options.scale or (20 if options.quick else 1)
    options.limit = options.limit or max(LEAST_FILES, MOST_FILES // options.scale)
    return options


def tests_of(options, dataset):
    """The tests of one dataset, in the order of the table above."""
    asked = options.tests or set(TESTS) - LEFT_OUT[dataset]
    return [name for name in TESTS if name in asked]


if __name__ == "__main__":
    parse(sys.argv[1:])
