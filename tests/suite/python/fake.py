"""A daemon's side of orders that are handed over, in place of the ioctl of a mount; and samplers like PyTorch's.

It answers in the process that asks, so a process that is forked has a copy of it and one that is spawned a new one.
"""
import errno
import os
import random
import struct

import roxfs

HELLO, GIVE, CLEAR = 0x80409A00, 0x7E989A01, 0x40089A02


class Daemon:
    """`orders` by giver, as far as they were taken; `refuse` is the error number that all but HELLO give, if any."""

    def __init__(self, records=1000, memory=1 << 20):
        self.records, self.memory = records, memory
        self.magic, self.version = b"ROXFSCTL", 1
        self.orders, self.begun, self.refuse = {}, 0, 0
        roxfs._warned.clear()
        roxfs._givers.clear()
        roxfs.fcntl = self

    def used(self):
        return 4 * sum(map(len, self.orders.values()))

    def ioctl(self, descriptor, request, buffer):
        assert os.path.isdir(f"/proc/self/fd/{descriptor}")
        assert isinstance(buffer, bytearray) and len(buffer) == request >> 16 & 0x3FFF
        if request == HELLO:
            struct.pack_into("<8sIIQQQ", buffer, 0, self.magic, self.version, 0, self.records, self.memory, self.used())
            return 0
        if self.refuse:
            raise OSError(self.refuse, os.strerror(self.refuse))
        error = {GIVE: self.give, CLEAR: self.clear}[request](buffer)
        if error:
            raise OSError(error, os.strerror(error))
        return 0

    def give(self, buffer):
        giver, start, count, flags = struct.unpack_from("<QQII", buffer)
        if giver == 0 or count > 2000 or flags > 1 or flags == 1 and start != 0:
            return errno.EINVAL
        numbers = struct.unpack_from(f"<{count}Q", buffer, 24)
        if any(number >= self.records for number in numbers):
            return errno.ERANGE
        if flags == 1:
            self.orders[giver] = []
            self.begun += 1
        elif giver not in self.orders:
            return errno.ESTALE
        if start != len(self.orders[giver]):
            return errno.EINVAL
        if self.used() + 4 * count > self.memory:
            return errno.ENOSPC
        self.orders[giver] += numbers
        return 0

    def clear(self, buffer):
        giver, = struct.unpack("<Q", buffer)
        if giver == 0:
            self.orders.clear()
        self.orders.pop(giver, None)
        return 0

    def order(self):
        """The one order that was handed over."""
        order, = self.orders.values()
        return order


class RandomSampler:
    """A permutation that is drawn, from a generator that is shared, as the first index is asked for; and something
    more is drawn at its end, as PyTorch's does."""

    def __init__(self, count, seed=7):
        self.count, self.source, self.drawn = count, random.Random(seed), 0

    def __iter__(self):
        order = list(range(self.count))
        self.source.shuffle(order)
        self.drawn += 1
        yield from order
        self.source.random()
        self.drawn += 1

    def __len__(self):
        return self.count


class DistributedSampler:
    """Each rank's part of a permutation that epoch and seed decide."""

    def __init__(self, count, ranks, rank):
        self.count, self.ranks, self.rank, self.epoch = count, ranks, rank, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        order = list(range(self.count))
        random.Random(self.epoch).shuffle(order)
        return iter(order[self.rank::self.ranks])

    def __len__(self):
        return len(range(self.rank, self.count, self.ranks))


class BatchSampler:
    """Lists of a sampler's indices."""

    def __init__(self, sampler, batch_size):
        self.sampler, self.batch_size = sampler, batch_size

    def __iter__(self):
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def __len__(self):
        return -(-len(self.sampler) // self.batch_size)


class Forever:
    """Indices without an end; `len` fails in the way that it is told to. Counts those that were taken."""

    def __init__(self, count, error=None):
        self.count, self.error, self.taken = count, error, 0

    def __iter__(self):
        while True:
            self.taken += 1
            yield (self.taken * 7919) % self.count

    def __len__(self):
        raise self.error or TypeError("no length")
