"""Keep what a run notes of very many files outside of its memory.

There are several entries about each file, and reports read them one after the other.
"""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Sequence
from functools import partial
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

T = TypeVar("T")
U = TypeVar("U")

_MOST_KEPT = 200
"""Items that stay in memory, and that are written to a file or read from it at a time."""


class Remade(Sequence[T], Generic[T]):
    """Make the items of a sequence again each time that they are read."""

    def __init__(self, make: Callable[[], Iterable[T]], number: int) -> None:
        self._make, self._number = make, number

    def __iter__(self) -> Iterator[T]:
        """Return the items in their order."""
        return iter(self._make())

    def __len__(self) -> int:
        """Return the number of items without making them."""
        return self._number

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """Return items by their place, for which all are made."""
        return tuple(self)[index]

    def each(self, change: Callable[[T], U]) -> Remade[U]:
        """Return a sequence of what a function makes of each item."""
        return Remade(lambda: map(change, self), len(self))


def remade(make: Callable[[], Iterable[T]], number: int) -> Sequence[T]:
    """Return a sequence that makes its items each time, or keeps them if they are few.

    Args:
        make: Returns the items. They have to be the same each time.
        number: Their number.
    """
    return tuple(make()) if number <= _MOST_KEPT else Remade(make, number)


def joined(parts: Sequence[Sequence[T]]) -> Sequence[T]:
    """Return the items of several sequences one after the other."""
    return remade(lambda: chain.from_iterable(parts), sum(map(len, parts)))


class Appended(Generic[T]):
    """Collect items one after the other, of which the earlier ones are in a temporary file."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._earlier: list[Sequence[T]] = []
        self._last: list[T] = []
        self._items: Sequence[T] | None = None

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self._last.append(item)
        self._items = None
        if len(self._last) == _MOST_KEPT:
            self._earlier.append(self._spool.store(self._last))
            self._last = []

    @property
    def items(self) -> Sequence[T]:
        """Return all items so far, and the same sequence until one is added."""
        if self._items is None:
            self._items = joined([*self._earlier, tuple(self._last)])
        return self._items


class Spool:
    """Keep long sequences in one temporary file.

    The file has no name, so that no other process can change it, and it is gone when this process ends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def __del__(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def keep(self, items: Iterable[T]) -> Sequence[T]:
        """Return the same items, which are in the file if they are many. They are read once."""
        reader, parts = iter(items), list[Sequence[T]]()
        while part := tuple(islice(reader, _MOST_KEPT)):
            parts.append(part)
            if len(parts) > 1:
                parts[-2:] = [self.store(each) if isinstance(each, tuple) else each for each in parts[-2:]]
        return joined(parts)

    def store(self, items: Sequence[T]) -> Sequence[T]:
        """Return the same items, in memory if the file cannot be written."""
        try:
            place = self._write(items)
        except OSError:
            return items
        return Remade(partial(self._read, *place), len(items))

    def _write(self, items: Sequence[T]) -> tuple[int, int]:
        """Append some items, and return where they are and their number of bytes.

        There is no buffer, because it would keep what the file has no room for, and write it before each reading.

        Raises:
            OSError: There is no file, or no room in it.
        """
        if self._file is None:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115 -- open as long as this object
        data, place = pickle.dumps(items, pickle.HIGHEST_PROTOCOL), os.fstat(self._file.fileno()).st_size
        if os.pwrite(self._file.fileno(), data, place) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return place, len(data)

    def _read(self, place: int, size: int) -> Iterator[T]:
        """Return the items at a place."""
        data = os.pread(self._file.fileno(), size, place) if self._file else pickle.dumps(())
        return iter(pickle.loads(data))  # noqa: S301 -- see the import
