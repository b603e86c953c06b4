"""Specify that the page reader proves what COMMIT of an open transaction would leave."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import QUICK_AND_PAGES
from sqlite_consolidate.engine.content import contents
from sqlite_consolidate.engine.content.digest import TableDigest, digest_tables
from sqlite_consolidate.engine.content.page_proof import open_transaction
from sqlite_consolidate.engine.content.page_proof.open_transaction import prove_transaction
from sqlite_consolidate.engine.content.page_proof.proof import PageProof
from sqlite_consolidate.engine.merge import transaction
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import VERIFY, stages_of
from sqlite_consolidate.engine.run.verdict import verdict
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.page_reader.availability import PURE
from tests.support.pages.databases import build, changed_in_transaction
from tests.support.pages.program import use_pages_for_every_size
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import PLAN, a_run, build_two_sources, consolidate, execute, reach, state

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run

_FLIP = """
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(-1, 1)
    file.write(bytes([byte ^ 1]))
"""


@pytest.fixture(autouse=True)
def _every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every database as a large one."""
    use_pages_for_every_size(monkeypatch)


def flip_a_bit(path: Path, at: int) -> None:
    """Change a byte of a file in another process, which drops no lock of this one."""
    subprocess.run([sys.executable, "-c", _FLIP, path, str(at)], check=True)


def proof_of(lock: WriteLock, con: sqlite3.Connection) -> PageProof:
    """Prove the transaction that a connection has open."""
    return prove_transaction(lock, con, read_schema(con))


@pytest.mark.parametrize("page_size", [512, *thorough(4096)])
@pytest.mark.parametrize("auto_vacuum", [0, *thorough(2)])
def test_uncommitted_rows_and_indexes_are_proved(tmp_path: Path, page_size: int, auto_vacuum: int) -> None:
    """The digests are those of the transaction, and the proof changes nothing in it."""
    path = build(tmp_path / "a.db", page_size=page_size, auto_vacuum=auto_vacuum)
    with changed_in_transaction(path) as (lock, con):
        before = con.total_changes

        proof = proof_of(lock, con)

        assert proof.is_intact, proof
        assert proof.digests == digest_tables(con, read_schema(con))
        assert (con.total_changes, con.in_transaction) == (before, True)


def test_uncommitted_large_values_are_proved(tmp_path: Path) -> None:
    """SQLite reads no overflow page to count the rows, and has more changed pages than others."""
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512), "PRAGMA main.cache_size=1000") as (lock, con):
        con.execute("CREATE TABLE large(value)")
        con.executemany("INSERT INTO large VALUES(randomblob(500000))", [()] * 3)

        proof = proof_of(lock, con)

        assert proof.is_intact, proof
        assert proof.digests == digest_tables(con, read_schema(con))


@pytest.mark.parametrize(
    "pragma",
    ["cache_spill=OFF", "journal_mode=MEMORY", "synchronous=NORMAL", *thorough("journal_mode=OFF", "synchronous=OFF")],
)
def test_transaction_is_left_to_sqlite_under_pragma(tmp_path: Path, pragma: str) -> None:
    """SQLite would write no page, or a crash would leave half of the transaction."""
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512), f"PRAGMA main.{pragma}") as (lock, con):
        proof = proof_of(lock, con)

    assert (proof.has_digests, len(proof.unreadable)) == (False, 1)


def test_transaction_is_left_to_sqlite_where_commit_moves_pages(tmp_path: Path) -> None:
    """With auto_vacuum = FULL, COMMIT fills free pages from the end of the file."""
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512, auto_vacuum=1)) as (lock, con):
        assert not proof_of(lock, con).has_digests


def test_pages_that_sqlite_has_not_written_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file then has neither the rows before the transaction nor those in it."""
    monkeypatch.setattr(open_transaction, "_write_pages", lambda *_: None)
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512)) as (lock, con):
        assert not proof_of(lock, con).has_digests


def test_every_uncommitted_page_but_first_is_in_file(tmp_path: Path) -> None:
    """A page that is altered in the file before COMMIT is noticed, or in no use."""
    path = build(tmp_path / "a.db", page_size=512)
    with changed_in_transaction(path) as (lock, con):
        assert proof_of(lock, con).is_intact
        [(root,)] = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'by_id'").fetchall()
        flip_a_bit(path, (root - 1) * 512 + 4)

        assert not proof_of(lock, con).is_intact


def test_sqlite_checks_while_page_reader_reads(tmp_path: Path) -> None:
    """It checks nothing if the page reader is not asked."""
    checked: list[str] = []
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512)) as (lock, con):
        proof = prove_transaction(lock, con, read_schema(con), lambda: checked.append("now"))
        con.execute("PRAGMA main.cache_spill=OFF")
        prove_transaction(lock, con, read_schema(con), lambda: checked.append("declined"))

    assert (proof.is_intact, checked) == (True, ["now"])


def test_proof_counts_for_no_other_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page reader opens the file by its name."""
    monkeypatch.setattr(WriteLock, "is_held", False)
    with changed_in_transaction(build(tmp_path / "a.db", page_size=512)) as (lock, con):
        assert not proof_of(lock, con).has_digests


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Create a workspace whose target is in no WAL mode."""
    root = build_two_sources(tmp_path / "workspace")
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")
    return root


def texts(run: Run, criterion: str) -> dict[str, str]:
    """Return what a criterion has observed, by subject."""
    return {entry.subject: entry.observed for entry in run.log.results[criterion].evidence}


def findings(run: Run) -> list[str]:
    """Return the subjects of the findings that the page reader has judged the target."""
    return [finding.subject for finding in run.log.findings if finding.id == "target-by-pages"]


def test_run_states_what_has_proved_target(root: Path) -> None:
    """The file after COMMIT is proved as well."""
    run = consolidate(a_run(root))

    assert verdict(run.log) == "accepted"
    assert texts(run, "integrity") == {"target: integrity_check": QUICK_AND_PAGES}
    assert texts(run, "final-digest")["target: integrity_check"] == "ok"
    assert findings(run) == ["workspace.db"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("key", "mode", "pure"),
    [
        ("", Mode.REHEARSAL, "0"),
        *thorough(('integrity = "sqlite"\n', Mode.MIGRATE, "0"), ("", Mode.MIGRATE, "1")),
    ],
)
def test_sqlite_checks_target_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch, key: str, mode: Mode, pure: str
) -> None:
    """The plan, a rehearsal, or the pure path leave no other choice."""
    monkeypatch.setenv(PURE, pure)
    (root / "consolidation.toml").write_text(key + PLAN)
    run = a_run(root, mode=mode)
    reach(run, VERIFY)
    observed, subjects = texts(run, "integrity"), findings(run)
    run.end()

    assert (observed, subjects) == ({"target: integrity_check": "ok"}, [])


@pytest.mark.thorough
def test_check_of_a_rehearsal_holds_until_target_changes(root: Path) -> None:
    """SQLite has run integrity_check while the page reader has read."""
    run = a_run(root, mode=Mode.REHEARSAL)
    reach(run, VERIFY)
    before = run.target.checked
    run.target.connection.execute("CREATE TABLE main.later(x CHECK(x > 0))")
    after = run.target.checked
    run.end()

    assert (before, after) == ([], None)


def test_sqlite_reads_rows_that_pages_do_not_have(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have held a changed page back, of which the file has the former content."""

    def former(*request: Any) -> PageProof:
        proof = prove_transaction(*request)
        return replace(proof, digests=dict.fromkeys(proof.digests, TableDigest()))

    monkeypatch.setattr(transaction, "prove_transaction", former)
    run = consolidate(a_run(root))

    assert (verdict(run.log), findings(run)) == ("accepted", [])
    assert texts(run, "integrity") == {"target: integrity_check": "ok"}


@pytest.mark.thorough
def test_sqlite_decides_after_commit_where_pages_are_not_proved(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its integrity_check reads the committed file."""
    monkeypatch.setattr(contents, "prove_pages", lambda *_: PageProof(errors=("a false alarm",)))

    run = consolidate(a_run(root))

    assert (verdict(run.log), texts(run, "final-digest")["target: integrity_check"]) == ("accepted", "ok")


def test_page_altered_before_commit_is_noticed_after_it(root: Path) -> None:
    """The index of the keys then lacks an entry, and no table differs."""
    before = state(root)
    run = a_run(root)
    reach(run, VERIFY)
    [(page,)] = run.target.connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_notes_1'"
    ).fetchall()
    flip_a_bit(root / "workspace.db", (page - 1) * 4096 + 4)
    for stage in stages_of(Mode.MIGRATE)[stages_of(Mode.MIGRATE).index(VERIFY) + 1 :]:
        run.perform(stage)
        for criterion in run.log.demanded(stage):
            run.check(criterion)
    run.end()

    assert run.log.outcome("final-digest") is Outcome.FAILED
    assert state(root) == before
