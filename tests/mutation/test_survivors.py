"""Test that the list of surviving mutants is about the code as it is."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from tests.support.mutation.survivors import explained

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "migration"
REASONS = explained()


def source_of(function: str) -> str:
    """Return the source of a function by its dotted name, with its lines joined by a space."""
    parts = function.split(".")
    depth = next(
        length for length in range(len(parts), 0, -1) if SOURCES.joinpath(*parts[:length]).with_suffix(".py").is_file()
    )
    text = SOURCES.joinpath(*parts[:depth]).with_suffix(".py").read_text("utf-8")
    node: ast.AST = ast.parse(text)
    for name in parts[depth:]:
        node = next(child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == name)
    segment = ast.get_source_segment(text, node) or ""
    return " ".join(line.strip() for line in segment.splitlines())


def test_every_survivor_changes_an_existing_line() -> None:
    """Each entry has a reason. A changed or removed line needs its entries removed."""
    assert [change for change in REASONS if change.line not in source_of(change.function)] == []
    assert [change for change in REASONS if change.becomes == change.line] == []
    assert [change for change, reason in REASONS.items() if not reason] == []


def test_each_path_of_mutmut_exists() -> None:
    """A module that was moved would be left out by mutmut."""
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    modules = [path.replace("src/", "migration/", 1) for path in given["only_mutate"]]

    missing = [path for path in (*modules, *given["pytest_add_cli_args_test_selection"]) if not (ROOT / path).exists()]

    assert missing == []


def test_runs_in_another_folder_are_left_out() -> None:
    """There mutmut would look for its configuration, and none of its tests could be measured."""
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    left_out = re.findall(r"\w+(?=\)| or )", given["pytest_add_cli_args"][-1])
    functions = [
        function
        for path in given["pytest_add_cli_args_test_selection"]
        if path.endswith(".py")
        for function in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(function, ast.FunctionDef) and "project.python(" in ast.unparse(function)
    ]

    assert functions
    assert [item.name for item in functions if not any(words in item.name for words in left_out)] == []
    assert [words for words in left_out if not any(words in item.name for item in functions)] == []


def test_each_module_of_the_scores_exists() -> None:
    """A row needs its module."""
    rows = re.findall(
        r"^\| (migration/\S+) \|", (ROOT / "docs" / "explanation" / "tests.md").read_text("utf-8"), re.MULTILINE
    )

    assert rows
    assert [row for row in rows if not (ROOT / row).is_file()] == []
