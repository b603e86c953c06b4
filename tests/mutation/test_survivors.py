"""The list of mutants that survive is about the code as it is."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.mutation.survivors import Change, explained

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "migration"
REASONS = explained()


def source_of(function: str) -> str:
    """Return the source of a function or method by its dotted name, its lines stripped and joined by a space."""
    parts = function.split(".")
    at = next(at for at in range(len(parts), 0, -1) if SOURCES.joinpath(*parts[:at]).with_suffix(".py").is_file())
    text = SOURCES.joinpath(*parts[:at]).with_suffix(".py").read_text("utf-8")
    node: ast.AST = ast.parse(text)
    for name in parts[at:]:
        node = next(one for one in ast.iter_child_nodes(node) if getattr(one, "name", None) == name)
    segment = ast.get_source_segment(text, node) or ""
    return " ".join(line.strip() for line in segment.splitlines())


@pytest.mark.parametrize("change", REASONS, ids=lambda change: f"{change.function}: {change.becomes}")
def test_every_survivor_is_a_change_of_a_line_that_is_there(change: Change) -> None:
    """A line that was mended or taken away takes its entries with it; each has a reason."""
    assert change.line in source_of(change.function)
    assert change.becomes != change.line
    assert REASONS[change]


def test_each_path_that_mutmut_is_given_exists() -> None:
    """A module that was moved would be left out without a word."""
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    modules = [path.replace("src/", "migration/", 1) for path in given["only_mutate"]]

    missing = [path for path in (*modules, *given["pytest_add_cli_args_test_selection"]) if not (ROOT / path).exists()]

    assert missing == []


def test_each_module_of_the_table_of_scores_exists() -> None:
    """A row without its module says nothing."""
    rows = re.findall(r"^\| (migration/\S+) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    assert rows
    assert [row for row in rows if not (ROOT / row).is_file()] == []
