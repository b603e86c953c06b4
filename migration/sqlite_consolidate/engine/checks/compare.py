"""Compare: what was moved against what arrived, and the target's neighbours against themselves; observations only.

The target is read inside the transaction, after COMMIT, or as a copy of what it is today. What it is held against is
what was known before it was consolidated, or what its originals tell. Where it may have been in use since, and its
statements may be in somebody's own words, what such use or such words can explain is no difference.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.compare_structure import (
    SchemaComparison,
    index_statements,
    list_schema_differences,
)
from sqlite_consolidate.engine.content.digest import TableDigest, digest_table
from sqlite_consolidate.engine.sqlite.integrity import CHECK_CACHE_KB, orphans
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, marks
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, at_least, at_most, equal, explained, not_required
from sqlite_consolidate.row_differences import no_row_differences
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from sqlite_consolidate.engine.checks.row_matching import RowMatch
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Key
    from sqlite_consolidate.row_differences import RowDifferences


@dataclass(frozen=True, kw_only=True)
class TargetComparison(SchemaComparison):
    """A target with its rows, and what they were to be.

    Attributes:
        con: Reads the target.
        own: Digests of the rows that receiving tables had.
        done: What the copy did with each table map, where this run has made it.
        arrivals: What became of the rows of each table map, where others have made it.
        digest: Digests a table.
        explain: Names the rows in which a table differs from what it was to hold.
    """

    con: sqlite3.Connection
    digests_before: dict[str, TableDigest]
    copied: Sequence[CopiedTable] = ()
    row_matches: Sequence[tuple[TableMapping, RowMatch]] = ()
    digest: Callable[..., TableDigest] = digest_table
    explain: Callable[[str], RowDifferences | None] = no_row_differences


def rows_counted(compared: TargetComparison) -> list[Observation]:
    """Observe that each row has arrived, and that the target's tables have grown by exactly those, 100 %.

    By how many others a table that is in use has grown is not asked.
    """
    seen = [_arrived(mapping, arrival) for mapping, arrival in compared.row_matches]
    for one in compared.copied:
        settled = f" ({one.skipped} not moved, {one.replaced} replaced, as the plan says)"
        expected = f"{counted(one.rows, 'row')}{settled if one.skipped or one.replaced else ''}"
        observed = f"{counted(one.inserted, 'row')} arrived in {one.seconds:.2f} s"
        holds = one.inserted + one.skipped == one.rows
        seen.append(Observation(f"{one.mapping.subject} -> {one.mapping.into.name}", expected, observed, holds))
    for name, rows in _expected_rows(compared).items():
        count = compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)} NOT INDEXED").fetchone()[0]
        grown = equal(f"target: {name}", counted(rows, "row"), counted(count, "row"))
        seen.append(explained(grown, partial(compared.explain, name)))
    seen += compared.unread_originals
    return seen or [not_required("target", "the sources bring no table")]


def _arrived(mapping: TableMapping, arrival: RowMatch) -> Observation:
    expected = f"{counted(arrival.rows, 'row')} arrived"
    lost = f", {arrival.missing} did not (or {'was' if arrival.missing == 1 else 'were'} deleted since)"
    observed = f"{counted(arrival.rows - arrival.missing, 'row')} arrived{lost if arrival.missing else ''}"
    return equal(f"{mapping.subject} -> {mapping.into.name}", expected, observed)


def rows_expected(compared: TargetComparison) -> list[Observation]:
    """Observe that the counts are those that the plan states, where it states one."""
    seen = [
        equal(one.mapping.subject, counted(one.mapping.table_map.rows, "row"), counted(one.rows, "row"))
        for one in compared.copied
        if one.mapping.table_map.rows is not None
    ]
    return seen or [not_required("plan", "the plan states no number of rows")]


def rows_exact(compared: TargetComparison) -> list[Observation]:
    """Observe that each table's digest is its digest before plus that of the rows that were moved into it.

    Where the target may have been in use since, each row is looked at: what was changed since is counted, what looks
    like a fault is one.
    """
    seen = [_as_it_was(mapping, arrival) for mapping, arrival in compared.row_matches] + compared.unread_originals
    for name, mappings in _by_table(compared.copied).items():
        table = compared.schema.table(name)
        if table is None:
            seen.append(Observation(name, "in the target", "no such table", holds=False))
            continue
        expected = compared.digests_before.get(name, TableDigest())
        for one in mappings:
            expected = expected + one.change
        found = compared.digest(compared.con, table, with_rowid=mappings[0].mapping.rowid_counts)
        subject = f"{name} <- {', '.join(one.mapping.subject for one in mappings)}"
        seen.append(explained(equal(subject, expected.full, found.full), partial(compared.explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def _as_it_was(mapping: TableMapping, arrival: RowMatch) -> Observation:
    words = [f"{counted(arrival.exact, 'row')} exact", f"{arrival.changed} changed", f"{arrival.missing} not there"]
    words += [f"columns {a} and {b} have changed places" for a, b in arrival.swapped]
    words += [f"column {name} has values of another type" for name in arrival.retyped]
    if arrival.systematic and not arrival.swapped and not arrival.retyped:
        where = f", in {', '.join(arrival.differing)}" if arrival.differing else ""
        words.append(f"every row differs{where}: copied wrongly, or all changed since")
    if arrival.renumbered:
        has, them = ("has", "it") if arrival.renumbered == 1 else ("have", "them")
        words.append(f"{arrival.renumbered} {has} another rowid, which is all that tells {them} from others")
    return Observation(
        f"{mapping.subject} -> {mapping.into.name}",
        f"{counted(arrival.rows, 'row')} exact, but for those changed since",
        "; ".join(words),
        holds=not (arrival.missing or arrival.systematic or arrival.renumbered),
        rows=arrival.differences if arrival.differences.number else None,
    )


def no_duplicates(compared: TargetComparison) -> list[Observation]:
    """Observe that no key is there twice; where none is declared, equal rows are as many as the sources have.

    Where an index brings the keys in order they are read from it, so that none has to be kept in memory; that the
    index has every row, and in its place, is what integrity_check shows.
    """
    seen = [
        explained(
            equal(
                f"{mapping.subject} -> {mapping.into.name}",
                "0 rows doubled",
                f"{counted(arrival.doubled, 'row')} doubled",
            ),
            partial(_doubles_of, arrival),
        )
        for mapping, arrival in compared.row_matches
    ] + compared.unread_originals
    counts = _expected_rows(compared)
    for name in dict.fromkeys(mapping.into.name for mapping in compared.survey.mappings):
        planned, there = compared.survey.target_schema.schema.table(name), compared.schema.table(name)
        if planned is None or there is None:
            continue
        keys = keys_of(planned)
        for key in keys:
            if all(there.column(column) for column, _ in key):
                subject = f"{name} ({', '.join(column for column, _ in key)})"
                seen.append(
                    equal(subject, "0 keys twice", f"{counted(_keys_twice(compared.con, name, key), 'key')} twice")
                )
        if not keys and name in counts:
            count = compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0]
            as_often = equal(f"{name} (no key declared)", _as_often(counts[name]), _as_often(count))
            seen.append(explained(as_often, partial(compared.explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def _doubles_of(arrival: RowMatch) -> RowDifferences:
    return arrival.doubles


def _as_often(rows: int) -> str:
    return f"{counted(rows, 'row')}, equal ones as often as before"


def _keys_twice(con: sqlite3.Connection, table: str, key: Key) -> int:
    """Count the keys that more than one row has; NULL is no key."""
    names = ", ".join(f"{quoted(column)} COLLATE {quoted(collation)}" for column, collation in key)
    whole = " AND ".join(f"{quoted(column)} IS NOT NULL" for column, _ in key)
    groups = f"SELECT 1 FROM main.{quoted(table)} WHERE {whole} GROUP BY {names} HAVING count(*) > 1"
    return int(con.execute(f"SELECT count(*) FROM ({groups})").fetchone()[0])


def foreign_keys(compared: TargetComparison) -> list[Observation]:
    """Observe that no foreign key points at nothing that did not point at nothing before."""
    before = _orphans_before(compared.survey)
    seen = compared.unread_originals
    for (child, parent), count in orphans(compared.con).items():
        if compared.is_unread(child):
            continue
        known = before[folded(child), folded(parent)]
        seen.append(at_most(f"{child} -> {parent}", known, count, "row", " without a parent", ", as before"))
    return seen or no_orphans_observation(len(compared.schema.tables))


def no_orphans_observation(tables: int) -> list[Observation]:
    """State that foreign_key_check of a number of tables found nothing."""
    if not tables:
        return [not_required("target: foreign_key_check", "the target has no table")]
    none = equal("target: foreign_key_check", "0 rows without a parent", "0 rows without a parent")
    return [replace(none, examined=tables)]


def _orphans_before(survey: InspectedDatabases) -> dict[tuple[str, str], int]:
    """Count the orphans of target and sources by child and parent, under the names that they have in the target."""
    before: dict[tuple[str, str], int] = defaultdict(int)
    for (child, parent), count in (survey.target.orphans if survey.target else {}).items():
        before[folded(child), folded(parent)] += count
    for name, facts in survey.sources.items():
        into = {folded(m.table_map.name): folded(m.into.name) for m in survey.mappings if m.source.name == name}
        for (child, parent), count in facts.orphans.items():
            if folded(child) in into:
                before[into[folded(child)], into.get(folded(parent), folded(parent))] += count
    return before


def integrity(con: sqlite3.Connection) -> list[Observation]:
    """SQLite's integrity_check, the full one, of the target."""
    con.execute(f"PRAGMA main.cache_size=-{CHECK_CACHE_KB}")
    lines = [str(row[0]) for row in con.execute("PRAGMA main.integrity_check(20)").fetchall()]
    return [equal("target: integrity_check", "ok", "; ".join(lines))]


def neighbours(compared: TargetComparison) -> list[Observation]:
    """Observe that every table that the target had, and that nothing was moved into, is as it was."""
    target = compared.survey.target
    if target is None:
        return [not_required("target", "there was no target before this run")]
    receiving = {folded(mapping.into.name) for mapping in compared.survey.mappings} | {folded(history.TABLE)}
    receiving |= {folded(name) for name in compared.unread_tables}
    seen = [
        _neighbour(compared, name, digest) for name, digest in target.digests.items() if folded(name) not in receiving
    ]
    return seen + [
        _header(compared, name, target.schema.header[name]) for name in ("user_version", "application_id", "encoding")
    ]


def _neighbour(compared: TargetComparison, name: str, before: TableDigest) -> Observation:
    table, was = compared.schema.table(name), compared.survey.target_schema.schema.table(name)
    if table is None or was is None:
        return Observation(name, before.full, "no such table", holds=False)
    found = compared.digest(compared.con, table)
    what = ""
    if compared.changed_since:
        other = list_schema_differences(compared, was, table)
        what = f", other: {', '.join(other)}" if other else ""
    elif (table.sql, index_statements(table)) != (was.sql, index_statements(was)):
        what = ", with another statement or other indexes"
    if compared.changed_since and found != before:
        expected = f"{counted(before.rows, 'row')}, or changed since by its application"
        observed = f"{counted(found.rows, 'row')}, changed since{what}"
        return Observation(name, expected, observed, holds=not what, changed_since=True)
    as_before = equal(name, before.full, f"{found.full}{what}")
    return as_before if found == before else explained(as_before, partial(compared.explain, name))


def changed_neighbour_finding(compared: TargetComparison, neighbour: Observation) -> Finding:
    """Return the finding that a table, into which nothing was moved, has other rows than before."""
    name = neighbour.subject
    before = compared.survey.target.digests[name].rows if compared.survey.target else 0
    now = int(compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0])
    if before and not now:
        text = f"had {counted(before, 'row')} before the consolidation, and has none now."
        return Finding.of("table-emptied-since", name, text, count=before)
    return Finding.of("table-changed-since", name, f"{counted(now, 'row')}, changed since; {before} before.")


def _header(compared: TargetComparison, name: str, before: str) -> Observation:
    """Compare a field of the header; its application raises user_version, and never lets it fall."""
    now = compared.schema.header[name]
    if compared.changed_since and name == "user_version":
        return at_least(f"target: {name}", int(before), int(now))
    return equal(f"target: {name}", before, now)


def marks_carried(compared: TargetComparison) -> list[Observation]:
    """Observe that every AUTOINCREMENT mark is at least the largest of those that the target and the sources had."""
    survey = compared.survey
    expected = {folded(name): mark for name, mark in (survey.target.marks if survey.target else {}).items()}
    for mapping in survey.mappings:
        if mapping.into.autoincrement:
            expected[folded(mapping.into.name)] = max(
                survey.autoincrement_value(mapping), expected.get(folded(mapping.into.name), 0)
            )
    found = {folded(name): mark for name, mark in marks(compared.con).items()}
    seen = []
    for name, mark in expected.items():
        seen.append(at_least(f"{name}: AUTOINCREMENT", mark, found.get(name, 0)))
    return seen


def size_reasonable(size: int, survey: InspectedDatabases) -> list[Observation]:
    """The target has grown by no more than twice the sources' size, and a page for each of its objects."""
    before = survey.target.size if survey.target else 0
    brought = sum(facts.size for facts in survey.sources.values())
    tables = survey.target_schema.schema.tables.values()
    objects = len(tables) + sum(len(table.indexes) for table in tables)
    limit = before + 2 * brought + (64 + objects) * 65536
    return [at_most("target", limit, size, "byte", note=f" ({before} before, {brought} in the sources)")]


def final(
    found: dict[str, TableDigest],
    verified: dict[str, TableDigest],
    explain: Callable[[str], RowDifferences | None] = no_row_differences,
) -> list[Observation]:
    """Every table, as it was ``found`` through another connection, has the digest that was verified before COMMIT."""
    return [
        explained(
            equal(f"target: {name}", digest.full, found[name].full if name in found else "no such table"),
            partial(explain, name),
        )
        for name, digest in verified.items()
    ]


def _by_table(done: Sequence[CopiedTable]) -> dict[str, list[CopiedTable]]:
    tables: dict[str, list[CopiedTable]] = {}
    for one in done:
        tables.setdefault(one.mapping.into.name, []).append(one)
    return tables


def _expected_rows(compared: TargetComparison) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in compared.copied:
        name = one.mapping.into.name
        counts[name] = counts.get(name, compared.digests_before.get(name, TableDigest()).rows) + one.change.rows
    return counts
