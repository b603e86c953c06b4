"""Compare a consolidation that another tool made with the original databases.

The originals, or their backups, are copied to a private folder at their places in the workspace. They are inspected
there as if the plan were to be carried out, which gives the table mappings and the planned schema. A copy of the
present target is compared with both. Nothing is written to the workspace.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folders
from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.checks.comparison.compare import TargetComparison
from sqlite_consolidate.engine.checks.comparison.row_matching import RowMatch, match_rows
from sqlite_consolidate.engine.checks.matching.existing_rows import OF_TARGET
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_for_inspection
from sqlite_consolidate.engine.sqlite.errors import result_code
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.row_differences import DifferenceKind, Disclosure, RowDifferences
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_MASKING = Disclosure()


def copy_originals(plan: Plan, originals: Path, live: Path, scratch: Path) -> Path:
    """Copy the originals and the present target into ``scratch``.

    Returns:
        The copy of the target.

    Raises:
        ProblemError: A required original, or the target, is not there.
    """
    sealed = manifest.read(originals)
    files = [(source.file, source.optional) for source in plan.sources] + [(plan.target, True)]
    missing = []
    for file, optional in files:
        entry = sealed.database(file) if sealed else None
        original = _find_original(originals, file, entry.copy if entry else "")
        if original is not None:
            copy = scratch / file
            make_private_folders(copy.parent)
            snapshot(original, copy)
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
    """Inspect the originals and match their rows with those of the target.

    Raises:
        ProblemError: The target as it is now is damaged.
    """
    databases = _inspect_originals(plan, scratch, resources, limits)
    unread_tables = _find_unread_tables(databases.plan, databases)
    if unread_tables:  # because the table that a trigger needs may be one that no original has
        databases.problems = [problem for problem in databases.problems if problem.id != "broken-trigger"]
    try:
        # SQLite omits CHECK constraints from integrity_check on a read-only connection. query_only prevents writes.
        connection = resources.enter_context(closing(open_existing(target, limits)))
        connection.execute("PRAGMA query_only=ON")
        schema = read_schema(connection)
        arrivals = _match_all_rows(scratch, databases, connection, schema, limits)
    except sqlite3.DatabaseError as error:
        raise ProblemError(damaged_target_problem(plan.target, error)) from error
    return TargetComparison(
        schema=schema,
        inspected=databases,
        con=connection,
        digests_before={},
        row_matches=arrivals,
        changed_since=True,
        unread_tables=unread_tables,
        undone=partial(_undone, connection),
    )


@contextmanager
def _undone(copy: sqlite3.Connection) -> Iterator[None]:
    """Roll back what a proof writes into the private copy of the target."""
    copy.execute("PRAGMA query_only=OFF")
    copy.execute("SAVEPOINT proof")
    try:
        yield
    finally:
        copy.execute("ROLLBACK TO proof")
        copy.execute("RELEASE proof")
        copy.execute("PRAGMA query_only=ON")


def _inspect_originals(plan: Plan, scratch: Path, resources: ExitStack, limits: Limits | None) -> InspectedDatabases:
    """Inspect the originals.

    If the original of the target cannot be read, the others are inspected again as if there were no target.
    """
    with ExitStack() as first:
        databases = inspect_databases(plan, scratch, first, limits)
        if plan.target not in databases.unread:
            resources.enter_context(first.pop_all())
            return _merge_original_problems(databases)
    damaged = [problem for problem in databases.problems if problem.subject == plan.target]
    (scratch / plan.target).unlink()
    databases = inspect_databases(plan, scratch, resources, limits)
    databases.problems[:0] = damaged
    databases.unread[plan.target] = "damaged"
    return _merge_original_problems(databases)


def _merge_original_problems(databases: InspectedDatabases) -> InspectedDatabases:
    """Keep one problem for each original that is damaged or empty.

    Its hint says what the operator can do about an original.
    """
    hint = "Put an undamaged copy of it, from before the consolidation, among the originals."
    problems: dict[str, Problem] = {}
    files = {f"{source.file}:{table.name}": source for source in databases.plan.sources for table in source.tables}
    empty = {name for name, database in databases.sources.items() if not database.schema.movable}
    for number, problem in enumerate(databases.problems):
        source = files.get(problem.subject)
        if source and source.name in empty:
            fact = "has no table: it is empty, and none of the plan's tables can be judged by it."
            problems.setdefault(source.file, replace(problem, subject=source.file, what=fact, hint=hint))
        elif problem.subject in databases.unread:
            problems.setdefault(problem.subject, replace(problem, hint=hint))
        else:
            problems[f"{number}"] = problem
    databases.problems = list(problems.values())
    return databases


def _find_unread_tables(plan: Plan, databases: InspectedDatabases) -> dict[str, tuple[str, str]]:
    """Return each planned table whose original cannot be read, with its file and the reason.

    A file of a pattern may lack a table that another file has, as in a migration.
    """
    unread = {}
    moved = {mapping.entry_subject for mapping in databases.mappings}
    for source in plan.in_order:
        for table_map in source.tables:
            database = databases.sources.get(source.name)
            if database and database.schema.table(table_map.name) is None:
                if source.is_of_pattern and f"{source.entry.file}:{table_map.name}" in moved:
                    continue
                reason = f"has no table {table_map.name}" if database.schema.movable else "is empty"
                unread[table_map.into] = source.file, reason
            elif not database and source.file in databases.unread:
                unread[table_map.into] = source.file, "cannot be read"
    return unread


def _match_all_rows(
    scratch: Path, databases: InspectedDatabases, connection: sqlite3.Connection, schema: Schema, limits: Limits | None
) -> list[tuple[TableMapping, RowMatch]]:
    """Match the rows of each table mapping with those of the target."""
    row_matches: list[tuple[TableMapping, RowMatch]] = []
    for name in dict.fromkeys(mapping.into.name for mapping in databases.mappings):
        mappings = databases.mappings_into(name)
        table = schema.table(name)
        if table is None:
            numbers = [databases.rows(mapping) for mapping in mappings]
            lost_rows = [RowMatch(rows, exact=0, changed=0, missing=rows, doubled=0) for rows in numbers]
            row_matches += zip(mappings, lost_rows, strict=True)
            continue
        if (folded(name), OF_TARGET) in databases.expected_rows and not mappings[0].rowid_counts:
            row_matches += _match_updated_rows(databases, connection, table, mappings, limits)
            continue
        before = databases.target.schema.table(name) if databases.target else None
        into, rowids = mappings[0].into, mappings[0].rowid_counts
        rows_before = [mapping_of_target_rows(databases.plan, before, into, rowids=rowids)] if before else []
        with ExitStack() as opened:
            paths = [scratch / mapping.source.file for mapping in rows_before]
            paths += [databases.staged.get(each.source.name, scratch / each.source.file) for each in mappings]
            # Very many sources share the files of gathered rows.
            opened_files = {path: opened.enter_context(open_for_inspection(path, limits)) for path in {*paths}}
            originals = list(zip((opened_files[path] for path in paths), rows_before + mappings, strict=True))
            table_matches = match_rows(table, connection, originals)
        row_matches += zip(mappings, table_matches[-len(mappings) :], strict=True)
        if rows_before and table_matches[0].missing:
            row_matches.append((originals[0][1], table_matches[0]))
    return row_matches


def _match_updated_rows(
    databases: InspectedDatabases,
    connection: sqlite3.Connection,
    table: Table,
    mappings: Sequence[TableMapping],
    limits: Limits | None,
) -> list[tuple[TableMapping, RowMatch]]:
    """Match the rows of a table of which matched rows update some.

    The staging database has the rows of each original as the updates leave them.
    """
    into = mappings[0].into
    numbers = [number for number, mapping in enumerate(databases.mappings) if mapping.into.name == into.name]
    before = databases.target.schema.table(into.name) if databases.target else None
    with open_for_inspection(databases.path_of(next(m for m in mappings if m.matched)), limits) as con:
        originals = []
        for origin in ([OF_TARGET] if before else []) + numbers:
            view = replace(into, name=databases.expected_rows[folded(into.name), origin], rowid="", without_rowid=True)
            originals.append((con, mapping_of_target_rows(databases.plan, view, into, rowids=False)))
        table_matches = match_rows(table, connection, originals)
    row_matches = list(zip(mappings, table_matches[-len(mappings) :], strict=True))
    if before and table_matches[0].missing:
        row_matches.append((originals[0][1], table_matches[0]))
    return row_matches


def damaged_target_problem(target: str, error: sqlite3.Error) -> Problem:
    """Return the problem that SQLite cannot read the present target."""
    if result_code(error) == sqlite3.SQLITE_NOTADB:
        hint = "Name the workspace of the consolidation: --workspace DIR"
        return Problem("not-a-database", target, "is not a database (or it is encrypted).", hint)
    return replace(read_problem(target, error), criterion="")


def changed_row_findings(
    row_matches: Sequence[tuple[TableMapping, RowMatch]], disclosure: Disclosure = _MASKING
) -> list[Finding]:
    """Return a finding for each table in which rows were changed after the consolidation.

    Such changes are for a person to review. They are no failure.
    """
    shared = {m.into.name: match.shared for m, match in row_matches if match.shared and match.may_be_changed}
    words = "missing of those that several originals have. As many were added, so they may have been changed."
    return [
        Finding.of("rows-changed-since", name, f"has {counted(number, 'row')} {words}", count=number)
        for name, number in shared.items()
    ] + [
        Finding.of(
            "rows-changed-since",
            mapping.subject,
            _describe_changed_rows(mapping, row_match, disclosure),
            count=row_match.changed,
        )
        for mapping, row_match in row_matches
        if row_match.changed and not row_match.systematic
    ]


def added_row_findings(
    row_matches: Sequence[tuple[TableMapping, RowMatch]], disclosure: Disclosure = _MASKING
) -> list[Finding]:
    """Return a finding for each table with rows that no original has."""
    tables = {mapping.into.name: row_match for mapping, row_match in row_matches}
    return [
        Finding.of("rows-added-since", name, _describe_added_rows(row_match, disclosure), count=row_match.extra)
        for name, row_match in tables.items()
        if row_match.extra > row_match.doubled
    ]


def _describe_added_rows(row_match: RowMatch, disclosure: Disclosure) -> str:
    first = tuple(difference for difference in row_match.differences.first if difference.kind is DifferenceKind.EXTRA)
    rows = disclosure.of_rows(RowDifferences(extra=row_match.extra, first=first if not row_match.unsure else ()))
    named = f": {rows.text}" if rows and rows.first else ""
    return f"has {counted(row_match.extra, 'row')} that no original has{named}."


def _describe_changed_rows(mapping: TableMapping, row_match: RowMatch, disclosure: Disclosure) -> str:
    share = f"{row_match.changed} of {counted(row_match.rows, 'row')}"
    has = "has" if row_match.changed == 1 else "have"
    if row_match.unsure == row_match.changed:
        pronoun = "it" if row_match.unsure == 1 else "they"
        return (
            f"{share}, which no key tells from others, {'is' if row_match.unsure == 1 else 'are'} not there as before, "
            f"and as many others are: {pronoun} may have been changed."
        )
    rows = disclosure.of_rows(row_match.differences.only_changed)
    named = f": {rows.text}" if rows and rows.first else ""
    return f"{share} in {mapping.into.name} {has} other values now ({', '.join(row_match.differing)}){named}."


def _find_original(originals: Path, file: str, copy: str) -> Path | None:
    places = [originals / copy] if copy else []
    places += [originals / file, originals / Path(file).name]
    return next((place for place in places if place.is_file()), None)
