"""Specify where the page reader stands in the place of SQLite."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from subprocess import run
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.backup import copies as backup
from sqlite_consolidate.engine.content import contents as content
from sqlite_consolidate.engine.content import inspection
from sqlite_consolidate.engine.content.contents import load_contents, prove_tables
from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.inspection import (
    BY_PAGES,
    BY_SQLITE,
    InspectedDatabase,
    inspect_database,
)
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.files import JOURNAL_MAGIC, FileProblem
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.page_reader.availability import PURE
from tests.support.pages.databases import build
from tests.support.pages.program import use_pages_for_every_size
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import PLAN, a_run, build_two_sources, consolidate, execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run
else:
    from sqlite_utils.utils import sqlite3


_READ = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"


@pytest.fixture(autouse=True)
def _every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every database as a large one."""
    use_pages_for_every_size(monkeypatch)
    monkeypatch.setattr(backup, "PARALLEL_MIN_BYTES", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Create a database that the page reader knows."""
    return build(tmp_path / "a.db")


def inspected(path: Path, *, pages_suffice: bool = True) -> InspectedDatabase | FileProblem:
    """Inspect one database under its lock."""
    with ExitStack() as locks:
        return inspect_database("a", path.name, path.parent, locks, 60, pages_suffice=pages_suffice)


def proved_by(run: Run) -> dict[str, str]:
    """Return what has proved each database of a run before it."""
    return {entry.subject: entry.observed for entry in run.check("integrity-before").evidence}


@pytest.mark.thorough
def test_run_by_pages_has_results_of_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both runs are accepted, with the same digests of databases, copies and archives."""
    digests = []
    for name, pure in (("pages", "0"), ("pure", "1")):
        monkeypatch.setenv(PURE, pure)
        run = consolidate(a_run(build_two_sources(tmp_path / name)))
        assert verdict(run.log) == "accepted"
        digests.append({copy.name: (copy.digest, copy.tables) for copy in run.sealed.databases})

    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("key", "mode", "pure", "text"),
    [
        ("", Mode.MIGRATE, "0", BY_PAGES),
        *thorough(
            ("", Mode.MIGRATE, "1", BY_SQLITE),
            ("", Mode.REHEARSAL, "0", BY_SQLITE),
            ('integrity = "sqlite"\n', Mode.MIGRATE, "0", BY_SQLITE),
        ),
    ],
)
def test_entry_states_what_has_proved_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, mode: Mode, pure: str, text: str
) -> None:
    """A finding states it too where SQLite's integrity_check was not run."""
    monkeypatch.setenv(PURE, pure)
    root = build_two_sources(tmp_path / "workspace")
    (root / "consolidation.toml").write_text(key + PLAN)
    run = a_run(root, mode=mode)
    run.perform(PREFLIGHT)

    observed = proved_by(run)
    findings = [finding for finding in run.inspected.findings if finding.id == "integrity-by-pages"]
    run.end()

    assert observed["workspace.db"] == text
    assert {finding.subject for finding in findings} == {file for file, by in observed.items() if by == BY_PAGES}


def test_small_database_has_integrity_check_of_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its digests may be those of the page reader."""
    monkeypatch.setattr(inspection, "PAGES_MIN_BYTES", path.stat().st_size + 1)

    database = inspected(path)

    assert isinstance(database, InspectedDatabase)
    assert database.intact_by == BY_SQLITE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(PageProof(errors=("an error",)), id="no"),
        pytest.param(PageProof(declined=("a CHECK",)), id="declined", marks=pytest.mark.thorough),
        pytest.param(PageProof(unreadable=("memory",)), id="unreadable", marks=pytest.mark.thorough),
    ],
)
def test_sqlite_decides_where_answer_is_not_yes(path: Path, monkeypatch: pytest.MonkeyPatch, answer: PageProof) -> None:
    """A false alarm costs time, and refuses nothing."""
    with closing(open_readonly(path)) as con:
        digests = digest_tables(con, read_schema(con))
    if answer.has_digests:
        answer = PageProof(digests, declined=answer.declined)
    monkeypatch.setattr(inspection, "prove_pages", lambda *_: answer)

    database = inspected(path)

    assert isinstance(database, InspectedDatabase)
    assert (database.intact_by, database.digests) == (BY_SQLITE, digests)


def test_lost_lock_leaves_all_to_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page reader may then have read another file of the same name."""
    monkeypatch.setattr(WriteLock, "is_held", False)

    database = inspected(path)

    assert isinstance(database, InspectedDatabase)
    assert database.intact_by == BY_SQLITE


def test_damage_is_described_by_sqlite(path: Path) -> None:
    """An index that lacks what its statement promises is refused by integrity_check."""
    execute(path, "PRAGMA user_version=2")
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA writable_schema=ON")
        con.execute("UPDATE sqlite_schema SET sql = replace(sql, 'owner DESC', 'owner') WHERE name = 'by_owner'")

    problem = inspected(path)

    assert isinstance(problem, FileProblem)
    assert problem.problem.id == "damaged"


def test_digests_of_pages_are_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process then reads no row, and it is in no transaction afterwards."""
    monkeypatch.setattr(content, "digest_table", pytest.fail)
    with closing(open_readonly(path)) as con:
        schema = read_schema(con)

        assert prove_tables(path, con, schema)[0] == digest_tables(con, schema)
        assert not con.in_transaction


def test_loaded_dump_is_digested_by_its_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scratch database of the load is committed, and no other process has it open."""
    dump = path.with_suffix(".sql")
    with closing(open_readonly(path)) as con, dump.open("w", encoding="utf-8", errors="surrogateescape") as out:
        write_dump(con, out)
        digests = digest_tables(con, read_schema(con))
    monkeypatch.setattr(content, "digest_tables", pytest.fail)

    assert load_contents(dump).tables == digests


def test_other_process_cannot_commit_while_pages_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page reader takes no lock, so this process holds one for it."""
    tried = []

    def prove_meanwhile(*_: object) -> PageProof:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO empty VALUES(1)")
        tried.append(path)
        return PageProof(unreadable=("a test",))

    monkeypatch.setattr(content, "prove_pages", prove_meanwhile)
    with closing(open_readonly(path)) as con:
        assert prove_tables(path, con, read_schema(con))[0]["empty"].rows == 0

    assert tried == [path]


@pytest.mark.parametrize(("start", "reads"), [(bytes(8), True), (JOURNAL_MAGIC, False)])
def test_journal_without_its_magic_holds_nothing(path: Path, start: bytes, *, reads: bool) -> None:
    """SQLite overwrites the beginning of a journal that it keeps after COMMIT."""
    with closing(open_readonly(path)) as con:
        schema = read_schema(con)
        path.with_name(f"{path.name}-journal").write_bytes(start + b"former pages")

        assert prove_pages(path, con, schema).has_digests is reads


@pytest.fixture
def wal(path: Path) -> Path:
    """Create a database in WAL mode, whose -wal is gone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL").fetchone()
    return path


def test_database_in_wal_mode_is_proved_without_wal(wal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process then reads no row."""
    monkeypatch.setattr(content, "digest_tables", pytest.fail)
    with closing(open_readonly(wal)) as con:
        assert prove_tables(wal, con, read_schema(con))[1]


def test_checkpoint_leaves_file_while_its_pages_are_read(wal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may commit meanwhile, into the -wal."""
    before, proofs = wal.read_bytes(), []

    def prove_after_commit(*arguments: Any) -> PageProof:
        with closing(sqlite3.connect(wal, isolation_level=None, timeout=0)) as other:
            other.execute("INSERT INTO empty VALUES(1)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            same = run([sys.executable, "-c", _READ, wal], check=True, capture_output=True).stdout == before
            proofs.append((prove_pages(*arguments), same))
        return proofs[0][0]

    monkeypatch.setattr(content, "prove_pages", prove_after_commit)
    with closing(open_readonly(wal)) as con:
        digests, is_proved = prove_tables(wal, con, read_schema(con))

    assert (digests["empty"].rows, is_proved) == (0, False)
    assert [(proof.has_digests, same) for proof, same in proofs] == [(False, True)]


def test_locks_of_this_process_outlast_the_reader(path: Path) -> None:
    """The page reader opens the file in its own process, whose end drops no lock of this one."""
    with ExitStack() as locks:
        database = inspect_database("a", path.name, path.parent, locks, 60, pages_suffice=True)
        assert isinstance(database, InspectedDatabase)
        assert database.intact_by == BY_PAGES
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO empty VALUES(1)")
