"""Specify what smoke tests may change in a workspace and on their copies."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.log_watch import record_log_positions
from sqlite_consolidate.engine.apps.smoke_tests import Applications
from sqlite_consolidate.engine.content.digest import digest_file, digest_tables
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.model import Plan, Source
from sqlite_consolidate.plan.parts.programs import Logs, Smoke
from tests.support.observations import numbers_in
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.observation import Observation
else:
    from sqlite_utils.utils import sqlite3

TARGET = """
CREATE TABLE tasks(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL);
INSERT INTO tasks(title) VALUES ('one'), ('two'), ('three'), ('gone'), ('gone, too');
DELETE FROM tasks WHERE id > 3;
CREATE TABLE seen(task INTEGER);
CREATE TRIGGER tasks_seen AFTER INSERT ON tasks BEGIN INSERT INTO seen VALUES (new.id); END;
"""
INSERT = """
import sqlite3
con = sqlite3.connect("main.db", isolation_level=None)
print(con.execute("INSERT INTO tasks(title) VALUES ('next')").lastrowid, con.execute("SELECT * FROM seen").fetchall())
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a workspace after COMMIT, with its source still present."""
    folder = tmp_path / "workspace"
    (folder / "app").mkdir(parents=True)
    for name, sql in (("main.db", TARGET), ("app/old.db", "CREATE TABLE tasks(id)")):
        con = sqlite3.connect(folder / name)
        con.executescript(sql)
        con.close()
    (folder / "app.log").write_text("")
    return folder


@pytest.fixture
def source(root: Path) -> Iterator[WriteLock]:
    """Hold the source open as this process does during a run."""
    with contextlib.closing(sqlite3.connect(root / "app/old.db")):
        write_lock = WriteLock(root / "app/old.db")
    yield write_lock
    write_lock.release()


@pytest.fixture
def applications(root: Path, source: WriteLock) -> Applications:
    """Return the applications of a plan before the first one has run."""
    plan = Plan(
        format=1,
        name="p",
        target="main.db",
        sources=[Source(name="old", file="app/old.db")],
        smoke=[Smoke(name="x", python="pass", path=["app"])],
        logs=Logs(files=["*.log"]),
    )
    held = frozenset((runner.stat().st_dev, runner.stat().st_ino) for runner in (root / "main.db", source.path))
    runner = Applications(
        plan, root, root, held=held, marks=record_log_positions(root, ["*.log"]), on_progress=lambda _words: None
    )
    with open_for_inspection(root / "main.db") as con:
        runner.record_state(digest_tables(con, read_schema(con)), {}, {})
    return runner


def writing(python: str) -> Smoke:
    """Return a smoke test that may write."""
    return Smoke(name="it writes", python=python, writes=True)


def failing(observations: list[Observation]) -> list[str]:
    """Return the failed observations."""
    return [
        f"{observation.subject}: {observation.program_output or observation.observed}"
        for observation in observations
        if not observation.holds
    ]


def test_first_insert_works_and_leaves_target_unchanged(root: Path, applications: Applications) -> None:
    """The key continues after the largest one, the trigger fires, and the row is listed.

    Every byte of the target stays as before.
    """
    before = (root / "main.db").read_bytes()

    result = applications.run(writing(INSERT))

    assert (result.stdout, result.stderr) == ("6 [(6,)]\n", "")
    [finding] = applications.changes_on_copies()
    assert (finding.id, finding.level, finding.subject, finding.count) == ("smoke-changed-copy", "note", "main.db", 2)
    assert failing(applications.side_effects()) == []
    assert (root / "main.db").read_bytes() == before


def test_tables_that_several_tests_create_are_one_finding(applications: Applications) -> None:
    """The twenty tables that three tests create are counted, and three are named."""
    create = (
        "import sqlite3; c = sqlite3.connect('main.db'); [c.execute(f'CREATE TABLE t{n:02}(x)') for n in range(20)]"
    )
    for name in ("a", "b", "c"):
        assert applications.run(Smoke(name=name, python=create, writes=True)).exit == 0

    [finding] = applications.changes_on_copies()

    assert (finding.id, finding.level, finding.subject, finding.count) == ("smoke-changed-copy", "note", "main.db", 20)
    assert numbers_in(finding.text) == [20, 3, 0, 1, 2, 17], "tables, tests, the first names and the other tables"
    assert "(a, b, c)" in finding.text


def test_trigger_of_lost_table_fails_the_first_insert(root: Path, applications: Applications) -> None:
    """Reading alone would not show that every insert fails."""
    with contextlib.closing(sqlite3.connect(root / "main.db")) as con:
        con.execute("DROP TABLE seen")

    result = applications.run(writing(INSERT))

    assert result.exit == 1
    assert "main.seen" in result.stderr


def test_each_writing_test_has_its_own_copy_without_sources(root: Path, applications: Applications) -> None:
    """A test does not see the rows that another test has inserted.

    Its copy has the files that the consolidated workspace will have.
    """
    look = f"import os; print(os.path.exists('app/old.db'), os.getcwd() == {str(root)!r})\n{INSERT}"

    results = [applications.run(writing(look)) for _ in range(2)]

    assert [observation.stdout for observation in results] == ["False False\n6 [(6,)]\n"] * 2


def test_the_copy_is_made_without_dropping_a_lock(source: WriteLock, applications: Applications) -> None:
    """The sources are neither copied nor opened, because this process holds their locks."""
    applications.run(writing("pass"))

    writer = Smoke(
        name="w", python="import sqlite3; sqlite3.connect('app/old.db', timeout=0).execute('BEGIN IMMEDIATE')"
    )
    assert "database is locked" in applications.run(writer).stderr
    assert source.writer.in_transaction


def test_permission_to_write_covers_one_test_only(applications: Applications) -> None:
    """A test without permission is found, even if another test has it."""
    applications.run(writing(INSERT))
    applications.run(Smoke(name="reads", python=INSERT))

    failures = failing(applications.side_effects())

    assert [observation.partition(": ")[2].partition(":")[0] for observation in failures] == ["seen", "tasks"]


def test_a_writing_test_that_leaves_its_copy_is_noticed(root: Path, applications: Applications) -> None:
    """An absolute path into the live workspace is refused and reported."""
    before = (root / "main.db").read_bytes()

    result = applications.run(writing(INSERT.replace("main.db", str(root / "main.db"))))

    assert result.used == ("main.db",)
    assert (root / "main.db").read_bytes() == before


def test_an_error_that_is_logged_on_a_copy_counts(applications: Applications) -> None:
    """The copy of the log is deleted, but its errors are reported."""
    applications.run(writing("print('ERROR no such table', file=open('app.log', 'a'))"))

    (failures,) = [observation for observation in applications.new_log_errors() if not observation.holds]
    assert (failures.subject, failures.program_output) == ("app.log", "ERROR no such table")


def test_tables_and_databases_of_an_orm_are_found(applications: Applications) -> None:
    """Tables that are created on import, and a second database, are each named.

    The second database is known as created by an application.
    """
    python = """
import os, sqlite3
con = sqlite3.connect("main.db", isolation_level=None)
for number in range(20):
    con.execute(f"CREATE TABLE orm_{number:02}(id)")
os.mkdir("data")
sqlite3.connect("data/main.db").execute("CREATE TABLE tasks(id)")
"""
    applications.run(Smoke(name="imports", python=python))

    failures = failing(applications.side_effects())

    assert len(failures) == 21
    assert failures[0] == "data/main.db: created"
    assert all(observation.startswith(f"main.db: orm_{at:02}: ") for at, observation in enumerate(failures[1:]))
    assert applications.created_databases() == ["data/main.db"]


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("PRAGMA user_version=5", "user_version"),
        ("DROP TRIGGER tasks_seen", "trigger tasks_seen"),
        *thorough(
            ("PRAGMA application_id=7", "application_id"),
            ("CREATE INDEX titles ON tasks(title)", "index titles"),
            ("CREATE VIEW titles AS SELECT title FROM tasks", "view titles"),
            ("DELETE FROM sqlite_sequence", "AUTOINCREMENT mark of tasks"),
        ),
    ],
)
def test_change_of_the_target_beside_its_rows_fails(applications: Applications, statement: str, subject: str) -> None:
    """A rollback would refuse the target. On a copy it is allowed."""
    python = f"import sqlite3; sqlite3.connect('main.db', isolation_level=None).execute({statement!r})"
    applications.run(writing(python))
    assert failing(applications.side_effects()) == []

    applications.run(Smoke(name="it changes", python=python))

    failures = [observation for observation in applications.side_effects() if not observation.holds]
    assert [observation.subject for observation in failures] == [f"main.db: {subject}"]


def test_source_that_was_renamed_is_named(root: Path, applications: Applications) -> None:
    """The rollback restores the source under its old name, so that this file is left over."""
    (root / "app/old.db").rename(root / "other.db")

    assert applications.renamed_sources() == ["other.db"]
    assert applications.created_databases() == []


def test_an_archive_is_nothing_that_an_application_made(root: Path, applications: Applications) -> None:
    """A source under its new name is still that source."""
    (root / "app/old.db").rename(root / "app/old.db.archived_20260101_000000")

    assert applications.created_databases() == []
    assert applications.renamed_sources() == []


def test_backup_that_is_opened_to_others_is_private_again(root: Path, applications: Applications) -> None:
    """The criterion fails, because others may have read the copies meanwhile."""
    private = [root / name for name in ("backups/set/databases/a.db", "backups/set/ledger.jsonl")]
    for path in private:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
    for folder in (root / "backups", root / "backups/set"):
        folder.chmod(0o700)
    with open_for_inspection(root / "main.db") as con:
        digests = {str(path.relative_to(root)): digest_file(path) for path in private}
        applications.record_state(digest_tables(con, read_schema(con)), {}, digests)

    applications.run(Smoke(name="it opens", run=["chmod", "-R", "777", "backups"]))

    [observation] = applications.side_effects()
    applications.close()
    assert (observation.subject, observation.holds) == ("backup set", False)
    modes = {path.stat().st_mode & 0o777 for path in (root / "backups").rglob("*") if path.is_dir()}
    assert (modes, {path.stat().st_mode & 0o777 for path in private}) == ({0o700}, {0o600})


@pytest.mark.parametrize(
    "harm",
    [
        "open('app/code.py', 'w').write('y = 2')",
        "import os; os.remove('app/code.py')",
        "import os; os.rename('app/code.py', 'app.log.1'); os.symlink('../app.log.1', 'app/code.py')",
        "import shutil; shutil.rmtree('app/sub')",
    ],
    ids=["written", "removed", "a link to the same bytes", "its folder removed"],
)
def test_code_that_an_application_changes_is_written_again(root: Path, applications: Applications, harm: str) -> None:
    """The criterion fails, and a rollback finds the code as the run has left it."""
    (root / "app/sub").mkdir()
    files = [root / "app/code.py", root / "app/sub/code.py"]
    for file in files:
        file.write_text("x = 1\n")
        file.chmod(0o640)
    with open_for_inspection(root / "main.db") as con:
        digests = {str(file.relative_to(root)): digest_file(file) for file in files}
        applications.record_state(digest_tables(con, read_schema(con)), digests, {})

    applications.run(Smoke(name="it harms", python=harm))

    assert [observation.holds for observation in applications.side_effects()] == [False]
    for file in files:
        assert not file.is_symlink()
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("x = 1\n", 0o640)
