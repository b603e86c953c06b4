"""Tell which databases the statements of a program can mean, by the databases that it names."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import has_only_literals, is_database

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

_NAME = re.compile(r"(?<![\w%*$}.-])[\w-]+\.\w+(?![\w.-])")
_LITERAL_NAME = re.compile(rf"{_NAME.pattern}(?=[\"'`?])")
"""A name of a file at the end of a text, so that an attribute is none."""


class OpenedDatabases:
    """Know the databases that each file of code names.

    A file that names no database opens those that the files of the nearest folder name.
    """

    def __init__(self, scope: ScanScope, named: Mapping[str, Collection[str]]) -> None:
        """Take each file of code with the databases that it names.

        Args:
            scope: What was scanned for the names.
            named: The databases, sources and target, that each file names.
        """
        self._known = {posixpath.basename(file) for file in (*scope.databases, scope.target)}
        self._named = named
        self._by_folder: dict[str, set[str]] = defaultdict(set)
        for file, databases in named.items():
            self._by_folder[posixpath.dirname(file)].update(databases)

    def of(self, file: str) -> frozenset[str]:
        """Return the databases that a file opens.

        There are none if neither it nor a file of a folder above it names one.
        """
        return frozenset(self._named.get(file) or self._nearest(file))

    def is_of_another(self, file: str, text: str) -> bool:
        """Return whether a file names a database by its ending, and none of those that were looked for.

        A name with a part that is computed can be any.
        """
        if file in self._named:
            return False
        names = (_LITERAL_NAME if has_only_literals(file) else _NAME).findall(text)
        return any(is_database(name) and name not in self._known for name in names)

    def _nearest(self, file: str) -> Collection[str]:
        folder = posixpath.dirname(file)
        while folder and folder not in self._by_folder:
            folder = posixpath.dirname(folder)
        return self._by_folder.get(folder, ())


def databases_by_code(mentions: Iterable[tuple[str, Iterable[Mention]]]) -> dict[str, set[str]]:
    """Return each file of code with the databases that it names.

    Args:
        mentions: Each database with the places that name it.
    """
    named: dict[str, set[str]] = defaultdict(set)
    for database, places in mentions:
        for place in places:
            named[place.file].add(database)
    return dict(named)
