"""Passes of the reader over a directory, each compared with the plain files."""

import json
import subprocess

import mounts
from peers import VENV, ROOT


LONGEST_PASS = 900


class Different(Exception):
    """A peer gave other bytes than the plain files."""


class Killed(Exception):
    """The reader was killed, as it is when memory runs out."""


class Reader:
    """The compiled program, and the sums that it should give."""

    def __init__(self, program, dataset):
        self.program = program
        self.dataset = dataset
        self.expected = {}

    def run(self, mode, listing, directory, seed=None, first=None, processes=1, order=None,
            limited=None):
        command = [self.program, mode, "-p", str(order.readers if order else processes)]
        command += ["-o", order.numbers, "-t", str(order.turn)] if order else []
        command += ["-s", str(seed)] if seed is not None else []
        command += ["-n", str(first)] if first is not None else []
        try:
            done = subprocess.run(
                [*command, listing, directory], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, preexec_fn=limited.join if limited else None, timeout=LONGEST_PASS)
        except subprocess.TimeoutExpired:
            raise mounts.Failed(
                f"{mode} of {listing} in {directory}: no end after {LONGEST_PASS} s") from None
        if done.returncode == -9:
            raise Killed(mode)
        if done.returncode != 0:
            raise mounts.Failed(done.stderr.strip())
        return json.loads(done.stdout)

    def expect(self, mode, name, listing):
        """Takes the sum of the plain files."""
        if (mode, name) not in self.expected:
            totals = self.run(mode, listing, self.dataset.tree)
            self.expected[mode, name] = {key: totals[key] for key in ("files", "bytes", "sum")}

    def compare(self, mode, name, totals, peer):
        self.compare_with(self.expected[mode, name], f"{mode} of {name}", totals, peer)
        return totals

    @staticmethod
    def compare_with(wanted, what, totals, peer):
        for key, expected in wanted.items():
            if totals[key] != expected:
                raise Different(f"{peer.name}, {what}: {key} is {totals[key]}, of the plain files "
                                f"{expected}")

    def files(self, mode, peer, selection, directory, seed=None, first=None, order=None,
              limited=None, **how):
        """Reads or stats a selection, or the first of a random order of it, or what a known order of
        all has, which is handed over first to a peer that takes it; from a shard itself its records
        are read."""
        seconds = 0
        if order and peer.told_by == "hint":
            seconds = order.hand_over(peer, directory.parent, limited)
        totals = self.run("parts" if peer.is_shard else mode, self.listing(peer, selection, order),
                          directory, seed=seed, first=first, order=order, limited=limited, **how)
        totals["seconds"] += seconds
        return self.compare(mode, part_name(selection, seed, first, order), totals, peer)

    def needs(self, peer, selection, order=None):
        """The files, beside those that are measured, that are read for a pass."""
        files = [self.program, self.listing(peer, selection, order)]
        files += [order.numbers, *order.handed_over] if order else []
        return files + ([peer.program] if peer.program else [])

    def listing(self, peer, selection, order=None):
        """The list of a selection, as the program wants it for a peer."""
        if order and peer.told_by == "view":
            return order.listing
        if peer.is_shard:
            return self.dataset.parts(selection, peer)
        return self.dataset.list(selection, peer.by_number)

    def start(self, peer, selection, directory, seed, processes, limited, seconds, counters):
        """Starts epochs in random order for a time; COUNTERS is a file of what has been read."""
        command = [self.program, "parts" if peer.is_shard else "read", "-p", str(processes),
                   "-s", str(seed), "-d", str(seconds), "-c", counters]
        return subprocess.Popen(
            [*command, self.listing(peer, selection), directory], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=limited.join)

    def finish(self, peer, selection, reader):
        """Waits for these epochs, and compares their sum."""
        out, words = reader.communicate()
        if reader.returncode == -9:
            raise Killed("read")
        if reader.returncode != 0:
            raise mounts.Failed(words.strip())
        totals = json.loads(out)
        expected = self.expected["read", selection.name]
        epochs = totals["epochs"]
        wanted = {"files": epochs * expected["files"], "bytes": epochs * expected["bytes"],
                  "sum": f"{epochs * int(expected['sum'], 16) % 2**64:016x}"}
        self.compare_with(wanted, f"{epochs} epochs", totals, peer)

    def expect_part(self, selection, seed=None, first=None, order=None, processes=1):
        """Takes the sum of a part of a random order of the plain files."""
        key = "read", part_name(selection, seed, first, order)
        if key not in self.expected:
            listing = self.dataset.list(selection, by_number=False)
            totals = self.run("read", listing, self.dataset.tree, seed=seed, first=first, order=order,
                              processes=processes)
            self.expected[key] = {key: totals[key] for key in ("files", "bytes", "sum")}
        # The other list, so that no measurement has to write it.
        self.dataset.list(selection, by_number=True)

    def list(self, peer, selection, directory, order=None):
        """Lists the directories of a selection of the first files, as `ls -lU` does; of a known order
        its views, where a peer is told by them."""
        of_plain = self.dataset.directories(selection, peer)
        listing = order.directories if order and peer.told_by == "view" else of_plain
        return self.compare("list", of_plain.name, self.run("list", listing, directory), peer)

    def prepare(self, peers):
        """All sums that the measurements will ask for, before the first of them."""
        dataset = self.dataset
        for peer in peers:
            for choose in (dataset.in_order, dataset.in_random_order, dataset.cold_in_order,
                           dataset.cold_random):
                self.expect_selection(choose(peer))
            for choose in (dataset.in_order, dataset.cold_in_order, dataset.to_list):
                listing = dataset.directories(choose(peer), peer)
                self.expect("list", listing.name, listing)
        self.expect_selection(dataset.everything())

    def expect_selection(self, selection):
        for mode in ("read", "stat"):
            self.expect(mode, selection.name, self.dataset.list(selection, by_number=False))
        # The other list, so that no measurement has to write it.
        self.dataset.list(selection, by_number=True)

    def roxxel(self, peer, selection, seeds):
        """Passes of the Python package over the shards, one for each seed (None: in order)."""
        script = ROOT / "scripts/bench/compare.d/roxxel_pass.py"
        orders = ["in-order" if seed is None else str(seed) for seed in seeds]
        listing = self.dataset.list(selection, by_number=True)
        done = subprocess.run(
            [VENV / "python", "-B", script, self.dataset.work / "d_*.rox", listing, *orders],
            stdout=subprocess.PIPE, text=True, check=True)
        passes = json.loads(done.stdout)
        for totals in passes["passes"]:
            self.compare("read", selection.name, totals, peer)
        return passes


def part_name(selection, seed, first, order=None):
    """What the sum of the first files of an order is known by: of all of them it is the same in any order."""
    if order and order.count < len(selection.places):
        return f"{selection.name}, {order.spec}"
    if first is None or first >= len(selection.places):
        return selection.name
    return f"{selection.name}, the first {first} of seed {seed}"
