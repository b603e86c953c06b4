"""Specify what ``tables = "*"`` of a source means before and after its database is read."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.consistency import find_mistakes
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.mistakes import key_path_text
from sqlite_consolidate.plan.patterns import expand, expand_by_names, name_all_tables
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan

HEAD = 'format = 1\nname = "shop"\ntarget = "all.db"\n'
ALL = '[[source]]\nname = "a"\nfile = "a.db"\ntables = "*"\n'
LISTED = '[[source.table]]\nname = "Note"\ninto = "a_note"\n'
LEFT = '[[source.leave]]\ntables = ["tmp_*"]\nreason = "rebuilt by the application"\n'
TABLES = ["note", "TMP_cache", 'odd "name"', "item"]


def plan_of(folder: Path, text: str) -> Plan:
    """Return the plan of a text."""
    path = folder / "plan.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load(path)


def mistakes(text: str) -> list[tuple[str, str]]:
    """Return the id of each mistake, and its place."""
    return [(mistake.id, key_path_text(mistake.loc)) for mistake in find_mistakes(tomllib.loads(text))]


def test_listed_table_keeps_its_keys_beside_all(tmp_path: Path) -> None:
    """The case of a name and a table that is left make no second mapping."""
    plan = name_all_tables(plan_of(tmp_path, ALL + LISTED + LEFT), {"a": TABLES})

    assert [(each.name, each.into) for each in plan.sources[0].tables] == [
        ("Note", "a_note"),
        ('odd "name"', 'odd "name"'),
        ("item", "item"),
    ]
    assert plan.stated.sources[0] is plan.sources[0].entry
    assert not plan.sources[0].is_of_pattern
    assert name_all_tables(plan, {"a": TABLES}).sources == plan.sources


def test_each_file_of_a_pattern_names_its_own_tables(tmp_path: Path) -> None:
    """The record of a run gives the same sources as its files did."""
    stated = plan_of(tmp_path, ALL.replace("a.db", "d/*.db"))
    tables = {"a:d/x.db": ["t"], "a:d/y.db": ["t", "u"]}
    plan = name_all_tables(expand(stated, lambda _: ["d/x.db", "d/y.db"]), tables)

    assert [[each.name for each in source.tables] for source in plan.sources] == [["t"], ["t", "u"]]
    assert all(source.is_of_pattern and source.entry is stated.sources[0] for source in plan.sources)
    by_names = expand_by_names(stated, {source.name: source.file for source in plan.sources}, tables)
    assert by_names.sources == plan.sources


def test_files_with_equal_tables_share_their_mappings(tmp_path: Path) -> None:
    """Thousands of files take little memory, and what follows from a mapping is computed once."""
    stated = plan_of(tmp_path, ALL.replace("a.db", "d/*.db") + LISTED)
    tables = {"a:d/x.db": ["t", "note"], "a:d/y.db": ["u"], "a:d/z.db": ["t", "note"]}
    x, y, z = name_all_tables(expand(stated, lambda _: ["d/x.db", "d/y.db", "d/z.db"]), tables).sources

    assert x.tables is z.tables
    assert [each.name for each in x.tables] == ["Note", "t"]
    assert [each.name for each in y.tables] == ["Note", "u"]
    assert x.entry is y.entry is z.entry is stated.sources[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ALL + '[[source.leave]]\ntables = ["*"]\nreason = "r"\n', [("moved-and-left", "source 1, leave 1, tables 1")]),
        (ALL + LISTED + '[[source.leave]]\ntables = ["NOTE"]\nreason = "r"\n',
         [("moved-and-left", "source 1, leave 1, tables 1")]),
        (ALL.replace('"*"', "[]"), [("bad-value", "source 1, tables")]),
        (ALL + LISTED + 'follows = "tmp_x"\n' + LEFT, [("follows-nothing", "source 1, table 1, follows")]),
        (ALL + LISTED + 'follows = "item"\n' + LEFT, []),
        (ALL, []),
    ],
)  # fmt: skip
def test_contradiction_to_all_tables_has_an_id(text: str, expected: list[tuple[str, str]]) -> None:
    """A source that moves all tables is not idle, and rows may follow any of them."""
    assert mistakes('target = "all.db"\n' + text) == expected


def test_other_pattern_than_all_is_refused(tmp_path: Path) -> None:
    """A part of the tables is listed, or the others are left with a reason."""
    with pytest.raises(ProblemError) as refused:
        plan_of(tmp_path, ALL.replace('"*"', '"app_*"'))

    assert [problem.id for problem in refused.value.problems] == ["bad-value"]
