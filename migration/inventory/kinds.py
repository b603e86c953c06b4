"""Kinds: what a database is for, judged by its path, its content, and by what holds the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from migration.engine.sql import folded

if TYPE_CHECKING:
    from migration.inventory.look import Database

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
