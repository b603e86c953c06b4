"""Run the smoke tests of a plan and observe their effects on logs and databases."""

from __future__ import annotations

import os
from collections import ChainMap
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.apps import database_watch, log_watch
from sqlite_consolidate.engine.apps.file_watch import FileChange, FileWatch
from sqlite_consolidate.engine.apps.kept_files import KeptFiles
from sqlite_consolidate.engine.apps.live_watch import LiveWatch
from sqlite_consolidate.engine.apps.runner import SmokeResult, run_smoke
from sqlite_consolidate.engine.apps.side_effects import (
    Difference,
    TargetObjects,
    created_again_observation,
    spoiled_observation,
    table_difference,
)
from sqlite_consolidate.engine.apps.smoke_observations import remarks_on
from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.copied_files import Kind, is_archive
from sqlite_consolidate.engine.backup.workspace_copy import copy_workspace, list_workspace, require_complete
from sqlite_consolidate.engine.content.contents import ContentsCache
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, equal, not_required
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.copied_files import CopiedFiles, Reason
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.plan.parts.programs import Smoke

Identity = tuple[int, int]


class Applications:
    """Run applications in a workspace or its copy and watch what they change.

    A smoke test that may write gets its own copy of the consolidated workspace, which is deleted afterwards. So its
    inserts are tried without changing the verified target. The sources are not in that copy, because they will not be
    there once they are archived.

    Attributes:
        reader: Reads the target; a caller that has read it already may pass its reader.
        is_state_recorded: Whether the state before the first application is known.
        backed_up: Files of the backup set, with the digests that they had before the first application.
    """

    def __init__(  # noqa: PLR0913 -- what a run knows, each by its name
        self,
        plan: Plan,
        root: Path,
        live: Path,
        *,
        held: frozenset[Identity],
        marks: log_watch.LogPositions,
        on_progress: Callable[[str], None],
        reports: Path | None = None,
        reader: ContentsCache | None = None,
        live_watch: LiveWatch | None = None,
        left_out: Mapping[Reason, Sequence[str]] | None = None,
    ) -> None:
        self.is_state_recorded = False
        self.reader = reader or ContentsCache()
        self.on_progress = on_progress
        self._plan, self._root, self._live = plan, root, live
        self._source_files = frozenset(os.path.normpath(source.file) for source in plan.sources)
        self._relied_on = 0
        self._again: dict[str, str] = {}  # old name that a file had again, to the smoke test after which it was there
        self._free_names: list[str] = []  # of old databases, which have the names of their archives
        self._texts: dict[str, tuple[bytes, int]] = {}
        self.backed_up: Mapping[str, str] = {}
        self._held, self._marks = held, marks
        self._reports, self._live_watch, self._left_out = reports, live_watch, dict(left_out or {})
        self._copy_findings: list[Finding] = []
        self._files: FileWatch | None = None
        self._kept: KeptFiles | None = None
        self._changed_files: list[tuple[str, FileChange]] = []
        self._before: dict[str, TableDigest] = {}
        self._objects: TargetObjects | None = None
        self._databases: dict[str, bytes] = {}
        self._writers: list[str] = []
        self._written: list[tuple[str, Difference]] = []
        self._logged_on_copies: list[Observation] = []

    def record_state(
        self, target: dict[str, TableDigest], rewritten: dict[str, str], backed_up: dict[str, str]
    ) -> None:
        """Record the target's digests, every database and every file before the applications run.

        Args:
            target: Digest of each table of the target.
            rewritten: Files that the run rewrote, and the plan, with their digests.
            backed_up: Files of the backup set, with their digests, the most important first.
        """
        self.backed_up = backed_up
        self._before = target
        self._objects = TargetObjects(self._root, self._plan.target, self.reader.limits)
        self._databases = self._fingerprints(self._root)
        self._kept = KeptFiles(self._root, backed_up)
        self._files = self._watch(self._root, ChainMap(rewritten, backed_up))
        self._texts = {name: _bytes_and_mode(self._root / name) for name in rewritten if (self._root / name).is_file()}
        self._relied_on = len(rewritten) + len(backed_up)
        self._free_names = [file for file in sorted(self._source_files) if not os.path.lexists(self._root / file)]
        self.is_state_recorded = True

    def close(self) -> None:
        """Close the files that are kept open while applications run."""
        if self._kept is not None:
            self._kept.close()

    @property
    def files(self) -> FileWatch:
        """Return the watch over the files of the workspace.

        Raises:
            ProblemError: The state before the first application is not recorded.
        """
        if self._files is None:
            hint = "Perform the stages in order."
            raise ProblemError(Problem("out-of-order", "files", "were not watched from the beginning.", hint))
        return self._files

    @property
    def has_changed_files(self) -> bool:
        """Return whether a file other than the backups has changed since the start."""
        return bool(self._changed_files) or self.files.has_changed(self.backed_up)

    def run(self, test: Smoke) -> SmokeResult:
        """Run one smoke test in a subprocess, on its own copy if it may write."""
        self.on_progress(f"running {one_line(test.name)}")
        if not test.writes:
            result = run_smoke(test, root=self._root, live_root=self._live)
            self._note_changed_files(test.name)
            result = replace(result, live=self._live_watch.changes() if self._live_watch else None)
            return self._explained(result, self._left_out)
        self._writers.append(test.name)
        with scratch_folder("writes") as folder:
            result = self._run_on_copy(test, folder)
        self._note_changed_files(test.name)
        return result

    def new_log_errors(self) -> list[Observation]:
        """Observe the error lines added to the logs since the run began, also on the copies."""
        settings = self._plan.logs
        observations = log_watch.find_new_errors(
            self._root, self._marks, settings.files, settings.errors, never_open=self._held
        )
        return [*observations, *self._logged_on_copies]

    def side_effects(self) -> list[Observation]:
        """Observe that the applications left the databases of the workspace unchanged.

        The tests that may write have changed their copies only.
        """
        observations = [
            Observation(difference.subject, difference.before, difference.after, holds=False, todo=_HINT)
            for difference in self._differences(self._root, self._databases, self._before)
            if not self._is_source_created_again(difference)
        ]
        observations += self._objects.changes() if self._objects else []
        self._note_changed_files("")
        observations += self._spoiled_files()
        observations += [created_again_observation(file, test) for file, test in self._again.items()]
        observations += [
            created_again_observation(difference.name, f"{one_line(test)}, on a copy that is gone")
            for test, difference in self._written
            if self._is_source_created_again(difference)
        ]
        tables = f"{len(self._before)} tables, {len(self._databases)} databases as before"
        examined = len(self._before) + len(self._databases)
        unchanged = replace(equal("databases", tables, tables), examined=examined)
        observations = observations or [
            unchanged if examined else not_required("databases", "the workspace has no table and no database")
        ]
        if self._relied_on and all(observation.holds for observation in observations):
            files = f"{counted(self._relied_on, 'file')} as the run has left them"
            observations.append(replace(equal("code and backup set", files, files), examined=self._relied_on))
        if self._writers:
            changes = f"{counted(len(self._written), 'change')} by {', '.join(self._writers)}, on copies that are gone"
            observations.append(Observation("writes = true", "changes copies only", one_line(changes), holds=True))
        return observations

    def changes_on_copies(self) -> list[Finding]:
        """Return a finding for each kind of change that tests have made on their copies.

        What these copies did not have is a finding as well.
        """
        groups: dict[tuple[str, str], list[tuple[str, Difference]]] = {}
        for test, difference in self._written:
            groups.setdefault((difference.noun, difference.change), []).append((test, difference))
        changes = [self._on_copies(noun, change, written) for (noun, change), written in groups.items()]
        return [*changes, *self._other_changes(), *self._copy_findings]

    def _other_changes(self) -> list[Finding]:
        """Return a finding for each kind of change to files on which the run does not rely."""
        groups: dict[str, list[tuple[str, FileChange]]] = {}
        for test, change in self._changed_files:
            if not change.is_relied_on:
                groups.setdefault(change.kind, []).append((test, change))
        findings = []
        for kind, changed in groups.items():
            files = list(dict.fromkeys(one_line(change.file) for _, change in changed))
            tests = [*dict.fromkeys(one_line(test) for test, _ in changed if test)]
            by = f" by {counted(len(tests), 'smoke test')} ({list_names(tests)})" if tests else " after the smoke tests"
            fact = f"{counted(len(files), 'file')} {'was' if len(files) == 1 else 'were'} {kind}{by}"
            findings.append(Finding.of("smoke-changed-file", "", f"{fact}: {list_names(files)}.", count=len(files)))
        return findings

    def _spoiled_files(self) -> list[Observation]:
        """Return an observation for each change to files on which the run relies."""
        groups: dict[tuple[str, str, str], list[str]] = {}
        for test, change in self._changed_files:
            if change.is_relied_on:
                subject = "backup set" if self._kept and change.file in self._kept else one_line(change.file)
                groups.setdefault((subject, test, change.kind), []).append(one_line(change.file))
        return [spoiled_observation(*group, files) for group, files in groups.items()]

    def _note_changed_files(self, test: str) -> None:
        """Keep the changes since the last call, and restore backups and changed code.

        A rollback refuses code that is not as the run has left it, because an operator may have edited it. Here it is
        known who did.
        """
        if self._files is None or self._kept is None:
            return
        for file in self._created_again():
            self._again.setdefault(file, one_line(test) or "a smoke test")
        opened = [FileChange(name, "given other permissions", is_relied_on=True) for name in self._kept.restore_modes()]
        self._changed_files += [(test, change) for change in opened]
        changes = [change for change in self._files.changes() if change.is_relied_on or not self._is_log(change.file)]
        self._changed_files += [(test, change) for change in changes]
        for change in changes:
            if change.file in self._texts:
                with suppress(OSError):  # the rollback refuses the file then, and says so
                    self._files.restore(change.file, *self._texts[change.file])
        if self._kept.restore_missing():
            self._files.changes()

    def _is_log(self, file: str) -> bool:
        return any(fnmatchcase(file, pattern) for pattern in self._plan.logs.files)

    def _watch(self, root: Path, relied_on: ChainMap[str, str] | None = None) -> FileWatch:
        reports = [each.relative_to(root).as_posix() for each in (self._reports,) if each and each.is_relative_to(root)]
        skip = (os.path.normpath(self._plan.backups), *reports, *self._databases, *self._source_files)
        return FileWatch(root, skip=skip, relied_on=relied_on, never_open=self._held)

    def _on_copies(self, noun: str, change: str, written: list[tuple[str, Difference]]) -> Finding:
        tests = list(dict.fromkeys(test for test, _ in written))
        names = {difference.name: difference for _, difference in written}
        labels = [
            f"{name} ({difference.before}, then {difference.after})" if change == "changed" and noun != "file" else name
            for name, difference in names.items()
        ]
        fact = f"{counted(len(names), noun)} {'was' if len(names) == 1 else 'were'} {change}"
        by = f"{counted(len(tests), 'smoke test')} ({list_names(tests)})"
        text = f"{fact} by {by}, on copies that are gone: {list_names(labels)}."
        subject = self._plan.target if noun == "table" else ""
        return Finding.of("smoke-changed-copy", subject, text, count=len(names))

    def created_databases(self) -> list[str]:
        """Return the databases that applications created, under new names or those of sources.

        A source under a new name is an archive and is left out.
        """
        if not self.is_state_recorded:
            return []
        sources = {source.file for source in self._plan.sources}
        ours = self._databases.keys() - sources | {self._plan.target}
        files = [change.file for change in self._database_changes()]
        files = [file for file in dict.fromkeys((*files, *self._created_again())) if file not in ours]
        return [file for file in files if os.path.lexists(self._root / file) and not self._is_held(file)]

    def changed_databases(self, files: Collection[str]) -> list[str]:
        """Return which of these databases are not as they were before the first application."""
        return [each.file for each in self._database_changes() if each.kind == "changed" and each.file in files]

    def _is_held(self, file: str) -> bool:
        """Return whether a name is that of a database of the run.

        A link to one is not.
        """
        status = (self._root / file).lstat()
        return (status.st_dev, status.st_ino) in self._held

    def _created_again(self) -> list[str]:
        """Return the old names of sources that a file has again, which need not be a database."""
        return [file for file in self._free_names if os.path.lexists(self._root / file)]

    def renamed_sources(self) -> list[str]:
        """Return the new names of sources that an application has renamed.

        An archive has such a name too, and is left out.
        """
        if not self.is_state_recorded:
            return []
        files = [change.file for change in self._database_changes()]
        new = [file for file in files if file not in self._databases and os.path.lexists(self._root / file)]
        return [file for file in new if not is_archive(file) and file not in self._free_names and self._is_held(file)]

    def _run_on_copy(self, test: Smoke, copy: Path) -> SmokeResult:
        copied = self._copy(copy)
        watch, settings = self._live_watch_of(copied), self._plan.logs
        marks, databases = log_watch.record_log_positions(copy, settings.files), self._fingerprints(copy)
        files = self._watch(copy)
        result = run_smoke(test, root=copy, live_root=self._live)
        result = replace(result, live=watch.changes() if watch else None)
        result = self._explained(result, {**self._left_out, **copied.left_out})
        errors = log_watch.find_new_errors(copy, marks, settings.files, settings.errors)
        self._logged_on_copies += [observation for observation in errors if not observation.holds]
        if self.is_state_recorded:
            self._written += [
                (test.name, observation) for observation in self._differences(copy, databases, self._before)
            ]
            self._written += [
                (test.name, Difference(change.file, "", change.kind, one_line(change.file), "file", change.kind))
                for change in files.changes()
                if not self._is_log(change.file)
            ]
        return result

    def _explained(self, result: SmokeResult, left_out: Mapping[Reason, Sequence[str]]) -> SmokeResult:
        """Add what can explain a failure.

        Only a run that has recorded its state has hidden the old databases.
        """
        hidden = [source.file for source in self._plan.sources] if self.is_state_recorded else []
        return replace(result, remarks=remarks_on(result, left_out, hidden))

    def _live_watch_of(self, files: CopiedFiles) -> LiveWatch | None:
        """Return the watch of a test that runs on its own copy.

        In a migration it watches the libraries that the copy uses from where they are, because the other files of the
        workspace are watched in any case.
        """
        if self._live_watch is not None:
            self._live_watch.note_others()
            return self._live_watch
        libraries = [entry.name for entry in files.of_kind(Kind.ENVIRONMENT)]
        return LiveWatch(self._live, folders=libraries) if libraries else None

    def _copy(self, copy: Path) -> CopiedFiles:
        excluded = self._held - {_identity(self._root / self._plan.target)}
        files = list_workspace(self._plan, self._root, reports=self._reports, excluded=excluded)
        self.on_progress(f"copying the workspace ({files})")
        made = copy_workspace(self._plan, self._root, copy, files=files, excluded=excluded)
        require_complete(made.problems)
        if not self._copy_findings and self._root == self._live:  # a rehearsal has said it of its own copy
            self._copy_findings = made.findings()
        return files

    def _differences(self, root: Path, databases: dict[str, bytes], tables: dict[str, TableDigest]) -> list[Difference]:
        changes = database_watch.compare_fingerprints(databases, self._fingerprints(root))
        others = [
            Difference(file := one_line(change.file), _UNTOUCHED, change.kind, file, "database", change.kind)
            for change in changes
            if change.file != self._plan.target
        ]
        self.on_progress("reading the target again")
        now = self.reader.tables(root / self._plan.target, tables)
        return others + [
            table_difference(self._plan.target, name, tables.get(name), now.get(name))
            for name in sorted({*tables, *now} - {history.TABLE})
            if tables.get(name) != now.get(name)
        ]

    def _is_source_created_again(self, difference: Difference) -> bool:
        return difference.change == "created" and difference.name in self._source_files

    def _database_changes(self) -> list[database_watch.DatabaseChange]:
        return database_watch.compare_fingerprints(self._databases, self._fingerprints(self._root))

    def _fingerprints(self, root: Path) -> dict[str, bytes]:
        return database_watch.fingerprint_databases(root, never_open=self._held, skip={root / self._plan.backups})


_UNTOUCHED = "no database created, changed or removed"
_HINT = "Correct the path that the application uses; if it is meant to write, say writes = true in its [[smoke]]."


def _bytes_and_mode(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mode & 0o777


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino
