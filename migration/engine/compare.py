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

from migration.engine import history
from migration.engine.declared import columns, declared, likeness, words
from migration.engine.digest import TableDigest, digest_table
from migration.engine.observation import Observation, at_least, at_most, counted, equal, not_required
from migration.engine.row_differences import explained, unexplained
from migration.engine.schema import marks
from migration.engine.sql import folded, quoted
from migration.engine.sqlite_checks import CHECK_CACHE_KB, orphans
from migration.engine.unique import keys_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from migration.engine.arrival import Arrival
    from migration.engine.move import Move
    from migration.engine.planned import Statement
    from migration.engine.row_differences import RowDifferences
    from migration.engine.schema import Index, Named, Schema, Table
    from migration.engine.survey import Survey
    from migration.engine.transfer import Transferred
    from migration.engine.unique import Key
    from migration.plan.model import Plan


@dataclass(frozen=True, kw_only=True)
class Structure:
    """The schema of a target, and what it was to be.

    Attributes:
        schema: As it is.
        survey: What was known before, with the schema that was foretold.
        changed_since: Whether the target has been in use since, and others may have made it in words of their own.
    """

    schema: Schema
    survey: Survey
    changed_since: bool = False

    @property
    def knows_neighbours(self) -> bool:
        """Whether it is known what else was in the target; of one that others made, only its original tells."""
        return self.survey.target is not None or not self.changed_since


@dataclass(frozen=True, kw_only=True)
class Compared(Structure):
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
    own: dict[str, TableDigest]
    done: Sequence[Transferred] = ()
    arrivals: Sequence[tuple[Move, Arrival]] = ()
    digest: Callable[..., TableDigest] = digest_table
    explain: Callable[[str], RowDifferences | None] = unexplained


def tables_created(compared: Structure, plan: Plan) -> list[Observation]:
    """Observe that every table the plan names is in the target as it was foretold.

    An optional source that is not there brings no table.
    """
    bringing = [source for source in plan.in_order if source.name in compared.survey.sources]
    named = [table_map.into for source in bringing for table_map in source.tables]
    named += [table.name for table in plan.tables]
    seen = []
    for name in dict.fromkeys(named):
        expected, there = compared.survey.future.schema.table(name), compared.schema.table(name)
        shape = _shape(compared, expected) if expected else "a table, but none was foretold"
        seen.append(equal(name, shape, _shape(compared, there) if there else "no such table"))
    return seen or [not_required("plan", "no table is to be created or to receive rows")]


def indexes_created(compared: Structure) -> list[Observation]:
    """Observe that every planned index is on its own table, with the statement that was planned, or with its like."""
    planned = [statement for statement in compared.survey.future.early if statement.kind == "index"]
    seen = [_index_created(compared, statement) for statement in planned]
    return seen or [not_required("target", "the plan creates no index")]


def _index_created(compared: Structure, planned: Statement) -> Observation:
    there = compared.schema.table(planned.table)
    known = {folded(index.name): index.sql for index in there.indexes} if there else {}
    observed = known.get(folded(planned.name), "no such index on this table")
    table = compared.survey.future.schema.table(planned.table)
    if compared.changed_since and there and table:
        index = next(index for index in table.indexes if folded(index.name) == folded(planned.name))
        lacks = bool(_lacking([index], table, there))
        observed = "no such index on this table" if lacks else planned.sql
    return equal(f"{planned.table}: {planned.name}", planned.sql, observed)


def schema_as_planned(compared: Structure) -> list[Observation]:
    """Observe that the target has the tables that were foretold and no other, each with all that it declares."""
    ours = folded(history.TABLE)
    expected = {folded(t.name): t for t in compared.survey.future.schema.movable if folded(t.name) != ours}
    there = {folded(t.name): t for t in compared.schema.movable if folded(t.name) != ours}
    seen = [] if compared.changed_since else [equal("target: tables", len(expected), len(there))]
    unplanned = sorted(set(there) - set(expected)) if compared.knows_neighbours else []
    seen += [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]
    for name, table in expected.items():
        if name not in there:
            seen.append(Observation(table.name, "in the target", "no such table", holds=False))
        elif compared.changed_since:
            shape = _shape(compared, table)
            seen += _declared_otherwise(compared, table, there[name]) or [equal(table.name, shape, shape)]
        else:
            seen += _written_otherwise(table, there[name])
    return seen or [not_required("target", "the plan names no table")]


def _written_otherwise(table: Table, found: Table) -> list[Observation]:
    """Return the first thing in which a table is not what was foretold to the letter."""
    if found.columns != table.columns:
        return [equal(table.name, ", ".join(columns(table)), ", ".join(columns(found)))]
    if found.sql != table.sql:
        return [equal(table.name, table.sql, found.sql)]
    if _indexes(found) != _indexes(table):
        return [equal(f"{table.name}: indexes", _indexes(table), _indexes(found))]
    return []


def _declared_otherwise(compared: Structure, table: Table, found: Table) -> list[Observation]:
    """Return each thing that a table declares otherwise than was foretold, whatever its words."""
    wanted, there = declared(table, compared.survey.future.schema), declared(found, compared.schema)
    seen = [equal(f"{table.name}: {kind}", text, there[kind]) for kind, text in wanted.items() if text != there[kind]]
    return seen + [
        Observation(f"{table.name}: {_index_words(index)}", "on this table", "no such index", holds=False)
        for index in _lacking(table.indexes, table, found)
    ]


def _lacking(indexes: Sequence[Index], table: Table, found: Table) -> list[Index]:
    """Return the indexes of a table that have no like among those of what was found in its place."""
    there = {likeness(index, found) for index in found.indexes}
    return [index for index in indexes if likeness(index, table) not in there]


def _index_words(index: Index) -> str:
    names = ", ".join(column or "an expression" for column, _, _ in index.terms)
    return index.name if index.sql else f"{'PRIMARY KEY' if index.origin == 'pk' else 'UNIQUE'}({names})"


def rows_counted(compared: Compared) -> list[Observation]:
    """Observe that each row has arrived, and that the target's tables have grown by exactly those, 100 %.

    By how many others a table that is in use has grown is not asked.
    """
    seen = [_arrived(move, arrival) for move, arrival in compared.arrivals]
    for one in compared.done:
        settled = f" ({one.skipped} not moved, {one.replaced} replaced, as the plan says)"
        expected = f"{counted(one.rows, 'row')}{settled if one.skipped or one.replaced else ''}"
        observed = f"{counted(one.inserted, 'row')} arrived in {one.seconds:.2f} s"
        holds = one.inserted + one.skipped == one.rows
        seen.append(Observation(f"{one.move.subject} -> {one.move.into.name}", expected, observed, holds))
    for name, rows in _expected_rows(compared).items():
        count = compared.con.execute(f"SELECT count(*) FROM main.{quoted(name)} NOT INDEXED").fetchone()[0]
        grown = equal(f"target: {name}", counted(rows, "row"), counted(count, "row"))
        seen.append(explained(grown, partial(compared.explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def _arrived(move: Move, arrival: Arrival) -> Observation:
    expected = f"{counted(arrival.rows, 'row')} arrived"
    lost = f", {arrival.missing} did not (or were deleted since)"
    observed = f"{counted(arrival.rows - arrival.missing, 'row')} arrived{lost if arrival.missing else ''}"
    compared = equal(f"{move.subject} -> {move.into.name}", expected, observed)
    return compared if compared.holds else replace(compared, rows=arrival.differences)


def rows_expected(compared: Compared) -> list[Observation]:
    """Observe that the counts are those that the plan states, where it states one."""
    seen = [
        equal(one.move.subject, counted(one.move.map.rows, "row"), counted(one.rows, "row"))
        for one in compared.done
        if one.move.map.rows is not None
    ]
    return seen or [not_required("plan", "the plan states no number of rows")]


def rows_exact(compared: Compared) -> list[Observation]:
    """Observe that each table's digest is its digest before plus that of the rows that were moved into it.

    Where the target may have been in use since, each row is looked at: what was changed since is counted, what looks
    like a fault is one.
    """
    seen = [_as_it_was(move, arrival) for move, arrival in compared.arrivals]
    for name, moves in _by_table(compared.done).items():
        table = compared.schema.table(name)
        if table is None:
            seen.append(Observation(name, "in the target", "no such table", holds=False))
            continue
        expected = compared.own.get(name, TableDigest())
        for one in moves:
            expected = expected + one.change
        found = compared.digest(compared.con, table, with_rowid=moves[0].move.rowid_counts)
        subject = f"{name} <- {', '.join(one.move.subject for one in moves)}"
        seen.append(explained(equal(subject, expected.full, found.full), partial(compared.explain, name)))
    return seen or [not_required("target", "the sources bring no table")]


def _as_it_was(move: Move, arrival: Arrival) -> Observation:
    words = [f"{counted(arrival.exact, 'row')} exact", f"{arrival.changed} changed", f"{arrival.missing} not there"]
    words += [f"columns {a} and {b} have changed places" for a, b in arrival.swapped]
    words += [f"column {name} has values of another type" for name in arrival.retyped]
    if arrival.systematic and not arrival.swapped and not arrival.retyped:
        words.append(f"every row differs, in {', '.join(arrival.differing)}: copied wrongly, or all changed since")
    if arrival.renumbered:
        words.append(f"{arrival.renumbered} have another rowid, which is all that tells them from others")
    return Observation(
        f"{move.subject} -> {move.into.name}",
        f"{counted(arrival.rows, 'row')} exact, but for those changed since",
        "; ".join(words),
        holds=not (arrival.missing or arrival.systematic or arrival.renumbered),
        rows=arrival.differences if arrival.differences.number else None,
    )


def no_duplicates(compared: Compared) -> list[Observation]:
    """Observe that no key is there twice; where none is declared, equal rows are as many as the sources have.

    Where an index brings the keys in order they are read from it, so that none has to be kept in memory; that the
    index has every row, and in its place, is what integrity_check shows.
    """
    seen = [
        equal(f"{move.subject} -> {move.into.name}", "0 rows doubled", f"{counted(arrival.doubled, 'row')} doubled")
        for move, arrival in compared.arrivals
    ]
    counts = _expected_rows(compared)
    for name in dict.fromkeys(move.into.name for move in compared.survey.moves):
        planned, there = compared.survey.future.schema.table(name), compared.schema.table(name)
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


def _as_often(rows: int) -> str:
    return f"{counted(rows, 'row')}, equal ones as often as before"


def _keys_twice(con: sqlite3.Connection, table: str, key: Key) -> int:
    """Count the keys that more than one row has; NULL is no key."""
    names = ", ".join(f"{quoted(column)} COLLATE {quoted(collation)}" for column, collation in key)
    whole = " AND ".join(f"{quoted(column)} IS NOT NULL" for column, _ in key)
    groups = f"SELECT 1 FROM main.{quoted(table)} WHERE {whole} GROUP BY {names} HAVING count(*) > 1"
    return int(con.execute(f"SELECT count(*) FROM ({groups})").fetchone()[0])


def foreign_keys(compared: Compared) -> list[Observation]:
    """Observe that no foreign key points at nothing that did not point at nothing before."""
    before = _orphans_before(compared.survey)
    seen = []
    for (child, parent), count in orphans(compared.con).items():
        known = before[folded(child), folded(parent)]
        seen.append(at_most(f"{child} -> {parent}", known, count, "row", " without a parent", ", as before"))
    return seen or no_orphan(len(compared.schema.tables))


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


def neighbours(compared: Compared) -> list[Observation]:
    """Observe that every table that the target had, and that nothing was moved into, is as it was."""
    target = compared.survey.target
    if target is None:
        return [not_required("target", "there was no target before this run")]
    receiving = {folded(move.into.name) for move in compared.survey.moves} | {folded(history.TABLE)}
    seen = [
        _neighbour(compared, name, digest) for name, digest in target.digests.items() if folded(name) not in receiving
    ]
    return seen + [
        _header(compared, name, target.schema.header[name]) for name in ("user_version", "application_id", "encoding")
    ]


def _neighbour(compared: Compared, name: str, before: TableDigest) -> Observation:
    table, was = compared.schema.table(name), compared.survey.future.schema.table(name)
    if table is None or was is None:
        return Observation(name, before.full, "no such table", holds=False)
    found = compared.digest(compared.con, table)
    what = ""
    if compared.changed_since:
        other = [seen.subject.removeprefix(f"{name}: ") for seen in _declared_otherwise(compared, was, table)]
        what = f", other: {', '.join(other)}" if other else ""
    elif (table.sql, _indexes(table)) != (was.sql, _indexes(was)):
        what = ", with another statement or other indexes"
    if compared.changed_since and found != before:
        expected = f"{counted(before.rows, 'row')}, or changed since by its application"
        return Observation(name, expected, f"{counted(found.rows, 'row')}, changed since{what}", holds=not what)
    as_before = equal(name, before.full, f"{found.full}{what}")
    return as_before if found == before else explained(as_before, partial(compared.explain, name))


def _header(compared: Compared, name: str, before: str) -> Observation:
    """Compare a field of the header; its application raises user_version, and never lets it fall."""
    now = compared.schema.header[name]
    if compared.changed_since and name == "user_version":
        return at_least(f"target: {name}", int(before), int(now))
    return equal(f"target: {name}", before, now)


def triggers_in_place(compared: Structure) -> list[Observation]:
    """Observe that triggers and views are those that the target had and those that were to come, to the letter.

    In a target that others made a trigger may have another name, and any of both may be there in addition.
    """
    likes = {_late(compared, schema, kind, named): named for schema, kind, named in _late_objects(compared.schema)}
    names = {(kind, folded(named.name)): named for _, kind, named in _late_objects(compared.schema)}
    planned = list(_late_objects(compared.survey.future.schema))
    seen = []
    for schema, kind, named in planned:
        holds = _late(compared, schema, kind, named) in likes
        other = names.get((kind, folded(named.name)))
        observed = named.sql if holds else other.sql if other else "missing"
        seen.append(equal(f"{kind} {folded(named.name)}", named.sql, observed))
    known = {(kind, folded(named.name)) for _, kind, named in planned}
    seen += [
        Observation(f"{kind} {name}", "not in the target", f"an unplanned {kind}", holds=False)
        for kind, name in sorted(names.keys() - known if not compared.changed_since else ())
    ]
    return seen or [not_required("target", "neither the plan nor the target has a trigger or a view")]


def _late_objects(schema: Schema) -> Iterator[tuple[Schema, str, Named]]:
    for kind, objects in (("trigger", schema.triggers), ("view", schema.views)):
        for named in objects:
            yield schema, kind, named


def _late(compared: Structure, schema: Schema, kind: str, named: Named) -> tuple[str, str, str]:
    """Return what tells a trigger or a view from others."""
    if not compared.changed_since:
        return kind, folded(named.name), named.sql
    return kind, folded(named.table), words(named, schema)


def marks_carried(compared: Compared) -> list[Observation]:
    """Observe that every AUTOINCREMENT mark is at least the largest of those that the target and the sources had."""
    survey = compared.survey
    expected = {folded(name): mark for name, mark in (survey.target.marks if survey.target else {}).items()}
    for move in survey.moves:
        if move.into.autoincrement:
            expected[folded(move.into.name)] = max(survey.mark(move), expected.get(folded(move.into.name), 0))
    found = {folded(name): mark for name, mark in marks(compared.con).items()}
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


def _expected_rows(compared: Compared) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in compared.done:
        name = one.move.into.name
        counts[name] = counts.get(name, compared.own.get(name, TableDigest()).rows) + one.change.rows
    return counts


def _shape(compared: Structure, table: Table) -> str:
    listed = sorted(columns(table), key=folded) if compared.changed_since else columns(table)
    extra = [word for word, is_so in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_so]
    return f"{counted(len(listed), 'column')}: {', '.join(listed)}" + "".join(f", {word}" for word in extra)


def _indexes(table: Table) -> list[tuple[str, str]]:
    return sorted((folded(index.name), index.sql) for index in table.indexes)
