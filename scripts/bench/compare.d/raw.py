"""raw/data against the shard that it shows: dd, fio and np.memmap, in bytes per second."""

import json
import re
import subprocess

from dataset import payload_of
from mounts import Failed
from peers import ROOT, VENV

PIECE = 1 << 20
# How much fio reads at random places of 4 KiB and of 128 KiB.
RANDOM_4K = 64 << 20
RANDOM_128K = 512 << 20


def measure(run, peer):
    """Each program twice over a fresh mount, and twice over the shard."""
    if peer not in run.raw_peers.values():
        return
    where = "raw/data" if peer is run.raw_peers.get("roxfs") else "raw/data before"
    shard = run.dataset.image(peer)[0]
    size = payload_of(shard)[1] // PIECE * PIECE
    if size == 0:
        return run.note("raw: the shard is too small")
    for name, program in PROGRAMS.items():
        run.dataset.warm(peer)
        run.touch_memory()
        results = [twice(run, name, "shard", program, shard, size)]
        with run.mounted(peer) as (directory, _):
            results.append(twice(run, name, where, program, directory.parent / "raw/data", size))
        if results[0] != results[1]:
            raise Failed(f"{name}: raw/data gives {results[1]}, the shard {results[0]}")


def twice(run, name, where, program, path, size):
    """Notes the speed of both passes; returns what the program found."""
    for number in ("first", "second"):
        seconds, amount, found = program(path, size)
        run.sample("raw", f"{name}-{number}", where, "MB/s", amount / seconds / 1e6,
                   bytes=amount, seconds=seconds)
    return found


def dd(path, size, *flags):
    """In order, by 1 MiB."""
    done = subprocess.run(
        ["dd", f"if={path}", "of=/dev/null", f"bs={PIECE}", f"count={size // PIECE}", *flags],
        check=True, stderr=subprocess.PIPE, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    amount, seconds = re.search(r"^(\d+) bytes.* copied, ([\d.e+-]+) s", done.stderr, re.M).groups()
    return float(seconds), int(amount), int(amount)


def fio(how, block, most=None):
    """The same places each time; what is cached stays so."""
    def program(path, size):
        command = [
            "fio", "--name=raw", f"--filename={path}", "--readonly", f"--rw={how}",
            f"--bs={block}", "--ioengine=psync", f"--size={size}", "--invalidate=0",
            "--randrepeat=1", "--allow_file_create=0", "--output-format=json"]
        command += [f"--io_size={min(size, most)}"] if most else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        read = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]["read"]
        # The rate is in whole bytes; the time alone would be in whole milliseconds.
        return read["io_bytes"] / read["bw_bytes"], read["io_bytes"], read["io_bytes"]
    return program


def memmap(path, size):
    """The sum of an array over it."""
    script = ROOT / "scripts/bench/compare.d/memmap_sum.py"
    done = subprocess.run([VENV / "python", "-B", script, path, str(size)], check=True,
                          stdout=subprocess.PIPE, text=True)
    seconds, total = done.stdout.split()
    return float(seconds), size, total


PROGRAMS = {
    "dd": dd,
    "fio-sequential": fio("read", "128k"),
    "fio-random-4k": fio("randread", "4k", RANDOM_4K),
    "fio-random-128k": fio("randread", "128k", RANDOM_128K),
    "memmap": memmap,
}


def disk_speed(run):
    """How fast the disk itself gives the shard: past the page cache, where that can be."""
    path = run.dataset.image(next(iter(run.raw_peers.values())))[0]
    try:
        seconds, amount, _ = dd(path, path.stat().st_size, "iflag=direct")
    except subprocess.CalledProcessError:
        return
    run.sample("disk", "direct", "dd iflag=direct", "MB/s", amount / seconds / 1e6)
