"""The rollback of a consolidation that stands: everything back, or a refusal that changes nothing; nothing is lost."""

from __future__ import annotations

import contextlib
import resource
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.atomic_files import move
from sqlite_consolidate.engine.backup import manifest, restore
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import changed_since, put_back
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.run.stages import BACKUP, REFERENCES, VERIFY
from sqlite_consolidate.engine.sqlite.processes import holders
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import die, in_a_child, other_process, stranger
from tests.support.small_workspace import (
    CREATE_NOTES,
    CREATE_TASKS,
    SET,
    STAMP,
    a_run,
    build,
    consolidate,
    consolidated,
    database,
    execute,
    state,
)

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.run.stages import Stage
    from tests.support.small_workspace import State
else:
    from sqlite_utils.utils import sqlite3

ARCHIVED = f"logs/tasks.db.archived_{STAMP}"

NAME = SET.removeprefix("backups/")

EDITED = ("code-changed", "app/notes.py")
CREATED_AGAIN = ("created-again", "logs/notes.db")
DAMAGED = ("copy-damaged", f"{NAME}/databases/target.db")


@pytest.fixture
def before(consolidation: tuple[Path, State]) -> State:
    """The state of the small workspace before its consolidation."""
    return consolidation[1]


@pytest.fixture
def root(consolidated_copy: Path, before: State) -> Path:
    """The small workspace, consolidated."""
    assert state(consolidated_copy) != before
    return consolidated_copy


def everything(root: Path) -> dict[str, bytes]:
    """Return the bytes of all files, backup sets included."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def refused(root: Path, *problems: tuple[str, str]) -> str:
    """Roll back, be refused for these ids and subjects, see that nothing at all was changed, and return the text."""
    held = everything(root)

    with pytest.raises(ProblemError) as caught:
        put_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == list(problems)
    assert everything(root) == held
    return str(caught.value)


def test_everything_is_as_it_was_before(root: Path, before: State) -> None:
    """Content, WAL mode, code bytes, names and permission bits; each step is said, and all was looked at."""
    done = put_back(root, root / SET)

    assert state(root) == before
    assert done.holds
    assert done.steps == [
        f"renamed {ARCHIVED} back to logs/tasks.db",
        f"renamed logs/notes.db.archived_{STAMP} back to logs/notes.db",
        "restored app/tasks.py",
        "restored app/notes.py",
        "restored workspace.db from the backup set",
    ]
    assert {one.subject for one in done.seen} > {"workspace.db", "logs/tasks.db", "app/tasks.py", ARCHIVED}
    [noted] = Ledger(root / SET).all("put-back")
    assert (noted["steps"], noted["exact"]) == (done.steps, True)


def test_nothing_lies_about_afterwards(root: Path, before: State) -> None:
    """No part file, no sidecar of an archive, no copy beside the databases."""
    put_back(root, root / SET)

    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and SET not in str(path)}
    assert files == before.databases.keys() | before.files.keys()


def test_the_set_keeps_everything(root: Path) -> None:
    """A rollback deletes and changes nothing in the backup set; the ledger only grows."""
    held = everything(root / SET)

    put_back(root, root / SET)

    after = everything(root / SET)
    assert after.pop("ledger.jsonl").startswith(held.pop("ledger.jsonl"))
    assert after == held


def test_done_twice_it_does_nothing_more(root: Path, before: State) -> None:
    """The second time there is nothing to put back, and it is seen to be so."""
    put_back(root, root / SET)

    again = put_back(root, root / SET)

    assert again.steps == []
    assert again.holds
    assert state(root) == before
    assert len(Ledger(root / SET).all("put-back")) == 1


def test_an_old_set_is_not_put_back_over_a_newer_run(root: Path) -> None:
    """What was undone once is not undone again when a later consolidation stands."""
    put_back(root, root / SET)
    consolidated(root, "20250131_130000")
    standing = state(root)

    assert put_back(root, root / SET).steps == []

    assert state(root) == standing


def test_a_run_that_was_undone_has_nothing_to_lose(tmp_path: Path) -> None:
    """The target that stands now is a later run's, made anew."""
    root = build(tmp_path / "workspace", target=False)
    consolidated(root)
    put_back(root, root / SET)
    consolidated(root, "20250131_130000")

    assert changed_since(root, root / SET) == []


@pytest.mark.parametrize("until", [BACKUP, VERIFY], ids=lambda stage: stage.id)
def test_a_run_that_committed_nothing_has_nothing_to_lose(tmp_path: Path, until: Stage) -> None:
    """What others write into the target then was never the run's."""
    root = build(tmp_path / "workspace")
    consolidate(a_run(root), until=until)
    assert changed_since(root, root / SET) == []

    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    assert changed_since(root, root / SET) == []


def test_a_created_target_goes(tmp_path: Path) -> None:
    """A target that the run made was not there before."""
    root = build(tmp_path / "workspace", target=False)
    before = state(root)
    consolidated(root)

    done = put_back(root, root / SET)

    assert done.steps[-1] == "removed workspace.db, which the run had created"
    assert not (root / SET / "databases/workspace-before-rollback.db").exists()
    assert done.holds
    assert state(root) == before


def test_rows_written_since_are_named_and_kept(root: Path, before: State) -> None:
    """What a rollback discards is told before, table by table, and is in the backup set afterwards."""
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")
    execute(root / "workspace.db", "CREATE TABLE extra(x)")
    execute(root / "workspace.db", "DROP TABLE notes")

    changed = changed_since(root, root / SET)
    done = put_back(root, root / SET)

    assert [one.partition(" (")[0] for one in changed] == [
        "extra: not there at the migration, 0 rows now",
        "notes: 5 rows",
        "tasks: 3 rows",
    ]
    assert changed[1].endswith("not there now")
    assert state(root) == before
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert f"kept workspace.db as it was in {(root / SET).name}/databases" in done.steps
    assert execute(kept, "SELECT title FROM tasks WHERE id = 4") == [("new",)]


def test_one_changed_value_is_a_change(root: Path) -> None:
    """The number of rows alone would not tell."""
    assert changed_since(root, root / SET) == []

    execute(root / "workspace.db", "UPDATE tasks SET title = 'x' WHERE id = 1")

    assert [one.partition(":")[0] for one in changed_since(root, root / SET)] == ["tasks"]


def test_what_an_earlier_attempt_kept_is_not_overwritten(root: Path) -> None:
    """A target that changed between two attempts is kept twice."""
    kept = root / SET / "databases/workspace-before-rollback.db"
    kept.write_text("the first attempt's")
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")

    put_back(root, root / SET)

    assert kept.read_text() == "the first attempt's"
    assert execute(kept.with_name(kept.name + ".2"), "SELECT count(*) FROM tasks") == [(4,)]


def test_a_replaced_target_is_told_and_kept(root: Path, before: State) -> None:
    """A file without the run's row is not the committed target: said before, kept, and put back all the same."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    changed = changed_since(root, root / SET)
    put_back(root, root / SET)

    assert changed == ["the run's row of history is not in it: the file was replaced"]
    assert state(root).databases["workspace.db"] == before.databases["workspace.db"]
    assert (
        execute(
            root / SET / "databases/workspace-before-rollback.db", f"SELECT 1 FROM sqlite_schema WHERE name = '{TABLE}'"
        )
        == []
    )


def test_a_destroyed_target_is_set_aside(root: Path, before: State) -> None:
    """What is no database any more is kept as it is, and the backup takes its place."""
    (root / "workspace.db").write_bytes(b"x" * 9000)
    (root / "workspace.db-shm").write_bytes(b"stale")

    [changed] = changed_since(root, root / SET)
    done = put_back(root, root / SET)

    assert f"set workspace.db aside in {NAME}" in done.steps
    assert "cannot be read any more (file is not a database)" in changed
    assert state(root) == before
    assert (root / SET / "set-aside/workspace.db").read_bytes() == b"x" * 9000
    kept = [one["kept"] for one in Ledger(root / SET).all("keeping")]
    assert kept == ["set-aside/workspace.db", "set-aside/workspace.db-shm"]


def test_a_target_that_somebody_put_back_already_is_left_alone(root: Path, before: State) -> None:
    """There is nothing in it that would be lost, and nothing to be done but its mode."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    (root / "workspace.db").write_bytes((root / SET / "databases/target.db").read_bytes())

    changed = changed_since(root, root / SET)
    done = put_back(root, root / SET)

    assert changed == []
    assert "restored workspace.db from the backup set" not in done.steps
    assert state(root) == before


def test_a_missing_target_comes_back(root: Path, before: State) -> None:
    """With its content, mode and journal mode; nothing had to be discarded."""
    (root / "workspace.db").unlink()

    assert changed_since(root, root / SET) == []
    put_back(root, root / SET)

    assert state(root) == before


def test_a_missing_archive_comes_back_from_the_backup(root: Path, before: State) -> None:
    """Whoever removed the archives to save space has not removed the way back; a leftover journal is set aside."""
    (root / ARCHIVED).unlink()
    (root / "logs/tasks.db-journal").write_bytes(b"stale")
    (root / f"logs/notes.db.archived_{STAMP}").unlink()

    done = put_back(root, root / SET)

    assert done.steps[:3] == [
        f"set tasks.db-journal aside in {NAME}",
        "restored logs/tasks.db from the backup set",
        "restored logs/notes.db from the backup set",
    ]
    assert done.holds
    assert state(root) == before


@pytest.mark.parametrize("name", ["workspace.db", "logs/tasks.db"], ids=["target", "old name"])
def test_a_stale_wal_is_never_played_back(root: Path, before: State, tmp_path: Path, name: str) -> None:
    """A -wal that lies under a restored database's name does not bring its rows into it; it is kept aside."""
    backup = {"workspace.db": "target", "logs/tasks.db": "tasks"}[name]
    stale = stale_wal(root / SET / f"databases/{backup}.db", tmp_path)
    (root / name).unlink(missing_ok=True)
    beside = root / f"{name}-wal"
    beside.write_bytes(stale)
    (root / f"{name}-journal").write_bytes(b"stale")

    put_back(root, root / SET)

    assert state(root) == before
    assert (root / SET / "set-aside" / beside.name).read_bytes() == stale
    assert not (root / f"{name}-journal").exists()


def stale_wal(database: Path, scratch: Path) -> bytes:
    """Return a -wal with which SQLite would read other rows from this very database."""
    copy = scratch / "stale.db"
    copy.write_bytes(database.read_bytes())
    wal = scratch / "stale.db-wal"
    with closing(sqlite3.connect(copy, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("CREATE TABLE bad(x)")
        data = wal.read_bytes()
    played = scratch / "played.db"
    played.write_bytes(database.read_bytes())
    played.with_name("played.db-wal").write_bytes(data)
    assert execute(played, "SELECT 1 FROM sqlite_schema WHERE name = 'bad'") == [(1,)]  # the case is what it says
    return data


def test_a_stale_wal_beside_an_archive_is_not_played_back(root: Path, before: State, tmp_path: Path) -> None:
    """The archive is as it was archived: what came to lie beside it is kept aside."""
    stale = stale_wal(root / ARCHIVED, tmp_path)
    (root / f"{ARCHIVED}-wal").write_bytes(stale)

    put_back(root, root / SET)

    assert state(root) == before
    assert [path.read_bytes() for path in (root / SET / "set-aside").iterdir()] == [stale]


def test_an_archive_that_somebody_works_in_is_refused(root: Path) -> None:
    """Its newest rows are in the sidecar: it is closed first, by whoever opened it."""
    archive = (root / ARCHIVED).name
    with other_process(root / ARCHIVED, "PRAGMA journal_mode=WAL", "DELETE FROM tasks"):
        text = refused(root, ("archive-opened", archive))

    assert f"{archive}-wal and {archive}-shm lie beside it" in text


def test_whoever_has_an_archive_open_is_named(root: Path) -> None:
    """Also where its rows are as they were: what lies beside it is in use."""
    archive = root / ARCHIVED
    beside = archive.with_name(f"{archive.name}-journal")
    beside.write_bytes(b"")
    read = "file = open(sys.argv[1])"
    with stranger(read, archive) as first, stranger(read, beside) as second:
        found = holders([archive]).found
        assert {one.pid for one in found} == {first, second}
        by = ", ".join(f"process {one.pid} ({one.command})" for one in found)
        text = refused(root, ("archive-opened", archive.name))

    assert f"by {by}; {beside.name} lies beside it" in text


def test_an_unfinished_transaction_of_an_application_is_no_hindrance(root: Path, before: State) -> None:
    """An application that died in the middle of a transaction leaves a hot journal: SQLite takes it back first."""
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")

    def die_in_a_transaction() -> None:
        con = sqlite3.connect(root / "workspace.db", isolation_level=None)
        con.execute("PRAGMA cache_size=1")
        con.execute("BEGIN")
        con.execute("CREATE TABLE half AS SELECT randomblob(100000)")
        die()

    assert in_a_child(die_in_a_transaction) == -signal.SIGKILL
    assert (root / "workspace.db-journal").stat().st_size > 512

    assert changed_since(root, root / SET) == []
    put_back(root, root / SET)

    assert state(root) == before
    assert not (root / "workspace.db-journal").exists()


@pytest.mark.parametrize(
    "statements",
    [
        ("SELECT count(*) FROM tasks",),
        ("BEGIN IMMEDIATE",),
        ("PRAGMA journal_mode=DELETE", "BEGIN EXCLUSIVE"),
        ("PRAGMA journal_mode=DELETE", "BEGIN", "SELECT count(*) FROM tasks"),
    ],
    ids=["idle in WAL mode", "writing", "exclusive", "reading"],
)
def test_a_target_that_is_in_use_is_refused_in_words(
    root: Path, statements: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither hangs nor puts half of it back: names and code stay as the migration left them."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    with other_process(root / "workspace.db", *statements):
        names = sorted(path.name for path in root.rglob("*"))
        code = (root / "app/tasks.py").read_bytes()

        with pytest.raises(ProblemError, match=r"^workspace\.db: .*\[in-use\]$"):
            put_back(root, root / SET)

        assert sorted(path.name for path in root.rglob("*")) == names
        assert (root / "app/tasks.py").read_bytes() == code
        assert not Ledger(root / SET).has("putting-back")


def test_an_edited_code_file_is_refused_by_name(root: Path) -> None:
    """The edit stays, and nothing else is put back either."""
    (root / "app/notes.py").write_text("edited since")

    refused(root, EDITED)


def test_a_code_file_that_is_gone_is_refused_by_name(root: Path) -> None:
    """Whoever removed it may have had a reason."""
    (root / "app/notes.py").unlink()

    refused(root, EDITED)


@pytest.mark.parametrize("begun", [True, False])
def test_a_code_file_that_is_as_before_is_left_alone(root: Path, before: State, *, begun: bool) -> None:
    """Unless its rewriting had only begun: then what lies beside it goes. The next file is put back all the same."""
    (root / "app/tasks.py").write_bytes(before.files["app/tasks.py"][0])
    if begun:
        (root / "app/.tasks.py.part").write_text("half")

    done = put_back(root, root / SET)

    assert ("restored app/tasks.py" in done.steps) is begun
    assert state(root) == before


def test_what_lies_beside_a_target_that_the_run_created_is_set_aside(tmp_path: Path) -> None:
    """The target itself is gone already."""
    root = build(tmp_path / "workspace", target=False)
    before = state(root)
    consolidated(root)
    (root / "workspace.db").unlink()
    (root / "workspace.db-journal").write_bytes(b"stale")

    put_back(root, root / SET)

    assert state(root) == before
    assert (root / SET / "set-aside/workspace.db-journal").read_bytes() == b"stale"


def test_what_lies_beside_a_target_that_the_run_did_not_create_stays(tmp_path: Path) -> None:
    """It did not come to that."""
    root = build(tmp_path / "workspace", target=False)
    consolidate(a_run(root), until=BACKUP)
    (root / "workspace.db-journal").write_bytes(b"somebody's")

    put_back(root, root / SET)

    assert (root / "workspace.db-journal").read_bytes() == b"somebody's"


def test_a_journal_beside_a_source_that_the_run_never_wrote_to_stays(tmp_path: Path) -> None:
    """It is whoever's it is; the run had not come to the archiving."""
    root = build(tmp_path / "workspace")
    consolidate(a_run(root), until=REFERENCES)
    (root / "logs/tasks.db-journal").write_bytes(b"somebody's")

    put_back(root, root / SET)

    assert (root / "logs/tasks.db-journal").read_bytes() == b"somebody's"


def test_a_journal_that_was_only_begun_beside_the_target_goes(tmp_path: Path) -> None:
    """Also where the target never was in WAL mode."""
    root = build(tmp_path / "workspace")
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")
    before = state(root)
    consolidate(a_run(root), until=BACKUP)
    (root / "workspace.db-journal").write_bytes(b"")

    put_back(root, root / SET)

    assert state(root) == before
    assert not (root / "workspace.db-journal").exists()


def test_somebody_s_database_in_the_place_of_a_target_that_was_only_begun_stays(tmp_path: Path) -> None:
    """The run had committed nothing: what is in there now was never its own."""
    root = build(tmp_path / "workspace", target=False)
    consolidate(a_run(root), until=VERIFY)
    (root / "workspace.db").unlink(missing_ok=True)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    put_back(root, root / SET)

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]


def test_an_old_name_created_again_is_refused(root: Path) -> None:
    """Both files stay as they were found."""
    database(root / "logs/notes.db", CREATE_NOTES)

    refused(root, CREATED_AGAIN)


def test_everything_that_stands_in_the_way_is_said_at_once(root: Path) -> None:
    """Nobody has to mend one thing to hear of the next."""
    database(root / "logs/tasks.db", CREATE_TASKS)
    database(root / "logs/notes.db", CREATE_NOTES)
    (root / "app/notes.py").write_text("edited since")
    (root / SET / "databases/target.db").write_bytes(b"other bytes")

    refused(root, ("created-again", "logs/tasks.db"), CREATED_AGAIN, EDITED, DAMAGED)


@pytest.mark.parametrize("copy", ["databases/target.db", "code/000-tasks.py"])
@pytest.mark.parametrize("gone", [True, False], ids=["missing", "changed"])
def test_a_copy_is_restored_only_as_it_was_sealed(root: Path, copy: str, gone: bool) -> None:
    """A backup that lost a byte since is never taken for the state before."""
    path = root / SET / copy
    data = path.read_bytes()
    path.unlink()
    if not gone:
        path.write_bytes(data[:-1] + b"\0\0")

    text = refused(root, ("copy-damaged", f"{NAME}/{copy}"))

    assert ("missing" if gone else "not as it was sealed") in text


def test_a_run_is_not_rolled_back_under_a_later_one(root: Path) -> None:
    """The later consolidation's rows would be lost: it goes first."""
    with closing(sqlite3.connect(root / "workspace.db", isolation_level=None)) as con:
        con.execute(f"INSERT INTO {TABLE} SELECT '20250131_130000', plan, '', '', '', '', '{{}}', '{{}}' FROM {TABLE}")

    text = refused(root, ("consolidated-since", "workspace.db"))

    assert "20250131_130000" in text


def test_an_archive_changed_since_comes_back_and_is_not_called_exact(root: Path) -> None:
    """Its rows are somebody's: they are not thrown away, and the proof says that it is not as before."""
    execute(root / ARCHIVED, "INSERT INTO tasks(title) VALUES('late')")

    done = put_back(root, root / SET)

    assert [one.subject for one in done.seen if not one.holds] == ["logs/tasks.db"]
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(4,)]


def test_after_a_full_disk_it_is_done_again(root: Path, before: State) -> None:
    """It fails in the middle, and what is left is brought back by the next attempt."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises((ProblemError, OSError)):
            put_back(root, root / SET)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert Ledger(root / SET).has("putting-back")
    assert state(root) != before

    done = put_back(root, root / SET)

    assert done.holds
    assert state(root) == before


def test_permission_bits_come_back(root: Path, before: State) -> None:
    """Whatever was done to them since, files are as private as before."""
    for name in ("workspace.db", ARCHIVED, "app/tasks.py"):
        (root / name).chmod(0o666)

    put_back(root, root / SET)

    assert state(root) == before


def test_a_set_that_was_not_sealed_has_nothing_to_put_back(tmp_path: Path) -> None:
    """Before it is sealed nothing is changed."""
    root = build(tmp_path / "workspace")
    before = everything(root)
    (root / SET).mkdir(parents=True)

    assert put_back(root, root / SET).steps == []
    assert changed_since(root, root / SET) == []

    assert everything(root) == before


def test_an_empty_file_under_an_old_name_is_no_hindrance(root: Path, before: State) -> None:
    """SQLite makes one for whoever opens a name that is free; nothing is in it, so it goes."""
    (root / "logs/tasks.db").touch()

    done = put_back(root, root / SET)

    assert done.holds
    assert state(root) == before
    assert done.steps[0] == "removed the empty file that was made under the name logs/tasks.db since"


@pytest.mark.parametrize("target", [True, False])
def test_rows_written_between_look_and_act_are_kept(
    tmp_path: Path, target: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes after everything was looked at loses nothing: what is overwritten is compared under the lock."""
    root = build(tmp_path / "w", target=target)
    consolidated(root)
    monkeypatch.setattr(restore, "must_be_free", lambda path: execute(path, "INSERT INTO tasks(title) VALUES('late')"))

    done = put_back(root, root / SET)

    assert done.holds
    assert f"kept workspace.db as it was in {(root / SET).name}/databases" in done.steps
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert execute(kept, "SELECT count(*) FROM tasks WHERE title = 'late'") == [(1,)]


def test_a_source_that_is_locked_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not archived yet, and somebody is in the middle of a transaction that is on the disk in part."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    root = build(tmp_path / "workspace")
    consolidate(a_run(root), until=REFERENCES)
    fill = "CREATE TABLE half AS SELECT randomblob(100000)"
    with other_process(root / "logs/tasks.db", "PRAGMA cache_size=1", "BEGIN EXCLUSIVE", fill):
        with pytest.raises(ProblemError) as caught:
            put_back(root, root / SET)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "tasks.db")]


@pytest.mark.parametrize("file", ["workspace.db", "logs/tasks.db"])
def test_rows_written_as_soon_as_a_database_is_back_are_no_difference(
    root: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had is proved before anybody finds it under its name."""
    monkeypatch.setattr(
        "sqlite_consolidate.engine.backup.rollback.clear_scratch",
        lambda _: execute(root / file, "CREATE TABLE late(x)"),
    )

    assert put_back(root, root / SET).holds

    assert execute(root / file, "SELECT name FROM sqlite_schema WHERE name = 'late'") == [("late",)]


def test_rows_written_after_a_rollback_that_broke_off_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target was back already: the next attempt does not put the backup over it once more."""
    with monkeypatch.context() as broken:
        broken.setattr("sqlite_consolidate.engine.backup.rollback.clear_scratch", Path.rmdir)  # refused by the system
        with pytest.raises(OSError, match="not empty"):
            put_back(root, root / SET)
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    put_back(root, root / SET)

    assert execute(root / "workspace.db", "SELECT name FROM projects WHERE id = 3") == [("new",)]


@pytest.mark.parametrize(("times", "comes_back"), [(1, True), (99, True), (100, False)])
def test_a_name_that_somebody_opens_all_the_time_is_tried_a_hundred_times(
    root: Path, before: State, monkeypatch: pytest.MonkeyPatch, times: int, *, comes_back: bool
) -> None:
    """SQLite makes an empty file for whoever opens a free name; nothing is in it, so it goes, and the name is free."""
    opened = iter(range(times))

    def opened_just_before(archive: Path, old: Path) -> None:
        if next(opened, None) is not None:
            old.touch()
        move(archive, old)

    monkeypatch.setattr("sqlite_consolidate.engine.backup.rollback.move", opened_just_before)

    with contextlib.nullcontext() if comes_back else pytest.raises(FileExistsError):
        put_back(root, root / SET)

    assert (state(root) == before) is comes_back


def test_a_file_that_somebody_makes_under_an_old_name_is_not_overwritten(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came after everything was looked at; the archive keeps its name."""

    def made_just_before(archive: Path, old: Path) -> None:
        old.write_text("somebody's")
        move(archive, old)

    monkeypatch.setattr("sqlite_consolidate.engine.backup.rollback.move", made_just_before)

    with pytest.raises(FileExistsError):
        put_back(root, root / SET)

    assert (root / "logs/tasks.db").read_text() == "somebody's"
    assert (root / ARCHIVED).exists()


def test_a_target_that_is_not_like_its_backup_afterwards_is_an_error(root: Path) -> None:
    """The manifest has another content digest than the copy: nobody may take that for restored."""
    sealed = manifest.read(root / SET)
    assert sealed is not None
    (root / SET / manifest.NAME).unlink()
    databases = tuple(replace(one, digest="0" * 64) for one in sealed.databases)
    manifest.write(root / SET, replace(sealed, databases=databases))
    digest = read_contents(root / SET / "databases/target.db").digest

    with pytest.raises(ProblemError) as caught:
        put_back(root, root / SET)

    (problem,) = caught.value.problems
    assert (problem.id, problem.subject) == ("copy-differs", "workspace.db")
    assert digest in problem.what
    assert str(root / SET / "databases/target.db") in problem.what
    assert not Ledger(root / SET).has("target-restored")
