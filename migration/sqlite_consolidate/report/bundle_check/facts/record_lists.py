"""Check that the lists in an accepted record agree with each other and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.archive import archived_name
from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.merge.column_types import constant_literal
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import estimates_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.report.bundle_check.facts.database_facts import (
    databases_before,
    refreshed_tables,
    stamp_of,
    uncompared_indexes,
)
from sqlite_consolidate.report.bundle_check.facts.fact import content_text, contents_of
from sqlite_consolidate.report.bundle_check.facts.key_facts import table_map_of
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, Place, Record, TableContent

_Pair = tuple[str, str, str]


def contradictions_of_record(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each database, move, archive or stage that differs from the plan."""
    yield from _databases(plan, record)
    for database in databases_before(record):
        yield from _copies(plan, database)
    yield from _neighbours(plan, record)
    yield from _derived(plan, record)
    yield from _moves(plan, record)
    yield from _constants(plan, record)
    yield from _names(plan, record)
    estimates = estimates_of(plan)
    for stage in record.stages:
        if stage.estimate != estimates.get(stage.id):
            yield f"stages: {stage.id}: estimate", str(estimates.get(stage.id)), str(stage.estimate)


def _databases(plan: Plan, record: Record) -> Iterator[_Pair]:
    files = {source.name: source.file for source in plan.sources}
    for source in record.sources:
        if files.get(source.name) != source.file:
            yield f"sources: {source.name}: file", files.get(source.name, "no such source"), source.file
        if source.size_after is not None or source.digest_after or source.rows_after:
            yield f"sources: {source.name}: after", "archived", "there under its old name"
    if record.target is not None and record.target.file != plan.target:
        yield "target: file", plan.target, record.target.file


def _copies(plan: Plan, database: DatabaseRecord) -> Iterator[_Pair]:
    """Yield each table in which a copy differs from its database."""
    places: list[Place] = ["backup"]
    places += ["dump"] if plan.dump else []
    places += ["archive"] if database.name != "target" else []
    live = contents_of(database, "live")
    for place in places:
        yield from _differing(f"{database.name}: contents: {place}", live, contents_of(database, place))


def _derived(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each refresh or rebuild that record and plan do not have in common."""
    stated = [
        (folded(entry.table), "refresh", tuple(map(folded, entry.columns)), entry.reason) for entry in plan.refreshes
    ]
    stated += [(folded(entry.table), "rebuild", (), "") for entry in plan.rebuilds]
    listed = [
        (folded(each.table), each.action, tuple(map(folded, each.columns)), each.reason) for each in record.derived
    ]
    for table, action, columns, reason in [each for each in stated if each not in listed]:
        yield f"derived: {table}", " ".join([action, *columns, reason]).strip(), "missing"
    for table, action, columns, reason in [each for each in listed if each not in stated]:
        yield f"derived: {table}", "as the plan states it", " ".join([action, *columns, reason]).strip()


def _neighbours(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each table that changed although nothing was moved into it."""
    if record.target is None:
        return
    receiving = {folded(move.into) for move in record.moves} | {HISTORY} | uncompared_indexes(record)
    receiving |= refreshed_tables(plan)
    before, after = (
        {name: content for name, content in contents_of(record.target, place).items() if name not in receiving}
        for place in _BEFORE_AND_AFTER
    )
    # A table that the plan requires and that no source brings is new and empty.
    after = {name: content for name, content in after.items() if name in before or content.rows}
    yield from _differing("target: contents: after", before, after)


_BEFORE_AND_AFTER: tuple[Place, Place] = ("live", "after")


def _differing(subject: str, wanted: dict[str, TableContent], contents: dict[str, TableContent]) -> Iterator[_Pair]:
    for name in dict.fromkeys([*wanted, *contents]):
        expected, observed = (
            content_text(tables[name]) if name in tables else "no such table" for tables in (wanted, contents)
        )
        if expected != observed:
            yield f"{subject}: {name}", expected, observed


def _moves(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each move that resolved conflicts otherwise than its policy."""
    for move in record.moves:
        table_map = table_map_of(plan, move)
        policy = policy_of(table_map) if table_map else "refuse"
        is_matched = bool(table_map and table_map.match)
        settled = {
            "skipped": (move.skipped, is_matched or policy in ("skip-identical", "prefer-target", "prefer-newer")),
            "left": (move.left, table_map is not None and table_map.moves_some_rows),
            "unfollowed": (move.unfollowed, table_map is not None and bool(table_map.follows)),
            "replaced": (move.replaced, policy in ("prefer-source", "prefer-newer") and not is_matched),
        }
        for name, (rows, is_allowed) in settled.items():
            if rows and not is_allowed:
                yield f"moves: {move.subject}: {name}", f"0 (on_conflict = {policy})", str(rows)


def _constants(plan: Plan, record: Record) -> Iterator[_Pair]:
    """Yield each constant that moves and plan do not have in common."""
    by_source: dict[str, list[MoveRecord]] = {}
    for move in record.moves:
        by_source.setdefault(move.source, []).append(move)
    filled: dict[int, set[str]] = {}
    for source in plan.sources:
        names = {folded(name) for move in by_source.get(source.name, ()) for name in move.constants}
        filled.setdefault(id(source.entry), set()).update(names)
    for source in plan.sources:
        moves = by_source.get(source.name, [])
        stated = {folded(name): printable(constant_literal(value)) for name, value in source.constant_values.items()}
        for move in moves:
            for name, value in move.constants.items():
                if (wanted := stated.get(folded(name), "none")) != value:
                    yield f"moves: {move.subject}: constants: {name}", wanted, value
            for name in move.followed.keys() - move.constants.keys():
                yield f"moves: {move.subject}: followed: {name}", "a constant", "none"
        for name in stated if moves else ():
            if name not in filled[id(source.entry)]:
                yield f"moves: {source.file}: constants: {name}", stated[name], "missing"


def _names(plan: Plan, record: Record) -> Iterator[_Pair]:
    stamp = stamp_of(record)
    for source in record.sources:
        name, listed = archived_name(source.file, stamp), record.archive.get(source.file, "missing")
        if listed != name:
            yield f"archive: {source.file}", name, listed
    folder = f"{plan.backups}/{plan.name}-{stamp}"
    if record.mode is Mode.MIGRATE and record.backup_set != folder:
        yield "backup_set", folder, record.backup_set
