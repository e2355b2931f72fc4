"""The peers: how each one's image is made and mounted, and where its files are."""

import errno
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import machine
from mounts import Failed, Mount

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / "target/venv/bench/bin"
ROXFS = os.environ["ROXFS"]
# An earlier roxfs, if there is one to compare with.
BEFORE = os.environ.get("BEFORE")
PACK = '"$ROXFS" pack -q -o d.rox tree'
# The contents are random: looking for duplicates would find none, and of a million
# files takes more than ten minutes.
SQUASH = "mksquashfs tree d.squashfs -noI -noD -noF -noX -no-duplicates -no-progress -quiet"


@dataclass(frozen=True)
class Peer:
    """One way to have the dataset."""

    name: str
    # Makes the image, in the dataset's directory; the plain files are in `tree`.
    make: str = ""
    # The image's files, as a pattern.
    image: str = ""
    # Mounts it; None where there is nothing to mount.
    start: Callable[[Mount, Path], None] | None = None
    # Where the files are in the mount.
    under: str = "."
    # Files have numbers, not names.
    by_number: bool = False
    # How it is told the order of an epoch: "view" or "hint". Measured only where that is known.
    told_by: str = ""
    # The roxfs that serves it.
    program: str | None = None
    # Measured on a part of the files.
    slow: bool = False
    # Datasets it is left out of.
    not_for: tuple = ()
    version: Callable[[], str] = lambda: ""

    @property
    def is_roxfs(self):
        return self.name.startswith(("roxfs-", "before-"))

    @property
    def is_shard(self):
        """Whether its files are parts of a shard, read from the shard itself."""
        return self.name == "shard"

    @property
    def is_mount(self):
        return self.start is not None

    @property
    def can_read_files(self):
        """Whether any program can read its files."""
        return self.name not in ("roxxel", "shard")

    def check(self):
        """Orders are handed over by a command that an earlier roxfs does not have."""
        if self.told_by == "hint" and subprocess.run(
                [self.program, "hint", "--help"], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            raise Failed(f"{self.program} has no command hint")

    def mount(self, dataset, images, limited=None):
        """A fresh mount; `images` is the dataset's directory, or that on slow storage."""
        return Mount(dataset.work / "mnt", lambda mount: self.start(mount, images),
                     dataset.work / "daemon.log", limited)


def serve(*command):
    """Starts a daemon: the directories of the images and for an index, and the mount point are
    filled in."""
    def start(mount, images):
        paths = {"images": images, "index": mount.directory.parent, "mnt": mount.directory}
        mount.serve([str(word).format(**paths) for word in command])
    return start


def squashfs(mount, images):
    mount.mount_loop("squashfs", images / "d.squashfs")


def erofs(mount, images):
    """Kernels before 6.12 have no mounts of a file, and want a loop device."""
    image = images / "d.erofs"
    try:
        mount.mount_image("erofs", image)
    except OSError as error:
        if error.errno != errno.ENOTBLK:
            raise
        mount.mount_loop("erofs", image)


def debian(package):
    return lambda: f"{package} {machine.package_version(package)}"


def python_package(package):
    code = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    return lambda: f"{package} {machine.run(str(VENV / 'python'), '-c', code)}"


def kernel(tools):
    return lambda: f"in the kernel; {debian(tools)()}"


def roxfs(name, program):
    """Both trees of a roxfs, and the ways to tell it an order, over the same shards."""
    def tree(under, by_number=True, told_by=""):
        return Peer(
            f"{name}-{told_by or under}", make=PACK, image="d_*.rox", under=under,
            by_number=by_number, told_by=told_by, program=program, start=serve(program, "mount", "-f", "{images}/d.rox", "{mnt}"),
            version=lambda: machine.run(program, "--version"))
    return [
        tree("records"), tree("files", by_number=False),
        tree("views", told_by="view"), tree("records", told_by="hint"),
    ] if program else []


ALL = [
    Peer("plain"),
    Peer("shard", make=PACK, image="d_*.rox", by_number=True),
    *roxfs("roxfs", ROXFS),
    *roxfs("before", BEFORE),
    Peer("erofs", make="mkfs.erofs --quiet d.erofs tree", image="d.erofs", start=erofs,
         version=kernel("erofs-utils")),
    Peer("squashfs", make=SQUASH, image="d.squashfs", start=squashfs,
         version=kernel("squashfs-tools")),
    Peer("squashfuse", make=SQUASH, image="d.squashfs", version=debian("squashfuse"),
         start=serve("squashfuse_ll", "-f", "{images}/d.squashfs", "{mnt}")),
    Peer("fuse-zip", make="cd tree && zip -0 -q -X -@ ../d.zip <../names.list", image="d.zip",
         start=serve("fuse-zip", "-f", "-r", "{images}/d.zip", "{mnt}"), slow=True,
         not_for=("100b",), version=debian("fuse-zip")),
    Peer("ratarmount", make="tar cf d.tar --sort=name -C tree .", image="d.tar",
         start=serve(VENV / "ratarmount", "-f", "--index-file", "{index}/d.tar.index",
                     "{images}/d.tar", "{mnt}"),
         slow=True, version=python_package("ratarmount")),
    Peer("roxxel", make=PACK, image="d_*.rox", by_number=True,
         version=python_package("roxxel")),
]
