"""Slow storage: a dataset's directory, each request for it answered after a delay."""

import struct
from dataclasses import dataclass

import peers
from mounts import Mount

PROGRAM = peers.ROOT / "target/bench-slow-storage"
COUNTERS = struct.Struct("<QQQ")


@dataclass(frozen=True)
class Counted:
    """Requests that were delayed, those of them that read, and the bytes read."""

    requests: int
    reads: int
    bytes: int

    def __sub__(self, other):
        return Counted(self.requests - other.requests, self.reads - other.reads,
                       self.bytes - other.bytes)


class Slow:
    """A mount of `work` at a directory beside it; nothing of it is in the kernel's caches yet.

    It is a server: it belongs to no memory limit, and should have in memory what it serves."""

    def __init__(self, work, milliseconds):
        self.counters = work.parent / f"{work.name}.counters"
        self.directory = work.parent / f"{work.name}.slow"
        command = [PROGRAM, work, self.directory, round(1000 * milliseconds), self.counters]
        self.mount = Mount(self.directory, lambda mount: mount.serve([str(w) for w in command]),
                           work.parent / f"{work.name}.slow.log")

    def counted(self):
        return Counted(*COUNTERS.unpack(self.counters.read_bytes()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mount.unmount()
