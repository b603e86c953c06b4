"""Find what holds ids of renumbered rows and does not follow them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def find_unfollowed(databases: InspectedDatabases, followed: FollowedKeys) -> tuple[list[Problem], list[Finding]]:
    """Return the search indexes and the columns that would refer to other rows."""
    problems: list[Problem] = []
    findings: list[Finding] = []
    renumbered = [
        mapping for mapping in databases.mappings if any(shift.offset for shift in mapping.key_shifts.values())
    ]
    for parent in renumbered:
        for mapping in databases.mappings_of(parent.source.name):
            problems += _rowids_of_keys(databases, mapping, parent)
            findings += _undeclared(databases, mapping, parent, followed)
    findings += _literals(databases)
    return problems, findings


def _rowids_of_keys(databases: InspectedDatabases, mapping: TableMapping, parent: TableMapping) -> Iterator[Problem]:
    """Yield a problem if the rowids of a virtual table are all keys of a renumbered one."""
    if mapping.table.kind != "virtual" or not databases.rows(mapping):
        return
    table, reader = quoted(parent.table_map.name), databases.sources[mapping.source.name].write_lock.reader
    others = f"SELECT 1 FROM {quoted(mapping.table_map.name)} WHERE rowid NOT IN (SELECT {{}} FROM {table}) LIMIT 1"
    if any(reader.execute(others.format(quoted(key))).fetchone() is None for key in parent.key_shifts):
        fact = f"each of its rowids is a key of {parent.table_map.name}, which gets new ones, and nothing follows them."
        hint = f'Leave it behind with a reason, or write keys = "keep" for {parent.table_map.name}.'
        yield Problem("rowids-unfollowed", mapping.subject, fact, hint, criterion="keys-free")


def _undeclared(
    databases: InspectedDatabases, mapping: TableMapping, parent: TableMapping, followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column that has the name of an undeclared reference."""
    names = {folded(f"{parent.table_map.name}{end}") for end in ("_id", "id")}
    for column, _ in mapping.columns if mapping.table.kind == "table" else ():
        if folded(column) not in names or followed.owners(mapping, column) or _is_key(mapping, column):
            continue
        reader = databases.sources[mapping.source.name].write_lock.reader
        query = f"SELECT count(*) FROM {quoted(mapping.table_map.name)} WHERE typeof({quoted(column)}) = 'integer'"
        if rows := int(reader.execute(query).fetchone()[0]):
            text = (
                f"{counted(rows, 'row')} {'has' if rows == 1 else 'have'} a number in column {column} that no FOREIGN"
                f" KEY declares as a reference. It stays while the keys of {parent.table_map.name} change."
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=rows)


def _literals(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each object of the target that compares new numbers with a literal.

    Numbers up to 0 stay what they are.
    """
    schema = databases.target_schema.schema
    objects = [(f"trigger {trigger.name}", trigger.sql) for trigger in schema.triggers]
    objects += [(f"view {view.name}", view.sql) for view in schema.views]
    for table in schema.tables.values():
        objects += [(f"index {index.name}", index.sql) for index in table.indexes if index.partial]
        objects.append((f"table {table.name}", table.sql))
    shifted: dict[str, set[str]] = {}
    for mapping in databases.mappings:
        shifted.setdefault(mapping.into.name, set()).update(mapping.renamed[name] for name in mapping.shifted)
    for table_name, names in shifted.items():
        for label, sql in objects if names else ():
            if re.search(_word(table_name), sql, re.IGNORECASE) and any(_compares(name, sql) for name in names):
                text = f"{label} compares a column of {table_name}, which gets new numbers, with a literal that stays."
                yield Finding.of("id-unfollowed", databases.plan.target, text)


def _compares(name: str, sql: str) -> bool:
    column = _word(name)
    number = r"[1-9]\d*"
    after = rf"{column}\s*(?:==?|<>|!=|\bis(?:\s+not)?\b|\b(?:not\s+)?in\s*\()\s*{number}"
    stated = rf"{number}\s*(?:==?|<>|!=)\s*(?:\w+\.)?{column}|{column}[^,]*\bdefault\s+\(?{number}"
    return bool(re.search(f"{after}|{stated}", sql, re.IGNORECASE))


def _word(name: str) -> str:
    """Return the pattern of a name in SQL, quoted or not."""
    return rf"""(?<!\w)["`\[]?{re.escape(name)}(?!\w)["`\]]?"""


def _is_key(mapping: TableMapping, column: str) -> bool:
    return any(folded(key) == folded(column) for key in mapping.key_shifts)
