"""Find what an application does wrong in a run, and allow it to write on a copy."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import sampled, thorough

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.workspaces.whole_run import CompletedRun, Workspace
else:
    from sqlite_utils.utils import sqlite3

_CLI = """\
import argparse

from app.store import titles

parser = argparse.ArgumentParser()
parser.add_argument("--limit", type=int)
for title in titles()[: parser.parse_args().limit]:
    print(title)
"""
_HANG = """\
import fcntl, signal, subprocess, sys
hold = "import fcntl, signal, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(); signal.pause()"
child = subprocess.Popen([sys.executable, "-uc", hold, "LOCK"], stdout=subprocess.PIPE, start_new_session=True)
print("child holds the lock", child.stdout.readline())
signal.pause()
"""
_REPORT = """\
with open("report.cfg") as limit:
    raise SystemExit(len(titles()) != int(limit.read()))
"""
_ORM = """\
import sqlite3
con = sqlite3.connect("main.db")
for number in range(20):
    con.execute(f"CREATE TABLE orm_{number:02}(id INTEGER PRIMARY KEY)")
con.commit()
"""
_INSERT = """\
import sqlite3
with sqlite3.connect("main.db") as con:
    print(con.execute("INSERT INTO tasks VALUES ('next', 'four', 1, NULL)").rowcount)
"""


@dataclass(frozen=True)
class Wrong:
    """Hold the code of a smoke test, with the criterion and texts that must report it."""

    does: str
    python: str
    criterion: str
    observed: str
    plan_keys: str = ""


WRONG = (
    Wrong("prints 6 where 85 is right", "print(6)", "smoke:wrong", "6", 'expect = { stdout = "^85$" }'),
    Wrong("prints 1 line of 3", "print('a')", "smoke:wrong", "1 lines of output: a", "expect = { lines = 3 }"),
    Wrong("hangs, with a child", _HANG, "smoke:wrong", "still running after 2 s, ended with its", "timeout = 2"),
    Wrong("makes 20 tables", _ORM, "no-side-effects", "main.db: orm_19: 0 rows"),
    Wrong(
        "writes to a second main.db",
        "import sqlite3; sqlite3.connect('app/main.db').execute('CREATE TABLE tasks(id)')",
        "no-side-effects",
        "created",
    ),
    Wrong(
        "makes an old database again",
        "import sqlite3; sqlite3.connect('old.db').execute('CREATE TABLE tasks(id)')",
        "no-side-effects",
        "created",
    ),
    Wrong(
        "restores the old code",
        "from pathlib import Path; p = Path('app/store.py'); p.write_text(p.read_text().replace('main.db', 'old.db'))",
        "no-side-effects",
        "app/store.py: changed while wrong ran",
    ),
    Wrong(
        "deletes the backups",
        "import shutil; shutil.rmtree('backups')",
        "no-side-effects",
        "backup set: removed while wrong ran",
    ),
    Wrong(
        "opens the old database on a copy",
        "import sqlite3; sqlite3.connect('old.db').execute('CREATE TABLE tasks(id)')",
        "no-side-effects",
        "old.db: created again by wrong",
        "writes = true",
    ),
    Wrong(
        "logs an error",
        "print('10:02 ERROR no such table', file=open('app.log', 'a'))",
        "logs-clean",
        "10:02 ERROR no such table",
    ),
)


def add_smoke(workspace: Workspace, python: str, plan_keys: str = "", name: str = "wrong") -> None:
    """Add a smoke test to the plan."""
    with workspace.plan.open("a") as plan:
        plan.write(f"\n[[smoke]]\nname = '{name}'\npython = '''\n{python}\n'''\n{plan_keys}\n")


def observed(ran: CompletedRun, criterion: str) -> str:
    """Return what failed entries of a criterion observed."""
    return " | ".join(
        f"{entry['subject']}: {entry['observed']}"
        for entry in ran.evidence["criteria"]
        if entry["id"] == criterion and entry["outcome"] == "failed"
    )


@pytest.mark.parametrize("wrong", sampled(WRONG, 0), ids=lambda wrong: wrong.does)
def test_wrong_application_fails_and_is_rolled_back(workspace: Workspace, tmp_path: Path, wrong: Wrong) -> None:
    """The run exits with 1 and names the criterion. All files are as before."""
    add_smoke(workspace, wrong.python.replace("LOCK", str(tmp_path / "lock")), wrong.plan_keys)
    before = workspace.contents()

    ran = workspace.run("migrate")

    after = workspace.contents()
    before.pop("app.log")  # what an application logged stays
    after.pop("app.log")
    assert ran.exit == 1, ran.text
    assert ran.failed == {wrong.criterion}
    assert wrong.observed in observed(ran, wrong.criterion)
    assert after == before
    assert not ran.shows_source, ran.text
    with (tmp_path / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no child holds it


@pytest.mark.thorough
def test_an_option_that_does_not_exist_is_seen(workspace: Workspace) -> None:
    """The application's own words are in the evidence."""
    (workspace.root / "app" / "cli.py").write_text(_CLI)
    with workspace.plan.open("a") as plan:
        plan.write('[[smoke]]\nname = "cli"\nrun = ["python", "-m", "app.cli", "--limt", "5"]\n')

    ran = workspace.run("migrate")

    assert ran.exit == 1, ran.text
    assert ran.failed == {"smoke:cli"}
    assert "unrecognized arguments: --limt" in observed(ran, "smoke:cli")


@pytest.mark.thorough
def test_database_made_by_an_application_is_kept(workspace: Workspace) -> None:
    """It is moved into the backup set, so that the run can be repeated."""
    add_smoke(workspace, "import sqlite3; sqlite3.connect('second.db').execute('CREATE TABLE t(id)')")

    ran = workspace.run("migrate")

    steps = [finding.text for finding in ran.findings if finding.id == "rollback-step"]
    assert any("moved second.db, which an application made" in step for step in steps)
    assert not (workspace.root / "second.db").exists()
    assert (workspace.sets()[0] / "made-by-applications" / "second.db").exists()


@pytest.mark.parametrize(
    "python",
    [
        "import sqlite3; print(sqlite3.connect('ROOT/main.db').execute('SELECT 3').fetchone()[0])",
        *thorough(
            "from pathlib import Path; Path.home().joinpath('workspace', 'old.db').read_bytes()",
            "open(open('app/settings.ini').read().strip())",
        ),
    ],
    ids=["an absolute path", "the home folder", "a path in a configuration file"],
)
def test_rehearsal_notices_an_application_opening_the_workspace(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    """The rehearsal exits with 1 by that smoke test, and the workspace is unchanged."""
    monkeypatch.setenv("HOME", str(workspace.root.parent))
    (workspace.root / "app" / "settings.ini").write_text(f"{workspace.root}/main.db\n")
    add_smoke(workspace, python.replace("ROOT", str(workspace.root)))
    before = workspace.files()

    ran = workspace.run("verify")

    assert ran.exit == 1, ran.text
    assert ran.failed == {"smoke:wrong"}
    assert ".db of the workspace itself" in observed(ran, "smoke:wrong")
    assert workspace.files() == before


@pytest.mark.parametrize("verb", ["migrate", *thorough("verify")])
def test_first_insert_is_tried_on_a_copy(workspace: Workspace, verb: str) -> None:
    """It is listed, and the target has only the moved rows."""
    add_smoke(workspace, _INSERT, 'writes = true\nexpect = { stdout = "^1$" }', name="inserts")

    ran = workspace.run(verb)

    assert ran.exit == 0, ran.text
    assert [(finding.id, finding.level, finding.subject, finding.count) for finding in ran.findings] == [
        ("smoke-changed-copy", "note", "main.db", 1)
    ]
    if verb == "migrate":
        con = sqlite3.connect(workspace.root / "main.db")
        assert con.execute("SELECT id FROM tasks ORDER BY id").fetchall() == [("a",), ("b",), ("c",)]
        con.close()


@pytest.mark.thorough
def test_failed_first_insert_refuses_the_run(workspace: Workspace) -> None:
    """Every reader would succeed, but the next writer would fail."""
    workspace.execute("old.db", "CREATE TRIGGER closed BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'closed'); END")
    add_smoke(workspace, _INSERT, "writes = true", name="inserts")
    before = workspace.contents()

    ran = workspace.run("migrate")

    assert ran.exit == 1, ran.text
    assert ran.failed == {"smoke:inserts"}
    assert "IntegrityError: closed" in observed(ran, "smoke:inserts")
    assert workspace.contents() == before


def test_rehearsal_has_what_the_plan_does_not_name(workspace: Workspace) -> None:
    """A package beside the scanned trees reads a file that no key names."""
    package = workspace.root / "tools"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "report.py").write_text(f"from app.store import titles\n{_REPORT}")
    (workspace.root / "report.cfg").write_text("3")
    with workspace.plan.open("a") as plan:
        plan.write('\n[[smoke]]\nname = "report"\nrun = ["python", "-m", "tools.report"]\n')

    ran = workspace.run("verify")

    assert ran.exit == 0, ran.text
