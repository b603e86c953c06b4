"""Specify that the line of a key path is found in any valid TOML."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.plan.positions import find_line, find_position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.problem import Loc

# Each value that is asked for is the number of its own line.
TRICKY = '''\
# [[source]] in a comment
format = 2
[ change ]            # spaces, and a comment with ] = "
id.short = 4
"quoted [key] = #" = 5

[[source]]
name = 8
text = """
[[source]]
name = "not here" \\""" still inside
""""
"file" = 13

  [[ source . "table" ]]
  name = 16
[source.table.columns]
old = 18
[[source.table]]
name = 20
'raw = "' = 21
[[source]]
name = 23
[[source.table]]
name = 25
raw = \'\'\'
name = 27
\'\'\'\'\'
rows = 29
expect = { exit = 30, "a.b" = { c = 30 }, list = [30, 30] }
list = [ # one
  32,
  # two ]
  "]", 34, [ """q"""", "]", 34,
    35 ],
  { x = 36 }, 1979-05-27 07:32:00, 1.5,
]
[a.b.c]
d = 39
[a]
e = 41
'''


def places(data: object, loc: Loc = ()) -> Iterator[tuple[Loc, int]]:
    """Yield the key path of every whole number in the data, whose value is its line."""
    inside: dict[Any, Any] = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
    for key, value in inside.items():
        if isinstance(value, int):
            yield (*loc, key), value
        yield from places(value, (*loc, key))


def test_every_value_is_found_on_its_own_line() -> None:
    """Strings, comments, dotted keys and lists over several lines do not change the result."""
    expected = dict(places(tomllib.loads(TRICKY)))

    assert {loc: find_line(TRICKY, loc) for loc in expected} == expected
    assert len(expected) == 23


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("source",), 7),
        (("source", 0), 7),
        (("source", 1), 22),
        (("source", 0, "table", 1), 19),
        (("source", 1, "table", 0), 24),
        (("source", 0, "table", 0, "columns"), 17),
        (("a", "b"), 38),
    ],
)
def test_part_is_found_at_its_header(loc: Loc, line: int) -> None:
    """A mistake of a whole part is reported at its header."""
    assert find_line(TRICKY, loc) == line


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("source", 1, "table", 0, "into"), 24),
        (("source", 1, "file"), 22),
        (("source", 9, "file"), 7),
        (("change", "reason"), 3),
        (("target",), None),
        ((), None),
    ],
)
def test_missing_key_has_the_line_of_its_parent(loc: Loc, line: int | None) -> None:
    """The nearest enclosing header has the line of a missing key.

    A missing key of the top level has no line.
    """
    assert find_line(TRICKY, loc) == line


def test_windows_line_ends_count_once() -> None:
    """CR LF is one line end."""
    assert find_line("a = 1\r\n\r\n[b]\r\nc = 4\r\n", ("b", "c")) == 4


@pytest.mark.parametrize(
    ("loc", "place"),
    [
        (("a",), (1, 1)),
        (("b", "c"), (2, 4)),
        (("b", "d", 1), (2, 22)),
        (("e", 0), (3, 3)),
        (("e", 0, "f"), (4, 3)),
        (("e", 0, "unknown"), (3, 3)),
    ],
    ids=str,
)
def test_place_has_a_column_too(loc: Loc, place: tuple[int, int]) -> None:
    """The column counts characters from 1, as editors do.

    Several values may be on one line.
    """
    text = 'a = 1\nb={c = 1, "d" = [1 , 2]}\n  [[e]]\n\t\tf = 1\n'

    assert find_position(text, loc) == place
