"""List what a run leaves, such as objects of a source that stay in the archive."""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import path_pattern
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Plan, Source

_MOST_NAMED = 60
_VERSIONS = ("application_id", "user_version")
_CONFLICT = re.compile(
    r"\s*\((?:[^()/]*\bconflict(?:ed)?\b[^()/]*|\d+)\)"  # Dropbox, Nextcloud, Google Drive, browsers
    r"|[._]sync-conflict-[\w-]+|[._-]conflict(?:ed)?(?:[._-]copy)?(?:-[\w-]+)?(?=\.|$)",  # Syncthing, ownCloud, Resilio
    re.IGNORECASE,
)


def find_left_objects(source: Source, database: InspectedDatabase, left_views: Collection[str]) -> list[Finding]:
    """Return a finding for each reason for which objects of a source stay behind.

    Rows that stay behind, and views that stay behind without a reason of the plan, have findings of their own. They are
    not listed again.

    Args:
        source: As the plan has it.
        database: The source.
        left_views: Folded names of its views that stay behind.
    """
    by_reason: dict[str, list[str]] = {}
    for label, reason in _left_objects(source, database.schema, database.rows, left_views):
        by_reason.setdefault(reason, []).append(label)
    return [_finding(source, reason, labels) for reason, labels in by_reason.items()]


def find_left_files(source: Source) -> list[Finding]:
    """Return a finding for each reason for which the plan leaves out files of a pattern."""
    return [
        Finding.of("file-left", source.file, f"left out ({entry.reason.rstrip('.')}): {list_names(entry.files)}.")
        for entry in source.leave
        if entry.files
    ]


def find_unnamed_copies(plan: Plan, root: Path) -> list[Finding]:
    """Return a finding for each conflicted copy of a database that the plan does not name.

    Args:
        plan: The plan with a source for each file.
        root: The workspace.
    """
    files = {plan.target, *(source.file for source in plan.sources)}
    left = [path_pattern(text) for source in plan.stated.sources for leave in source.leave for text in leave.files]
    copies = {
        copy: original
        for folder in sorted({posixpath.dirname(file) for file in files})
        for copy in _files_in(root, folder)
        if (original := find_original(copy, files)) and copy not in files
    }
    text = "is named like a conflicted copy of {}, and the plan does not name it. Its rows were not examined."
    return [
        Finding.of("copy-unnamed", copy, text.format(original))
        for copy, original in copies.items()
        if not any(pattern.fullmatch(copy) for pattern in left)
    ]


def _files_in(root: Path, folder: str) -> list[str]:
    try:
        names = os.listdir(root / folder)  # noqa: PTH208 -- names as text
    except OSError:
        return []
    return [posixpath.join(folder, name) for name in sorted(names)]


def find_original(file: str, files: Collection[str]) -> str:
    """Return the database of which a file is a conflicted copy by its name, or an empty text.

    Programs that synchronize folders name such copies. The original must exist.
    """
    original = _CONFLICT.sub("", file, count=1)
    return original if original != file and original in files else ""


def name_of_conflict(file: str) -> str:
    """Return the path after which a conflicted copy is named.

    It is as short as ``notes_conflict.db``.
    """
    return _CONFLICT.sub("_conflict", file, count=1)


def plan_versions(databases: InspectedDatabases) -> list[Finding]:
    """Give a new target the versions on which all of its sources agree, and report the others.

    Programs tell by these two numbers of the header whether a database is theirs, and how old its schema is.
    """
    if databases.target is not None:
        return []
    names = {mapping.source.name for mapping in databases.mappings}
    sources = [source for source in databases.sources.values() if source.name in names]
    findings = []
    for version in _VERSIONS:
        values = {source.file: int(source.schema.header[version]) for source in sources}
        if len(set(values.values())) == 1:
            databases.target_schema.versions[version] = next(iter(values.values()))
        elif values:
            stated = list_names([f"{value} in {file}" for file, value in values.items()], _MOST_NAMED)
            text = f"{version} is 0, because the sources do not agree: {stated}."
            findings.append(Finding.of("version-left", databases.plan.target, text))
    return findings


def _finding(source: Source, reason: str, labels: list[str]) -> Finding:
    number = f"{counted(len(labels), 'object')} {'stays' if len(labels) == 1 else 'stay'}"
    because = reason or "no row, and no reason in the plan"
    text = f"{number} in the archive ({because.rstrip('.')}): {list_names(labels, _MOST_NAMED)}."
    return Finding.of("object-left", source.file, text, count=len(labels))


def _left_objects(
    source: Source, schema: Schema, rows: Mapping[str, int], left_views: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each object with the plan's reason, which is empty where the plan states none."""
    owners: dict[str, str] = {}
    for name in _unmapped_tables(source, schema):
        reason = source.leave_reason("tables", name)
        if reason is None and rows.get(name, 1):
            continue  # the run is refused
        owners[folded(name)] = reason or ""
        table = schema.table(name)
        if reason is None:
            yield f"table {name}", ""
        elif table and not table.is_readable:  # its rows are not counted, so no other finding names it
            yield from ((f"table {each}", reason) for each in (name, *_inner_tables(schema, table)))
    for view in schema.views:
        if folded(view.name) not in left_views:
            continue
        reason = source.leave_reason("views", view.name)
        owners[folded(view.name)] = reason or ""
        if reason is not None:
            yield f"view {view.name}", reason
    yield from _left_parts(source, schema, owners)


def _inner_tables(schema: Schema, virtual: Table) -> Iterator[str]:
    """Yield the names of the tables that belong to a virtual table which SQLite cannot create."""
    for table in schema.tables.values():
        if table.owner and folded(table.owner) == folded(virtual.name):
            yield table.name


def _left_parts(source: Source, schema: Schema, owners: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the indexes and triggers that stay, by the plan or with their table or view."""
    for table in (*schema.movable, *schema.lacking):
        for index in table.indexes:
            reason = source.leave_reason("indexes", index.name)
            if index.sql and (reason is not None or folded(table.name) in owners):
                yield f"index {index.name}", owners.get(folded(table.name), "") if reason is None else reason
    for trigger in schema.triggers:
        reason = source.leave_reason("triggers", trigger.name)
        if reason is not None or folded(trigger.table) in owners:
            yield f"trigger {trigger.name}", owners.get(folded(trigger.table), "") if reason is None else reason


def _unmapped_tables(source: Source, schema: Schema) -> list[str]:
    moved = {folded(table_map.name) for table_map in source.tables}
    tables = (*schema.movable, *schema.lacking)
    return [table.name for table in tables if folded(table.name) not in moved]
