"""Compare the tables into which no row was moved with those that the target had before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.comparison.compare_structure import index_statements, list_schema_differences
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, at_least, equal, not_required, with_differences
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

STALE_INDEX = "a search index that shows the rows of another table; the plan accepts that it is stale"
"""Why a search index that the target had before is not compared."""

REBUILT_INDEX = "a search index that the run has rebuilt"
"""Why a search index that the target had before is compared with its content alone (``derived-right``)."""


def neighbours(compared: TargetComparison) -> list[Observation]:
    """Observe that each table of the target that received no rows is unchanged."""
    target = compared.inspected.target
    if target is None:
        return [not_required("target", "there was no target before this run")]
    receiving = {folded(mapping.into.name) for mapping in compared.inspected.mappings} | {folded(history.TABLE)}
    receiving |= {folded(name) for name in compared.unread_tables}
    not_compared = dict.fromkeys(compared.inspected.stale_indexes, STALE_INDEX)
    not_compared |= {folded(index.name): REBUILT_INDEX for index in compared.inspected.rebuilt_indexes}
    observations = [
        not_required(name, not_compared[folded(name)])
        if folded(name) in not_compared
        else _neighbour_observation(compared, name, digest)
        for name, digest in target.digests.items()
        if folded(name) not in receiving
    ]
    observations += _changed_statements(compared, target.schema)
    for name, refreshed in compared.refreshed.items():
        table = compared.schema.table(name)
        if table is not None and name not in receiving:
            observations.append(refreshed.observe_others(compared.con, table))
    return observations + [
        _header_observation(compared, name, target.schema.header[name])
        for name in ("user_version", "application_id", "encoding")
    ]


def _neighbour_observation(compared: TargetComparison, name: str, before: TableDigest) -> Observation:
    table, planned = compared.schema.table(name), compared.inspected.target_schema.schema.table(name)
    if table is None or planned is None:
        return Observation(name, before.full, "no such table", holds=False)
    refreshed = compared.refreshed.get(folded(name))
    observed_digest = refreshed.before if refreshed else compared.digest(compared.con, table)
    differences = ""
    if compared.changed_since:
        changed_kinds = list_schema_differences(compared, planned, table)
        differences = f", other: {', '.join(changed_kinds)}" if changed_kinds else ""
    elif (table.sql, index_statements(table)) != (planned.sql, index_statements(planned)):
        differences = ", with another statement or other indexes"
    if compared.changed_since and observed_digest != before:
        expected = f"{counted(before.rows, 'row')}, or changed since by its application"
        observed = f"{counted(observed_digest.rows, 'row')}, changed since{differences}"
        return Observation(name, expected, observed, holds=not differences, changed_since=True)
    as_before = equal(name, before.full, f"{observed_digest.full}{differences}")
    return as_before if observed_digest == before else with_differences(as_before, partial(compared.explain, name))


def _changed_statements(compared: TargetComparison, before: Schema) -> list[Observation]:
    """Return each table that was declared anew although SQLite cannot read its rows.

    The digests of rows, of which such a table has none, do not show it.
    """
    unread = [(table, compared.schema.table(table.name)) for table in before.lacking if not table.is_readable]
    return [
        equal(table.name, table.sql, present.sql if present else "no such table")
        for table, present in unread
        if present is None or present.sql != table.sql
    ]


def changed_neighbour_finding(compared: TargetComparison, neighbour: Observation) -> Finding:
    """Return the finding that a table that received no rows has been changed."""
    name = neighbour.subject
    before = compared.inspected.target.digests[name].rows if compared.inspected.target else 0
    now = int(compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0])
    if before and not now:
        text = f"had {counted(before, 'row')} before the consolidation, and has none now."
        return Finding.of("table-emptied-since", name, text, count=before)
    return Finding.of("table-changed-since", name, f"{counted(now, 'row')}, changed since; {before} before.")


def _header_observation(compared: TargetComparison, name: str, before: str) -> Observation:
    """Compare a field of the database header.

    An application may have raised user_version since. It never lowers it.
    """
    now = compared.schema.header[name]
    if compared.changed_since and name == "user_version":
        return at_least(f"target: {name}", int(before), int(now))
    return equal(f"target: {name}", before, now)
