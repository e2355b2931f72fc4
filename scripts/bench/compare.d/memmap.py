"""Random samples of tokens by np.memmap, as language models are trained: from raw/data, and from a shard
itself, which is one plain file, with nothing in memory."""

import subprocess

import machine
from dataset import payload_of
from passes import Different
from peers import ROOT, VENV

SAMPLES = 960
# 1024 tokens of two bytes, as the program takes.
SAMPLE = 2048


def measure(run, peer):
    """Of the first shard; what plain files are elsewhere is here the shard."""
    shards = sorted(run.dataset.work.glob("d_*.rox"))
    if not shards or not (peer.name == "plain" or peer in run.raw_peers.values()):
        return
    size = payload_of(shards[0])[1]
    machine.drop_caches()
    with run.mounted(peer, timed=False) as (directory, mount):
        run.touch_memory()
        path = shards[0] if mount is None else directory.parent / "raw/data"
        before = 0 if mount is None else machine.read_by(mount.process.pid)
        seconds, read, found = samples(run, path, size)
        read += 0 if mount is None else machine.read_by(mount.process.pid) - before
        name = "shard" if mount is None else peer.name
        run.sample("memmap", "time", name, "s", seconds)
        run.sample("memmap", "disk", name, "MB", read / 1e6)
        run.sample("memmap", "bytes", name, "x", read / (SAMPLES * SAMPLE))
        run.private("memmap", peer, mount)
    expected = run.reader.expected.setdefault(("memmap", run.seed(1)), found)
    if found != expected:
        raise Different(f"{peer.name}, np.memmap: the checksum is {found}, of the shard {expected}")


def samples(run, path, size):
    script = ROOT / "scripts/bench/compare.d/memmap_samples.py"
    done = subprocess.run(
        [VENV / "python", "-B", script, path, str(size), str(SAMPLES), str(run.seed(1))], check=True, stdout=subprocess.PIPE, text=True)
    seconds, read, found = done.stdout.split()
    return float(seconds), int(read), found
