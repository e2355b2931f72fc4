"""Runs one loader over the plain directory, then over the mount, and compares every sample.

    compare.py COUNT MODULE ARGUMENT... -- ARGUMENT...

MODULE.load(*arguments) is called twice: with what stands before `--` (the plain directory), and
with what stands after it (the mount). It returns facts (classes, order of the files), which have to
be equal, and an iterable of samples, of which each part has to be equal; COUNT are expected.
MODULE.VERSION says what was tested. Prints version, samples, result and both times in seconds,
separated by tabs.
"""
import hashlib
import importlib
import itertools
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


def main(count, name, *arguments):
    split = arguments.index("--")
    module = importlib.import_module(name)
    plain_facts, plain, plain_seconds = run(module.load, arguments[:split])
    mount_facts, mount, mount_seconds = run(module.load, arguments[split + 1:])
    pairs = enumerate(itertools.zip_longest(plain, mount))
    faults = [f"sample {number}" for number, (ours, theirs) in pairs if ours != theirs]
    if plain_facts != mount_facts:
        faults.insert(0, "classes or files")
    if len(mount) != int(count):
        faults.insert(0, f"{len(mount)} samples instead of {count}")
    if faults:
        print(f"{name}: {len(faults)} differences: {', '.join(faults[:5])}", file=sys.stderr)
    result = "different" if faults else "equal"
    print(module.VERSION, len(mount), result, f"{plain_seconds:.1f}", f"{mount_seconds:.1f}", sep="\t")


# Workers that are spawned import this file too.
if __name__ == "__main__":
    main(*sys.argv[1:])
