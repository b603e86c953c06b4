"""Compare: what was moved against what arrived, and the target's neighbours against themselves; observations only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from migration.engine import history
from migration.engine.digest import TableDigest, digest_table
from migration.engine.dump import marks
from migration.engine.facts import CHECK_CACHE_KB, orphans
from migration.engine.observation import Observation, at_least, at_most, counted, equal, not_required
from migration.engine.row_differences import explained, unexplained
from migration.engine.schema import read
from migration.engine.sql import folded, quoted
from migration.engine.unique import keys_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Sequence

    from migration.engine.future import Future
    from migration.engine.planned import Statement
    from migration.engine.row_differences import RowDifferences
    from migration.engine.schema import Schema, Table
    from migration.engine.survey import Survey
    from migration.engine.transfer import Transferred
    from migration.plan.model import Plan


def tables_created(actual: Schema, future: Future, plan: Plan, absent: Collection[str] = ()) -> list[Observation]:
    """Observe that every table the plan names is in the target as it was foretold.

    Args:
        actual: The target's schema now.
        future: The schema that was foretold.
        plan: Names the tables.
        absent: Names of optional sources that are not there; they bring no table.
    """
    named = [table_map.into for source in plan.in_order if source.name not in absent for table_map in source.tables]
    named += [table.name for table in plan.tables]
    seen = []
    for name in dict.fromkeys(named):
        expected, there = future.schema.table(name), actual.table(name)
        shape = _shape(expected) if expected else "a table, but none was foretold"
        seen.append(equal(name, shape, _shape(there) if there else "no such table"))
    return seen or [not_required("plan", "no table is to be created or to receive rows")]


def indexes_created(actual: Schema, early: Iterable[Statement]) -> list[Observation]:
    """Every planned index is there, on its own table, with the statement that was planned."""
    there = {
        (folded(table.name), folded(index.name)): index.sql
        for table in actual.tables.values()
        for index in table.indexes
    }
    seen = []
    for one in early:
        if one.kind == "index":
            found = there.get((folded(one.table), folded(one.name)))
            observed = "no such index on this table" if found is None else found
            seen.append(equal(f"{one.table}: {one.name}", one.sql, observed))
    return seen or [not_required("target", "the plan creates no index")]


def schema_as_foretold(actual: Schema, future: Future) -> list[Observation]:
    """The target has the tables that were foretold and no other, each with its columns, statement and indexes."""
    ours = folded(history.TABLE)
    expected = {folded(t.name): t for t in future.schema.movable if folded(t.name) != ours}
    there = {folded(t.name): t for t in actual.movable if folded(t.name) != ours}
    unplanned = sorted(set(there) - set(expected))
    seen = [equal("target: tables", len(expected), len(there))]
    seen += [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]
    for name, table in expected.items():
        found = there.get(name)
        if found is None:
            seen.append(Observation(table.name, "in the target", "no such table", holds=False))
        elif found.columns != table.columns:
            seen.append(equal(table.name, _columns(table), _columns(found)))
        elif found.sql != table.sql:
            seen.append(equal(table.name, table.sql, found.sql))
        elif _indexes(found) != _indexes(table):
            seen.append(equal(f"{table.name}: indexes", _indexes(table), _indexes(found)))
    return seen


def rows_counted(
    con: sqlite3.Connection,
    own: dict[str, TableDigest],
    done: Sequence[Transferred],
    explain: Callable[[str], RowDifferences | None] = unexplained,
) -> list[Observation]:
    """The target's tables have grown by exactly the rows that were to be inserted, 100 %."""
    seen = []
    for one in done:
        settled = f" ({one.skipped} not moved, {one.replaced} replaced, as the plan says)"
        expected = f"{counted(one.rows, 'row')}{settled if one.skipped or one.replaced else ''}"
        observed = f"{counted(one.inserted, 'row')} arrived in {one.seconds:.2f} s"
        holds = one.inserted + one.skipped == one.rows
        seen.append(Observation(f"{one.move.subject} -> {one.move.into.name}", expected, observed, holds))
    for name, rows in _expected_rows(own, done).items():
        count = con.execute(f"SELECT count(*) FROM main.{quoted(name)} NOT INDEXED").fetchone()[0]
        counted_rows = equal(f"target: {name}", counted(rows, "row"), counted(count, "row"))
        seen.append(explained(counted_rows, partial(explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def rows_expected(done: Sequence[Transferred]) -> list[Observation]:
    """The counts are those that the plan states, where it states one."""
    seen = [
        equal(one.move.subject, counted(one.move.map.rows, "row"), counted(one.rows, "row"))
        for one in done
        if one.move.map.rows is not None
    ]
    return seen or [not_required("plan", "the plan states no number of rows")]


def rows_exact(
    con: sqlite3.Connection,
    own: dict[str, TableDigest],
    done: Sequence[Transferred],
    digest: Callable[..., TableDigest] = digest_table,
    explain: Callable[[str], RowDifferences | None] = unexplained,
) -> list[Observation]:
    """Each table's digest is its digest before plus that of the rows that were moved into it."""
    schema = read(con)
    seen = []
    for name, moves in _by_table(done).items():
        table = schema.table(name)
        if table is None:
            seen.append(Observation(name, "in the target", "no such table", holds=False))
            continue
        expected = own.get(name, TableDigest())
        for one in moves:
            expected = expected + one.change
        found = digest(con, table, with_rowid=moves[0].move.rowid_counts)
        subject = f"{name} <- {', '.join(one.move.subject for one in moves)}"
        seen.append(explained(equal(subject, expected.full, found.full), partial(explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def no_duplicates(
    con: sqlite3.Connection,
    own: dict[str, TableDigest],
    done: Sequence[Transferred],
    explain: Callable[[str], RowDifferences | None] = unexplained,
) -> list[Observation]:
    """No key is there twice; where no key is declared, equal rows are as many as the sources have.

    Where an index brings the keys in order they are read from it, so that none has to be kept in memory; that the
    index has every row, and in its place, is what integrity_check shows.
    """
    schema = read(con)
    seen = []
    for name in _by_table(done):
        table = schema.table(name)
        if table is None:
            continue
        keys = keys_of(table)
        for key in keys:
            columns = ", ".join(f"{quoted(column)} COLLATE {quoted(collation)}" for column, collation in key)
            whole = " AND ".join(f"{quoted(column)} IS NOT NULL" for column, _ in key)
            twice = con.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(name)}"
                f" WHERE {whole} GROUP BY {columns} HAVING count(*) > 1)"
            ).fetchone()[0]
            seen.append(
                equal(
                    f"{name} ({', '.join(column for column, _ in key)})",
                    "0 keys twice",
                    f"{counted(twice, 'key')} twice",
                )
            )
        if not keys:
            expected = _expected_rows(own, done)[name]
            count = con.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0]
            compared = equal(f"{name} (no key declared)", _as_often(expected), _as_often(count))
            seen.append(explained(compared, partial(explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def _as_often(rows: int) -> str:
    return f"{counted(rows, 'row')}, equal ones as often as before"


def foreign_keys(con: sqlite3.Connection, survey: Survey) -> list[Observation]:
    """No foreign key points at nothing that did not point at nothing before."""
    before = _orphans_before(survey)
    seen = []
    for (child, parent), count in orphans(con).items():
        known = before[folded(child), folded(parent)]
        seen.append(at_most(f"{child} -> {parent}", known, count, "row", " without a parent", ", as before"))
    return seen or no_orphan(len(read(con).tables))


def no_orphan(tables: int) -> list[Observation]:
    """State that foreign_key_check of a number of tables found nothing."""
    if not tables:
        return [not_required("target: foreign_key_check", "the target has no table")]
    none = equal("target: foreign_key_check", "0 rows without a parent", "0 rows without a parent")
    return [replace(none, examined=tables)]


def _orphans_before(survey: Survey) -> dict[tuple[str, str], int]:
    """Count the orphans of target and sources by child and parent, under the names that they have in the target."""
    before: dict[tuple[str, str], int] = defaultdict(int)
    for (child, parent), count in (survey.target.orphans if survey.target else {}).items():
        before[folded(child), folded(parent)] += count
    for name, facts in survey.sources.items():
        into = {folded(m.map.name): folded(m.into.name) for m in survey.moves if m.source.name == name}
        for (child, parent), count in facts.orphans.items():
            if folded(child) in into:
                before[into[folded(child)], into.get(folded(parent), folded(parent))] += count
    return before


def integrity(con: sqlite3.Connection) -> list[Observation]:
    """SQLite's integrity_check, the full one, of the target."""
    con.execute(f"PRAGMA main.cache_size=-{CHECK_CACHE_KB}")
    lines = [str(row[0]) for row in con.execute("PRAGMA main.integrity_check(20)").fetchall()]
    return [equal("target: integrity_check", "ok", "; ".join(lines))]


def neighbours(
    con: sqlite3.Connection,
    survey: Survey,
    digest: Callable[..., TableDigest] = digest_table,
    explain: Callable[[str], RowDifferences | None] = unexplained,
) -> list[Observation]:
    """Every table that the target had before, and that nothing was moved into, has the digest it had."""
    if survey.target is None:
        return [not_required("target", "there was no target before this run")]
    receiving = {folded(move.into.name) for move in survey.moves} | {folded(history.TABLE)}
    schema = read(con)
    seen = []
    for name, before in survey.target.digests.items():
        if folded(name) in receiving:
            continue
        table, was = schema.table(name), survey.target.schema.table(name)
        found = digest(con, table) if table else TableDigest()
        same = table is not None and was is not None and (table.sql, _indexes(table)) == (was.sql, _indexes(was))
        what = "" if same else ", with another statement or other indexes"
        compared = equal(name, before.full, f"{found.full}{what}")
        seen.append(compared if found == before else explained(compared, partial(explain, name)))
    return seen + [
        equal(f"target: {name}", survey.target.schema.header[name], schema.header[name])
        for name in ("user_version", "application_id", "encoding")
    ]


def triggers_in_place(con: sqlite3.Connection, survey: Survey) -> list[Observation]:
    """The target's triggers and views are those it had, to the letter, and those that were to come."""
    return triggers_as_planned(read(con), survey)


def triggers_as_planned(actual: Schema, survey: Survey) -> list[Observation]:
    """The triggers and views of a schema are those that the target had, to the letter, and those that were to come."""
    there, expected = _late_objects(actual), _late_objects(survey.future.schema)
    seen = [equal(f"{kind} {name}", sql, there.get((kind, name), "missing")) for (kind, name), sql in expected.items()]
    seen += [
        Observation(f"{kind} {name}", "not in the target", f"an unplanned {kind}", holds=False)
        for kind, name in sorted(there.keys() - expected.keys())
    ]
    return seen or [not_required("target", "neither the plan nor the target has a trigger or a view")]


def _late_objects(schema: Schema) -> dict[tuple[str, str], str]:
    triggers = {("trigger", folded(named.name)): named.sql for named in schema.triggers}
    return triggers | {("view", folded(named.name)): named.sql for named in schema.views}


def marks_carried(con: sqlite3.Connection, survey: Survey) -> list[Observation]:
    """Every AUTOINCREMENT mark is at least the largest of those that the target and the sources had."""
    expected = {folded(name): mark for name, mark in (survey.target.marks if survey.target else {}).items()}
    for move in survey.moves:
        if move.into.autoincrement:
            expected[folded(move.into.name)] = max(survey.mark(move), expected.get(folded(move.into.name), 0))
    found = {folded(name): mark for name, mark in marks(con).items()}
    seen = []
    for name, mark in expected.items():
        seen.append(at_least(f"{name}: AUTOINCREMENT", mark, found.get(name, 0)))
    return seen


def size_reasonable(size: int, survey: Survey) -> list[Observation]:
    """The target has grown by no more than twice the sources' size, and a page for each of its objects."""
    before = survey.target.size if survey.target else 0
    brought = sum(facts.size for facts in survey.sources.values())
    tables = survey.future.schema.tables.values()
    objects = len(tables) + sum(len(table.indexes) for table in tables)
    limit = before + 2 * brought + (64 + objects) * 65536
    return [at_most("target", limit, size, "byte", note=f" ({before} before, {brought} in the sources)")]


def final(
    found: dict[str, TableDigest],
    verified: dict[str, TableDigest],
    explain: Callable[[str], RowDifferences | None] = unexplained,
) -> list[Observation]:
    """Every table, as it was ``found`` through another connection, has the digest that was verified before COMMIT."""
    return [
        explained(
            equal(f"target: {name}", digest.full, found[name].full if name in found else "no such table"),
            partial(explain, name),
        )
        for name, digest in verified.items()
    ]


def _by_table(done: Sequence[Transferred]) -> dict[str, list[Transferred]]:
    tables: dict[str, list[Transferred]] = {}
    for one in done:
        tables.setdefault(one.move.into.name, []).append(one)
    return tables


def _expected_rows(own: dict[str, TableDigest], done: Sequence[Transferred]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in done:
        name = one.move.into.name
        counts[name] = counts.get(name, own.get(name, TableDigest()).rows) + one.change.rows
    return counts


def _shape(table: Table) -> str:
    extra = [word for word, is_so in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_so]
    return f"{counted(len(table.columns), 'column')}: {_columns(table)}" + "".join(f", {word}" for word in extra)


def _columns(table: Table) -> str:
    parts = []
    for column in table.columns:
        words = [
            column.name,
            column.type,
            "NOT NULL" if column.notnull else "",
            f"key {column.key}" if column.key else "",
        ]
        words.append(f"default {column.default}" if column.default is not None else "")
        parts.append(" ".join(word for word in words if word))
    return ", ".join(parts)


def _indexes(table: Table) -> list[tuple[str, str]]:
    return sorted((folded(index.name), index.sql) for index in table.indexes)
