"""Tell what each database is for, by words in its path and by its content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.checks.left_objects import find_original
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.inventory.inspection import Database

Role = Literal[
    "live", "conflict", "copy", "backup", "template", "test", "cache", "temporary file", "no rows", "not read"
]

NAMED_ROLES: dict[Role, re.Pattern[str]] = {
    "backup": re.compile(
        r"(?<![a-z])(bak|snapshot|archived|copies)(?![a-z])|(backups?|copy)(?![a-z])|~$"
        r"|[._-]o(ld|rig)(?![a-z])|(?<![a-z])(old|archives?)/"
    ),
    "template": re.compile(r"(?<![a-z@])(templates?|tmpl|skeleton|blank|seed|examples?)(?![a-z])|(?<![a-z])samples?/"),
    "test": re.compile(r"(?<![a-z@])(tests?|testing|testdata|fixtures?|mocks?|demo)(?![a-z])"),
    "cache": re.compile(r"(?<![a-z])caches?(?![a-z])"),
    "temporary file": re.compile(r"(?<![a-z])(tmp|temp|temporary)/|[._-]te?mp(?![a-z])"),
}
"""Words that tell what a database is for, whatever its rows are.

As a whole name ("archive.db") such a word may be the subject of the rows. In the name of a folder it is not. The domain
of a mail address, as in ``ada@example.org.db``, says nothing.
"""

_OF_OTHERS = re.compile(r"(?<![a-z])(vendor|third[_-]?party)/")


CODE_NAMES_IT = "the code names it"
"""Begins the reason why a file may be a source, if code names it."""


def classify(database: Database, twin: str = "", files: Collection[str] = ()) -> tuple[Role, str]:
    """Return the role of a database and the reason for it, in half a sentence.

    Args:
        database: The database.
        twin: File of a database with equal content, of which this one is the copy; else empty.
        files: Every database of the workspace.
    """
    if database.kind != "database":
        return "not read", database.unread_reason or "it has 0 bytes"
    same_as = f"it has the same content as {twin}" if twin else ""
    original = find_original(database.file, files)
    for named_role in NAMED_ROLES:
        if word := _role_word(named_role, original or database.file):
            return named_role, f"its path has the word {word!r}" + (f", and {same_as}" if same_as else "")
    if twin:
        return "copy", same_as
    if not database.tables_with_rows:
        return "no rows", "none of its tables has a row"
    return ("conflict", f"it is named like a conflicted copy of {original}") if original else ("live", "")


def doubt_about(role: Role, database: Database, places: Sequence[Mention], live: Sequence[Database]) -> str:
    """Return why a file may be a source in spite of its path, or an empty text.

    A backup has the tables of a database beside it, and no code names it. A template or a test has one of both. Rows of
    a cache, or of a temporary file, can be made again.

    Args:
        role: Its role.
        database: Its content.
        places: Places in the code that name it.
        live: The databases that are sources.
    """
    named = [place for place in places if not _role_word(role, place.file)] if role in NAMED_ROLES else []
    names = f"{CODE_NAMES_IT} ({named[0].file}:{named[0].line})" if named else ""
    alone = "no other database has its tables" if database.rows and not _has_tables_of(database, live) else ""
    if role == "backup":
        return names or alone
    return names if alone and role in ("template", "test") else ""


def is_named_as_copy(file: str) -> bool:
    """Return whether a path has a word for a file that is no source, such as a backup.

    Of two databases with equal content, the one with such a path is the copy.
    """
    return any(_role_word(named_role, file) for named_role in NAMED_ROLES)


def is_apart_from_programs(file: str) -> bool:
    """Return whether a file of code is in a folder whose code may be that of no program.

    Such a folder has tests, examples, old versions, or code of other authors.
    """
    folder = file.rpartition("/")[0] + "/"
    return is_named_as_copy(folder) or bool(_OF_OTHERS.search(folded(folder)))


def _has_tables_of(database: Database, others: Iterable[Database]) -> bool:
    """Return whether another database has at least half of the tables of one."""
    names = {folded(table.name) for table in database.tables_with_rows}
    return any(2 * len(names & {folded(table.name) for table in other.tables}) >= len(names) for other in others)


def _role_word(named_role: Role, file: str) -> str:
    match = NAMED_ROLES[named_role].search(folded(file))
    return match.group().strip("._-/") if match else ""
