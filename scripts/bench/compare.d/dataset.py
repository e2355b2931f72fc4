"""One dataset in every form: the plain files, the images of all peers, and lists of what to read."""

import math
import os
import random
import struct
import subprocess
import time
from dataclasses import dataclass

import machine

FOOTER = struct.Struct("<qq8s")
IN_DIRECTORY = 1000
BLOCK = 1 << 26
# Of the sizes that are not even: one file in twenty is larger than three times the mean, one in four
# smaller than a third of it.
SIGMA = 1.0
# Files that are read of a slow peer, and of each with nothing in memory.
SLOW = 5000
COLD_IN_ORDER = 20_000
COLD_RANDOM = 20_000


@dataclass(frozen=True)
class Selection:
    """Some of the files, by their places in byte order."""

    name: str
    places: range | tuple


@dataclass(frozen=True)
class Made:
    """How long an image took, and its size."""

    command: str
    seconds: float
    bytes: int


class Dataset:
    """Files in directories of 1000, of random bytes; even sizes are of 0.5 to 1.5 times the mean."""

    def __init__(self, name, files, mean, work, options, is_even=True):
        self.name = name
        self.files = files
        self.mean = mean
        self.is_even = is_even
        self.work = work
        self.tree = work / "tree"
        self.most = min(options.limit, files)
        self.slow = min(self.most, max(SLOW // options.scale, IN_DIRECTORY))
        self.bytes = 0
        self.made = []
        self.digits = max(6, len(str(files - 1)))

    # What is read.

    def first(self, count):
        """Neighbours, as a pass in order reads them."""
        return Selection(f"first-{count}" if count < self.files else "all", range(count))

    def spread(self, count):
        """The same number of files over the whole dataset, as a random order takes them."""
        if count >= self.files:
            return self.first(count)
        places = tuple(place * self.files // count for place in range(count))
        return Selection(f"spread-{count}", places)

    def count(self, peer):
        return self.slow if peer.slow else self.most

    def in_order(self, peer):
        return self.first(self.count(peer))

    def in_random_order(self, peer):
        return self.spread(self.count(peer))

    def cold_in_order(self, peer):
        return self.first(min(self.count(peer), COLD_IN_ORDER))

    def cold_random(self, peer):
        return self.spread(min(self.count(peer), COLD_RANDOM))

    def everything(self):
        return self.first(self.files)

    def to_list(self, peer):
        """What the listing itself is measured with."""
        return self.in_order(peer) if peer.slow else self.everything()

    # The files.

    def make_tree(self):
        """The same bytes each time."""
        source = random.Random(1)
        block = source.randbytes(BLOCK)
        for place in range(self.files):
            path = self.tree / self.path(place)
            if place % IN_DIRECTORY == 0:
                path.parent.mkdir(parents=True)
            size = self.size(source)
            start = source.randrange(len(block) - size)
            with open(path, "wb", buffering=0) as file:
                file.write(block[start:start + size])
            self.bytes += size
        self.write_list(self.work / "names.list", map(self.path, range(self.files)))

    def size(self, source):
        """Of one file: from a half to one and a half of the mean, or log-normal around it."""
        if self.is_even:
            return self.mean // 2 + source.randrange(self.mean)
        middle = math.log(self.mean) - SIGMA**2 / 2
        return min(BLOCK // 2, round(source.lognormvariate(middle, SIGMA)))

    def path(self, place):
        return f"{place // IN_DIRECTORY:04d}/{place:07d}.bin"

    def number(self, place):
        return f"{place:0{self.digits}d}.bin"

    def make_image(self, peer):
        """Makes a peer's image, unless another one has the same."""
        if not peer.make or any(made.command == peer.make for made in self.made):
            return
        begin = time.monotonic()
        subprocess.run(["bash", "-c", peer.make], cwd=self.work, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        self.made.append(Made(peer.make, seconds, sum(map(os.path.getsize, self.image(peer)))))

    def image(self, peer):
        """The files that a peer reads: to be put into the page cache."""
        return sorted(self.work.glob(peer.image)) if peer.image else []

    def warm(self, peer):
        machine.warm(self.image(peer))

    # The lists, as the reader wants them.

    def list(self, selection, by_number):
        path = self.work / f"{selection.name}.{'numbers' if by_number else 'names'}"
        if not path.exists():
            self.write_list(path, map(self.number if by_number else self.path, selection.places))
        return path

    def parts(self, selection, peer):
        """The records of the shards, as parts of them."""
        path = self.work / f"{selection.name}.parts"
        if not path.exists():
            records = [part for shard in self.image(peer) for part in records_of(shard)]
            self.write_list(path, (records[place] for place in selection.places))
        return path

    def directories(self, selection, peer):
        """The directories of the first files, for a listing; numbered files are in one."""
        count = self.files if peer.by_number else len(selection.places)
        path = self.work / f"{self.first(count).name}.directories"
        names = ["."]
        if count < self.files:
            names = [f"{number:04d}" for number in range(-(-count // IN_DIRECTORY))]
        if not path.exists():
            self.write_list(path, names)
        return path

    @staticmethod
    def write_list(path, names):
        with open(path, "w") as file:
            file.writelines(f"{name}\n" for name in names)


def payload_of(shard):
    """Records and bytes of the payload, as the footer says; footers of ROXXEL01 are what roxfs
    writes."""
    with open(shard, "rb") as file:
        file.seek(-FOOTER.size, os.SEEK_END)
        return FOOTER.unpack(file.read())[:2]


def records_of(shard):
    """Where each record is: the shard's name, start and length."""
    count, payload = payload_of(shard)
    with open(shard, "rb") as file:
        file.seek(payload)
        ends = struct.unpack(f"<{count}q", file.read(8 * count))
    return [f"{shard.name} {start} {end - start}" for start, end in zip((0, *ends), ends)]
