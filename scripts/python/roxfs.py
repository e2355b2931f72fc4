"""Hands the order that records will be read in to a mount of roxfs, which then prepares them ahead.

    from roxfs import HintedSampler, numbers

    dataset = ImageFolder("/mnt/ds/files")
    sampler = HintedSampler(RandomSampler(dataset), "/mnt/ds", numbers(dataset.samples))
    loader = DataLoader(dataset, batch_size=64, sampler=sampler, num_workers=4)

One file, for Linux and Python 3.8 or newer, which imports nothing but the standard library: not even PyTorch or
NumPy, whose samplers and arrays it takes.

An order is a hint. Where it cannot be handed over (a plain directory, a daemon that takes no orders, one whose
memory for orders is full), this is a RoxfsWarning, once for each mount and reason, and all is read as it would be
without. A mount is named by its mount point, or by any path in it.
"""
from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import operator
import os
import struct
import warnings
from array import array
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

__all__ = ["NO_RECORD", "HintedSampler", "RoxfsWarning", "clear", "hint", "numbers"]

AnyPath = Union[str, bytes, "os.PathLike[str]"]

NO_RECORD = 2**64 - 1
"""Stands for what is no record, in what `numbers` returns; it is not handed over."""

# The requests, by ioctl on the mount's root directory: their numbers, and their buffers (src/order/handed.md).
_HELLO, _GIVE, _CLEAR = 0x80409A00, 0x7E989A01, 0x40089A02
_HELLO_FORM = struct.Struct("<8sIIQQQ24x")  # magic, version, zero, records, memory for orders, used of it
_MAGIC, _VERSION = b"ROXFSCTL", 1
_PART = 2000  # record numbers in one GIVE, at most
_GIVE_FORM = struct.Struct(f"<QQII{8 * _PART}x")  # giver, start, count, flags; then the numbers
_BEGIN = 1  # flag: instead of what was handed over before
_CLEAR_FORM = struct.Struct("<Q")  # giver

_FIRST_RECORD = 16  # inode number of record 0
# With more paths than this in one directory, its entries are listed, each in half the time of a lookup.
_FEW = 100
# Indices that are taken at once from a sampler that does not say how many it has, or more than the longest epoch:
# a few seconds of reading. A whole epoch takes 8 bytes an index, or 40 where nothing else holds its numbers.
_AHEAD = 10_000
_LONGEST_EPOCH = 100_000_000


class RoxfsWarning(UserWarning):
    """An order was not handed over, or not all of it. Everything is read as without it."""


class _Refused(Exception):
    """A mount does not take what it was handed, or is no mount of roxfs."""

    def __init__(self, error: OSError) -> None:
        self.errno = error.errno
        reasons = {
            errno.ENOTTY: "it is no mount of roxfs, or of a version that takes no orders",
            errno.ENOSPC: "the memory for orders is full (roxfs mount --order-memory)",
            errno.EUSERS: "too many programs hand orders over",
            errno.ERANGE: "a number is that of no record",
        }
        super().__init__(reasons.get(error.errno or 0, error.strerror))


_warned: Set[Tuple[str, str]] = set()


def _warn(path: str, kind: str, reason: object) -> None:
    if (path, kind) not in _warned:
        _warned.add((path, kind))
        warnings.warn(f"{path}: the order of reading is not handed over: {reason}", RoxfsWarning, stacklevel=3)


def _absolute(path: AnyPath) -> str:
    return os.path.abspath(os.fsdecode(path))


def _mount_point(path: str) -> str:
    """The one that a path lies below."""
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def _ask(root: int, request: int, buffer: bytearray) -> None:
    try:
        fcntl.ioctl(root, request, buffer)
    except OSError as error:
        raise _Refused(error) from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Tuple[int, int]]:
    """The root directory of the mount of roxfs that a path lies in, and how many records it has. It is open for a
    moment alone, so that no other process gets it and nobody is kept from unmounting."""
    try:
        descriptor = os.open(_mount_point(path), os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _Refused(error) from error
    try:
        answer = bytearray(_HELLO_FORM.size)
        _ask(descriptor, _HELLO, answer)
        magic, version, _, records, _, _ = _HELLO_FORM.unpack(answer)
        if (magic, version) != (_MAGIC, _VERSION):
            raise _Refused(OSError(errno.ENOTTY, ""))
        yield descriptor, records
    finally:
        os.close(descriptor)


def _flat(order: Iterable[Any]) -> Iterator[int]:
    """The integers of an iterable of integers, of batches of them, or of an array. TypeError if there are others."""
    for item in order.tolist() if hasattr(order, "tolist") else order:
        try:
            number = operator.index(item)
        except TypeError:
            if isinstance(item, (str, bytes, dict)):
                raise
            yield from _flat(item)
        else:
            yield number


class _Giver:
    """Who hands an order over: one object of one process, known to the mount by a random number."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.process = 0
        self.number = 0
        self.given = 0

    def give(self, order: Iterable[int], begin: bool) -> int:
        """Hands an order over, behind what was handed over before or, to begin, instead of it. Returns the number
        of records that the mount took. ValueError for what is no 64-bit number."""
        if self.process != os.getpid():
            # New, or forked from another process.
            self.process, self.number = os.getpid(), int.from_bytes(os.urandom(8), "little") or 1
            begin = True
        order, taken = (number for number in order if number != NO_RECORD), 0
        try:
            with _opened(self.path) as (root, _):
                if begin:
                    self._begin(root)
                for part in iter(lambda: list(itertools.islice(order, _PART)), []):
                    self._append(root, part)
                    taken += len(part)
        except _Refused as reason:
            _warn(self.path, str(reason), reason)
        return taken

    def clear(self) -> None:
        """Has the mount forget what this one handed over."""
        if self.process == os.getpid():
            _forget(self.path, self.number)
            self.process = 0

    def _begin(self, root: int) -> None:
        self.given = 0
        self._send(root, [], _BEGIN)

    def _append(self, root: int, part: List[int]) -> None:
        try:
            self._send(root, part, 0)
        except _Refused as reason:
            # Nobody followed the order for a while, or it is another mount by now.
            if reason.errno != errno.ESTALE:
                raise
            self._begin(root)
            self._send(root, part, 0)

    def _send(self, root: int, part: List[int], flags: int) -> None:
        buffer = bytearray(_GIVE_FORM.size)
        _GIVE_FORM.pack_into(buffer, 0, self.number, self.given, len(part), flags)
        try:
            struct.pack_into(f"<{len(part)}Q", buffer, _GIVE_FORM.size - 8 * _PART, *part)
        except struct.error as error:
            raise ValueError(f"record numbers: {error}") from error
        _ask(root, _GIVE, buffer)
        self.given += len(part)


def _forget(path: str, giver: int) -> None:
    try:
        with _opened(path) as (root, _):
            _ask(root, _CLEAR, bytearray(_CLEAR_FORM.pack(giver)))
    except _Refused as reason:
        _warn(path, str(reason), reason)


# Those of `hint`, by the path of the mount.
_givers: Dict[str, _Giver] = {}


def hint(mountpoint: AnyPath, order: Iterable[Any], append: bool = False) -> int:
    """Hands over the order that this process will read records in.

    `order`: record numbers (integers, in an iterable that may be longer than memory, or a NumPy array), or paths as
    they will be opened. It takes the place of what this process has handed over before by this function, or
    continues it with `append`. A mount keeps 4 bytes a record until it was read, or for 10 minutes in which nobody
    follows the order.

    Returns how many records were handed over: less than all where the mount refuses some (RoxfsWarning) or paths are
    no records. TypeError and ValueError if something else than numbers or paths is in `order`. Not to be called by
    two threads at once.
    """
    path = _absolute(mountpoint)
    if hasattr(order, "tolist"):
        order = order.tolist()
    iterator = iter(order)
    first = list(itertools.islice(iterator, 1))
    order = itertools.chain(first, iterator)
    if first and isinstance(first[0], (str, bytes, os.PathLike)):
        order = numbers(order, path)
    return _givers.setdefault(path, _Giver(path)).give(_flat(order), begin=not append)


def clear(mountpoint: AnyPath, everything: bool = False) -> None:
    """Has a mount forget what this process has handed over by `hint`; or everything that any program of the calling
    user has handed over (root: of all users)."""
    path = _absolute(mountpoint)
    if everything:
        _forget(path, 0)
    elif path in _givers:
        _givers[path].clear()


def numbers(paths: Iterable[Any], mountpoint: Optional[AnyPath] = None) -> array[int]:
    """The record numbers of files, in their order: of an iterable of paths or, as `ImageFolder.samples` is, of tuples
    that begin with one. Directories are listed, which prepares the mount for opening their files.

    `mountpoint` says which mount, where it is not that of the first path. What is no record of it has NO_RECORD, and
    is a RoxfsWarning. Returns an array of unsigned 64-bit integers.
    """
    names = [os.fsdecode(path[0] if isinstance(path, (tuple, list)) else path) for path in paths]
    found = array("Q", [NO_RECORD]) * len(names)
    if not names:
        return found
    path = _absolute(names[0] if mountpoint is None else mountpoint)
    try:
        with _opened(path) as (root, records):
            device = os.fstat(root).st_dev
    except _Refused as reason:
        _warn(path, str(reason), reason)
        return found
    places: Dict[str, List[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name[: name.rfind("/") + 1], []).append(place)
    for directory, here in places.items():
        inodes = _listed(directory or ".", device) if len(here) > _FEW else {}
        for place in here:
            name = names[place]
            # What is not listed may still be there, as records/42.bin, or a link from elsewhere.
            inode = inodes.get(name[len(directory):]) or _inode(name, device)
            if _FIRST_RECORD <= inode < _FIRST_RECORD + records:
                found[place] = inode - _FIRST_RECORD
    missing = found.count(NO_RECORD)
    if missing:
        example = names[found.index(NO_RECORD)]
        _warn(path, "numbers", f"{missing:,} of {len(names):,} paths are no records of it, as {example!r}")
    return found


def _listed(directory: str, device: int) -> Dict[str, int]:
    """Inode numbers by name, as a directory of the mount lists them; none where it is elsewhere or cannot be read."""
    try:
        if os.stat(directory).st_dev == device:
            with os.scandir(directory) as entries:
                return {entry.name: entry.inode() for entry in entries}
    except (OSError, ValueError):
        pass
    return {}


def _inode(path: str, device: int) -> int:
    """The inode number of a file of the mount, 0 of another path."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0
    return status.st_ino if status.st_dev == device else 0


def _length(of: Any) -> Optional[int]:
    """How many indices or batches a sampler or batch says that it has. Not all samplers of PyTorch do."""
    try:
        return len(of)
    except Exception:
        return None


def _some(iterator: Iterator[Any]) -> List[Any]:
    """What an iterator of indices or batches has next, until it is enough to stay ahead of reading."""
    taken, indices = [], 0
    for item in iterator:
        taken.append(item)
        indices += _length(item) or 1
        if indices >= _AHEAD:
            break
    return taken


class HintedSampler:
    """Any sampler, batch sampler or iterable of indices, which hands its order over as each epoch begins.

    `sampler` gives the same indices in the same order as without; its length, `set_epoch` and other attributes are
    this one's. `numbers` has the record number of each index of the dataset (a sequence or a dict, as from the
    function `numbers`); without it, the index is the record number. Each process hands over its own order, so that
    ranks and jobs can read one mount at the same time.

    A sampler with a length is read whole as its epoch begins. One without is read 10,000 to 20,000 indices ahead of
    what was taken from this one.
    """

    def __init__(self, sampler: Iterable[Any], mountpoint: AnyPath, numbers: Optional[Sequence[int]] = None) -> None:
        self.sampler = sampler
        self.numbers = numbers
        self._giver = _Giver(_absolute(mountpoint))

    def __iter__(self) -> Iterator[Any]:
        # A generator: like PyTorch's own it draws from a random number generator as its first index is asked for.
        iterator = iter(self.sampler)
        length = _length(self.sampler)
        is_whole = length is not None and length <= _LONGEST_EPOCH
        known = list(itertools.islice(iterator, length)) if is_whole else _some(iterator)
        self._give(known, begin=True)
        while known and not is_whole:
            following = _some(iterator)
            self._give(following, begin=False)
            yield from known
            known = following
        yield from known
        # Ends the sampler when it would have ended; or gives the rest, if it has more than it said.
        yield from iterator

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sampler, name)

    def __reduce__(self) -> Tuple[Any, ...]:
        # A copy, also in another process, hands over for itself.
        return type(self), (self.sampler, self._giver.path, self.numbers)

    def _give(self, indices: List[Any], begin: bool) -> None:
        """Hands indices over. Whatever is wrong with them or their numbers, training continues."""
        order = _flat(indices)
        try:
            self._giver.give((self.numbers[index] for index in order) if self.numbers is not None else order, begin)
        except Exception as error:
            _warn(self._giver.path, type(error).__name__, repr(error))
