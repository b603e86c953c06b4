"""Specify when settings of two files whose keys are numbers are one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "CREATE TABLE variables({columns}); INSERT INTO variables VALUES ({0}, 'root', '{2}'), ({1}, 'size', '9');"
NUMBERED = "id INTEGER PRIMARY KEY, name, value"
UNIQUE = "id INTEGER PRIMARY KEY, name, value, guid TEXT DEFAULT (hex(randomblob(8))) UNIQUE"
OTHER = "CREATE TABLE note(id INTEGER PRIMARY KEY, body); INSERT INTO note VALUES (1, '{2}');"


@pytest.mark.parametrize(
    ("columns", "second", "is_apart"),
    sampled(
        [
            (NUMBERED, (1, 2, "b"), True),
            (NUMBERED, (11, 12, "b"), True),
            (NUMBERED, (11, 12, "a"), False),
            ("nr INTEGER, name, value", (1, 2, "b"), True),
            ("id INTEGER PRIMARY KEY, name, price", (1, 2, "b"), False),
            ("id INTEGER PRIMARY KEY, label, value", (1, 2, "b"), False),
        ],
        1,
        2,
    ),
    ids=["equal keys", "other keys", "equal values", "no key", "no value", "no name"],
)
def test_settings_with_other_values_are_kept_apart(
    tmp_path: Path, columns: str, second: tuple[int, int, str], is_apart: bool
) -> None:
    """A program that reads a setting by its name would find two values."""
    sql = SETTINGS.replace("{columns}", columns) + OTHER
    refined = proposal_of(tmp_path, a=sql.format(1, 2, "a"), b=sql.format(*second))

    [source] = refined.proposal.sources
    settings = next(each for each in source.maps if each.name == "variables")
    assert (settings.into != settings.name, settings.differs_by) == (is_apart, ("name",) if is_apart else ())
    assert [("variables" in each, '`match = ["name"]`' in each) for each in source.decide if is_apart] == [
        (True, True)
    ] * int(is_apart)
    assert refined.objections == ()


def test_settings_of_a_pattern_name_their_file(tmp_path: Path) -> None:
    """Each file has its own value under one name, which is one decision."""
    sql = SETTINGS.replace("{columns}", NUMBERED) + OTHER
    files = {f"phone{number}": sql.format(number, number + 5, f"v{number}") for number in range(1, 5)}
    refined = proposal_of(tmp_path, **files)

    [source] = refined.proposal.sources
    assert [(column, value) for column, value in source.constants] == [("file", "{stem}")]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
