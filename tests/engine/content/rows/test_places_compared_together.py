"""Specify that rows of many places are compared as if each place were alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.expected_rows import Rows, row_shape
from sqlite_consolidate.engine.content.row_comparison import compare_each, compare_rows, without_dropped_rows
from sqlite_consolidate.row_differences import DifferenceKind
from tests.support.rows.compared_rows import numbers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Key

PLACES = [
    "(1, 'x', 'y'), (2, 'x', 'y'), (3, 'x', 'y')",
    "(3, 'x', 'y'), (4, 'x', 'y'), (5, 'x', 'y'), (5, 'x', 'y')",
    "(3, 'x', 'z'), (6, 'x', 'y')",
    "(7, 'x', 'y'), (8, 'x', 'y'), (9, 'x', 'y'), (10, 'x', 'y'), (11, 'x', 'y'), (12, 'x', 'y'), (13, 'x', 'y')",
]
PRESENT = "(1, 'x', 'y'), (1, 'x', 'y'), (2, 'x', 'z'), (3, 'x', 'y'), (5, 'x', 'y'), (8, 'x', 'q'), (99, 'x', 'y')"


def rows_of(con: sqlite3.Connection, name: str, values: str) -> Rows:
    """Create a table with rows, and return how they are read."""
    con.execute(f"CREATE TABLE {name}(id, a, b)")
    con.execute(f"INSERT INTO {name} VALUES {values}")
    return Rows(con, f"SELECT id, a, b FROM {name}")


@pytest.mark.parametrize("keys", [[(("id", "BINARY"),)], []], ids=["key", "no-key"])
@pytest.mark.parametrize("kept", [1, 4, 6, 1000])
def test_each_place_is_compared_as_if_alone(con: sqlite3.Connection, kept: int, keys: Sequence[Key]) -> None:
    """However many of them are compared together."""
    shape = row_shape("now", ["id", "a", "b"], keys)
    places = [rows_of(con, f"was{number}", values) for number, values in enumerate(PLACES)]
    present = rows_of(con, "now", PRESENT)

    each = dict(compare_each(shape, places, present, kept=kept))

    for number, place in enumerate(places):
        alone, kinds = compare_rows(shape, [place], present), (DifferenceKind.MISSING, DifferenceKind.CHANGED)
        together = each[number].differences(*kinds)
        assert numbers(together) == numbers(alone.differences(*kinds))
        assert set(together.first) == set(alone.differences(*kinds).first)
        assert each[number].doubles == alone.doubles
        assert (each[number].rows, each[number].exact) == (alone.rows, alone.exact)


@pytest.mark.parametrize(
    ("policy", "dropped"), [("prefer-source", [1, 1, 0, 0]), ("prefer-target", [0, 0, 1, 0]), ("refuse", [0, 0, 0, 0])]
)
@pytest.mark.parametrize("kept", [1, 4, 1000])
def test_policy_drops_equal_rows_in_any_number_of_parts(
    con: sqlite3.Connection, kept: int, policy: str, dropped: list[int]
) -> None:
    """The third place has another row under the key 3 of the first two, whose rows are equal."""
    shape = row_shape("now", ["id", "a", "b"], [(("id", "BINARY"),)])
    places = [replace(rows_of(con, f"was{number}", values), policy=policy) for number, values in enumerate(PLACES)]

    assert [len(place.dropped) for place in without_dropped_rows(shape, places, kept=kept)] == dropped


def test_present_rows_are_read_once_for_all_places(con: sqlite3.Connection) -> None:
    """And again for those whose changed rows were too many to keep with the others."""
    shape = row_shape("now", ["id", "a", "b"], [(("id", "BINARY"),)])
    places = [rows_of(con, f"was{number}", f"({number}, 'x', 'y'), (-1, 0, 0)") for number in range(25)]
    same = rows_of(con, "same", ", ".join(f"({number}, 'x', 'y')" for number in range(25)))
    changed = rows_of(con, "changed", ", ".join(f"({number}, 'x', 'z')" for number in range(25)))
    statements: list[str] = []
    con.set_trace_callback(statements.append)

    exact = [comparison.exact for _, comparison in compare_each(shape, places, same, pairs=1)]
    pairs = [len(comparison.pairs) for _, comparison in compare_each(shape, places, changed, pairs=1)]

    assert (exact, pairs) == ([1] * 25, [1] * 25)
    assert [sum(f"FROM {name}" in statement for statement in statements) for name in ("same", "changed")] == [1, 3]
