"""Specify what is proposed for tables whose keys have unexplained integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap

NAMED = (
    "CREATE TABLE Post(id INTEGER PRIMARY KEY, name); INSERT INTO Post VALUES (1, '{0} a'), (2, '{0} b'), (3, '{0} c');"
    "CREATE TABLE Tag(id INTEGER PRIMARY KEY, name); INSERT INTO Tag VALUES (1, '{0} x'), (2, '{0} y'), (3, '{0} z');"
)
TRIPLES = "INSERT INTO link VALUES (1, 1, 1), (2, 3, 2);"
PAIRS = "INSERT INTO {0} VALUES (1, 1), (2, 3);"
JOINED = "CREATE TABLE {0}(A INTEGER NOT NULL, B INTEGER NOT NULL); CREATE UNIQUE INDEX {0}_AB ON {0}(A, B);"


def proposed(tmp_path: Path, sql: str) -> tuple[ProposedSource, ProposedMap]:
    """Return the only source and the mapping of its last table."""
    schema = NAMED + sql
    refined = proposal_of(tmp_path, blog=schema.format("blog"), docs=schema.format("docs"))
    [source] = refined.proposal.sources
    assert (source.keys, refined.objections) == ("renumber", ())
    return source, source.maps[-1]


@pytest.mark.parametrize(
    ("sql", "open_key"),
    [
        ("CREATE TABLE link(a INTEGER, b INTEGER, PRIMARY KEY(a, b));" + PAIRS.format("link"), ["a", "b"]),
        ("CREATE TABLE link(a, b, UNIQUE(a, b));" + PAIRS.format("link"), ["a", "b"]),
        (JOINED.format("_Related") + PAIRS.format("_Related"), ["A", "B"]),
        ("CREATE TABLE link(a INTEGER PRIMARY KEY); INSERT INTO link VALUES (1), (3);", ["a"]),
        ("CREATE TABLE link(a INT REFERENCES Post(id), b INT, UNIQUE(a, b));" + PAIRS.format("link"), ["b"]),
        ("CREATE TABLE link(a INT, b INT, id INTEGER PRIMARY KEY, UNIQUE(a, b));" + TRIPLES, ["a", "b"]),
        ("CREATE TABLE link(a INT, b INT, weight INT, PRIMARY KEY(a, b));" + TRIPLES, ["a", "b"]),
        ("CREATE TABLE link(x INT, y INT, PRIMARY KEY(x, y));" + PAIRS.format("link"), ["x", "y"]),
    ],
)
def test_rows_of_unexplained_keys_are_not_skipped(tmp_path: Path, sql: str, open_key: list[str]) -> None:
    """Equal numbers of two files may mean different rows."""
    source, link = proposed(tmp_path, sql)

    assert (link.on_conflict, link.match) == ("", ())
    assert list(source.loose) == [f"{link.name}.{column}" for column in open_key]
    assert sum(f"{link.name}.{open_key[0]}" in question for question in source.decide) == 1


def test_link_with_an_amount_is_no_question(tmp_path: Path) -> None:
    """A year refers to no row, and equal rows of a calendar are one."""
    years = "CREATE TABLE free(year INTEGER, day INTEGER, PRIMARY KEY(year, day)); INSERT INTO free VALUES (2026, 1);"
    source, free = proposed(tmp_path, years)

    assert (free.on_conflict, free.into, source.loose) == ("skip-identical", "free", ())


@pytest.mark.parametrize(
    ("further", "loose"),
    [
        (", FOREIGN KEY(store, slip) REFERENCES receipt", ()),
        (", FOREIGN KEY(store, slip) REFERENCES receipt(store, slip)", ()),
        ("", ("receipt.slip",)),
    ],
)
def test_key_of_a_declared_reference_is_its_own(tmp_path: Path, further: str, loose: tuple[str, ...]) -> None:
    """Otherwise a number of a key of several columns may be that of any table."""
    receipts = "CREATE TABLE receipt(store, slip INT, PRIMARY KEY(store, slip)); INSERT INTO receipt VALUES ('{0}', 1);"
    lines = f"CREATE TABLE line(store TEXT, slip TEXT, id INTEGER PRIMARY KEY{further});"
    source, _ = proposed(tmp_path, receipts + lines + "INSERT INTO line VALUES ('{0}', 1, 1);")

    assert source.loose == loose


@pytest.mark.parametrize(
    ("table", "rows", "stated"),
    [
        ("_PostToTag", "(1, 1), (2, 3)", [("A", "Post.id"), ("B", "Tag.id")]),
        ("_PostToPost", "(1, 2)", [("A", "Post.id"), ("B", "Post.id")]),
        ("_PostToTag", "(1, 9)", [("A", "Post.id")]),
        ("_PostToWord", "(1, 1)", []),
    ],
)
def test_name_of_a_link_table_states_its_parents(
    tmp_path: Path, table: str, rows: str, stated: list[tuple[str, str]]
) -> None:
    """Prisma names the columns of all its link tables alike."""
    source, link = proposed(tmp_path, f"{JOINED.format(table)} INSERT INTO {table} VALUES {rows};")

    assert [(each.column, each.to) for each in link.refers] == stated
    assert list(source.loose) == [f"{table}.{name}" for name in "AB" if name not in dict(stated)]
    assert link.on_conflict == ""


def test_columns_of_a_link_are_one_decision(tmp_path: Path) -> None:
    """The name of one tells a table, and that of the other nothing."""
    source, _ = proposed(
        tmp_path, "CREATE TABLE needs(post INT, before INT, PRIMARY KEY(post, before));" + PAIRS.format("needs")
    )

    [question] = [text for text in source.decide if "needs.before" in text]
    assert question.endswith("[id-unfollowed]")
    assert source.loose == ()


def test_links_of_many_files_are_told_apart(tmp_path: Path) -> None:
    """A column with the name of the file is part of their key, and the plan passes."""
    schema = NAMED + "CREATE TABLE link(a INT, b INT, PRIMARY KEY(a, b));" + PAIRS.format("link")
    refined = proposal_of(tmp_path, **{f"day{number}": schema.format(number) for number in range(4)})

    [source] = refined.proposal.sources
    assert (refined.objections, source.maps[-1].on_conflict) == ((), "")
    assert (source.constants, source.loose) == ((("file", "{stem}"),), ("link.a", "link.b"))


def test_all_numbers_of_a_link_are_one_decision(tmp_path: Path) -> None:
    """It has no key, and the number of one column is that of no known table."""
    source, _ = proposed(tmp_path, "CREATE TABLE cc(bug_id INT, blocks INT);" + PAIRS.format("cc"))

    assert source.loose == ("cc.bug_id", "cc.blocks")
