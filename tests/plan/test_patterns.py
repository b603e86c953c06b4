"""Specify that each file of a pattern is a source, in the order of its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.patterns import backup_names, expand, expand_by_names, path_pattern, stated_rows
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan

PHONES = """\
format = 1
name = "phones"
target = "all.db"

[[source]]
name = "other"
file = "other.db"
priority = 2
[[source.table]]
name = "call"
rows = 1

[[source]]
name = "phone"
file = "phones/*.db"
constants = { device = "{stem}", origin = "{name}" }
[[source.table]]
name = "call"
rows = 7
"""


def plan_of(folder: Path, files: Sequence[str], text: str = PHONES) -> Plan:
    """Return a plan whose patterns match the given files."""
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return expand(load(path), lambda _: files)


def refusal(folder: Path, files: Sequence[str], text: str = PHONES) -> list[tuple[str, str]]:
    """Return id and subject of each mistake of a plan that must be refused."""
    with pytest.raises(ProblemError) as refused:
        plan_of(folder, files, text)
    return [(problem.id, problem.subject) for problem in refused.value.problems]


def test_files_follow_priority_and_bytes_of_path(tmp_path: Path) -> None:
    """A capital letter precedes a small one, and each file is a source with a label."""
    plan = plan_of(
        tmp_path, ["phones/b.db", "phones/a.db", "phones/B.db", "phones/\N{LATIN SMALL LETTER E WITH ACUTE}.db"]
    )

    assert [(source.name, source.file) for source in plan.in_order] == [
        ("phone:phones/B.db", "phones/B.db"),
        ("phone:phones/a.db", "phones/a.db"),
        ("phone:phones/b.db", "phones/b.db"),
        ("phone:phones/\N{LATIN SMALL LETTER E WITH ACUTE}.db", "phones/\N{LATIN SMALL LETTER E WITH ACUTE}.db"),
        ("other", "other.db"),
    ]
    assert plan.stated == load(tmp_path / "plan.toml")


def test_constants_name_the_file_and_the_source(tmp_path: Path) -> None:
    """The placeholder ``{name}`` is the name in the plan, not the label of a file."""
    plan = plan_of(tmp_path, ["phones/a.db"])

    assert plan.in_order[0].constant_values == {"device": "a", "origin": "phone"}


def test_stated_rows_are_of_all_files(tmp_path: Path) -> None:
    """No single file has the number of rows that the plan states for its pattern."""
    plan = plan_of(tmp_path, ["phones/a.db", "phones/b.db"])

    assert [(stated.subject, stated.rows, len(stated.files)) for stated in stated_rows(plan)] == [
        ("phones/*.db:call", 7, 2),
        ("other.db:call", 1, 1),
    ]
    assert [source.tables[0].rows for source in plan.in_order] == [None, None, 1]


def test_pattern_without_a_file_stays(tmp_path: Path) -> None:
    """It is then like a source whose file does not exist."""
    plan = plan_of(tmp_path, [])

    assert [source.file for source in plan.in_order] == ["phones/*.db", "other.db"]
    assert not any(source.is_of_pattern for source in plan.sources)


def test_file_of_two_sources_is_a_mistake(tmp_path: Path) -> None:
    """The mistake has the line of the later source."""
    text = PHONES.replace('"other.db"', '"./phones/x.db"')

    assert refusal(tmp_path, ["phones/a.db", "phones/x.db"], text) == [
        ("file-twice", "plan.toml:15 (source 2, file)"),
    ]


def test_equal_stems_are_a_mistake_where_used(tmp_path: Path) -> None:
    """A constant would give the rows of two files one value."""
    files = ["phones/a.db", "phones/b.db", "phones/a.sqlite"]

    assert refusal(tmp_path, files) == [("stem-twice", "plan.toml:16 (source 2, constants, device)")]
    assert len(plan_of(tmp_path, files, PHONES.replace("{stem}", "{{stem}}")).sources) == len(files) + 1


def test_files_of_a_run_are_found_by_label(tmp_path: Path) -> None:
    """The files of a run may be archived, so that no pattern finds them."""
    plan = plan_of(tmp_path, ["phones/a.db", "phones/b.db"])
    names = {source.name: source.file for source in plan.sources}

    assert expand_by_names(plan.stated, names, {}).in_order == plan.in_order


def test_backups_of_a_pattern_are_numbered() -> None:
    """A path is no file name, and no name of a plan has a plus sign."""
    assert backup_names(["target", "phone:x/b.db", "phone:x/a.db", "other"]) == {
        "target": "target",
        "phone:x/b.db": "phone+0001",
        "phone:x/a.db": "phone+0002",
        "other": "other",
    }


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a/*.db", "a/.db", True),
        ("a/*.db", "a/b/c.db", False),
        ("a/?.db", "a/b.db", True),
        ("a/?.db", "a/.db", False),
        ("./a/[b]*.db", "a/[b]c.db", True),
        ("a/[b].d?", "a/b.db", False),
        ("*", "line\nfeed", True),
    ],
)
def test_pattern_has_two_wildcards(pattern: str, path: str, *, matches: bool) -> None:
    """A bracket stands for itself, and no wildcard matches a slash."""
    assert bool(path_pattern(pattern).fullmatch(path)) is matches
