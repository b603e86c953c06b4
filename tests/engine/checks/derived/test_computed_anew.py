"""Specify what becomes of generated columns that SQLite computes from new keys."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import foreign_keys
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

PAGE = "CREATE TABLE page(id INTEGER PRIMARY KEY, label, up INT REFERENCES page, {} AS ({}) STORED{})"
TAGGED = PAGE.format("tag TEXT", "'#' || id", ", trail AS (up || '/' || tag)")
PAGES = "INSERT INTO page(id, label, up) VALUES (1, '{0}1', NULL), (2, '{0}2', 1)"


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"], ids=["attached", "staged"])
def test_generated_columns_follow_new_keys(bench: Bench, encoding: str) -> None:
    """The target computes what the source's expression gives for the new keys."""
    bench.database(TARGET, TAGGED, PAGES.format("t"))
    bench.database("b.db", f"PRAGMA encoding='{encoding}'", TAGGED, PAGES.format("b"))

    copied = bench.copied(source("b.db", "page", keys="renumber"))

    rows = copied.rows("SELECT label, tag, trail FROM page WHERE label LIKE 'b%' ORDER BY id")
    assert rows == [("b1", "#3", None), ("b2", "#4", "3/#4")]
    findings = [(finding.id, finding.subject) for finding in copied.inspected.findings]
    assert ("computed-anew", "b.db:page") in findings
    checks = (*keys_mapped(copied.compared), *references_kept(copied.compared), *foreign_keys(copied.compared))
    assert failed_subjects(checks) == []


def test_column_that_follows_has_another_name_in_the_target(bench: Bench) -> None:
    """The expression of the source has the names of the source."""
    bench.database(TARGET, "CREATE TABLE p(nr INTEGER PRIMARY KEY, code AS (nr * 10))", "INSERT INTO p(nr) VALUES (1)")
    bench.database("b.db", "CREATE TABLE p(id INTEGER PRIMARY KEY, tag AS (id * 10))", "INSERT INTO p(id) VALUES (1)")
    moved = table("p", columns={"id": "nr", "tag": "code"}, keys="renumber")

    assert bench.copied(source("b.db", moved)).rows("SELECT * FROM p") == [(1, 10), (2, 20)]


@pytest.mark.parametrize(
    ("target", "statements"),
    [
        (PAGE.format("tag TEXT", "'!' || id", ", trail AS (up || '/' || tag)"), []),
        (PAGE.format("tag TEXT", "'#' || (id % 3)", ", trail AS (up || '/' || tag)"), []),
        (
            TAGGED,
            [
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_schema SET sql = replace(sql, '''#''', '''-''')",
                "PRAGMA writable_schema = RESET",
                "INSERT INTO page(id, label) VALUES (3, 'b3')",
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_schema SET sql = replace(sql, '''-''', '''#''')",
            ],
        ),
    ],
    ids=["another expression", "another one for new keys", "another value stored"],
)
def test_value_that_changes_for_another_reason_is_refused(bench: Bench, target: str, statements: list[str]) -> None:
    """New keys do not explain it."""
    bench.database(TARGET, target, PAGES.format("t"))
    bench.database("b.db", TAGGED, PAGES.format("b"), *statements)

    problems = bench.survey(source("b.db", "page", keys="renumber")).problems

    assert {(problem.id, problem.subject) for problem in problems} == {("computed-value-changes", "b.db:page")}


@pytest.mark.parametrize("kind", ["", "TEXT"])
@pytest.mark.parametrize("declared", [" REFERENCES page(tag)", ""], ids=["both", "target alone"])
def test_reference_to_a_key_that_is_computed_anew(bench: Bench, kind: str, declared: str) -> None:
    """Its text stays, and would reach another row or none."""
    page, link = (
        PAGE.format(f"tag {kind}", "'#' || id", ", UNIQUE(tag)"),
        "CREATE TABLE link(id INTEGER PRIMARY KEY, t{})",
    )
    bench.database(TARGET, page, link.format(" REFERENCES page(tag)"), PAGES.format("t"))
    bench.database("b.db", page, link.format(declared), PAGES.format("b"), "INSERT INTO link VALUES (1, '#2')")

    problems = bench.survey(source("b.db", "page", "link", keys="renumber")).problems

    assert {(problem.id, problem.subject) for problem in problems} == {("parents-differ", "b.db:link")}
