"""Find the code that reads tables and views under names that a plan changes."""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.old_names import any_of
from sqlite_consolidate.engine.code.scanning.scan import is_documentation, text_of
from sqlite_consolidate.engine.code.scanning.scanned_files import list_scanned_files
from sqlite_consolidate.engine.code.source_files import has_only_literals, is_database
from sqlite_consolidate.engine.code.tables.sql_texts import tables_named_in
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

_NAME = re.compile(r"(?<![\w%*$}.-])[\w-]+\.\w+(?![\w.-])")
_LITERAL_NAME = re.compile(rf"{_NAME.pattern}(?=[\"'`?])")
"""A name of a file at the end of a text, so that an attribute is none."""

Renamed = dict[str, dict[str, str]]
"""Each source database to the folded names of its renamed tables and views, each with the name in the target."""


class OldTableName(NamedTuple):
    """Hold a place where a statement names what has another name in the target.

    Attributes:
        file: Path relative to the workspace.
        line: From 1.
        table: Folded name of the table or view.
        into: Each source whose table or view it can mean, to the name in the target.
    """

    file: str
    line: int
    table: str
    into: Mapping[str, str]


def find_old_table_names(
    scope: ScanScope,
    opened: Mapping[str, Collection[str]],
    renamed: Renamed,
    planned: Mapping[str, bytes] | None = None,
) -> list[OldTableName]:
    """Return each place that names a renamed table or view of a database that it opens.

    A file that names no database opens those that the files of the nearest folder name. One that names only other
    databases than those of the plan opens none of them.

    Args:
        scope: The workspace, and the trees with the code.
        opened: Each file that names databases to these, sources and target.
        renamed: The tables and views that have other names in the target.
        planned: Content that files will have after the planned rewrites.
    """
    tables = {name for names in renamed.values() for name in names}
    if not tables:
        return []
    known = {posixpath.basename(file) for file in (*scope.databases, scope.target)}
    may_name = re.compile(any_of(tables), re.IGNORECASE)
    by_folder: dict[str, set[str]] = {}
    for file, databases in opened.items():
        by_folder.setdefault(posixpath.dirname(file), set()).update(databases)
    places = []
    for file in list_scanned_files(scope).files:
        databases = sorted(set(opened.get(file) or _nearest(file, by_folder)) & renamed.keys())
        names = {name for database in databases for name in renamed[database]}
        text = text_of(os.fspath(scope.root), file, planned or {}) if names and not is_documentation(file) else None
        if not text or not may_name.search(text) or (file not in opened and _opens_another(file, text, known)):
            continue
        for line, name in tables_named_in(file, text, names):
            into = {database: renamed[database][name] for database in databases if name in renamed[database]}
            places.append(OldTableName(file, line, name, into))
    return places


def old_table_findings(
    scope: ScanScope, uses: Mapping[str, Sequence[Mention]], rewrites: Sequence[Rewrite], renamed: Renamed
) -> list[Finding]:
    """Return a finding for each old name that the planned rewrites leave.

    Args:
        scope: What was scanned.
        uses: Each database, also the target, to the places that name it.
        rewrites: The planned rewrites.
        renamed: The tables and views that have other names in the target.
    """
    opened: dict[str, set[str]] = {}
    for database, mentions in uses.items():
        for mention in mentions:
            opened.setdefault(mention.file, set()).add(database)
    places = find_old_table_names(scope, opened, renamed, {rewrite.file: rewrite.after for rewrite in rewrites})
    return [Finding.of("old-table-name", f"{place.file}:{place.line}", _text(place, scope.target)) for place in places]


def _text(place: OldTableName, target: str) -> str:
    names = join_first_names([f"{place.table} of {database} is {name}" for database, name in place.into.items()])
    fact = f"{names} in {target}, and the code names {place.table} here."
    return f"{fact} Change it by a [[reference]] if it means that one."


def _opens_another(file: str, text: str, known: Collection[str]) -> bool:
    """Return whether a file names a database that is none of some, by its ending.

    A name with a part that is computed can be any.
    """
    names = (_LITERAL_NAME if has_only_literals(file) else _NAME).findall(text)
    return any(is_database(name) and name not in known for name in names)


def _nearest(file: str, by_folder: Mapping[str, Collection[str]]) -> Collection[str]:
    """Return the databases that files of the nearest folder at or above a file name."""
    folder = posixpath.dirname(file)
    while folder and folder not in by_folder:
        folder = posixpath.dirname(folder)
    return by_folder.get(folder, ())
