"""The machine: what it is, its page cache, and what its disk has read."""

import mmap
import os
import platform
import resource
import subprocess

SECTOR = 512
PIECE = 1 << 20


def describe(work):
    """One line of what matters to the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kind = run("findmnt", "-n", "-o", "FSTYPE", "-T", str(work))
    return {
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "memory": f"{memory:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "plain files on": kind,
        "readahead of the disk": readahead(work),
    }


def readahead(path):
    """What the kernel reads at once of a file on the disk under `path`: of mapped files by far too much
    where it has been raised."""
    device = os.stat(path).st_dev
    try:
        with open(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb") as file:
            return f"{file.read().strip()} KiB"
    except OSError:
        return "not known"


def cpu_model():
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return models[0] if models else platform.machine()


def run(*command):
    """What a command prints; an error if it fails."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def package_version(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package)


def warm(paths):
    """Reads files, so that the page cache has them."""
    buffer = bytearray(PIECE)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def drop_caches(what=3):
    """Empties the page cache (1), the caches of names and attributes (2), or both (3)."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write(str(what))


def touch(size):
    """Uses so much free memory once. What a virtual machine has not used for some seconds may be
    with its host, and the first to use it again waits for that: it must not be who is measured."""
    zeros = bytes(PIECE)
    with mmap.mmap(-1, max(PIECE, min(size, free_memory() // 2))) as area:
        for at in range(0, len(area) // PIECE * PIECE, PIECE):
            area[at:at + PIECE] = zeros


def free_memory():
    with open("/proc/meminfo") as info:
        for line in info:
            if line.startswith("MemFree:"):
                return int(line.split()[1]) * 1024
    return 0


def disk_read(path):
    """Bytes that the disk under `path` has read since it is there; None where that is not known."""
    device = os.stat(path).st_dev
    try:
        with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat") as file:
            return int(file.read().split()[2]) * SECTOR
    except OSError:
        return None


def read_by(process):
    """Bytes that a process has had the disk read, its threads too."""
    with open(f"/proc/{process}/io") as counts:
        return next(int(line.split()[1]) for line in counts if line.startswith("read_bytes:"))


def read_by_children():
    """Bytes that the programs this one has started and waited for have had the disk read."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock * SECTOR


def private_memory(process):
    """Bytes of a process's own memory: mapped files belong to the page cache."""
    with open(f"/proc/{process}/status") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return None


def swapped():
    """Bytes that the machine has written to swap space and read from it since it runs."""
    with open("/proc/vmstat") as counts:
        found = dict(line.split() for line in counts)
    return mmap.PAGESIZE * (int(found["pswpout"]) + int(found["pswpin"]))
