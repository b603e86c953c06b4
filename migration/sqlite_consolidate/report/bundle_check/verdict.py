"""Decide the verdict of a bundle again, and add up its rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import sqlite_consolidate
from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.engine.run.verdict import headline, verdict
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.report.bundle_check.agreement import agreement, not_of_known_schema
from sqlite_consolidate.report.bundle_check.facts.database_facts import uncompared_indexes
from sqlite_consolidate.report.bundle_check.rebuilt_log import rebuild_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Place, Record

_ANSWERS_IN_PART = (Mode.ORIGINALS, Mode.SELFTEST)

_Pair = tuple[str, str, str]


def check_verdict(contents: BundleContents) -> list[Observation]:
    """Observe that the verdict follows from criteria, stages and exit code.

    For this release, all demanded criteria must be there as well. For another release, they are taken as it names them.
    """
    record = contents.record
    if record is None:
        return [not_of_known_schema()]
    known = contents.of_this_release
    log = rebuild_log(record, contents.applications, of_this_release=known)
    pairs = [
        ("verdict", verdict(log) if log.finished else "not shown", record.verdict),
        ("not_shown", _joined(record.not_shown), _joined(contents.not_shown)),
        *_exit(record),
        *(_of_this_release(record, log) if known else ()),
    ]
    if record.mode not in _ANSWERS_IN_PART:
        pairs.append(("unanswerable", "none", _joined(record.unanswerable)))
    observations = [agreement(subject, expected, observed) for subject, expected, observed in pairs]
    return observations if known else [*observations, _other_release(contents, record)]


def check_row_counts(contents: BundleContents) -> list[Observation]:
    """Observe that rows before and rows that arrived add up to the rows after."""
    record = contents.record
    if record is None:
        return [not_of_known_schema()]
    if record.verdict != "accepted" or not record.mode.is_consolidation or record.already:
        return [not_required("tables", "no row was moved to stay")]
    pairs = [*_moved(record), *_read_again(record), *([] if contents.writes else _tables(record))]
    return [agreement(subject, expected, observed) for subject, expected, observed in pairs]


def _of_this_release(record: Record, log: RunLog) -> Iterator[_Pair]:
    """Yield headline, stages and criteria as they must be, and as they are."""
    if record.exit_code != ExitCode.INTERNAL and record.mode is not Mode.BUNDLE:
        yield "headline", headline(log, record.exit_code), record.headline
    stages = stages_of(record.mode)
    yield "stages", _joined(stage.id for stage in stages), _joined(stage.id for stage in record.stages)
    if record.already:
        performed = [stage.id for stage in record.stages if stage.outcome != "not run"]
        yield "stages performed", "none", _joined(performed)
    else:
        demanded = {criterion for stage in stages for criterion in log.demanded(stage)}
        yield "criteria", _joined(demanded), _joined(log.results.keys() - record.unanswerable.keys())


def _exit(record: Record) -> Iterator[_Pair]:
    # pytest may break after an acceptance as well. The data is committed then.
    if record.exit_code not in (ExitCode.INTERNAL, *INTERRUPTIONS):
        ended = "0" if record.exit_code == ExitCode.ACCEPTED else "not 0"
        yield "exit code", "0" if record.verdict == "accepted" else "not 0", ended


def _moved(record: Record) -> Iterator[_Pair]:
    before = {(source.name, folded(table)): rows for source in record.sources for table, rows in source.rows.items()}
    for move in record.moves:
        name = f"{move.source}: {move.table}"
        accounted = (move.arrived or 0) + move.skipped + move.left
        yield f"{name}: rows moved, skipped or left", str(move.rows), str(accounted)
        yield f"{name}: rows in the source", str(move.rows), str(before.get((move.source, folded(move.table))))


def _read_again(record: Record) -> Iterator[_Pair]:
    """Yield the rows of each table as they were read, beside the rows that are stated."""
    for database in (*record.sources, *([record.target] if record.target else [])):
        places: dict[Place, dict[str, int]] = {"live": database.rows, "after": database.rows_after}
        for place, stated in places.items():
            for table, content in database.contents.get(place, {}).items():
                yield f"{database.name}: {table}: rows, {place}", str(content.rows), str(stated.get(table))


def _tables(record: Record) -> Iterator[_Pair]:
    before, after = (record.target.rows, record.target.rows_after) if record.target else ({}, {})
    gained = Counter({HISTORY: 1})
    for move in record.moves:
        gained[folded(move.into)] += (move.arrived or 0) - move.replaced
    uncompared = uncompared_indexes(record)
    for table in dict.fromkeys([*before, *after]):
        if folded(table) in uncompared:
            continue
        rows = before.get(table, 0) + gained.pop(folded(table), 0)
        yield f"target: {table}: rows after", str(rows), str(after.get(table))
    yield from ((f"target: {table}: rows after", str(rows), "no such table") for table, rows in gained.items())


def _joined(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids)) or "none"


def _other_release(contents: BundleContents, record: Record) -> Observation:
    release = record.versions["sqlite-consolidate"]
    observed = f"made by release {release} (schema {contents.schema}): its criteria are taken as it names them"
    return Observation("criteria", f"those that release {sqlite_consolidate.__version__} demands", observed, holds=True)
