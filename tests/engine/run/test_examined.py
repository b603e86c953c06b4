"""Specify the outcome of a check that observes nothing, cannot examine, or fails."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copies
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.pipeline import failure_message
from sqlite_consolidate.engine.run.stages import ARCHIVE, BACKUP, PREFLIGHT, SMOKE
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.engine.sqlite.errors import file_named, file_of
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.observation import Observation, Outcome
from sqlite_consolidate.problem import Problem, ProblemError
from tests.support.observations import OBSERVATIONS
from tests.support.workspaces.two_sources import a_request, a_run, consolidate, reach, refusal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TextIO

    from sqlite_consolidate.engine.run.criteria import Criterion
else:
    from sqlite_utils.utils import sqlite3


class BlindRun(Run):
    """A run whose checks return no observations."""

    def observations_of(self, criterion: Criterion) -> Sequence[Observation]:  # noqa: ARG002 -- the pipeline's
        """Return nothing."""
        return []


class BrokenRun(Run):
    """A run whose checks raise an error.

    Attributes:
        error: Error of the checks.
    """

    error: BaseException = OSError(errno.EIO, "Input/output error")

    def observations_of(self, criterion: Criterion) -> Sequence[Observation]:  # noqa: ARG002 -- the pipeline's
        """Raise the error."""
        raise self.error


def test_check_without_observations_has_examined_nothing(root: Path) -> None:
    """The check does not pass, and the next stage is refused."""
    run = BlindRun(a_request(root))
    run.perform(PREFLIGHT)

    results = [run.check(criterion) for criterion in run.log.demanded(PREFLIGHT)]

    assert {result.outcome for result in results} == {Outcome.NOT_EXAMINED}
    assert sum(result.examined for result in results) == 0
    assert refusal(run, BACKUP).id == "not-verified"
    run.end()
    assert verdict(run.log) != "accepted"


@pytest.mark.parametrize(
    "error",
    [
        ProblemError(Problem("in-use", "a.db", "is locked.", "Stop it.")),
        sqlite3.OperationalError("locked"),
        OSError(errno.EIO, "Broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_check_that_raises_has_examined_nothing(root: Path, error: Exception) -> None:
    """The reason is in the evidence."""
    run = BrokenRun(a_request(root))
    run.error = error
    run.perform(PREFLIGHT)

    result = run.check("plan-valid")

    run.end()
    assert (result.outcome, result.examined) == (Outcome.NOT_EXAMINED, 0)
    assert result.evidence[0].observed


def full_error(path: Path) -> sqlite3.Error:
    """Return the error of a database that cannot grow."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            con.execute("CREATE TABLE t AS SELECT zeroblob(100000)")
    return caught.value


def test_full_disk_is_named_with_what_is_left(root: Path, tmp_path: Path) -> None:
    """SQLite does not tell which disk is full, so each is named that it may be."""
    text = failure_message(full_error(tmp_path / "full.db"), root)
    of_system = failure_message(OSError(errno.ENOSPC, "No space left", str(root / "gone/a.db")), root)

    assert text.startswith(f"{tempfile.gettempdir()}: ")
    assert of_system.startswith("a.db: ")
    assert [len(re.findall(r"\d MB in ", each)) for each in (text, of_system)] == [2, 1]
    assert all(each.endswith(". [no-space]") for each in (text, of_system))


def write_to_full_disk(_con: sqlite3.Connection, out: TextIO, _pages: object) -> None:
    """Write a dump to the device that is always full."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, out.fileno())
    os.close(full)
    out.write("BEGIN;\n" * 10_000)


@pytest.mark.parametrize(("part", "end"), [("copy", ".db.part"), ("dump", ".sql"), ("space", "reserved")])
def test_full_disk_of_the_backups_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, part: str, end: str, tmp_path: Path
) -> None:
    """They may be on a disk of their own."""

    def fail(*_: object) -> None:
        raise full_error(tmp_path / "full.db") if part == "copy" else OSError(errno.ENOSPC, "No space left")

    failing = {"copy": (copies, "copy_pages", fail), "dump": (copies, "write_dump", write_to_full_disk)}
    monkeypatch.setattr(*failing.get(part, (os, "posix_fallocate", fail)))
    monkeypatch.setattr(copies, "_copy_through_sqlite", fail) if part == "copy" else None
    run = a_run(root)
    with pytest.raises((OSError, sqlite3.Error)) as caught:
        reach(run, BACKUP)
    run.end()

    text = failure_message(caught.value, root)
    assert (text.partition(": ")[0].endswith(end), "its folder" in text) == (True, True)


def test_error_of_sqlite_names_its_file(tmp_path: Path) -> None:
    """The innermost file is the one that SQLite could not read."""
    (tmp_path / "inner.db").write_bytes(b"no database" * 100)
    with pytest.raises(sqlite3.DatabaseError) as caught, file_named(tmp_path / "outer.db"):
        read_contents(tmp_path / "inner.db")

    assert file_of(caught.value) == tmp_path / "inner.db"
    assert "inner.db" in failure_message(caught.value)


def test_archive_that_was_truncated_is_named(root: Path) -> None:
    """SQLite cannot read it, so that the criterion examines nothing."""
    run = a_run(root)
    reach(run, SMOKE)
    run.perform(ARCHIVE)
    archive = root / run.sealed.archive["logs/tasks.db"]
    os.truncate(archive, archive.stat().st_size // 2 + 1)

    result = run.check("no-late-writes")

    run.end()
    assert (result.outcome, [entry.subject for entry in result.evidence]) == (Outcome.NOT_EXAMINED, [archive.name])


@pytest.mark.parametrize("error", [OSError(), sqlite3.OperationalError()])
def test_error_without_a_text_is_named_by_its_kind(error: Exception) -> None:
    """A message without the class of the error would be empty."""
    assert type(error).__name__ in failure_message(error)


def test_programming_error_in_check_is_raised_without_result(root: Path) -> None:
    """A programming error is not a state of the workspace.

    Its traceback is shown, and the criterion has no result.
    """
    run = BrokenRun(a_request(root))
    run.error = ZeroDivisionError()
    run.perform(PREFLIGHT)

    with pytest.raises(ZeroDivisionError):
        run.check("plan-valid")

    run.end()
    assert "plan-valid" not in run.log.results
    assert verdict(run.log) == "not shown"


def test_check_does_not_pass_without_what_it_requires(root: Path) -> None:
    """The check examines the subject, but does not pass while its prerequisite is open."""
    run = a_run(root)
    run.perform(PREFLIGHT)

    early = run.check("space")
    run.check("plan-valid")
    late = run.check("space")

    run.end()
    assert [entry.outcome for entry in early.evidence][-2:] == [Outcome.PASSED, Outcome.NOT_EXAMINED]
    assert early.outcome is Outcome.NOT_EXAMINED
    assert late.outcome is Outcome.PASSED


def test_failed_check_still_counts_when_a_later_one_passes(root: Path) -> None:
    """The stage has failed even if a second check passes."""
    run = a_run(root)
    run.perform(PREFLIGHT)
    run.log.add(PREFLIGHT, "plan-valid", [OBSERVATIONS[Outcome.FAILED]])

    for criterion in run.log.demanded(PREFLIGHT):
        assert run.check(criterion).outcome.holds

    assert refusal(run, BACKUP).id == "not-verified"
    run.end()
    assert verdict(run.log) == "refused"


def test_criterion_that_is_not_required_does_not_prevent_acceptance(root: Path) -> None:
    """A run without dumps, stated rows and a demanded rehearsal is accepted."""
    file = root / "consolidation.toml"
    file.write_text(file.read_text().replace("format = 1\n", "format = 1\ndump = false\n"))

    run = consolidate(a_run(root))

    assert verdict(run.log) == "accepted"
    outcomes = {run.log.outcome(id) for id in ("dump-reloads", "rows-as-stated", "rows-expected", "rehearsed")}
    assert outcomes == {Outcome.NOT_REQUIRED}
    passed = [result for result in run.log.results.values() if result.outcome is Outcome.PASSED]
    assert all(result.examined for result in passed)
