"""Specify which texts may be paths of keys, or name a table and a key of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.findings import Finding

TREE = ("2", "2/3", "2/3/4", "5", "5/6")


def findings_of(bench: Bench, column: str, texts: Iterable[str]) -> list[Finding]:
    """Return the findings about a column of texts beside posts that get new keys."""
    keys = ", ".join(f"({key})" for key in range(1, 200))
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE blog_posts(id INTEGER PRIMARY KEY)", f"INSERT INTO blog_posts VALUES {keys}")
        bench.execute(
            file,
            "CREATE TABLE kept(id INTEGER PRIMARY KEY)",
            f"CREATE TABLE note(nr INTEGER PRIMARY KEY, {column} TEXT)",
        )
    rows = ", ".join(f"({nr}, CAST(x'{text.encode('latin-1').hex()}' AS TEXT))" for nr, text in enumerate(texts, 1))
    bench.execute("b.db", f"INSERT INTO note VALUES {rows}")
    inspected = bench.survey(source("b.db", table("blog_posts", keys="renumber"), "note", leave={"kept": "it stays"}))
    assert inspected.problems == []
    return [finding for finding in inspected.findings if finding.id == "id-unfollowed"]


def unfollowed(bench: Bench, column: str, texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return each column with a finding, and the number of its rows."""
    return [(finding.column, finding.count) for finding in findings_of(bench, column, texts)]


@pytest.mark.parametrize("text", ["12/13", "post:12"])
def test_finding_about_texts_has_lines_that_avoid_it(bench: Bench, text: str) -> None:
    """The posts keep their keys in a table of their own."""
    [finding] = findings_of(bench, "path", [text])

    assert 'keys = "keep"' in finding.text


@pytest.mark.parametrize(
    ("column", "texts", "expected"),
    [
        ("ancestry", TREE, 1),
        ("ancestry", ("3", "4", ""), 1),
        ("id_path", ("7.12", "7.12.150"), 1),
        ("path", ("7-12",), 1),
        ("path", ("7/12/", "7/"), 1),
        ("path", ("7/12", "7/250"), 0),
        ("path", ("7/12", "home"), 0),
        ("path", ("1.1", "1.2"), 0),
        ("place", TREE, 1),
        ("place", ("3/7", "4/9"), 0),
        ("place", ("2", "3", "5"), 0),
        ("place", ("2", "2-3", "2-3-4"), 0),
        ("ratio", TREE, 0),
        ("day", ("2026-01-02", "2026-11-12"), 0),
        ("day", ("1/2/2026", "11/12/2026"), 0),
        ("program", ("1.2", "1.2.3"), 0),
        ("host", ("192.168.0.1", "10.1.2.3"), 0),
        ("phone", ("12-34", "030-123"), 0),
        ("pressure", ("120/80", "130/90"), 0),
    ],
)
def test_path_of_keys_is_a_finding(bench: Bench, column: str, texts: tuple[str, ...], expected: int) -> None:
    """Its name says so, or its texts begin with each other as those of a tree do."""
    rows = sum(bool(text) for text in texts)

    assert unfollowed(bench, column, texts) == [(column, rows)] * expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gid://app/Post/12", 1),
        ("gid://app/Blog::Post/12", 1),
        ("gid://app/Post/500", 0),
        ("gid://app/User/12", 0),
        ("post:12", 1),
        ("see [[post:12]], not http://localhost:80", 1),
        ("BlogPost#12, and more", 1),
        ("posts#12.", 1),
        ("posts/12", 1),
        ("/shelves/700/blog_posts/12/#", 1),
        ("posts/12.jpg", 0),
        ("https://example.org/posts/12", 0),
        ("see posts/12", 0),
        ("posts/500", 0),
        ("kept/12", 0),
        ("post:500", 0),
        ("kept:12", 0),
        ("compost:12", 0),
        ("post:12:30", 0),
        ("post 12", 0),
        ("post:12a", 0),
    ],
)
def test_text_that_names_a_key_is_a_finding(bench: Bench, text: str, expected: int) -> None:
    """It has the name of a renumbered table, and a number that is a key there."""
    assert unfollowed(bench, "body", [text, "x"]) == [("body", 1)] * expected


def test_texts_of_other_things_are_not_counted(bench: Bench) -> None:
    """A row counts once, and a text that is not UTF-8 is read all the same."""
    texts = ["post:12 post#13", "gid://app/Post/12", "port:12", "\xff post:12"]

    assert unfollowed(bench, "body", texts) == [("body", 3)]
