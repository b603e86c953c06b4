"""Originals: judges a consolidation that somebody else made, by the databases it was made from; nothing is written.

The originals, or their backups, are laid out in a private folder as the workspace once was, and surveyed there as if
the plan were to be carried out: that gives the moves, and the schema that was to be. The target, copied as it is now,
is held against both.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.checks.compare import TargetComparison
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.checks.row_matching import RowMatch, match_rows
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import looking, open_existing
from sqlite_consolidate.engine.sqlite.errors import code_of
from sqlite_consolidate.engine.sqlite.schema.objects import read
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import DifferenceKind, Disclosure, RowDifferences
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_utils.utils import sqlite3


_MASKING = Disclosure()


def copy_originals(plan: Plan, originals: Path, live: Path, scratch: Path) -> Path:
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


def compare_with_originals(
    plan: Plan, scratch: Path, target: Path, resources: ExitStack, limits: Limits | None = None
) -> TargetComparison:
    """Survey the originals and find out what became of their rows.

    Raises:
        ProblemError: The target as it is now is damaged.
    """
    found = _surveyed(plan, scratch, resources, limits)
    unread = _unread(plan, found)
    if unread:  # what a trigger lacks may be in a table that no original has
        found.problems = [problem for problem in found.problems if problem.id != "broken-trigger"]
    try:
        # Through a connection that cannot write SQLite leaves CHECKs out of integrity_check. This one may not write.
        con = resources.enter_context(closing(open_existing(target, limits)))
        con.execute("PRAGMA query_only=ON")
        schema = read(con)
        arrivals = _arrivals(scratch, found, con, schema, limits)
    except sqlite3.DatabaseError as error:
        raise ProblemError(damaged_target_problem(plan.target, error)) from error
    return TargetComparison(
        schema=schema,
        survey=found,
        con=con,
        digests_before={},
        row_matches=arrivals,
        changed_since=True,
        unread_tables=unread,
    )


def _surveyed(plan: Plan, scratch: Path, resources: ExitStack, limits: Limits | None) -> InspectedDatabases:
    """Survey the originals; where that of the target cannot be read, once more as if it were not there."""
    with ExitStack() as first:
        found = inspect_databases(plan, scratch, first, limits)
        if plan.target not in found.unread:
            resources.enter_context(first.pop_all())
            return _told_once(plan, found)
    damaged = [problem for problem in found.problems if problem.subject == plan.target]
    (scratch / plan.target).unlink()
    found = inspect_databases(plan, scratch, resources, limits)
    found.problems[:0] = damaged
    found.unread[plan.target] = "damaged"
    return _told_once(plan, found)


def _told_once(plan: Plan, found: InspectedDatabases) -> InspectedDatabases:
    """Leave one problem of each original that is damaged or empty, with what can be done about an original."""
    todo = "Put an undamaged copy of it, from before the consolidation, among the originals."
    problems: dict[str, Problem] = {}
    files = {f"{source.file}:{table.name}": source for source in plan.sources for table in source.tables}
    empty = {name for name, facts in found.sources.items() if not facts.schema.movable}
    for number, problem in enumerate(found.problems):
        source = files.get(problem.subject)
        if source and source.name in empty:
            what = "has no table: it is empty, and none of the plan's tables can be judged by it."
            problems.setdefault(source.file, replace(problem, subject=source.file, what=what, hint=todo))
        elif problem.subject in found.unread:
            problems.setdefault(problem.subject, replace(problem, hint=todo))
        else:
            problems[f"{number}"] = problem
    found.problems = list(problems.values())
    return found


def _unread(plan: Plan, found: InspectedDatabases) -> dict[str, tuple[str, str]]:
    """Return the tables of the plan of which no original tells, each with the file and why it does not."""
    unread = {}
    for source in plan.in_order:
        for table_map in source.tables:
            facts = found.sources.get(source.name)
            if facts and facts.schema.table(table_map.name) is None:
                why = f"has no table {table_map.name}" if facts.schema.movable else "is empty"
                unread[table_map.into] = source.file, why
            elif not facts and source.file in found.unread:
                unread[table_map.into] = source.file, "cannot be read"
    return unread


def _arrivals(
    scratch: Path, found: InspectedDatabases, con: sqlite3.Connection, schema: Schema, limits: Limits | None
) -> list[tuple[TableMapping, RowMatch]]:
    """Find out for each table map what became of its rows."""
    arrivals: list[tuple[TableMapping, RowMatch]] = []
    for name in dict.fromkeys(mapping.into.name for mapping in found.mappings):
        mappings = [mapping for mapping in found.mappings if mapping.into.name == name]
        table = schema.table(name)
        if table is None:
            numbers = [found.rows(mapping) for mapping in mappings]
            lost = [RowMatch(rows, exact=0, changed=0, missing=rows, doubled=0) for rows in numbers]
            arrivals += zip(mappings, lost, strict=True)
            continue
        with ExitStack() as opened:
            parties = []
            for mapping in mappings:
                path = found.staged.get(mapping.source.name, scratch / mapping.source.file)
                parties.append((opened.enter_context(looking(path, limits)), mapping))
            before = found.target.schema.table(name) if found.target else None
            if found.target and before:
                standing = mapping_of_target_rows(found.plan, before, mappings[0].into, rowids=mappings[0].rowid_counts)
                parties.insert(0, (opened.enter_context(looking(scratch / found.target.file, limits)), standing))
            arrived = match_rows(table, con, parties)
        arrivals += zip(mappings, arrived[-len(mappings) :], strict=True)
        if len(parties) > len(mappings) and arrived[0].missing and not any(_replaces(mapping) for mapping in mappings):
            arrivals.append((parties[0][1], arrived[0]))
    return arrivals


def damaged_target_problem(target: str, error: sqlite3.Error) -> Problem:
    """Return the problem that SQLite cannot read the target as it is now."""
    if code_of(error) == sqlite3.SQLITE_NOTADB:
        todo = "Name the workspace of the consolidation: --workspace DIR"
        return Problem("not-a-database", target, "is not a database (or it is encrypted).", todo)
    return replace(read_problem(target, error), criterion="")


def _replaces(mapping: TableMapping) -> bool:
    return mapping.table_map.on_conflict == "prefer-source"


def changed_row_findings(
    arrivals: Sequence[tuple[TableMapping, RowMatch]], disclosure: Disclosure = _MASKING
) -> list[Finding]:
    """Count and name the rows that have changed since, which is a reader's matter and not a fault."""
    return [
        Finding.of("rows-changed-since", mapping.subject, _changed(mapping, arrival, disclosure), count=arrival.changed)
        for mapping, arrival in arrivals
        if arrival.changed and not arrival.systematic
    ]


def added_row_findings(
    arrivals: Sequence[tuple[TableMapping, RowMatch]], disclosure: Disclosure = _MASKING
) -> list[Finding]:
    """Count and name the rows of each table that no original has."""
    tables = {mapping.into.name: arrival for mapping, arrival in arrivals}
    return [
        Finding.of("rows-added-since", name, _in_addition(arrival, disclosure), count=arrival.extra)
        for name, arrival in tables.items()
        if arrival.extra > arrival.doubled
    ]


def _in_addition(arrival: RowMatch, disclosure: Disclosure) -> str:
    first = tuple(difference for difference in arrival.differences.first if difference.kind is DifferenceKind.EXTRA)
    rows = disclosure.of_rows(RowDifferences(extra=arrival.extra, first=first if not arrival.unsure else ()))
    named = f": {rows.text}" if rows and rows.first else ""
    return f"has {counted(arrival.extra, 'row')} that no original has{named}."


def _changed(mapping: TableMapping, arrival: RowMatch, disclosure: Disclosure) -> str:
    of_all = f"{arrival.changed} of {counted(arrival.rows, 'row')}"
    has = "has" if arrival.changed == 1 else "have"
    if arrival.unsure == arrival.changed:
        them = "it" if arrival.unsure == 1 else "they"
        return (
            f"{of_all}, which no key tells from others, {'is' if arrival.unsure == 1 else 'are'} not there as before, "
            f"and as many others are: {them} may have been changed."
        )
    rows = disclosure.of_rows(arrival.differences.only_changed)
    named = f": {rows.text}" if rows and rows.first else ""
    return f"{of_all} in {mapping.into.name} {has} other values now ({', '.join(arrival.differing)}){named}."


def _find(originals: Path, file: str, copy: str) -> Path | None:
    places = [originals / copy] if copy else []
    places += [originals / file, originals / Path(file).name]
    return next((place for place in places if place.is_file()), None)
