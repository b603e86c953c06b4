"""Specify which lines of a log are new after growth and rotation."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.log_watch import LogPositions, find_new_errors, record_log_positions
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
else:
    from sqlite_utils.utils import sqlite3

ERRORS = "ERROR|CRITICAL|Traceback"
PATTERNS = ["logs/*.log"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with an error that is older than the run."""
    path = tmp_path / "logs" / "app.log"
    path.parent.mkdir()
    path.write_text("10:00 started\n10:01 ERROR an old one\n")
    return path


def append(path: Path, text: str) -> None:
    """Write as an application does that keeps its log open."""
    with path.open("a") as file:
        file.write(text)


def failing(observations: list[Observation]) -> list[str]:
    """Return the failed observations."""
    return [
        f"{observation.subject}: {observation.program_output or observation.observed}"
        for observation in observations
        if not observation.holds
    ]


def test_an_old_error_is_not_a_new_one(tmp_path: Path, log: Path) -> None:
    """Only what was written since counts, and what was read is stated."""
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:02 done\n10:03 idle\n")

    [observation] = find_new_errors(tmp_path, marks, PATTERNS, ERRORS)

    assert (observation.outcome, observation.examined) == (Outcome.PASSED, 1)
    assert numbers_in(observation.observed) == [1, 2]


def test_each_new_error_line_is_stated(tmp_path: Path, log: Path) -> None:
    """The report names the file and shows the line, harmless and short."""
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:02 fine\n10:03 ERROR no such table: tasks \x1b[2J\nTraceback" + "x" * 500)

    first, second = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert first == "logs/app.log: 10:03 ERROR no such table: tasks \\x1b[2J"
    assert second.startswith("logs/app.log: Tracebackxxx")
    assert len(second) < 320


def test_a_flood_of_errors_is_counted(tmp_path: Path, log: Path) -> None:
    """Twenty lines are shown and the others are counted."""
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "ERROR\n" * 123)

    failures = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert len(failures) == 21
    assert failures[-1].startswith("logs/*.log: ")
    assert numbers_in(failures[-1]) == [103]


def test_a_new_file_is_new_from_its_start(tmp_path: Path, log: Path) -> None:
    """An error in a log that was not there before is found."""
    marks = record_log_positions(tmp_path, PATTERNS)
    log.with_name("other.log").write_text("ERROR in another one\n")

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == ["logs/other.log: ERROR in another one"]


def test_renamed_log_is_read_under_its_new_name(tmp_path: Path, log: Path) -> None:
    """Lines from before the rotation are found in the rotated file.

    No pattern matches that file, and its old lines are not reported.
    """
    log.with_name("app.log.7").write_text("ERROR of last week, rotated long ago\n")
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:02 ERROR before the rotation\n")
    log.rename(log.with_name("app.log.1"))
    log.write_text("10:03 ERROR after it\n")

    failures = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert sorted(failures) == ["logs/app.log.1: 10:02 ERROR before the rotation", "logs/app.log: 10:03 ERROR after it"]


def test_copied_and_truncated_log_is_read_in_its_copy(tmp_path: Path, log: Path) -> None:
    """Rotation by copy and truncation loses no line and repeats none."""
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:02 ERROR before the rotation\n")
    log.with_name("app.log.1").write_bytes(log.read_bytes())
    log.write_text("10:03 ERROR after it\n")

    failures = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert sorted(failures) == ["logs/app.log.1: 10:02 ERROR before the rotation", "logs/app.log: 10:03 ERROR after it"]


@pytest.mark.parametrize("size", [10, 1000])
def test_a_log_written_anew_is_new_from_its_start(tmp_path: Path, log: Path, size: int) -> None:
    """A log that was truncated and refilled is read from its start, even if it is longer."""
    marks = record_log_positions(tmp_path, PATTERNS)
    log.write_text("ERROR\n" + "-" * size)

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == ["logs/app.log: ERROR"]


def test_the_same_text_in_a_new_file_is_new(tmp_path: Path, log: Path) -> None:
    """The same error in a new file is found."""
    marks = record_log_positions(tmp_path, PATTERNS)
    text = log.read_bytes()
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(text)

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == ["logs/app.log: 10:01 ERROR an old one"]


def test_the_same_text_elsewhere_is_new(tmp_path: Path, log: Path) -> None:
    """A log in another folder is not taken for a copy of a moved one."""
    marks = record_log_positions(tmp_path, PATTERNS)
    text = log.read_bytes()
    log.rename(tmp_path / "app.log.old")
    log.write_bytes(text)
    log.with_name("other.log").write_bytes(text)

    failures = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert failures == ["logs/app.log: 10:01 ERROR an old one", "logs/other.log: 10:01 ERROR an old one"]


def test_old_rotated_log_is_no_copy_of_empty_log(tmp_path: Path, log: Path) -> None:
    """Every file begins like an empty one, which does not make its lines new."""
    log.rename(log.with_name("app.log.7"))
    log.touch()
    marks = record_log_positions(tmp_path, PATTERNS)
    log.unlink()

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == []


def test_missing_files_are_stated_and_no_failure(tmp_path: Path, log: Path) -> None:
    """A removed log and a pattern without a file are named beside the log that was read."""
    patterns = [*PATTERNS, "none/*.log"]
    other = log.with_name("other.log")
    other.write_text("started\n", "utf-8")
    marks = record_log_positions(tmp_path, patterns)
    log.unlink()

    [observation] = find_new_errors(tmp_path, marks, patterns, ERRORS)

    assert observation.outcome is Outcome.PASSED
    assert observation.examined == 1
    assert "none/*.log" in observation.observed
    assert "logs/app.log" in observation.observed


def test_logs_that_all_went_away_are_not_examined(tmp_path: Path, log: Path) -> None:
    """No line of the applications could be read."""
    marks = record_log_positions(tmp_path, PATTERNS)
    log.unlink()

    [observation] = find_new_errors(tmp_path, marks, PATTERNS, ERRORS)

    assert observation.outcome is Outcome.NOT_EXAMINED
    assert "logs/app.log" in observation.observed


def test_a_plan_without_log_files_says_so(tmp_path: Path) -> None:
    """The plan demands nothing of the logs."""
    [observation] = find_new_errors(tmp_path, LogPositions(()), [], ERRORS)

    assert (observation.subject, observation.outcome, observation.examined) == ("logs", Outcome.NOT_REQUIRED, 0)


def test_a_pattern_without_a_file_requires_nothing(tmp_path: Path) -> None:
    """No log existed before, and none exists now."""
    [observation] = find_new_errors(tmp_path, record_log_positions(tmp_path, PATTERNS), PATTERNS, ERRORS)

    assert (observation.outcome, observation.examined) == (Outcome.NOT_REQUIRED, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("old", ["", "10:01 idle\r\n"])
def test_other_encodings_are_read(tmp_path: Path, log: Path, encoding: str, old: str) -> None:
    """UTF-16 and bytes that are not UTF-8 hide no error, from the first line on."""
    text = old + "ERROR café\r\n10:03 idle\r\n"
    log.write_bytes(old.encode(encoding) if old else b"")
    marks = record_log_positions(tmp_path, PATTERNS)
    log.write_bytes(text.encode(encoding))

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, "^ERROR caf.$")) == ["logs/app.log: ERROR café"]


def test_half_written_line_is_read_as_a_whole(tmp_path: Path, log: Path) -> None:
    """The word that makes it an error may have been begun before the run."""
    append(log, "10:02 tasks: ERR")
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "OR no such table\n10:03 idle\n")

    failures = failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))

    assert failures == ["logs/app.log: 10:02 tasks: ERROR no such table"]


@pytest.mark.parametrize("more", ["", "\n", " and its end\n10:03 idle\n"])
def test_an_error_that_was_only_ended_is_not_new(tmp_path: Path, log: Path, more: str) -> None:
    """The last line of a log need not have an end."""
    append(log, "10:02 ERROR an old one")
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, more)

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == []


def test_a_second_error_in_the_same_line_is_new(tmp_path: Path, log: Path) -> None:
    """Two programs may write without an end of line."""
    append(log, "10:02 ERROR an old one")
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:03 ERROR another one")

    assert len(failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS))) == 1


def test_bytes_that_are_no_text_are_read_past(tmp_path: Path, log: Path) -> None:
    """Binary data does not hide the next line and cannot control the terminal."""
    marks = record_log_positions(tmp_path, PATTERNS)
    with log.open("ab") as file:
        file.write(bytes(range(256)) * 20 + b"\n\x1b[2JERROR\n")

    assert failing(find_new_errors(tmp_path, marks, PATTERNS, ERRORS)) == ["logs/app.log: \\x1b[2JERROR"]


def test_log_lost_by_rotation_is_reported(tmp_path: Path, log: Path) -> None:
    """A compressed log cannot be read, and the report says so."""
    marks = record_log_positions(tmp_path, PATTERNS)
    append(log, "10:02 ERROR before the rotation\n")
    log.unlink()
    log.with_name("app.log.1.gz").write_bytes(b"compressed")
    log.write_text("10:03 idle\n")

    [observation] = find_new_errors(tmp_path, marks, PATTERNS, ERRORS)

    assert numbers_in(observation.observed) == [1, 1]
    assert "logs/app.log" in observation.observed


def test_links_that_lead_outside_are_not_read(tmp_path: Path) -> None:
    """Only logs inside the workspace are read."""
    root = tmp_path / "workspace"
    root.mkdir()
    (tmp_path / "secret").write_text("ERROR of another user\n")
    (root / "app.log").symlink_to("../secret")

    assert failing(find_new_errors(root, LogPositions(()), ["*.log"], ERRORS)) == []


def test_a_pattern_cannot_drop_the_locks_of_a_database(tmp_path: Path, log: Path) -> None:
    """The pattern ``logs/*`` matches databases, which are not opened.

    So the lock of this process is kept.
    """
    path = log.with_name("tasks.db")
    guard = sqlite3.connect(path, isolation_level=None)
    guard.execute("create table tasks (id)")
    guard.execute("begin immediate")
    status = path.stat()

    marks = record_log_positions(tmp_path, ["logs/*"], never_open=frozenset({(status.st_dev, status.st_ino)}))
    find_new_errors(tmp_path, marks, ["logs/*"], ERRORS, never_open=frozenset({(status.st_dev, status.st_ino)}))

    writer = f"import sys, sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('begin immediate')"
    writing = subprocess.run([sys.executable, "-c", writer], capture_output=True, text=True, check=False)
    assert "database is locked" in writing.stderr
    guard.close()


def test_a_pattern_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    """An invalid pattern is a problem of the plan.

    It is an error when the logs are read.
    """
    [problem] = record_log_positions(tmp_path, ["/var/log/*"]).problems

    assert (problem.criterion, problem.subject, problem.id) == ("references-found", "/var/log/*", "log-pattern")
    with pytest.raises(ProblemError, match=r"\[logs\]"):
        find_new_errors(tmp_path, LogPositions(()), ["/var/log/*"], ERRORS)


def test_a_wrong_pattern_hides_no_log(tmp_path: Path, log: Path) -> None:
    """The files of the other patterns are marked."""
    marks = record_log_positions(tmp_path, ["/var/log/*", *PATTERNS])

    assert [entry.path for entry in marks.files] == [log.resolve()]
    assert [problem.id for problem in marks.problems] == ["log-pattern"]
