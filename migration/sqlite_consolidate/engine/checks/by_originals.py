"""Originals: judges a consolidation that somebody else made, by the databases it was made from; nothing is written.

The originals, or their backups, are laid out in a private folder as the workspace once was, and surveyed there as if
the plan were to be carried out: that gives the moves, and the schema that was to be. The target, copied as it is now,
is held against both.
"""

from __future__ import annotations

import marshal
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.checks.arrivals import Arrival, arrival
from sqlite_consolidate.engine.checks.compare import Compared
from sqlite_consolidate.engine.checks.preflight import survey
from sqlite_consolidate.engine.sqlite.connections import exact_text, looking, open_existing
from sqlite_consolidate.engine.sqlite.schema import read
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from sqlite_consolidate.engine.merge.table_mapping import Move
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema import Table
    from sqlite_consolidate.plan.model import Plan


_MASKING = Disclosure()


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


def judge(plan: Plan, scratch: Path, target: Path, resources: ExitStack, limits: Limits | None = None) -> Compared:
    """Survey the originals and find out what became of their rows."""
    found = survey(plan, scratch, resources, limits)
    # Through a connection that cannot write SQLite leaves CHECKs out of integrity_check: this one could, and may not.
    con = resources.enter_context(closing(open_existing(target, limits)))
    con.execute("PRAGMA query_only=ON")
    schema = read(con)
    arrivals = []
    for move in found.moves:
        table = schema.table(move.into.name)
        if table is None:
            rows = found.rows(move)
            arrivals.append((move, Arrival(rows, exact=0, changed=0, missing=rows, doubled=0)))
            continue
        path = found.gathered.get(move.source.name, scratch / move.source.file)
        with looking(path, limits) as original:
            arrived = arrival(original, move, con, table)
            if move.rowid_counts and table.rowid:
                arrived = replace(arrived, renumbered=arrived.exact - _in_place(original, move, con, table))
            arrivals.append((move, arrived))
    return Compared(schema=schema, survey=found, con=con, own={}, arrivals=arrivals, changed_since=True)


def changed_since(arrivals: Sequence[tuple[Move, Arrival]], disclosure: Disclosure = _MASKING) -> list[Finding]:
    """Count and name the rows that have changed since, which is a reader's matter and not a fault."""
    return [
        Finding.of("rows-changed-since", move.subject, _changed(move, arrival, disclosure), count=arrival.changed)
        for move, arrival in arrivals
        if arrival.changed and not arrival.systematic
    ]


def _changed(move: Move, arrival: Arrival, disclosure: Disclosure) -> str:
    of_all = f"{arrival.changed} of {counted(arrival.rows, 'row')}"
    has = "has" if arrival.changed == 1 else "have"
    rows = disclosure.of_rows(arrival.differences.only_changed)
    named = f": {rows.text}" if rows and rows.first else ""
    return f"{of_all} in {move.into.name} {has} other values now ({', '.join(arrival.differing)}){named}."


def _in_place(original: sqlite3.Connection, move: Move, con: sqlite3.Connection, table: Table) -> int:
    """Count the rows that are in the target as they were, under the rowid that they had."""
    rows = move.projection().within(table)
    if rows.rowid is None:
        return 0
    columns = [rows.rowid, *rows.columns]
    before = _stored(original, rows.select(column.source for column in columns))
    return len(set(before).intersection(_stored(con, rows.select_target(column.target for column in columns))))


def _stored(con: sqlite3.Connection, query: str) -> Iterator[bytes]:
    exact_text(con)
    for row in con.execute(query):
        yield marshal.dumps(row, 2)


def _find(originals: Path, file: str, copy: str) -> Path | None:
    places = [originals / copy] if copy else []
    places += [originals / file, originals / Path(file).name]
    return next((place for place in places if place.is_file()), None)
