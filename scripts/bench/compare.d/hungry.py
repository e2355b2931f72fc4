"""A program that takes much of the memory while others read: does it get it, and what becomes of them?"""

import struct
import subprocess
import sys
import time

import machine
import memory
from mounts import Failed
from passes import Killed
from peers import ROOT

# The limit of memory, times the dataset, and what the program takes, times the limit.
LIMIT = 1.0
TAKES = 0.6
# Epochs are read for this long; the program runs in the second third of it.
SECONDS = 30
STEP = 0.25
# The counters of the reader's processes.
LINE = 64


def rows(run, options):
    return [(f"hungry-{count}", lambda peer, count=count: measure(run, peer, count))
            for count in options.processes_of("hungry")]


def measure(run, peer, processes):
    if peer.slow or peer.is_roxfs and peer.under == "files":
        return
    if not peer.can_read_files and not peer.is_shard:
        return
    try:
        watch(run, peer, processes)
    except (Killed, Failed) as error:
        run.note(f"{peer.name}, hungry-{processes}: {error!r}")


def watch(run, peer, processes):
    """Reader, daemon and the hungry program are under one limit."""
    everything, counters = run.dataset.everything(), run.dataset.work / "counters"
    counters.unlink(missing_ok=True)
    size = int(LIMIT * run.dataset.bytes)
    machine.drop_caches()
    with memory.Limited(size) as limited:
        with run.mounted(peer, limited, timed=False) as (directory, mount):
            swapped = machine.swapped()
            reader = run.reader.start(peer, everything, directory, run.seed(1), processes, limited,
                                      SECONDS, counters)
            timeline, program, asked = [], None, None
            begin = time.monotonic()
            try:
                while reader.poll() is None:
                    time.sleep(STEP)
                    now = time.monotonic() - begin
                    timeline.append((now, files_read(counters, processes)))
                    if program is None and now > SECONDS / 3:
                        asked = now
                        program = take_memory(TAKES * size, SECONDS / 3, limited)
                run.reader.finish(peer, everything, reader)
            finally:
                words = end(program) if program else ""
            figures(run, f"hungry-{processes}", peer, timeline, asked, words)
            run.sample(f"hungry-{processes}", "swapped", peer.name, "MB",
                       (machine.swapped() - swapped) / 1e6)
            run.private(f"hungry-{processes}", peer, mount)


def take_memory(size, seconds, limited):
    script = ROOT / "scripts/bench/compare.d/take_memory.py"
    return subprocess.Popen(
        [sys.executable, "-B", script, str(int(size)), str(seconds)], preexec_fn=limited.join,
        stdout=subprocess.PIPE, text=True)


def end(program):
    """What the program has printed: nothing if it was killed before it had its memory."""
    try:
        program.wait(SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
    return program.communicate()[0].strip()


def files_read(counters, processes):
    content = counters.read_bytes() if counters.exists() else b""
    if len(content) < processes * LINE:
        return 0
    return sum(struct.unpack_from("<Q", content, LINE * number)[0] for number in range(processes))


def figures(run, test, peer, timeline, asked, words):
    """Rates of the three parts, each from its middle on, and the lowest of a second in the second."""
    if asked is None:
        raise Failed("the reader ended before the program began")
    if not words:
        raise Failed("the hungry program did not get its memory")
    third = SECONDS / 3
    parts = {"before": (asked / 2, asked), "while": (asked + third / 2, asked + third),
             "after": (asked + 1.5 * third, asked + 2 * third)}
    for measure, (start, stop) in parts.items():
        run.sample(test, measure, peer.name, "files/s", rate(timeline, start, stop))
    run.sample(test, "lowest", peer.name, "files/s",
               min(rate(timeline, asked + at, asked + at + 1) for at in range(int(third) - 1)),
               asked=asked, released=asked + third, timeline=timeline)
    run.sample(test, "took", peer.name, "s", float(words))


def rate(timeline, start, stop):
    """Files a second between two times."""
    inside = [point for point in timeline if start <= point[0] <= stop]
    if len(inside) < 2:
        return 0
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])
