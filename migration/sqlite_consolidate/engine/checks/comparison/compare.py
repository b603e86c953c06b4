"""Compare the rows of the target with the rows it must have after the copy.

The target is read inside the transaction, after COMMIT, or as a copy of its present state. The expected rows come from
the preflight or from the originals. If an application may have changed the target since, a difference that such use
can explain is no failure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.comparison.compare_structure import (
    SchemaComparison,
)
from sqlite_consolidate.engine.checks.comparison.row_matching import shared_rows_observations, under_other_keys
from sqlite_consolidate.engine.content.digest import TableDigest, digest_table
from sqlite_consolidate.engine.merge.conflict_log import matched_text
from sqlite_consolidate.engine.sqlite.integrity import CHECK_CACHE_KB, count_orphans, integrity_lines
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import (
    Observation,
    at_least,
    at_most,
    equal,
    not_required,
    with_differences,
)
from sqlite_consolidate.plan.patterns import stated_rows
from sqlite_consolidate.row_differences import no_row_differences
from sqlite_consolidate.text import counted, list_names, printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlite_consolidate.engine.checks.comparison.row_matching import RowMatch
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.derived.refresh import RefreshedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Key
    from sqlite_consolidate.row_differences import RowDifferences


@dataclass(frozen=True, kw_only=True)
class TargetComparison(SchemaComparison):
    """Hold a target with its rows, and what they must be.

    Attributes:
        con: Reads the target.
        digests_before: Digests of the rows that receiving tables had.
        copied: Result of the copy of each table map, if this run has copied.
        row_matches: Result of matching the rows of each table map, if another tool or an earlier run has copied.
        digest: Digests a table, or one of its columns.
        explain: Names the rows in which a table differs from the expected ones.
        refreshed: Folded name of each table whose columns the run has set again, to its digests.
        undone: Rolls back what a proof writes.
        target_before: Backup of the target. None if there was no target, or if it is not at hand.
        key_map: Database of the keys of matched rows. None if no row can match.
        damage: What quick_check has found, where the page reader has compared each index with its rows.
        checked: What integrity_check has found in the present state. None if it has not run.
    """

    con: sqlite3.Connection
    digests_before: dict[str, TableDigest]
    copied: Sequence[CopiedTable] = ()
    row_matches: Sequence[tuple[TableMapping, RowMatch]] = ()
    digest: Callable[..., TableDigest] = digest_table
    explain: Callable[[str], RowDifferences | None] = no_row_differences
    target_before: Path | None = None
    refreshed: Mapping[str, RefreshedTable] = field(default_factory=dict)
    undone: Callable[[], AbstractContextManager[None]] = nullcontext
    key_map: Path | None = None
    damage: Sequence[str] | None = None
    checked: Sequence[str] | None = None


def rows_counted(compared: TargetComparison) -> list[Observation]:
    """Observe that each row has arrived and that the target has grown by exactly these rows.

    The growth of a table is not checked if an application may have added rows since.
    """
    observations = [
        under_other_keys(mapping, row_match) or _rows_counted_observation(mapping, row_match)
        for mapping, row_match in compared.row_matches
    ]
    observations += shared_rows_observations(compared.row_matches)
    for table in compared.copied:
        match = table.mapping.table_map.match
        settled = settled_text(table.skipped, table.replaced, table.left.rows)
        settled = matched_text(table.skipped, table.identical, table.left.rows) if match else settled
        expected = f"{counted(table.rows, 'row')}{settled}"
        observed = f"{counted(table.inserted, 'row')} arrived in {table.seconds:.2f} s"
        holds = table.inserted + table.skipped + table.left.rows == table.rows
        observations.append(
            Observation(f"{table.mapping.subject} -> {table.mapping.into.name}", expected, observed, holds)
        )
    for name, rows in _expected_rows(compared).items():
        count = compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)} NOT INDEXED").fetchone()[0]
        row_count = equal(f"target: {name}", counted(rows, "row"), counted(count, "row"))
        observations.append(with_differences(row_count, partial(compared.explain, name)))
    observations += compared.unread_originals
    return observations or [not_required("target", "the sources bring no table")]


def settled_text(skipped: int, replaced: int, left: int) -> str:
    """Return the words about rows that the plan does not move or replaces, or nothing."""
    parts = [f"{skipped} not moved", f"{replaced} replaced"] if skipped or replaced else []
    parts += [f"{left} left behind"] if left else []
    return f" ({', '.join(parts)}, as the plan says)" if parts else ""


def _rows_counted_observation(mapping: TableMapping, row_match: RowMatch) -> Observation:
    expected = f"{counted(row_match.rows, 'row')} arrived"
    lost = f", {row_match.missing} did not (or {'was' if row_match.missing == 1 else 'were'} deleted since)"
    observed = f"{counted(row_match.rows - row_match.missing, 'row')} arrived{lost if row_match.missing else ''}"
    return equal(f"{mapping.subject} -> {mapping.into.name}", expected, observed)


def rows_expected(compared: TargetComparison) -> list[Observation]:
    """Observe that the row counts are those that the plan states."""
    copied = Counter[tuple[int, str]]()
    for table in compared.copied:
        copied[id(table.mapping.source.entry), folded(table.mapping.table_map.name)] += table.rows
    observations = [
        equal(stated.subject, counted(stated.rows, "row"), counted(rows, "row"))
        for stated in stated_rows(compared.inspected.plan)
        if (rows := copied.get((id(stated.source), folded(stated.table_map.name)))) is not None
    ]
    return observations or [not_required("plan", "the plan states no number of rows")]


def rows_exact(compared: TargetComparison) -> list[Observation]:
    """Observe that the digest of each table is its digest before plus that of the copied rows.

    If a ``[[refresh]]`` has set columns of a table, the digest is that of the rows right before. A digest without these
    columns shows that no other column has changed since.

    If an application may have used the target since, each row is matched with its original. Rows changed since are
    counted. Differences that only a wrong copy can explain are failures.
    """
    observations = [
        under_other_keys(mapping, row_match) or _rows_exact_observation(mapping, row_match)
        for mapping, row_match in compared.row_matches
    ] + compared.unread_originals
    for name, mappings in _group_by_table(compared.copied).items():
        table = compared.schema.table(name)
        if table is None:
            observations.append(Observation(name, "in the target", "no such table", holds=False))
            continue
        expected = compared.digests_before.get(name, TableDigest())
        for copied_table in mappings:
            expected = expected + copied_table.change
        refreshed = compared.refreshed.get(folded(name))
        counts = mappings[0].mapping.rowid_counts
        observed = refreshed.before if refreshed else compared.digest(compared.con, table, with_rowid=counts)
        subjects = dict.fromkeys(copied_table.mapping.entry_subject for copied_table in mappings)
        subject = f"{name} <- {', '.join(subjects)}"
        observations.append(
            with_differences(equal(subject, expected.full, observed.full), partial(compared.explain, name))
        )
        observations += [refreshed.observe_others(compared.con, table)] if refreshed else []
    return observations or [not_required("target", "the sources bring no table")]


def _rows_exact_observation(mapping: TableMapping, row_match: RowMatch) -> Observation:
    parts = [
        f"{counted(row_match.exact, 'row')} exact",
        f"{row_match.changed} changed",
        f"{row_match.missing} missing",
    ]
    parts += [f"columns {a} and {b} have changed places" for a, b in row_match.swapped]
    parts += [f"column {name} has values of another type" for name in row_match.retyped]
    if row_match.systematic and not row_match.swapped and not row_match.retyped:
        columns = f", in {', '.join(row_match.differing)}" if row_match.differing else ""
        parts.append(f"every row differs{columns}: copied wrongly, or all changed since")
    if row_match.renumbered:
        has, pronoun = ("has", "it") if row_match.renumbered == 1 else ("have", "them")
        parts.append(f"{row_match.renumbered} {has} another rowid, which is all that tells {pronoun} from others")
    return Observation(
        f"{mapping.subject} -> {mapping.into.name}",
        f"{counted(row_match.rows, 'row')} exact, but for those changed since",
        "; ".join(parts),
        holds=not (row_match.missing or row_match.systematic or row_match.renumbered),
        rows=row_match.differences if row_match.differences.number else None,
    )


def no_duplicates(compared: TargetComparison) -> list[Observation]:
    """Observe that no key occurs twice in a table.

    If a table declares no key, equal rows must occur as often as in the sources. The digest of its rows states their
    number. SQLite reads the keys in index order where an index exists, so that they need not be kept in memory.
    integrity_check shows that this index is complete.
    """
    observations = [
        under_other_keys(mapping, row_match)
        or with_differences(
            equal(
                f"{mapping.subject} -> {mapping.into.name}",
                "0 rows doubled",
                f"{counted(row_match.doubled, 'row')} doubled",
            ),
            partial(_doubled_rows, row_match),
        )
        for mapping, row_match in compared.row_matches
    ] + compared.unread_originals
    counts = _expected_rows(compared)
    for name in dict.fromkeys(mapping.into.name for mapping in compared.inspected.mappings):
        planned, present = compared.inspected.target_schema.schema.table(name), compared.schema.table(name)
        if planned is None or present is None:
            continue
        keys = keys_of(planned)
        for key in keys:
            if all(present.column(column) for column, _ in key):
                subject = f"{name} ({', '.join(column for column, _ in key)})"
                observations.append(
                    equal(
                        subject,
                        "0 repeated keys",
                        counted(_count_repeated_keys(compared.con, name, key), "repeated key"),
                    )
                )
        if not keys and name in counts:
            rows = compared.digest(compared.con, present).rows
            equal_rows = equal(f"{name} (no key declared)", _row_count_text(counts[name]), _row_count_text(rows))
            observations.append(with_differences(equal_rows, partial(compared.explain, name)))
    return observations or [not_required("target", "the sources bring no table")]


def _doubled_rows(row_match: RowMatch) -> RowDifferences:
    return row_match.doubles


def _row_count_text(rows: int) -> str:
    return f"{counted(rows, 'row')}, equal ones as often as before"


def _count_repeated_keys(con: sqlite3.Connection, table: str, key: Key) -> int:
    """Count the keys that more than one row has, without keys that contain NULL."""
    names = ", ".join(f"{quoted(column)} COLLATE {quoted(collation)}" for column, collation in key)
    whole = " AND ".join(f"{quoted(column)} IS NOT NULL" for column, _ in key)
    groups = f"SELECT 1 FROM main.{quoted(table)} WHERE {whole} GROUP BY {names} HAVING count(*) > 1"
    return int(con.execute(f"SELECT count(*) FROM ({groups})").fetchone()[0])


def foreign_keys(compared: TargetComparison) -> list[Observation]:
    """Observe that the copy has added no row whose parent is missing."""
    before = _orphans_before(compared.inspected)
    observations = compared.unread_originals
    for (child, parent), count in count_orphans(compared.con).items():
        if compared.is_unread(child):
            continue
        count_before = before[folded(child), folded(parent)]
        observations.append(
            at_most(f"{child} -> {parent}", count_before, count, "row", " without a parent", ", as before")
        )
    return observations or no_orphans_observation(len(compared.schema.tables))


def no_orphans_observation(tables: int) -> list[Observation]:
    """Return the observation that foreign_key_check found no row without a parent."""
    if not tables:
        return [not_required("target: foreign_key_check", "the target has no table")]
    none = equal("target: foreign_key_check", "0 rows without a parent", "0 rows without a parent")
    return [replace(none, examined=tables)]


def _orphans_before(inspected: InspectedDatabases) -> dict[tuple[str, str], int]:
    """Count the orphans of target and sources, by child and parent table of the target."""
    before: dict[tuple[str, str], int] = defaultdict(int)
    for (child, parent), count in (inspected.target.orphans if inspected.target else {}).items():
        before[folded(child), folded(parent)] += count
    for name, database in inspected.sources.items():
        into = {folded(m.table_map.name): folded(m.into.name) for m in inspected.mappings_of(name)}
        for (child, parent), count in database.orphans.items():
            if folded(child) in into:
                before[into[folded(child)], into.get(folded(parent), folded(parent))] += count
    return before


QUICK_AND_PAGES = "ok by quick_check and the page reader"
"""What the target is observed to be where the page reader compared each index with its rows."""


def integrity(
    con: sqlite3.Connection, damage: Sequence[str] | None = None, checked: Sequence[str] | None = None
) -> list[Observation]:
    """Observe that SQLite's full integrity_check of the target reports no error.

    Args:
        con: Reads the target.
        damage: What quick_check has found, where the page reader has compared each index with its rows.
        checked: What integrity_check has found, if it has run.
    """
    if damage is not None:
        return [equal("target: integrity_check", QUICK_AND_PAGES, "; ".join(damage) or QUICK_AND_PAGES)]
    if checked is None:
        con.execute(f"PRAGMA main.cache_size=-{CHECK_CACHE_KB}")
        checked = integrity_lines(con, 20)
    names = [printable(table.name) for table in read_schema(con).unexamined]
    intact = f"ok; not examined: {list_names(names)}" if names else "ok"
    return [equal("target: integrity_check", intact, "; ".join(checked) or intact)]


def marks_carried(compared: TargetComparison) -> list[Observation]:
    """Observe that each AUTOINCREMENT value is at least the largest value before the copy."""
    inspected = compared.inspected
    expected = {folded(name): mark for name, mark in (inspected.target.marks if inspected.target else {}).items()}
    for mapping in inspected.mappings:
        if mapping.into.autoincrement:
            expected[folded(mapping.into.name)] = max(
                inspected.autoincrement_value(mapping), expected.get(folded(mapping.into.name), 0)
            )
    observed = {folded(name): mark for name, mark in read_autoincrement_marks(compared.con).items()}
    observations = []
    for name, mark in expected.items():
        observations.append(at_least(f"{name}: AUTOINCREMENT", mark, observed.get(name, 0)))
    return observations


def size_reasonable(size: int, inspected: InspectedDatabases) -> list[Observation]:
    """Observe that the target has grown by at most twice the size of the sources.

    The limit grows by 64 KiB for each table and index, and for 64 more of them.
    """
    before = inspected.target.size if inspected.target else 0
    source_size = sum(database.size for database in inspected.sources.values())
    tables = inspected.target_schema.schema.tables.values()
    objects = len(tables) + sum(len(table.indexes) for table in tables)
    limit = before + 2 * source_size + (64 + objects) * 65536
    return [at_most("target", limit, size, "byte", note=f" ({before} before, {source_size} in the sources)")]


def final(
    observed: dict[str, TableDigest],
    verified: dict[str, TableDigest],
    explain: Callable[[str], RowDifferences | None] = no_row_differences,
) -> list[Observation]:
    """Observe that each table still has the digest that was verified before COMMIT.

    The digests were read through another connection.
    """
    return [
        with_differences(
            equal(f"target: {name}", digest.full, observed[name].full if name in observed else "no such table"),
            partial(explain, name),
        )
        for name, digest in verified.items()
    ]


def _group_by_table(copied: Sequence[CopiedTable]) -> dict[str, list[CopiedTable]]:
    tables: dict[str, list[CopiedTable]] = {}
    for table in copied:
        tables.setdefault(table.mapping.into.name, []).append(table)
    return tables


def _expected_rows(compared: TargetComparison) -> dict[str, int]:
    counts: dict[str, int] = {}
    for table in compared.copied:
        name = table.mapping.into.name
        counts[name] = counts.get(name, compared.digests_before.get(name, TableDigest()).rows) + table.change.rows
    return counts
