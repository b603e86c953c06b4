"""Check whether a finished consolidation is still intact.

Nothing is written. Rows that an application has changed since COMMIT are counted and fail nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.rollback.target_objects import object_changes, objects_of
from sqlite_consolidate.engine.checks.open_files import locked_problem
from sqlite_consolidate.engine.content.contents import digest_or_reason, prove_tables, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP
from sqlite_consolidate.engine.sqlite import integrity as sqlite_checks
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.errors import is_in_use
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import NO_PROBLEM, Observation, equal, not_required, with_differences
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.row_differences import Disclosure
from sqlite_consolidate.text import counted, list_names, printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.row_differences import RowDifferences
else:
    from sqlite_consolidate.sqlite_library import sqlite3

MISSING_TABLE = "the migration left this table, and it is missing"
"""What is observed of a table of the target that is not there any more."""

_MASKING = Disclosure()
_UNREADABLE_ROW = "it was changed, and cannot be read"
_ARCHIVE_GONE = "If you deleted it on purpose, this check fails until the backup set is deleted as well."
_ARCHIVE_CHANGED = (
    "Find out which program changed it. The backup set of the migration should have its content. "
    "This check did not examine the backup set."
)
_DAMAGED = "Stop the programs that use it, and copy the file away before you repair it or roll back."
_DROPPED = (
    "Find out which program dropped it. The backup set of the migration should have its rows. "
    "This check did not examine the backup set."
)
_REPLACED = "Find out which program replaced the file. If the migration was rolled back, run it again."
_CREATED_AGAIN = "Find the program that still opens this path, correct it, and move its rows into the target."


@dataclass(frozen=True)
class ConsolidatedTarget:
    """Hold the present state of the target beside what the run committed into it."""

    digests: dict[str, TableDigest]
    damage: tuple[str, ...]
    row: history.Row | None
    object_changes: Mapping[str, str] = field(default_factory=dict)
    absent_row: str = "it is missing, because the target was replaced or rolled back"
    unexamined: tuple[str, ...] = ()

    @property
    def intact(self) -> str:
        """Return the text that it is intact, with the tables that SQLite could not examine."""
        return f"ok; not examined: {list_names(self.unexamined)}" if self.unexamined else "ok"

    @property
    def changed_tables(self) -> list[str]:
        """Return the names of the tables whose rows differ from those at COMMIT."""
        tables = self.row.tables if self.row else {}
        return [
            name for name, (_, sha256) in tables.items() if name in self.digests and self.digests[name].sha256 != sha256
        ]

    def changes_since_commit(
        self,
        target: str,
        differences: Mapping[str, RowDifferences] | None = None,
        disclosure: Disclosure = _MASKING,
    ) -> list[Finding]:
        """Return a finding for each table or object that was changed since COMMIT.

        Args:
            target: Its path relative to the workspace.
            differences: Table to the rows that differ.
            disclosure: Whether their keys may be named that are no integers.
        """
        return [
            Finding.of(
                "table-changed-since",
                f"{target}:{name}",
                self._change(name, disclosure.of_rows((differences or {}).get(name))),
            )
            for name in self.changed_tables
        ] + [
            Finding.of("object-changed-since", target, f"{name} {change}.")
            for name, change in self.object_changes.items()
        ]

    def _change(self, table: str, differences: RowDifferences | None) -> str:
        before = counted(self.row.tables[table][0] if self.row else 0, "row")
        text = f"changed since the migration: {before} then, {counted(self.digests[table].rows, 'row')} now"
        if differences is None:
            return f"{text}."
        return f"{text}{':' if differences.number else '.'} {differences.text.rstrip('.')}."


def read_consolidated_target(
    root: Path,
    sealed: Manifest,
    limits: Limits | None = None,
    *,
    committed: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> ConsolidatedTarget:
    """Read the target through a read-only connection.

    A target that is missing, or that is not a database, is reported as damage.

    Args:
        root: The workspace.
        sealed: The manifest of the backup set.
        limits: Of what is read.
        committed: Each object of the target at COMMIT to its digest, if they are known.
        folder: The backup set, whose key map is compared with the history. None compares none.

    Raises:
        ProblemError: Another process has it locked: nothing can be told of its content.
    """
    try:
        with open_for_inspection(root / sealed.target, limits) as con:
            schema = read_schema(con)
            damage = (*sqlite_checks.check_integrity(con), *sqlite_checks.violated_checks(con, schema))
            unexamined = tuple(printable(table.name) for table in schema.unexamined)
            changes = object_changes(committed or {}, objects_of(con))
            try:
                row, keys = history.row_of(con, sealed.run), history.keys_of_run(con, sealed.run)
            except ProblemError:
                digests = prove_tables(root / sealed.target, con, schema)[0]
                return ConsolidatedTarget(digests, damage, None, changes, _UNREADABLE_ROW, unexamined)
            changes |= _history_changes(row, sealed) | _key_map_changes(keys, folder)
            digests = prove_tables(root / sealed.target, con, schema)[0]
            now = ConsolidatedTarget(digests, damage, row, changes)
            return replace(now, unexamined=unexamined)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_in_use(error):
            raise ProblemError(locked_problem(sealed.target, root / sealed.target)) from error
        return ConsolidatedTarget({}, (f"cannot be read ({error})",), None)


def _history_changes(row: history.Row | None, sealed: Manifest) -> dict[str, str]:
    """Return the change of the run's row of history since the manifest was sealed."""
    if row is None:
        return {}
    sources = {copy.file: copy.digest for copy in sealed.databases if copy.role == "source"}
    values = {"plan": (row.plan, sealed.plan), "plan_sha256": (row.plan_sha256, sealed.plan_sha256)}
    changed = [name for name, (now, then) in values.items() if now != then]
    changed += ["sources"] if row.sources != sources else []
    text = f"was changed since the migration ({', '.join(changed)})"
    return {f"the row of run {row.run} in {history.TABLE}": text} if changed else {}


def _key_map_changes(keys: Mapping[str, Any], folder: Path | None) -> dict[str, str]:
    """Return the change of the key map since COMMIT.

    There is none if the run has written no key map, or if its backup set was deleted.
    """
    sha256 = keys.get("key_map_sha256")
    if sha256 is None or folder is None or not folder.is_dir():
        return {}
    path = folder / KEY_MAP
    change = "was deleted" if not path.is_file() else "was changed" if digest_file(path) != sha256 else ""
    return {f"{KEY_MAP} of the backup set": f"{change} since the migration"} if change else {}


def archives_unchanged(
    root: Path, sealed: Manifest, limits: Limits | None = None, *, folder: Path | None = None, is_deleted: bool = False
) -> list[Observation]:
    """Observe that each archive exists and has the content of its source.

    Args:
        root: The workspace.
        sealed: The manifest of the backup set.
        limits: Of what is read.
        folder: The backup set, by which an archive that differs is explained; None: it is not.
        is_deleted: Whether the backup set was deleted.
    """
    observations, read = [], partial(read_contents, limits=limits)
    for file, archived in sealed.archive.items():
        copy = sealed.database(file)
        if not os.path.lexists(root / archived):
            observations.append(_absent_archive(archived, copy, is_deleted=is_deleted))
            continue
        expected, observed = copy.digest if copy else "in the manifest", digest_or_reason(root / archived, read)
        compared = equal(archived, expected, observed, _ARCHIVE_CHANGED)
        if copy and folder and not is_deleted:
            compared = with_differences(
                compared, partial(compare_databases, folder / copy.copy, root / archived, limits)
            )
        observations.append(compared)
    return observations or [not_required("archives", "this consolidation archived nothing")]


def _absent_archive(archived: str, copy: DatabaseCopy | None, *, is_deleted: bool) -> Observation:
    """Return that an archive does not exist.

    An operator who has deleted the backup set too no longer wants the originals.
    """
    if is_deleted:
        return not_required(archived, "it was deleted, as the backup set was")
    hint = f"Copy {copy.copy} of the backup set to this name. {_ARCHIVE_GONE}" if copy else ""
    return _as_it_was(archived, "", "the archive is gone", hint)


def target_right(
    now: ConsolidatedTarget, sealed: Manifest, differences: Mapping[str, RowDifferences] | None = None
) -> list[Observation]:
    """Observe that the target is intact and has every table it had at COMMIT.

    It must also have the run's row in its history table.

    Args:
        now: The target as it is now.
        sealed: The manifest of the backup set.
        differences: Table to the rows that were changed since; they are kept as records, and fail nothing.
    """
    observations = [
        _as_it_was(f"{sealed.target}: integrity_check", now.intact, "; ".join(now.damage), _DAMAGED),
        _as_it_was(f"{sealed.target}: row of history", sealed.run, "" if now.row else now.absent_row, _REPLACED),
    ]
    present_tables = {folded(name) for name in now.digests}
    return observations + [
        replace(
            _as_it_was(
                f"{sealed.target}: {name}", "there", "" if folded(name) in present_tables else MISSING_TABLE, _DROPPED
            ),
            rows=(differences or {}).get(name),
        )
        for name in (now.row.tables if now.row else ())
    ]


def _as_it_was(subject: str, state: str, problem: str, todo: str) -> Observation:
    """Return that a subject has its state of COMMIT, or the problem that it has.

    A problem needs no expected state beside it.
    """
    if problem:
        return Observation(subject, NO_PROBLEM, problem, holds=False, todo=todo)
    return equal(subject, state, state)


def appeared_findings(patterns: Mapping[str, Sequence[str]], sealed: Manifest) -> list[Finding]:
    """Return a finding for each pattern that matches files which no run has moved.

    Args:
        patterns: Pattern to the files that it matches now.
        sealed: The manifest of the backup set.
    """
    findings = []
    for pattern, files in patterns.items():
        if appeared := sorted(set(files) - set(sealed.archive)):
            verb = "appeared" if len(appeared) == 1 else "have appeared"
            text = f"{counted(len(appeared), 'file')} {verb} since run {sealed.run}: {list_names(appeared)}."
            findings.append(Finding.of("file-appeared", pattern, text, count=len(appeared)))
    return findings


def no_new_source_files(root: Path, sealed: Manifest) -> list[Observation]:
    """Observe that no file exists under the old name of an archived source."""
    observations = [
        _as_it_was(file, "no such file", "created again" if os.path.lexists(root / file) else "", _CREATED_AGAIN)
        for file in sealed.archive
    ]
    return observations or [not_required("sources", "this consolidation archived nothing")]


def not_moved(subject: str, run: str) -> Observation:
    """Return an observation that the plan names a table that the run did not move."""
    observed = f"the plan names this table, and run {run} did not move it"
    todo = "Take it out of the plan, or roll back and consolidate again."
    return Observation(subject, f"moved by run {run}", observed, holds=False, todo=todo)
