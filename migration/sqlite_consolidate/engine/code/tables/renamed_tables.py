"""Find the code that reads tables and views under names that a plan changes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.old_names import any_of
from sqlite_consolidate.engine.code.scanning.scan import is_documentation, text_of
from sqlite_consolidate.engine.code.scanning.scanned_files import list_scanned_files
from sqlite_consolidate.engine.code.tables.opened_databases import OpenedDatabases, databases_by_code
from sqlite_consolidate.engine.code.tables.sql_texts import tables_named_in
from sqlite_consolidate.engine.code.tables.target_statements import statements_of_target
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

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
    databases than those of the plan opens none of them. A statement that only the target executes as the code is now
    names no table of a source.

    Args:
        scope: The workspace, and the trees with the code.
        opened: Each file that names databases to these, sources and target.
        renamed: The tables and views that have other names in the target.
        planned: Content that files will have after the planned rewrites.
    """
    tables = {name for names in renamed.values() for name in names}
    if not tables:
        return []
    databases_of = OpenedDatabases(scope, opened)
    may_name = re.compile(any_of(tables), re.IGNORECASE)
    places = []
    for file in list_scanned_files(scope).files:
        databases = sorted(databases_of.of(file) & renamed.keys())
        names = {name for database in databases for name in renamed[database]}
        text = text_of(os.fspath(scope.root), file, planned or {}) if names and not is_documentation(file) else None
        if not text or not may_name.search(text) or databases_of.is_of_another(file, text):
            continue
        now = text_of(os.fspath(scope.root), file, {}) or ""
        of_target = statements_of_target(file, now, scope.target, scope.databases)
        for line, name in tables_named_in(file, text, names, of_target):
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
    opened = databases_by_code(uses.items())
    places = find_old_table_names(scope, opened, renamed, {rewrite.file: rewrite.after for rewrite in rewrites})
    return [Finding.of("old-table-name", f"{place.file}:{place.line}", _text(place, scope.target)) for place in places]


def _text(place: OldTableName, target: str) -> str:
    names = join_first_names([f"{place.table} of {database} is {name}" for database, name in place.into.items()])
    fact = f"{names} in {target}, and the code names {place.table} here."
    return f"{fact} Change it by a [[reference]] if it means that one."
