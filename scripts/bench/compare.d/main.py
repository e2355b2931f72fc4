"""Makes the datasets, measures all peers in turn, and prints and writes the figures."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import epochs
import hungry
import known
import machine
import measure
import memmap
import memory
import mounts
import options as command_line
import peers
import raw
import report
import slow
from dataset import Dataset
from passes import Different, Reader

# Tests of several rows each, which options choose.
ROWS = {
    "slow": slow.rows, "memory": epochs.rows, "hungry": hungry.rows,
    "known-cold": known.rows(known.cold), "known-slow": known.rows(known.over_slow_storage),
    "known-memory": known.rows(known.in_little_memory), "known-listed": known.rows(known.in_memory),
}
# Those that need a limit of memory.
LIMITED = ("memory", "hungry", "known-memory")


def progress(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def chosen(options, dataset):
    """The peers for a dataset; plain first, as all others are compared with it."""
    names = {"plain", *options.only}
    return [peer for peer in peers.ALL if peer.name in names and dataset not in peer.not_for]


def usable(run, candidates):
    """Mounts each once, and leaves out what this machine or this roxfs cannot do."""
    found = []
    for peer in candidates:
        try:
            peer.check()
            with run.mounted(peer, timed=False) as (directory, mount):
                if not directory.is_dir():
                    raise mounts.Failed(f"the mount has no {peer.under}/")
                if mount is not None and mount.seconds > 1:
                    run.note(f"{peer.name}: the first mount took {mount.seconds:.1f} s "
                             f"(this one may build an index)")
            found.append(peer)
        except (mounts.Failed, OSError) as error:
            run.note(f"{peer.name} is not measured: {error}")
    return found


def make(name, work, options):
    """A dataset with all images."""
    files, mean = command_line.DATASETS[name]
    dataset = Dataset(name, max(1, files // options.scale), mean, work, options,
                      is_even=name not in command_line.UNEVEN)
    progress(f"{name}: making {dataset.files:,} files")
    dataset.make_tree()
    for peer in chosen(options, name):
        dataset.make_image(peer)
    os.sync()
    return dataset


def steps(options, run):
    """The measurements in order: names, and functions of a peer."""
    result = []
    for name in command_line.tests_of(options, run.dataset.name):
        if name in ROWS:
            result += ROWS[name](run, options)
            continue
        if name in ("listed", "random"):
            test = measure.listed if name == "listed" else measure.in_random_order
            for count in options.processes_of(name):
                result.append((f"{name}, processes: {count}",
                               lambda peer, test=test, count=count: test(run, peer, count)))
            continue
        test = {"mount": measure.mount, "listing": measure.listing, "growth": measure.growth,
                "raw": raw.measure, "cold": measure.cold, "partial": measure.partial,
                "memmap": memmap.measure}[name]
        result.append((name, lambda peer, test=test: test(run, peer)))
    return result


def measure_rounds(run, options, measured):
    """Each round has all tests, each test all peers; another peer begins in each round."""
    limited = set(LIMITED) & set(command_line.tests_of(options, run.dataset.name))
    reason = memory.why_not() if limited else None
    if reason:
        run.note(f"{', '.join(sorted(limited))}: not measured: no memory cgroup: {reason}")
    for run.round in range(options.rounds):
        begin = run.round % len(measured)
        for name, step in steps(options, run):
            if name.startswith(LIMITED) and reason:
                continue
            took = {peer.name: timed(step, peer) for peer in measured[begin:] + measured[:begin]
                    if (known.takes_part(peer) if name.startswith("known-") else not peer.told_by)}
            if name == "cold" and run.raw_peers:
                raw.disk_speed(run)
            longest = max(took, key=took.get)
            progress(f"{run.dataset.name}, round {run.round + 1} of {options.rounds}: {name}: "
                     f"{sum(took.values()):.0f} s, of these {took[longest]:.0f} for {longest}")


def timed(step, peer):
    begin = time.monotonic()
    try:
        step(peer)
    except BaseException:
        progress(f"ended while {peer.name} was measured")
        raise
    return time.monotonic() - begin


def measure_dataset(name, work, program, options):
    """Makes and measures one dataset."""
    dataset = make(name, work, options)
    reader = Reader(program, dataset)
    run = measure.Run(dataset, reader, options)
    measured = usable(run, chosen(options, name))
    for peer in filter(lambda peer: peer.is_roxfs, measured):
        run.raw_peers.setdefault(peer.name.split("-")[0], peer)
    reader.prepare(measured)
    measure_rounds(run, options, measured)
    return run


def remove(directory):
    """Never what is mounted below it."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(directory)], check=False)


def versions(options):
    names = {peer.name for name in options.dataset for peer in chosen(options, name)}
    return {peer.name: peer.version() for peer in peers.ALL if peer.name in names and peer.version()}


def write_json(path, about, runs):
    content = {**about, "datasets": [], "samples": []}
    for run in runs:
        dataset = run.dataset
        content["datasets"].append({
            "name": dataset.name, "files": dataset.files, "bytes": dataset.bytes,
            "made": [dataclasses.asdict(made) for made in dataset.made], "notes": run.notes})
        content["samples"] += run.samples
    with open(path, "w") as file:
        json.dump(content, file, indent=1)


def draw(program, figures, path):
    script = peers.ROOT / "scripts/bench/compare.d" / program
    if subprocess.run([peers.VENV / "python", "-B", script, figures, path]).returncode != 0:
        sys.exit(1)


def run_all(options, work, program):
    about = {"machine": machine.describe(work), "versions": versions(options),
             "options": vars(options)}
    print("# roxfs and its peers\n")
    print(report.render_machine(about["machine"], about["versions"]))
    print(f"\n{options.rounds} rounds. {report.LEGEND}" if options.rounds > 1
          else f"\nOne round. {report.LEGEND}", flush=True)
    runs = []
    for name in options.dataset:
        place = work / name
        place.mkdir()
        runs.append(measure_dataset(name, place, program, options))
        remove(place)
        print(f"\n{report.render_dataset(runs[-1])}", flush=True)
        if options.json:
            write_json(options.json, about, runs)
    for program, path in (("plot.py", options.plot), ("hungry_plot.py", options.plot_hungry)):
        if path:
            figures = work / "figures.json"
            write_json(figures, about, runs)
            draw(program, figures, path)


def main():
    program, *arguments = sys.argv[1:]
    options = command_line.parse(arguments)
    mounts.exit_on_signals()
    work = Path(tempfile.mkdtemp(prefix="roxfs-compare.", dir=options.work)).resolve()
    begin = time.monotonic()
    try:
        run_all(options, work, program)
    except (Different, mounts.Failed) as error:
        sys.exit(f"compare: {type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        mounts.unmount_all()
        remove(work)
        progress(f"{time.monotonic() - begin:.0f} s in all")


main()
