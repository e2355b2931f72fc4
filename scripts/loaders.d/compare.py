"""Runs one loader over the plain directory and over the mount, each with nothing in memory and again, and
compares every sample.

    compare.py COUNT MODULE ARGUMENT... -- ARGUMENT...

MODULE.load(*arguments) is called with what stands before `--` (the plain directory), and with what
stands after it (the mount, which nothing has read yet). It returns facts (classes, order of the files), which have to
be equal, and an iterable of samples, of which each part has to be equal; COUNT are expected.
MODULE.VERSION says what was tested. Before the clock starts it is called once with the plain directory,
so that all of its own code has been loaded. Prints version, samples, result and the times in seconds:
of the plain directory cold and warm, and of the mount cold and warm; separated by tabs. Dropping
the kernel's caches needs root, or sudo.
"""
import hashlib
import importlib
import itertools
import os
import subprocess
import sys
import time

import numpy as np


def digest(sample):
    """A hash of all parts of a sample: arrays with their shapes and types, and plain values."""
    state = hashlib.sha256()
    for part in sample:
        if not isinstance(part, (str, int)):
            part = np.ascontiguousarray(part)
            state.update(f"{part.dtype}{part.shape}".encode() + part.tobytes())
        else:
            state.update(repr(part).encode() + b"\0")
    return state.digest()


def run(load, arguments):
    start = time.monotonic()
    facts, samples = load(*arguments)
    digests = [digest(sample) for sample in samples]
    return facts, digests, time.monotonic() - start


def drop_caches():
    """Nothing of files is in memory any more, but what programs have mapped."""
    os.sync()
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*sudo, "tee", "/proc/sys/vm/drop_caches"], input=b"3", check=True,
                   stdout=subprocess.DEVNULL)


def differences(expected, found, count):
    """What is wrong with facts and digests of a run, in words."""
    pairs = enumerate(itertools.zip_longest(expected[1], found[1]))
    faults = [f"sample {number}" for number, (ours, theirs) in pairs if ours != theirs]
    if expected[0] != found[0]:
        faults.insert(0, "classes or files")
    if len(found[1]) != count:
        faults.insert(0, f"{len(found[1])} samples instead of {count}")
    return faults


def main(count, name, *arguments):
    split = arguments.index("--")
    module = importlib.import_module(name)
    plain, mount = arguments[:split], arguments[split + 1:]
    expected = run(module.load, plain)
    drop_caches()
    found = [run(module.load, which) for which in (plain, plain, mount, mount)]
    faults = [fault for each in found for fault in differences(expected, each, int(count))]
    if faults:
        print(f"{name}: {len(faults)} differences: {', '.join(faults[:5])}", file=sys.stderr)
    result = "different" if faults else "equal"
    seconds = [f"{each[2]:.1f}" for each in found]
    print(module.VERSION, len(found[-1][1]), result, *seconds, sep="\t")


# Workers that are spawned import this file too.
if __name__ == "__main__":
    main(*sys.argv[1:])
