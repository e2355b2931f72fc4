"""What each program reads out of an archive: names and contents of its files, or that it fails."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

PYTHON = """
import sys, tarfile
with tarfile.open(sys.argv[1], "r:", ignore_zeros=sys.argv[3] == "joined") as archive:
    archive.errorlevel = 1
    archive.extractall(sys.argv[2], **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
"""
MACOS = "--no-mac-metadata"


class Readers:
    """GNU tar, bsdtar, Python's tarfile and roxfs."""

    PEERS = ("GNU tar", "bsdtar", "Python")

    def __init__(self, roxfs, work):
        self.roxfs = roxfs
        self.work = work

    def read_all(self, archive):
        """What the peers read of (name, path, whether it is joined), and roxfs with exit code and message."""
        _, path, joined = archive
        peers = [self.read(peer, path, joined)[0] for peer in self.PEERS]
        return peers, *self.read_roxfs(path)

    def read(self, reader, archive, joined):
        """(files, what it said): files are None where it fails."""
        out = tempfile.mkdtemp(dir=self.work)
        try:
            done = getattr(self, reader.replace(" ", "_"))(archive, out, joined)
            said = done.stderr.decode(errors="replace").strip()
            if done.returncode == 0 or "nothing to pack: there are no records" in said:
                return found(f"{out}/x"), said
            return None, said or f"exit code {done.returncode}"
        finally:
            shutil.rmtree(out)

    def GNU_tar(self, archive, out, joined):
        os.mkdir(f"{out}/x")
        more = ["-i"] if joined else []
        return run("tar", *more, "-xf", archive, "-C", f"{out}/x", "--no-same-owner", "--warning=no-timestamp", "--delay-directory-restore")

    def bsdtar(self, archive, out, joined):
        os.mkdir(f"{out}/x")
        more = ["--options", "read_concatenated_archives"] if joined else []
        return run("bsdtar", *more, "-xf", archive, "-C", f"{out}/x", "--no-same-owner", MACOS)

    def Python(self, archive, out, joined):
        os.mkdir(f"{out}/x")
        return run(sys.executable, "-c", PYTHON, archive, f"{out}/x", "joined" if joined else "")

    def read_roxfs(self, archive):
        """(files, exit code, what it said)."""
        out = tempfile.mkdtemp(dir=self.work)
        try:
            os.mkdir(f"{out}/x")
            done = run(self.roxfs, "pack", "-q", "--from", "tar", "-o", f"{out}/d.rox", archive)
            said = done.stderr.decode(errors="replace").strip()
            if done.returncode == 1 and "nothing to pack: there are no records" in said:
                return {}, 0, said
            if done.returncode != 0:
                return None, done.returncode, said
            run(self.roxfs, "extract", "-q", "-o", f"{out}/x", f"{out}/d.rox", check=True)
            return found(f"{out}/x"), 0, said
        finally:
            shutil.rmtree(out)


def run(*command, check=False):
    environment = dict(os.environ, LC_ALL="C.UTF-8", PYTHONUTF8="1")
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=environment, timeout=60, check=check)


def found(top):
    """The regular files below a directory: path to size and hash."""
    files = {}
    for directory, _, names in os.walk(os.fsencode(top)):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            files[os.path.relpath(path, os.fsencode(top))] = (len(content), hashlib.sha256(content).hexdigest())
    return files
