"""A memory limit for a daemon and its readers: a memory cgroup of version 1 or 2."""

import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Limited:
    """A new cgroup with a limit in bytes; ends with the `with` block."""

    def __init__(self, limit):
        self.limit = limit
        self.version_1 = (ROOT / "memory" / "memory.limit_in_bytes").exists()
        parent = ROOT / "memory" if self.version_1 else ROOT
        self.path = parent / f"roxfs-compare-{os.getpid()}"

    def __enter__(self):
        if self.version_1:
            self.path.mkdir()
            self.set("memory.limit_in_bytes", self.limit)
        else:
            if "memory" not in (ROOT / "cgroup.subtree_control").read_text().split():
                (ROOT / "cgroup.subtree_control").write_text("+memory")
            self.path.mkdir()
            self.set("memory.max", self.limit)
            if (self.path / "memory.swap.max").exists():
                self.set("memory.swap.max", 0)
        return self

    def set(self, name, value):
        (self.path / name).write_text(str(value))

    def join(self):
        """Puts the calling process in; to be called in a child before it runs its program."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def __exit__(self, *_):
        # Its processes have ended, but may still be on their way out.
        for _ in range(100):
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.05)
        self.path.rmdir()


def why_not():
    """Why no limit can be set here; None if one can."""
    try:
        with Limited(1 << 30):
            return None
    except OSError as error:
        return str(error)
