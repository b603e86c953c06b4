"""Specify when the order of rows shows that children reach their own parents."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references.references_kept import pairs_by_content
from sqlite_consolidate.engine.checks.renumbering import references_in_order
from sqlite_consolidate.engine.checks.renumbering.references_in_order import RowOrder
from sqlite_consolidate.sqlite_library import sqlite3
from tests.support.databases import TARGET, Bench, Copied, source, table
from tests.support.pages.program import need_page_reader, use_pages_for_every_size
from tests.support.thorough import sampled, thorough

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENTS = "CREATE TABLE p(id INTEGER PRIMARY KEY, name)"
CHILDREN = "CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id), note)"
BEFORE = ("INSERT INTO p VALUES (2, 'Bob'), (4, 'Eve')", "INSERT INTO c VALUES (1, 4, 'x'), (2, NULL, 'y')")
FIRST = "INSERT INTO p VALUES (1, 'Xaver'), (3, 'Zoe'), (7, NULL)"
BELOW = "INSERT INTO p VALUES (-2, 'Xaver'), (3, 'Zoe')"
STRAYING = "INSERT INTO c VALUES (1, -1, 'a'), (2, 3, 'b'), (3, 0, 'c'), (4, 99, 'd')"
ROWS = (FIRST, "INSERT INTO c VALUES (1, 3, 'a'), (5, NULL, 'b'), (6, 1, 2.0), (8, 7, x'00')")


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page reader digest the rows of each source with new numbers."""
    need_page_reader(monkeypatch)
    use_pages_for_every_size(monkeypatch)


def moved(bench: Bench, parents: str, children: str, *rows: str, before: tuple[str, ...] = BEFORE) -> Copied:
    """Consolidate parents and children with new keys, up to COMMIT."""
    bench.database(TARGET, parents, children, *before)
    bench.database("b.db", parents, children, *rows)
    return bench.copied(source("b.db", "p", "c").model_copy(update={"keys_": "renumber"}))


def shown(copied: Copied) -> list[bool]:
    """Return whether the order of rows shows each reference with new numbers to be kept."""
    return [RowOrder(copied.compared).shows(pairs) for pairs in pairs_by_content(copied.compared)]


def differing(copied: Copied) -> list[bool]:
    """Return whether the content of child and parent differs, for each reference."""
    return [pairs.differ() for pairs in pairs_by_content(copied.compared)]


SHAPES = {
    "gaps and NULL": (PARENTS, CHILDREN, ROWS, True),
    "no child": (PARENTS, CHILDREN, (FIRST,), True),
    "each child is an orphan on purpose": (PARENTS, CHILDREN, ("INSERT INTO c VALUES (1, NULL, 'a')",), True),
    "sentinels": (PARENTS, CHILDREN, (FIRST, STRAYING), True),
    "sentinels without a parent": (PARENTS, CHILDREN, ("INSERT INTO c VALUES (1, -1, 'a'), (2, 0, 'b')",), True),
    "dangling": (PARENTS, CHILDREN, (FIRST, "INSERT INTO c VALUES (1, 99, 'a'), (2, 3, 'b')"), True),
    "dangling without a parent": (PARENTS, CHILDREN, ("INSERT INTO c VALUES (1, 99, 'a')",), False),
    "dangling in a gap": (PARENTS, CHILDREN, (FIRST, "INSERT INTO c VALUES (1, 2, 'a'), (2, 3, 'b')"), True),
    "sentinel in a gap": (PARENTS, CHILDREN, (BELOW, "INSERT INTO c VALUES (1, 0, 'a'), (2, 3, 'b')"), False),
    "sentinel that is a key": (PARENTS, CHILDREN, (BELOW, "INSERT INTO c VALUES (1, -2, 'a'), (2, 3, 'b')"), True),
    "another integer key": (PARENTS.replace("INTEGER", "BIGINT"), CHILDREN, ROWS, False),
    "parents without rowid": (f"{PARENTS.replace('INTEGER', 'INT')} WITHOUT ROWID", CHILDREN, ROWS, False),
    "children without rowid": (PARENTS, f"{CHILDREN} WITHOUT ROWID", ROWS, False),
}


@pytest.mark.parametrize(("parents", "children", "rows", "expected"), SHAPES.values(), ids=SHAPES)
def test_right_result_is_shown_by_order_or_left(
    bench: Bench, parents: str, children: str, rows: tuple[str, ...], *, expected: bool
) -> None:
    """What it does not show is compared by content, to the same result."""
    copied = moved(bench, parents, children, *rows)

    assert shown(copied) == [expected]
    assert differing(copied) == [False]


@pytest.mark.usefixtures("digested")
@pytest.mark.parametrize("shape", sampled(SHAPES, 8))
def test_right_result_is_shown_by_digests_or_left(bench: Bench, shape: str) -> None:
    """They show no more than the order of rows."""
    parents, children, rows, expected = SHAPES[shape]
    copied = moved(bench, parents, children, *rows)

    assert shown(copied) == [expected]


@pytest.mark.usefixtures("digested")
@pytest.mark.parametrize(
    "shape", [*thorough("gaps and NULL", "no child", "sentinels", "dangling"), "dangling in a gap"]
)
def test_equal_digests_show_it_without_a_row(bench: Bench, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """No row is read for it."""
    parents, children, rows, _ = SHAPES[shape]
    copied = moved(bench, parents, children, *rows)
    monkeypatch.setattr(references_in_order._Moved, "_has_equal_order", lambda *_: pytest.fail("rows are read"))  # noqa: SLF001 -- the other way

    assert shown(copied) == [True]


def test_children_without_a_key_have_the_order_of_rowids(bench: Bench) -> None:
    """Their rowids need not be those of the source."""
    children = CHILDREN.replace("id INTEGER PRIMARY KEY, ", "")
    rows = (FIRST, "INSERT INTO c(rowid, p, note) VALUES (7, 3, 'a'), (9, 1, 'b')")
    copied = moved(bench, PARENTS, children, *rows, before=BEFORE[:1])

    assert shown(copied) == [True]
    copied.con.execute("UPDATE c SET note = iif(note = 'a', 'b', 'a')")
    assert shown(copied) == [False]


CHANGES = {
    "another reference": "UPDATE c SET p = 2 WHERE note = 'a'",
    "a reference in the target": "UPDATE c SET p = 2 WHERE note = 'x'",
    "another value of a parent": "UPDATE p SET name = 'Yves' WHERE name = 'Zoe'",
    "parents exchanged": "UPDATE p SET name = iif(name = 'Zoe', 'Xaver', 'Zoe') WHERE name IN ('Zoe', 'Xaver')",
    "another type": "UPDATE p SET name = CAST(name AS BLOB) WHERE name = 'Zoe'",
    "another number": "UPDATE c SET note = 2 WHERE note = 2.0",
    "a reference is lost": "UPDATE c SET p = NULL WHERE note = 'a'",
    "a reference is added": "UPDATE c SET p = 2 WHERE note = 'b'",
    "a child is lost": "DELETE FROM c WHERE note = 'a'",
    "a child is added": "INSERT INTO c VALUES (1000, 2, 'new')",
    "a parent is lost": "DELETE FROM p WHERE name = 'Zoe'",
    "keys exchanged": (
        "UPDATE p SET id = -id WHERE name IN ('Zoe', 'Xaver');"
        " UPDATE p SET id = (SELECT sum(-id) FROM p WHERE id < 0) + id WHERE id < 0 AND name = 'Zoe';"
        " UPDATE p SET id = (SELECT id + 2 FROM p WHERE name = 'Zoe') WHERE id < 0"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_wrong_result_is_never_shown(bench: Bench, change: str) -> None:
    """Its content differs as well."""
    copied = moved(bench, PARENTS, CHILDREN, *ROWS)

    for statement in change.split(";"):
        copied.con.execute(statement)

    assert shown(copied) == [False]
    assert differing(copied) == [True]


@pytest.mark.usefixtures("digested")
@pytest.mark.parametrize("change", sampled(CHANGES, 11))
def test_wrong_result_is_never_shown_by_digests(bench: Bench, change: str) -> None:
    """Its content differs as well."""
    copied = moved(bench, PARENTS, CHILDREN, *ROWS)

    for statement in CHANGES[change].split(";"):
        copied.con.execute(statement)

    assert shown(copied) == [False]
    assert differing(copied) == [True]


def test_sign_of_zero_of_a_parent_is_compared(bench: Bench) -> None:
    """SQL takes -0.0 for 0.0, and so would a comparison by SQL."""
    rows = ("INSERT INTO p VALUES (1, 0.0), (2, 1.5)", "INSERT INTO c VALUES (1, 1, 'a')")
    copied = moved(bench, PARENTS, CHILDREN, *rows)

    assert shown(copied) == [True]
    copied.con.execute("UPDATE p SET name = -0.0 WHERE name = 0.0")
    assert shown(copied) == [False]


def test_shift_of_all_references_alone_is_not_shown(bench: Bench) -> None:
    """Each of them would reach the next parent, with the same difference."""
    copied = moved(bench, PARENTS, CHILDREN, FIRST, "INSERT INTO c VALUES (1, 1, 'a'), (2, 1, 'b')")
    copied.con.execute("UPDATE c SET p = p + 2 WHERE note IN ('a', 'b')")

    assert shown(copied) == [False]
    assert differing(copied) == [True]


STRAYS = {
    "sentinel hits a row of its source": "UPDATE c SET p = (SELECT id FROM p WHERE name = 'Zoe') WHERE note = 'a'",
    "sentinel hits a row of the target": "UPDATE c SET p = 2 WHERE note = 'a'",
    "a parent gets the number of a sentinel": "UPDATE p SET id = 0 WHERE name = 'Bob'",
    "dangling hits a row": "UPDATE c SET p = 4 WHERE note = 'd'",
    "a parent gets the number of a dangling": "UPDATE p SET id = (SELECT p FROM c WHERE note = 'd') WHERE name = 'Zoe'",
    "another row is added": "INSERT INTO p VALUES (-1, 'new')",
}


@pytest.mark.parametrize("change", STRAYS.values(), ids=STRAYS)
def test_reference_to_no_parent_may_reach_none(bench: Bench, change: str) -> None:
    """Its content differs as well."""
    copied = moved(bench, PARENTS, CHILDREN, FIRST, STRAYING)
    assert shown(copied) == [True]

    copied.con.execute(change)

    assert shown(copied) == [False]
    assert differing(copied) == [True]


def test_kept_references_do_not_hide_other_parents(bench: Bench) -> None:
    """All references have the numbers of before, and one of them reaches another row."""
    copied = moved(bench, PARENTS, CHILDREN, FIRST)
    copied.con.execute("UPDATE p SET name = 'Yves' WHERE name = 'Eve'")

    assert shown(copied) == [False]
    assert differing(copied) == [True]


def _drawn_rows(draw: Random, tag: str) -> Iterator[str]:
    """Yield statements that insert parents and children, some of which refer to no parent."""
    keys = sorted(draw.sample(range(draw.choice([1, -3]), 9), draw.randint(0, 4)))
    yield from (f"INSERT INTO p VALUES ({key}, '{tag}{key}')" for key in keys)
    for number in range(1, draw.randint(1, 7)):
        reference = draw.choice([*keys, *keys, "NULL", -9, -5, draw.randint(1, 30), 1000])
        yield f"INSERT INTO c VALUES ({number}, {reference}, '{tag}{number}')"


def _drawn_change(draw: Random, copied: Copied) -> str:
    """Return a change of parents and children of the target, or of one of them."""
    parents = [key for (key,) in copied.rows("SELECT id FROM p")] or [0]
    key, change, number = draw.choice(parents), draw.randint(-4, 4), draw.randint(-8, 60)
    upper = f"UPDATE p SET id = id + 1000 WHERE id >= {key}; UPDATE p SET id = id - 1000 + {change} WHERE id >= 900"
    changes = [
        f"UPDATE c SET p = {draw.choice([*parents, -1, 0, 500])} WHERE id = {draw.randint(1, 20)}",
        f"{upper}; UPDATE c SET p = p + {change} WHERE p >= {key}",
        f"UPDATE p SET id = {number} WHERE id = {key}",
        f"INSERT INTO p VALUES ({number}, 'new')",
        f"DELETE FROM p WHERE id = {key}",
    ]
    return draw.choice(changes)


@pytest.mark.parametrize("seed", sampled(range(200), 139))
def test_other_content_is_never_shown_to_be_kept(bench: Bench, seed: int) -> None:
    """Rows and changes are drawn."""
    draw = Random(seed)  # noqa: S311 -- repeatable, and no secret
    bench.database(TARGET, PARENTS, CHILDREN, *_drawn_rows(draw, "t"))
    files = [f"{name}.db" for name in "abc"[: draw.randint(1, 3)]]
    for file in files:
        bench.database(file, PARENTS, CHILDREN, *_drawn_rows(draw, file[0]))
    copied = bench.copied(*(source(file, "p", "c").model_copy(update={"keys_": "renumber"}) for file in files))
    assert differing(copied) in ([False], [])

    for _ in range(12):
        copied.con.execute("SAVEPOINT change")
        with suppress(sqlite3.IntegrityError):  # another parent has the key
            for statement in _drawn_change(draw, copied).split(";"):
                copied.con.execute(statement)
        assert shown(copied) != [True] or differing(copied) == [False]
        copied.con.execute("ROLLBACK TO change")


@pytest.mark.parametrize("note", ["a", "c", "d"])
def test_moved_number_without_a_parent_is_not_shown(bench: Bench, note: str) -> None:
    """By content it leads to no parent, as before.

    Whether it has the right number is the matter of ``keys-mapped``.
    """
    copied = moved(bench, PARENTS, CHILDREN, FIRST, STRAYING)

    copied.con.execute(f"UPDATE c SET p = 1000 WHERE note = '{note}'")

    assert shown(copied) == [False]
    assert differing(copied) == [False]


def test_dangling_row_of_target_may_reach_no_source(bench: Bench) -> None:
    """All numbers of the source are smaller by one, so that its first key is the dangling one."""
    copied = moved(bench, PARENTS, CHILDREN, *ROWS, before=(*BEFORE, "INSERT INTO c VALUES (3, 50, 'z')"))
    assert shown(copied) == [True]

    copied.con.execute("UPDATE p SET id = id - 1 WHERE id > 50")
    copied.con.execute("UPDATE c SET p = p - 1 WHERE p > 50")

    assert shown(copied) == [False]
    assert differing(copied) == [True]


def test_sentinel_of_a_source_may_reach_no_target_row(bench: Bench) -> None:
    """All numbers of the target are smaller by three, so that one key is the sentinel."""
    copied = moved(bench, PARENTS, CHILDREN, FIRST, STRAYING)

    copied.con.execute("UPDATE p SET id = id - 3 WHERE name IN ('Bob', 'Eve')")
    copied.con.execute("UPDATE c SET p = p - 3 WHERE note = 'x'")

    assert shown(copied) == [False]
    assert differing(copied) == [True]


@pytest.mark.parametrize("value", ["'2'", "-1.0", "'none'"])
def test_reference_of_another_type_is_left_to_content(bench: Bench, value: str) -> None:
    """A text can refer to a number."""
    untyped = CHILDREN.replace("p INTEGER REFERENCES", "p REFERENCES")
    rows = f"INSERT INTO c VALUES (8, -1, 'y'), (9, {value}, 'z')"
    copied = moved(bench, PARENTS, untyped, *ROWS, before=(*BEFORE, rows))

    assert shown(copied) == [False]
    assert differing(copied) == [False]


def test_rows_of_several_sources_are_shown(bench: Bench) -> None:
    """Each source has a difference of its own."""
    bench.database(TARGET, PARENTS, CHILDREN, *BEFORE)
    bench.database("a.db", PARENTS, CHILDREN, *ROWS)
    bench.database("b.db", PARENTS, CHILDREN, *ROWS)
    plans = [source(name, "p", "c").model_copy(update={"keys_": "renumber"}) for name in ("a.db", "b.db")]
    copied = bench.copied(*plans)

    assert shown(copied) == [True]
    copied.con.execute("UPDATE c SET p = (SELECT min(p) FROM c WHERE note = 'a') WHERE note = 'a'")
    assert shown(copied) == [False]


def test_rows_that_stay_behind_are_left_to_content(bench: Bench) -> None:
    """The children of the source are more than those that move."""
    bench.database(TARGET, PARENTS, CHILDREN, *BEFORE)
    bench.database("b.db", PARENTS, CHILDREN, *ROWS)
    chosen = table("c", where="note <> 'a'", reason="not kept")
    copied = bench.copied(source("b.db", "p", chosen).model_copy(update={"keys_": "renumber"}))

    assert shown(copied) == [False]
    assert differing(copied) == [False]


def test_text_that_is_not_utf8_is_left_to_content(bench: Bench) -> None:
    """The digests read such a text without loss."""
    copied = moved(bench, PARENTS, CHILDREN, FIRST, "INSERT INTO c VALUES (1, 3, CAST(x'ff41' AS TEXT))")

    assert shown(copied) == [False]
    assert differing(copied) == [False]
