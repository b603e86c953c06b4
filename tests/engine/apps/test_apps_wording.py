"""Hold the sentences about applications, their logs and their databases."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.database_watch import quarantine_databases
from sqlite_consolidate.engine.apps.log_watch import LogPositions, find_new_errors, record_log_positions
from sqlite_consolidate.engine.apps.runner import SmokeResult, run_smoke
from sqlite_consolidate.engine.apps.smoke_observations import remarks_on, smoke_observations
from sqlite_consolidate.engine.apps.smoke_tests import Applications
from sqlite_consolidate.engine.backup.copied_files import Reason
from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, open_new
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.model import Plan, Source
from sqlite_consolidate.plan.parts.programs import Expect, Smoke

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.observation import Observation


def _sentences(observations: list[Observation]) -> list[str]:
    return [f"{result.expected} | {result.observed} | {result.todo}" for result in observations]


@pytest.mark.parametrize(
    ("expect", "result", "sentences"),
    [
        (
            Expect(),
            {"exit": 2},
            [
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                (
                    "exit status 0 | exit status 2 | Run it by hand and read its error. If the plan is wrong, correct"
                    " its [[smoke]]."
                ),
            ],
        ),
        (
            Expect(),
            {"exit": -signal.SIGSEGV},
            [
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                (
                    "exit status 0 | ended by signal SIGSEGV | Run it by hand and read its error. If the plan is"
                    " wrong, correct its [[smoke]]."
                ),
            ],
        ),
        (
            Expect(stdout="^85$"),
            {"exit": 0, "stdout": "6\n"},
            [
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                "exit status 0 | exit status 0 | ",
                (
                    "output matches ^85$ | output does not match (2 characters) | Compare what the application reads"
                    " with what was moved. If the plan is wrong, correct its [[smoke]]."
                ),
            ],
        ),
        (
            Expect(lines=85),
            {"exit": 0, "stdout": "a\nb\n", "lines": 2},
            [
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                "exit status 0 | exit status 0 | ",
                (
                    "85 lines of output | 2 lines of output | Compare what the application reads with what was moved."
                    " If the plan is wrong, correct its [[smoke]]."
                ),
            ],
        ),
        (
            Expect(),
            {"ended": "still running after 30 s"},
            [
                (
                    "ends within 30 s | still running after 30 s, ended with its children | Find out what it waits"
                    ' for or repeats, or give it a longer "timeout". If the plan is wrong, correct its [[smoke]].'
                )
            ],
        ),
        (
            Expect(),
            {"problem": "./run: Permission denied"},
            [
                (
                    "can be started | ./run: Permission denied | Run it by hand. If the plan is wrong, correct its"
                    " [[smoke]]."
                )
            ],
        ),
        (
            Expect(),
            {"exit": 0, "used": ()},
            [
                (
                    "opens no file of the workspace itself | opened none (Python programs report each opening; others"
                    " are examined every 0.1 s) | "
                ),
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                "exit status 0 | exit status 0 | ",
            ],
        ),
        (
            Expect(),
            {"exit": 0, "used": ("app.py", "b.py")},
            [
                (
                    "opens no file of the workspace itself | opened app.py, b.py of the workspace itself | Let it"
                    " find its files relative to its own file or to the current folder, and not by an absolute path,"
                    " the home folder or an installed package. If its code was installed from the workspace, add the"
                    ' folder of the code to "path".'
                ),
                "ends within 30 s | ended after 1.50 s, started with ./run | ",
                "exit status 0 | exit status 0 | ",
            ],
        ),
    ],
)
def test_smoke_observations_have_these_sentences(
    expect: Expect, result: dict[str, object], sentences: list[str]
) -> None:
    """A better sentence changes one line here."""
    test = Smoke(name="x", run=["./run"], expect=expect, timeout=30)
    fields = {"name": "x", "command": ("./run",), "seconds": 1.5, **result}

    assert _sentences(list(smoke_observations(test, SmokeResult(**fields)))) == sentences  # type: ignore[arg-type]


def test_remarks_on_a_failure_have_these_sentences() -> None:
    """Each is about the surroundings of the smoke test."""
    result = SmokeResult("x", ("./run",), exit=1, stderr="git: cannot read media/a.jpg and old.db")
    left_out = {Reason.EXCLUDED: ["media"], Reason.VERSION_CONTROL: [".git"]}

    assert remarks_on(result, left_out, ["data/old.db"]) == (
        "The copy on which it ran lacks media (what the plan excludes). Narrow [rehearsal] exclude.",
        "The copy on which it ran lacks .git (version control).",
        (
            "Its output names data/old.db, which no longer had its old name. "
            "Find the code that opens it, and add a [[reference]] for it."
        ),
    )
    assert remarks_on(result, {}, ["data/other.db"]) == (
        (
            "While it ran, each old database was locked and had the name of its archive. "
            "If you run it by hand before the migration, it finds them under their old names."
        ),
    )


def test_ended_program_has_these_sentences(tmp_path: Path) -> None:
    """The result states why the program was ended or could not start."""
    endless = Smoke(name="x", run=["yes"], timeout=600)
    late = Smoke(name="x", python="import signal; signal.pause()", timeout=0.01)
    folder = Smoke(name="x", python="pass", path=["a:b"])

    results = [run_smoke(test, root=tmp_path, live_root=tmp_path) for test in (endless, late, folder)]

    assert [result.ended or result.problem for result in results] == [
        "it has printed more than 100 MB",
        "still running after 0.01 s",
        "PYTHONPATH cannot hold a folder with ':' in its name",
    ]


def test_new_errors_have_these_sentences(tmp_path: Path) -> None:
    """The observation counts files and lines, and names the logs that it could not read."""
    (tmp_path / "kept.log").write_text("old\n")
    for name in ("gone.log", "turned.log"):
        (tmp_path / name).write_text("old\n")
    patterns = ["*.log", "none/*.log"]
    marks = record_log_positions(tmp_path, patterns)
    (tmp_path / "gone.log").unlink()
    (tmp_path / "turned.log").unlink()
    (tmp_path / "turned.log").write_text("new\n")

    clean = find_new_errors(tmp_path, marks, patterns, "ERROR")
    (tmp_path / "kept.log").write_text("old\n" + "ERROR\n" * 21)
    flooded = find_new_errors(tmp_path, marks, patterns, "ERROR")

    assert _sentences(clean) == [
        (
            "no new line matches ERROR | 2 files and 1 new line read, none matches; no file matches"
            " none/*.log; gone.log is gone; turned.log was replaced, and what it got before that is not there"
            " to be read | "
        ),
    ]
    assert _sentences(flooded[-1:]) == [
        (
            "no new line matches ERROR | 1 more lines match | Find out what caused it; if it is harmless,"
            ' narrow "errors" in the plan\'s [logs].'
        ),
    ]


def test_logs_that_cannot_be_read_have_these_sentences(tmp_path: Path) -> None:
    """Each reason differs."""
    path = tmp_path / "app.log"
    path.touch()
    marks = record_log_positions(tmp_path, ["*.log"])
    path.unlink()

    assert _sentences(find_new_errors(tmp_path, LogPositions(()), [], "E")) == [
        "nothing demanded | the plan names no log files | ",
    ]
    assert _sentences(find_new_errors(tmp_path, LogPositions(()), ["*.log"], "E")) == [
        "nothing demanded | no log file exists | ",
    ]
    assert _sentences(find_new_errors(tmp_path, marks, ["*.log"], "E")) == [
        (
            "no new line matches E | 0 files and 0 new lines read, none matches; no file matches *.log;"
            " app.log is gone | "
        ),
    ]
    assert [str(problem) for problem in record_log_positions(tmp_path, ["/var/log/*"]).problems] == [
        (
            "/var/log/*: the log files cannot be looked for: Non-relative patterns are unsupported. Correct"
            ' "files" in the plan\'s [logs]. [log-pattern]'
        ),
    ]


def test_quarantined_databases_have_these_sentences(tmp_path: Path) -> None:
    """The sentence names the database and the folder."""
    for name in ("a.db", "b.db"):
        open_new(tmp_path / name).close()
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside/b.db").touch()

    assert quarantine_databases(tmp_path, ["a.db", "b.db"], tmp_path / "aside") == [
        "moved a.db, which an application made, into aside of the backup set",
        "b.db, which an application made, is still there (File exists): remove it",
    ]


def test_changes_on_copies_have_these_sentences(tmp_path: Path) -> None:
    """Tests, tables and databases are counted."""
    with contextlib.closing(open_new(tmp_path / "main.db")) as con:
        con.execute("CREATE TABLE t(a)")
    applications = Applications(
        Plan(format=1, name="p", target="main.db", sources=[Source(name="old", file="old.db")]),
        tmp_path,
        tmp_path,
        held=frozenset(),
        marks=LogPositions(()),
        on_progress=lambda _words: None,
    )
    with open_for_inspection(tmp_path / "main.db") as con:
        applications.record_state(digest_tables(con, read_schema(con)), {}, {})
    create = "import sqlite3; c = sqlite3.connect('main.db'); [c.execute(f'CREATE TABLE t{n}(x)') for n in range(5)]"

    for name in ("a", "b"):
        applications.run(Smoke(name=name, python=create, writes=True))
    clean = applications.side_effects()
    applications.run(Smoke(name="c", python=create))

    assert [finding.text for finding in applications.changes_on_copies()] == [
        "5 tables were created by 2 smoke tests (a, b), on copies that are gone: t0, t1, t2 and 2 more.",
    ]
    assert _sentences(clean) == [
        "1 tables, 1 databases as before | 1 tables, 1 databases as before | ",
        "changes copies only | 10 changes by a, b, on copies that are gone | ",
    ]
    assert _sentences(applications.side_effects()[:1]) == [
        (
            "no such table | 0 rows | Correct the path that the application uses; if it is meant to write,"
            " say writes = true in its [[smoke]]."
        ),
    ]
