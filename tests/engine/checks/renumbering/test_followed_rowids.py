"""Specify rowids of search indexes that are ids of renumbered rows."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import rows_exact
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

NOTE = "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)"
TEXTS = "CREATE VIRTUAL TABLE texts USING fts5(body)"
AREAS = "CREATE VIRTUAL TABLE areas USING rtree(id, low, high)"


@pytest.fixture
def indexed(bench: Bench) -> Bench:
    """Return a bench whose search indexes have the ids of notes as rowids."""
    for file, label in ((TARGET, "t"), ("b.db", "b")):
        bench.database(file, NOTE, TEXTS, AREAS, f"INSERT INTO note VALUES (1, '{label}1'), (3, '{label}3')")
        bench.execute(file, f"INSERT INTO texts(rowid, body) VALUES (1, '{label}1'), (3, '{label}3')")
        bench.execute(file, "INSERT INTO areas VALUES (1, 1, 2), (3, 3, 4)")
    return bench


@pytest.mark.parametrize("column", ["rowid", "ROWID"])
def test_rowids_follow_the_key_that_the_plan_states(indexed: Bench, column: str) -> None:
    """An R-tree, an FTS5 table with its own content, and their proofs."""
    indexed.execute(TARGET, "INSERT INTO texts(rowid, body) VALUES (8, 'no note')")
    refers = [Refers(column=column, to="note.id")]
    texts, areas = table("texts", refers=refers), table("areas", refers=refers)

    copied = indexed.copied(source("b.db", texts, table("note", keys="renumber"), areas))

    assert copied.rows("SELECT id FROM note") == [(1,), (3,), (9,), (11,)]
    assert copied.rows("SELECT rowid FROM texts WHERE body LIKE 'b%'") == [(9,), (11,)]
    new_areas = copied.rows("SELECT id, rowid, low FROM areas WHERE id > 3")
    assert new_areas == [(9, 9, 1.0), (11, 11, 3.0)]
    entries = [*keys_mapped(copied.compared), *references_kept(copied.compared), *rows_exact(copied.compared)]
    assert failed_subjects(entries) == []
    assert {"texts.rowid", "areas.id"} <= {entry.subject for entry in entries}


def test_docid_of_an_index_follows_as_its_rowid(bench: Bench) -> None:
    """FTS4 calls the rowid so."""
    index = "CREATE VIRTUAL TABLE found USING fts4(body)"
    for file in (TARGET, "a.db"):
        bench.database(file, "CREATE TABLE msg(id INTEGER PRIMARY KEY)", index, "INSERT INTO msg VALUES (1)")
        bench.execute(file, f"INSERT INTO found(docid, body) VALUES (1, '{file}')")
    refers = [Refers(column="docid", to="msg.id")]

    copied = bench.copied(source("a.db", table("msg", keys="renumber"), table("found", refers=refers)))

    assert copied.rows("SELECT docid, body FROM found ORDER BY 1") == [(1, TARGET), (2, "a.db")]


def test_document_at_another_rowid_is_noticed(indexed: Bench) -> None:
    """By the numbers and by content."""
    refers = [Refers(column="rowid", to="note.id")]
    texts = table("texts", refers=refers)
    copied = indexed.copied(source("b.db", texts, table("note", keys="renumber"), leave={"areas": "not wanted"}))
    copied.con.execute("UPDATE texts SET rowid = 20 WHERE rowid = 6")

    assert failed_subjects(keys_mapped(copied.compared)) == ["texts.rowid"]
    assert "target: texts (rowid) -> note" in failed_subjects(references_kept(copied.compared))


def test_rowids_that_nothing_states_are_refused(indexed: Bench) -> None:
    """The message names the way out."""
    problems = indexed.survey(source("b.db", "texts", table("note", keys="renumber"), "areas")).problems

    assert {problem.subject for problem in problems if problem.id == "rowids-unfollowed"} == {
        "b.db:texts",
        "b.db:areas",
    }


@pytest.mark.parametrize(("first", "expected"), [(2, ["b.db:texts"]), (1, [])])
def test_rowids_of_kept_keys_that_change_are_reported(bench: Bench, first: int, expected: list[str]) -> None:
    """A hit of the search would lead to another note, or to none."""
    bench.database(TARGET, NOTE, TEXTS, "INSERT INTO texts(rowid, body) VALUES (2, 't')")
    bench.database("b.db", NOTE, TEXTS, "INSERT INTO note VALUES (2, 'b')")
    bench.execute("b.db", f"INSERT INTO texts(rowid, body) VALUES ({first}, 'b')")

    findings = bench.survey(source("b.db", table("texts", rowids="renumber"), "note")).findings

    assert [finding.subject for finding in findings if finding.id == "rowids-changed"] == expected
