"""What roxfs.py hands over to a daemon, which is played by fake.py, and that training never notices."""
import copy
import errno
import itertools
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import unittest
import warnings
from array import array

import roxfs
from fake import BatchSampler, Daemon, DistributedSampler, Forever, RandomSampler
from roxfs import HintedSampler, hint

HERE = "."


def in_a_process(hinted):
    """Reads an epoch; what the daemon of this process has: givers, and the order."""
    daemon = Daemon()
    epoch = list(hinted)
    return list(daemon.orders), daemon.order() == epoch


class Case(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        # A warning that is not expected is an error.
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("error")
        self.addCleanup(self.caught.__exit__, None, None, None)

    def warned(self, text):
        return self.assertWarnsRegex(roxfs.RoxfsWarning, text)


class Hint(Case):
    def test_takes_what_can_be_iterated(self):
        expected = [999, 0, 5, 5]
        for order in (expected, tuple(expected), iter(expected), array("q", expected), memoryview(array("I", expected)),
                      (n for n in expected), [[999, 0], [5, 5]], dict.fromkeys([999, 0, 5])):
            count = hint(HERE, order)
            self.assertEqual(self.daemon.order(), expected[:count])
            self.assertIn(count, (3, 4))

    def test_takes_arrays_of_numpy(self):
        import numpy
        order = numpy.random.default_rng(7).permutation(1000)
        for kind in ("u8", "i4", "u2"):
            self.assertEqual(hint(HERE, order.astype(kind)), 1000)
            self.assertEqual(self.daemon.order(), list(order))
        self.assertEqual(hint(HERE, list(order[::-1])), 1000)
        self.assertEqual(hint(HERE, order.reshape(10, 100)), 1000)
        self.assertEqual(self.daemon.order(), list(order))

    def test_comes_in_parts_of_any_length(self):
        self.daemon.records = 10_000
        for count in (0, 1, 1999, 2000, 2001, 4000, 9999):
            order = random.Random(count).sample(range(10_000), count)
            self.assertEqual(hint(HERE, order), count)
            self.assertEqual(self.daemon.order(), order)
        self.assertEqual(hint(HERE, order, append=True), 9999)
        self.assertEqual(self.daemon.order(), order + order)
        self.assertEqual(self.daemon.begun, 7)

    def test_of_what_is_no_number_is_an_error(self):
        for order in ([1.5], [None], [1, "2"], [-1], [1 << 64], [{1: 2}], 7):
            with self.assertRaises((TypeError, ValueError), msg=order):
                hint(HERE, order)

    def test_leaves_out_what_is_no_record(self):
        self.assertEqual(hint(HERE, [1, roxfs.NO_RECORD, 2]), 2)
        self.assertEqual(self.daemon.order(), [1, 2])

    def test_of_a_wrong_number_ends_with_its_part(self):
        order = list(range(1000)) * 3
        order[2500] = 1000
        with self.warned(r"^/.*: the order of reading is not handed over: a number is that of no record$"):
            self.assertEqual(hint(HERE, order), 2000)
        self.assertEqual(self.daemon.order(), order[:2000])

    def test_without_an_end_ends_when_memory_is_full(self):
        with self.warned(r"memory for orders is full \(roxfs mount --order-memory\)"):
            self.assertEqual(hint(HERE, itertools.cycle(range(1000))), 262_000)
        # That is said once.
        self.assertEqual(hint(HERE, itertools.cycle(range(1000))), 262_000)

    def test_is_a_warning_where_nothing_takes_orders(self):
        for error, text in ((errno.ENOTTY, "no mount of roxfs"), (errno.EUSERS, "too many programs"),
                            (errno.EIO, "Input/output error"), (errno.EINVAL, "Invalid argument")):
            self.daemon.refuse = error
            with self.warned(text):
                self.assertEqual(hint(HERE, [1]), 0)
            self.assertEqual(hint(HERE, [1]), 0)
        self.daemon = Daemon()
        self.daemon.version = 2
        with self.warned("no mount of roxfs"):
            self.assertEqual(hint(HERE, [1]), 0)
        for path in ("/nowhere/at/all", "/proc/self/fd", b"/etc"):
            with self.warned("^/"):
                self.assertEqual(hint(path, [1]), 0)

    def test_continues_where_the_daemon_has_forgotten_it(self):
        hint(HERE, [1, 2])
        self.daemon.orders.clear()
        self.assertEqual(hint(HERE, [3, 4], append=True), 2)
        self.assertEqual(self.daemon.order(), [3, 4])

    def test_of_a_process_that_was_forked_is_another_one(self):
        hint(HERE, [1, 2])
        if os.fork() == 0:
            hint(HERE, [3], append=True)
            orders = sorted(self.daemon.orders.values())
            roxfs.clear(HERE)
            os._exit(0 if orders == [[1, 2], [3]] and self.daemon.order() == [1, 2] else 1)
        self.assertEqual(os.wait()[1], 0)
        self.assertEqual(hint(HERE, [4], append=True), 1)
        self.assertEqual(self.daemon.order(), [1, 2, 4])

    def test_is_cleared(self):
        hint(HERE, [1, 2])
        list(HintedSampler(range(10), HERE))
        self.assertEqual(len(self.daemon.orders), 2)
        roxfs.clear(HERE)
        roxfs.clear(HERE)
        self.assertEqual(self.daemon.order(), list(range(10)))
        roxfs.clear(HERE, everything=True)
        self.assertEqual(self.daemon.orders, {})
        self.assertEqual(hint(HERE, [3], append=True), 1)


class Sampler(Case):
    def check(self, make, expected, numbers=None, epochs=3):
        """Each epoch is that of the sampler alone, and was handed over, to the last index, before its first one."""
        hinted, alone = HintedSampler(make(), HERE, numbers), make()
        for epoch in range(epochs):
            for sampler in (hinted, alone):
                if hasattr(sampler, "set_epoch"):
                    sampler.set_epoch(epoch)
            iterator = iter(hinted)
            order = [next(iterator)]
            self.assertEqual(self.daemon.order(), expected(list(copy.deepcopy(alone))))
            self.assertEqual(order + list(iterator), list(alone))
        self.assertEqual(self.daemon.begun, epochs)
        self.assertEqual(len(hinted), len(alone))

    def test_hands_over_whole_epochs(self):
        self.check(lambda: RandomSampler(1000), list)

    def test_hands_over_the_part_of_a_rank_by_epoch(self):
        self.check(lambda: DistributedSampler(1000, 4, 3), list)

    def test_hands_over_batches(self):
        self.check(lambda: BatchSampler(RandomSampler(1000), 64), lambda batches: sum(batches, []))

    def test_takes_lists_and_ranges(self):
        self.check(lambda: list(range(100, 0, -1)), list)
        self.daemon = Daemon()
        self.check(lambda: range(7), list)

    def test_translates_indices(self):
        for kind in (list, tuple, lambda numbers: array("Q", numbers), lambda numbers: dict(enumerate(numbers))):
            self.daemon = Daemon()
            numbers = kind(range(999, 899, -1))
            self.check(lambda: RandomSampler(100), lambda order: [999 - i for i in order], numbers)

    def test_draws_at_the_same_moments_as_without(self):
        hinted = HintedSampler(RandomSampler(10), HERE)
        iterator = iter(hinted)
        self.assertEqual(hinted.drawn, 0)
        for _ in range(10):
            next(iterator)
            self.assertEqual(hinted.drawn, 1)
        self.assertEqual(list(iterator), [])
        self.assertEqual(hinted.drawn, 2)
        self.assertEqual(list(hinted), self.daemon.order())

    def test_has_the_attributes_of_the_sampler(self):
        hinted = HintedSampler(DistributedSampler(10, 2, 1), HERE)
        hinted.set_epoch(5)
        self.assertEqual((hinted.epoch, hinted.ranks, len(hinted)), (5, 2, 5))
        self.assertFalse(hasattr(HintedSampler(RandomSampler(3), HERE), "set_epoch"))
        with self.assertRaises(AttributeError):
            hinted.nothing

    def test_without_a_length_is_handed_over_ahead_of_what_is_read(self):
        for error in (None, NotImplementedError(), RuntimeError()):
            self.daemon = Daemon(memory=1 << 30)
            sampler = Forever(1000, error)
            alone = iter(Forever(1000))
            for place, index in enumerate(itertools.islice(HintedSampler(sampler, HERE), 35_000), 1):
                self.assertEqual(index, next(alone))
                ahead = len(self.daemon.order()) - place
                self.assertTrue(10_000 <= ahead < 20_000, ahead)
                self.assertLess(sampler.taken - place, 20_001)
        sampler = Forever(1000)
        hinted = HintedSampler(([index] * 100 for index in sampler), HERE)
        for place, batch in enumerate(itertools.islice(hinted, 350), 1):
            self.assertEqual(batch, [place * 7919 % 1000] * 100)
            self.assertTrue(100 <= sampler.taken - place < 201, sampler.taken)
        short = HintedSampler((n for n in range(10)), HERE)
        self.assertEqual(list(short), list(range(10)))
        with self.assertRaises(TypeError):
            len(short)

    def test_is_read_whole_whatever_length_it_says(self):
        class Wrong(list):
            def __len__(self):
                return self.said
        for said in (0, 5, 10, 11, 10**9, sys.maxsize):
            self.daemon = Daemon()
            wrong = Wrong(range(10))
            wrong.said = said
            self.assertEqual(list(iter(HintedSampler(wrong, HERE))), list(range(10)), said)
            self.assertEqual(self.daemon.order(), list(range(10))[:said])

    def test_is_read_whole_whatever_is_wrong_with_the_order(self):
        for indices, numbers, text in (
                (range(1001), None, "that of no record"), (range(3), [1], "IndexError"),
                (["a", "b"], None, "TypeError"),
                ([0.5], None, "TypeError"), ([-1], None, "ValueError"), ([None], [1], "TypeError"),
                (range(2), {}, "KeyError"), ([1], 7, "TypeError")):
            self.daemon = Daemon()
            hinted = HintedSampler(indices, HERE, numbers)
            with self.warned(text):
                self.assertEqual(list(hinted), list(indices))
            self.assertEqual(list(hinted), list(indices))
        for self.daemon.refuse, text in ((errno.ENOSPC, "--order-memory"), (errno.ENOTTY, "no mount of roxfs")):
            with self.warned(text):
                self.assertEqual(list(HintedSampler(range(3), HERE)), [0, 1, 2])
            endless = itertools.islice(HintedSampler(Forever(9), HERE), 20_000)
            self.assertEqual(list(endless), [7919 * n % 9 for n in range(1, 20_001)])

    def test_keeps_no_descriptor(self):
        before = os.listdir("/proc/self/fd")
        iterator = iter(HintedSampler(Forever(9), HERE))
        next(iterator)
        hint(HERE, [1])
        self.daemon.refuse = errno.ENOSPC
        with self.warned("--order-memory"):
            hint(HERE, [1])
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_errors_of_the_sampler_are_its_own(self):
        def failing():
            yield 1
            raise OSError(errno.ENOTTY, "mine")
        with self.assertRaisesRegex(OSError, "mine"):
            list(HintedSampler(failing(), HERE))

    def test_copies_hand_over_for_themselves(self):
        hinted = HintedSampler(range(5), HERE, [5, 4, 3, 2, 1])
        list(hinted)
        for other in (copy.copy(hinted), copy.deepcopy(hinted), pickle.loads(pickle.dumps(hinted))):
            self.assertEqual(list(other), list(range(5)))
            list(other)
        self.assertEqual(list(self.daemon.orders.values()), [[5, 4, 3, 2, 1]] * 4)

    def test_processes_hand_over_for_themselves(self):
        hinted = HintedSampler(RandomSampler(100), HERE)
        list(hinted)
        givers = list(self.daemon.orders)
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                for found, is_equal in pool.map(in_a_process, [hinted] * 4, 1):
                    self.assertTrue(is_equal)
                    givers += found
        # As workers that persist do, the same process may hand over several times.
        self.assertGreaterEqual(len(set(givers)), 4)


class Imports(Case):
    def test_are_of_the_standard_library_alone(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import roxfs; "
                "print(*(set(sys.modules) - before))")
        python = [sys.executable, "-I", "-c", code, os.path.dirname(roxfs.__file__)]
        loaded = subprocess.run(python, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertIn("roxfs", loaded)
        for name in loaded:
            self.assertTrue(name.split(".")[0] in {*sys.stdlib_module_names, "roxfs"}, name)


if __name__ == "__main__":
    unittest.main()
