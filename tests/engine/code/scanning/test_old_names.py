"""Test that names are found alike whether there are few or many of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlite_consolidate.engine.code.scanning.old_names import OldNames, any_of

MANY = [f"data/shard_{number:03}.db" for number in range(500)]


@given(st.lists(st.text("ab.-/ü", min_size=1, max_size=6), max_size=12), st.text("ab.-/ü", max_size=30))
def test_one_pattern_finds_the_longest_of_any_names(names: list[str], text: str) -> None:
    """It finds what the names find, tried one after the other from the longest."""
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)

    by_branches = re.findall(any_of(names), text)

    assert by_branches == re.findall("|".join(longest_first) or "(?!)", text)


def test_pattern_of_names_that_contain_each_other_compiles() -> None:
    """Each name is a branch of the one before it."""
    names = ["a" * length for length in range(1, 256)]

    assert re.findall(any_of(names), "a" * 300) == ["a" * 255, "a" * 45]


@pytest.mark.parametrize(
    ("code", "may_occur", "may_be_assembled"),
    [
        (b'open("shard_007.db")', True, True),
        (b'open("shard_" + "499" + ".db")', False, True),
        (b'name, ending = "shard_007", "db"', False, True),
        (b"exec shard_500.db", False, False),
        (b"self.db.execute(sql)", False, False),
        (b"shard_007", False, False),
    ],
)
def test_one_of_many_names_may_be_in_a_program(code: bytes, *, may_occur: bool, may_be_assembled: bool) -> None:
    """Both questions are answered without looking for each name."""
    names = OldNames(MANY)

    assert (names.may_occur_in(code), names.may_be_assembled_in(code)) == (may_occur, may_be_assembled)


def test_name_that_is_not_utf8_is_found() -> None:
    """Such a name is in no text, but other names are looked for beside it."""
    names = OldNames(["\udcff.db", "shop.db"])

    assert names.may_occur_in(b'"\xff.db"')
    assert [name for _, name in names.find('"shop.db"')] == ["shop.db"]
