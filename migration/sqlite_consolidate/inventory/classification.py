"""Judge what a database is for, and which databases hold the same or overlap."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.sqlite.statements import same_statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.inventory.inspection import Database, TableSeen
else:
    from sqlite_utils.utils import sqlite3


Role = Literal["live", "copy", "backup", "template", "test", "no rows", "not read"]

# A word that is a whole name ("archive.db") may well be what the rows are about; in a folder's name it is not.
_SAID: dict[Role, re.Pattern[str]] = {
    "backup": re.compile(
        r"(?<![a-z])(bak|snapshot|archived|copies)(?![a-z])|(backups?|copy)(?![a-z])|~$|\(\d+\)"
        r"|[._-]o(ld|rig)(?![a-z])|(?<![a-z])(old|archives?)/"
    ),
    "template": re.compile(r"(?<![a-z])(templates?|tmpl|skeleton|blank|seed|examples?)(?![a-z])|(?<![a-z])samples?/"),
    "test": re.compile(r"(?<![a-z])(tests?|testing|testdata|fixtures?|mocks?|demo)(?![a-z])"),
}


def role(one: Database, twin: str = "") -> tuple[Role, str]:
    """Return what a database is for, and why that is thought, in half a sentence.

    Args:
        one: The database.
        twin: File of the database that it is a copy of, if another holds just the same.
    """
    if one.kind != "database":
        return "not read", one.why or "it has 0 bytes"
    also = f"it holds the same as {twin}" if twin else ""
    for what in _SAID:
        if said := _said(what, one.file):
            return what, f"its path says {said!r}" + (f", and {also}" if also else "")
    if twin:
        return "copy", also
    return ("live", "") if one.filled else ("no rows", "none of its tables has a row")


def is_set_aside(file: str) -> bool:
    """Tell whether a path says backup, template or test: of two equal databases, that one is the copy."""
    return any(_said(what, file) for what in _SAID)


def _said(what: Role, file: str) -> str:
    found = _SAID[what].search(folded(file))
    return found.group().strip("._-/") if found else ""


COMPARED = 300_000
"""Rows up to which two databases are compared by content; about a second of work."""


def alike(root: Path, databases: Sequence[Database], limits: Limits | None = None) -> list[list[str]]:
    """Return the groups of databases with one content digest; in each, the one that the others copy comes first.

    Only what has the same tables with as many rows is read whole, and nothing that is larger than ``COMPARED`` rows.
    """
    by_shape: dict[tuple[object, ...], list[Database]] = defaultdict(list)
    for one in databases:
        if one.filled and one.rows <= COMPARED and not any(table.more for table in one.tables):
            by_shape[_shape(one)].append(one)
    by_content: dict[str, list[Database]] = defaultdict(list)
    for group in by_shape.values():
        for one in group if len(group) > 1 else ():
            by_content[_digest(root / one.file, limits)].append(one)
    groups = [sorted(group, key=_originality) for digest, group in by_content.items() if digest and len(group) > 1]
    return [[one.file for one in group] for group in groups]


def _shape(one: Database) -> tuple[object, ...]:
    return tuple(sorted((table.name, table.table.sql, table.rows) for table in one.tables))


def _originality(one: Database) -> tuple[object, ...]:
    return is_set_aside(one.file), one.file.count("/"), len(one.file), one.file


def _digest(path: Path, limits: Limits | None) -> str:
    try:
        return read_contents(path, limits).digest
    except (sqlite3.Error, OSError):  # locked just now, or damaged further in: then nothing is said of it
        return ""


@dataclass(frozen=True)
class Overlap:
    """One table name that several databases have.

    Attributes:
        table: As the first of them spells it.
        same: True when all of them declare it alike.
        rows: File to the rows there, in words.
        filled: Number of files in which it has rows.
    """

    table: str
    same: bool
    rows: dict[str, str]
    filled: int


def overlaps(databases: Sequence[Database]) -> list[Overlap]:
    """Return every table that is in more than one of the databases, those with rows in most files first."""
    by_name: dict[str, list[tuple[Database, TableSeen]]] = defaultdict(list)
    for one in databases:
        for table in one.tables:
            by_name[folded(table.name)].append((one, table))
    found = [_overlap(group) for group in by_name.values() if len(group) > 1]
    return sorted(found, key=lambda one: (-one.filled, -len(one.rows), one.table))


def _overlap(group: list[tuple[Database, TableSeen]]) -> Overlap:
    first = group[0][1]
    return Overlap(
        table=first.name,
        same=all(same_statement(first.table.sql, table.table.sql) for _, table in group),
        rows={one.file: table.counted for one, table in group},
        filled=sum(table.rows != 0 for _, table in group),
    )
