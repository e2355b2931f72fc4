"""roxfs.py on mounts: mounted.py MOUNT OTHER_MOUNT PLAIN DEAD_MOUNT.

MOUNT and OTHER_MOUNT are of the dataset that PLAIN was packed into, and take 1 MiB of orders; DEAD_MOUNT is one whose
daemon was killed. Prints how many records were handed over or found.
"""
import itertools
import multiprocessing
import os
import random
import struct
import sys
import warnings
from pathlib import Path

import roxfs
from fake import BatchSampler, DistributedSampler, RandomSampler
from roxfs import NO_RECORD, HintedSampler, RoxfsWarning, clear, hint, numbers

mount, other, plain, dead = map(Path, sys.argv[1:])
records = sorted(os.listdir(mount / "records"))
count = len(records)


def used(path=mount):
    """Bytes of memory that orders take."""
    root, answer = os.open(path, os.O_RDONLY), bytearray(64)
    roxfs.fcntl.ioctl(root, 0x80409A00, answer)
    os.close(root)
    assert struct.unpack_from("<Q", answer, 16) == (count,)
    return struct.unpack_from("<Q", answer, 32)[0]


def content(number):
    return (mount / "records" / records[number]).read_bytes()


def warned(text, work):
    """What `work` returns; it has to warn of this, once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        roxfs._warned.clear()
        result = work()
        assert result == work()
    assert [each.category for each in caught] == [RoxfsWarning], caught
    assert text in str(caught[0].message), caught[0].message
    return result


def files_have_numbers():
    files = sorted(path for path in (mount / "files").glob("*/*"))
    found = numbers(files)
    assert sorted(found) == list(range(count))
    for path, number in zip(files, found):
        assert path.read_bytes() == content(number) == (plain / path.relative_to(mount / "files")).read_bytes()
    # As of ImageFolder; in any order; some of a large directory; again, relative, as bytes, through a link.
    assert numbers([(str(path), 7) for path in files]) == found
    order = random.sample(range(count), count)
    assert list(numbers(files[place] for place in order)) == [found[place] for place in order]
    assert numbers(files[:3] + files[:3]) == found[:3] + found[:3]
    os.chdir(mount / "records")
    assert list(numbers(records)) == list(numbers([b"./" + name.encode() for name in records])) == list(range(count))
    assert list(numbers(["42.bin", "0.bin"])) == [42, 0]
    os.chdir("/")
    view = mount / "views/shuffle=7"
    assert [content(number) for number in numbers(view.iterdir())] == [path.read_bytes() for path in view.iterdir()]
    link = plain.parent / "link"
    link.symlink_to(mount / "records")
    assert list(numbers([link / name for name in records])) == list(range(count))
    folder = plain.parent / "links"
    folder.mkdir()
    for number in range(150):
        (folder / str(number)).symlink_to(files[number])
    assert list(numbers([folder / str(number) for number in range(150)], mount)) == list(found[:150])
    assert list(numbers([])) == []
    return len(found)


def others_have_none(path=plain):
    good = [mount / "records" / name for name in records]
    wrong = [plain, mount, mount / "raw/data", mount / "files", other / "records" / records[0], "/nowhere/1", "", "\0",
             *plain.glob("*/*"), *(other / "records" / name for name in records)]
    text = f"{len(wrong):,} of {len(wrong) + count:,} paths are no records of it, as '{plain}'"
    found = warned(text, lambda: numbers(good + wrong))
    assert list(found) == [*range(count), *[NO_RECORD] * len(wrong)]
    assert warned(text, lambda: hint(mount, good + wrong)) == count
    for root in (plain, "/nowhere/at/all", "/proc/self", dead):
        found = warned("is not handed over: ", lambda: numbers([plain / "x", *good], root))
        assert set(found) == {NO_RECORD}
        assert warned("is not handed over: ", lambda: hint(root, [1])) == 0
        assert warned("is not handed over: ", lambda: list(HintedSampler(range(9), root))) == list(range(9))
        assert warned("is not handed over: ", lambda: clear(root, everything=True)) is None
    return len(wrong)


def orders_are_taken_and_taken_back():
    assert used() == 0
    order = random.sample(range(count), count)
    for given in (order, [mount / "records" / records[number] for number in order], [[n] for n in order], iter(order)):
        assert hint(mount / "files", given) == count
        assert used() > 0
        clear(mount / "files")
        assert used() == 0
    assert hint(mount, order) == hint(mount, [], append=True) + count == count
    assert hint(mount, order, append=True) == count
    assert hint(mount, []) == 0 == used()
    for wrong in (count, 2**40, 2**64 - 2):
        assert warned("a number is that of no record", lambda: hint(mount, [*range(count)] * 9 + [wrong])) >= 2000
    taken = warned("the memory for orders is full", lambda: hint(mount, itertools.cycle(order)))
    assert used() // 4 - 2000 < taken <= used() // 4 <= 256 << 10, taken
    assert used(other) == 0
    clear(mount, everything=True)
    assert used() == 0
    return taken


def in_a_process(hinted):
    before = used()
    epoch = list(hinted)
    assert used() > before
    assert sorted(sum(epoch, []) if isinstance(epoch[0], list) else epoch) == list(range(count))
    hint(mount, range(count))
    clear(mount)
    return len(epoch)


def processes_hand_over_for_themselves():
    """Their orders are there together, and stay when they have ended."""
    hinted = HintedSampler(BatchSampler(RandomSampler(count), 64), mount)
    list(hinted)
    one = used()
    for method in ("fork", "spawn"):
        before = used()
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(in_a_process, [hinted]) == [len(hinted)]
        assert used() == before + one, (used(), before, one)
    ranks = [HintedSampler(DistributedSampler(count, 2, rank), mount) for rank in range(2)]
    before = used()
    for rank in ranks:
        rank.set_epoch(5)
    assert sorted(itertools.chain(*ranks)) == list(range(count))
    assert used() > before + one
    clear(mount, everything=True)
    return count


def records_are_read_in_an_order_that_was_handed_over():
    files = sorted(str(path) for path in (mount / "files").glob("*/*"))
    hinted = HintedSampler(RandomSampler(count), mount, numbers(files))
    for _ in range(3):
        for index in hinted:
            path = Path(files[index])
            assert path.read_bytes() == (plain / path.relative_to(mount / "files")).read_bytes()
    clear(mount, everything=True)
    return count


if __name__ == "__main__":
    # A warning that is not expected is an error.
    warnings.simplefilter("error")
    for work in (files_have_numbers, others_have_none, orders_are_taken_and_taken_back,
                 processes_hand_over_for_themselves, records_are_read_in_an_order_that_was_handed_over):
        clear(mount, everything=True)
        print(work.__name__, work())
    assert "numpy" not in sys.modules and "torch" not in sys.modules
