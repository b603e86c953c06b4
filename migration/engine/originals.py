"""Originals: judges a consolidation that somebody else made, by the databases it was made from; nothing is written.

The originals, or their backups, are laid out in a private folder as the workspace once was, and surveyed there as if
the plan were to be carried out: that gives the moves, and the schema that was to be. The target, copied as it is now,
is held against both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine import history, manifest
from migration.engine.arrival import Arrival, arrival
from migration.engine.compare import no_orphan
from migration.engine.digest import digest_table
from migration.engine.facts import orphans
from migration.engine.findings import Finding
from migration.engine.guard import looking
from migration.engine.observation import Observation, counted, equal, not_required
from migration.engine.schema import Schema, read
from migration.engine.snapshot import snapshot
from migration.engine.sql import folded, quoted, with_name
from migration.engine.survey import Survey, survey
from migration.engine.unique import keys_of
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from contextlib import ExitStack

    from migration.engine.limits import Limits
    from migration.engine.move import Move
    from migration.engine.schema import Index, Table
    from migration.plan.model import Plan


@dataclass
class Judged:
    """What can be said about a consolidation that was made without us.

    Attributes:
        survey: Of the originals.
        arrivals: What became of the rows of each move.
        now: The target's schema as it is.
        con: Read-only connection to the copy of the target.
        had_target: Whether the original target is among the originals: without it its neighbours cannot be judged.
    """

    survey: Survey
    now: Schema
    con: sqlite3.Connection
    had_target: bool
    arrivals: list[tuple[Move, Arrival]] = field(default_factory=list)


def lay_out(plan: Plan, originals: Path, live: Path, scratch: Path) -> Path:
    """Copy the originals to their places in ``scratch``, and the target as it is now beside them.

    Returns:
        The copy of the target.

    Raises:
        ProblemError: A required original, or the target, is not there.
    """
    sealed = manifest.read(originals)
    wanted = [(source.file, source.optional) for source in plan.sources] + [(plan.target, True)]
    missing = []
    for file, optional in wanted:
        entry = sealed.database(file) if sealed else None
        found = _find(originals, file, entry.copy if entry else "")
        if found is not None:
            copy = scratch / file
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            snapshot(found, copy)
        elif not optional:
            missing.append(file)
    if missing:
        raise ProblemError(
            Problem(
                "no-original",
                ", ".join(missing),
                f"{'is' if len(missing) == 1 else 'are'} not in {originals.name}. Nothing was written.",
                "Put the originals, or their backups, there under the plan's file names.",
            )
        )
    if not (live / plan.target).is_file():
        raise ProblemError(
            Problem(
                "no-target", plan.target, "does not exist.", "Name the workspace of the consolidation: --workspace DIR"
            )
        )
    now = scratch / "target-as-it-is-now.db"
    snapshot(live / plan.target, now)
    return now


def judge(plan: Plan, scratch: Path, target: Path, resources: ExitStack, limits: Limits | None = None) -> Judged:
    """Survey the originals and find out what became of their rows."""
    found = survey(plan, scratch, resources, limits)
    con = resources.enter_context(looking(target, limits))
    judged = Judged(found, read(con), con, had_target=found.target is not None)
    for move in found.moves:
        table = judged.now.table(move.into.name)
        if table is not None:
            path = found.gathered.get(move.source.name, scratch / move.source.file)
            with looking(path, limits) as original:
                judged.arrivals.append((move, arrival(original, move, con, table)))
    return judged


def tables_created(judged: Judged, plan: Plan) -> list[Observation]:
    """Every table that the plan names is in the target."""
    named = [table_map.into for source in plan.in_order for table_map in source.tables]
    named += [table.name for table in plan.tables]
    return [
        equal(name, "in the target", "in the target" if judged.now.table(name) else "no such table")
        for name in dict.fromkeys(named)
        if judged.survey.future.schema.table(name)
    ]


def indexes_created(judged: Judged) -> list[Observation]:
    """Every planned index has its like on the same table, whatever its name."""
    seen = []
    for name in dict.fromkeys(move.into.name for move in judged.survey.moves):
        planned, there = judged.survey.future.schema.table(name), judged.now.table(name)
        if planned is None or there is None:
            continue
        have = {_terms(index) for index in there.indexes}
        seen += [
            Observation(f"{name}: {index.name}", index.sql, _found(index, have, name), holds=_terms(index) in have)
            for index in planned.indexes
            if index.sql
        ]
    return seen or [not_required("target", "the plan creates no index")]


def schema_as_planned(judged: Judged) -> list[Observation]:
    """Columns are as planned, and no table is there that neither the plan nor the target of before has."""
    seen = []
    for name in dict.fromkeys(move.into.name for move in judged.survey.moves):
        planned, there = judged.survey.future.schema.table(name), judged.now.table(name)
        if planned is not None and there is not None:
            seen.append(equal(f"{name}: columns", _columns(planned), _columns(there)))
    if judged.had_target:
        known = {folded(table.name) for table in judged.survey.future.schema.movable} | {folded(history.TABLE)}
        unplanned = [table.name for table in judged.now.movable if folded(table.name) not in known]
        seen += [Observation(name, "not in the target", "an unplanned table", holds=False) for name in unplanned]
    return seen


def rows_counted(judged: Judged) -> list[Observation]:
    """Each row of the originals is in the target, by its key or, without one, by its content."""
    return [
        Observation(
            f"{move.subject} -> {move.into.name}",
            f"{counted(one.rows, 'row')} arrived",
            f"{counted(one.rows - one.missing, 'row')} arrived, {one.missing} did not (or were deleted since)",
            holds=one.missing == 0,
            rows=one.differences if one.missing else None,
        )
        for move, one in judged.arrivals
    ]


def rows_exact(judged: Judged) -> list[Observation]:
    """The rows that arrived are as they were; what was changed since is counted, what looks like a fault is one."""
    return [
        Observation(
            f"{move.subject} -> {move.into.name}",
            f"{counted(one.rows, 'row')} exact, but for those changed since",
            _exactly(one),
            holds=one.missing == 0 and not one.systematic,
            rows=one.differences if one.differences.number else None,
        )
        for move, one in judged.arrivals
    ]


def no_duplicates(judged: Judged) -> list[Observation]:
    """No row of an original is in the target more often than it was, and no planned key is there twice."""
    seen = [
        equal(f"{move.subject} -> {move.into.name}", "0 rows doubled", f"{counted(one.doubled, 'row')} doubled")
        for move, one in judged.arrivals
    ]
    for name in dict.fromkeys(move.into.name for move, _ in judged.arrivals):
        planned, there = judged.survey.future.schema.table(name), judged.now.table(name)
        for key in keys_of(planned) if planned and there else ():
            if all(there is not None and there.column(column) for column, _ in key):
                columns = ", ".join(f"{quoted(column)} COLLATE {quoted(collation)}" for column, collation in key)
                whole = " AND ".join(f"{quoted(column)} IS NOT NULL" for column, _ in key)
                twice = judged.con.execute(
                    f"SELECT count(*) FROM (SELECT 1 FROM {quoted(name)} NOT INDEXED"
                    f" WHERE {whole} GROUP BY {columns} HAVING count(*) > 1)"
                ).fetchone()[0]
                names = ", ".join(column for column, _ in key)
                seen.append(equal(f"{name} ({names})", "0 keys twice", f"{twice} keys twice"))
    return seen


def foreign_keys(judged: Judged) -> list[Observation]:
    """No foreign key points at nothing."""
    found = orphans(judged.con)
    seen = [
        equal(f"{child} -> {parent}", "0 rows without a parent", counted(n, "row"))
        for (child, parent), n in found.items()
    ]
    return seen or no_orphan(len(judged.now.tables))


def neighbours(judged: Judged) -> list[Observation]:
    """Every table the target had before is still there; rows changed since are told, for it has been in use."""
    return [observation for observation, _ in _neighbours(judged)]


def _neighbours(judged: Judged) -> Iterator[tuple[Observation, bool]]:
    """Yield the observation of each such table, and whether its rows were changed since."""
    target = judged.survey.target
    if target is None:
        return
    receiving = {folded(move.into.name) for move in judged.survey.moves} | {folded(history.TABLE)}
    for name, digest in target.digests.items():
        if folded(name) in receiving:
            continue
        table, was = judged.now.table(name), target.schema.table(name)
        if table is None or was is None:
            yield Observation(name, "in the target, as before", "no such table", holds=False), False
            continue
        found = digest_table(judged.con, table)
        same = _columns(table) == _columns(was)
        said = (
            counted(found.rows, "row")
            + ("" if found == digest else ", changed since")
            + ("" if same else ", other columns")
        )
        expected = f"{counted(digest.rows, 'row')}, or changed since by its application"
        yield Observation(name, expected, said, holds=same), found != digest


def triggers_in_place(judged: Judged) -> list[Observation]:
    """Each trigger that was to come along is on its table, with its statement but for the name."""
    there = {(folded(one.table), _body(one.sql)) for one in judged.now.triggers}
    planned = [one for one in judged.survey.future.late if one.kind == "trigger"]
    seen = [
        Observation(
            f"{one.table}: {one.name}",
            one.sql,
            one.sql if (folded(one.table), _body(one.sql)) in there else f"no such trigger on {one.table}",
            holds=(folded(one.table), _body(one.sql)) in there,
        )
        for one in planned
    ]
    return seen or [not_required("target", "the moved tables have no trigger")]


def changed_since(judged: Judged) -> list[Finding]:
    """Count the rows that have changed since: a reader's matter, not a fault."""
    findings = [
        Finding.of("rows-changed-since", move.subject, _changed(move, arrival), count=arrival.changed)
        for move, arrival in judged.arrivals
        if arrival.changed and not arrival.systematic
    ]
    return findings + [
        Finding.of("table-changed-since", observation.subject, f"{observation.observed}.")
        for observation, is_changed in _neighbours(judged)
        if observation.holds and is_changed
    ]


def _changed(move: Move, arrival: Arrival) -> str:
    of_all = f"{arrival.changed} of {counted(arrival.rows, 'row')}"
    return f"{of_all} in {move.into.name} {_have(arrival.changed)} other values now ({', '.join(arrival.differing)})."


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _find(originals: Path, file: str, copy: str) -> Path | None:
    places = [originals / copy] if copy else []
    places += [originals / file, originals / Path(file).name]
    return next((place for place in places if place.is_file()), None)


def _terms(index: Index) -> tuple[object, ...]:
    terms = tuple(
        (folded(column or ""), descending, folded(collation)) for column, descending, collation in index.terms
    )
    computed = any(column is None for column, _, _ in index.terms) or index.partial
    condition = " ".join(folded(index.sql).split("(", 1)[-1].split()) if computed else ""
    return index.unique, index.partial, terms, condition


def _body(sql: str) -> str:
    return " ".join(with_name(sql, "_").split())


def _found(index: Index, have: set[tuple[object, ...]], table: str) -> str:
    return index.sql if _terms(index) in have else f"no such index on {table}"


def _columns(table: Table) -> str:
    words = [
        " ".join(
            word
            for word in (
                column.name,
                column.type,
                "NOT NULL" if column.notnull else "",
                f"default {column.default}" if column.default is not None else "",
                f"key {column.key}" if column.key else "",
            )
            if word
        )
        for column in table.columns
    ]
    return ", ".join(sorted(words, key=folded))


def _exactly(one: Arrival) -> str:
    words = [f"{counted(one.exact, 'row')} exact", f"{one.changed} changed", f"{one.missing} not there"]
    words += [f"columns {a} and {b} have changed places" for a, b in one.swapped]
    words += [f"column {name} has values of another type" for name in one.retyped]
    if one.systematic and not one.swapped and not one.retyped:
        words.append(f"every row differs, in {', '.join(one.differing)}: copied wrongly, or all changed since")
    return "; ".join(words)
