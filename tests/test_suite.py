"""The suite is a specification: names are claims, docstrings sentences, and whatever is left out has its command."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import LEFT_OUT

HERE = Path(__file__).parent
ROOT = HERE.parent
FILES = sorted(HERE.rglob("test_*.py"))


def claims_in(path: Path) -> dict[str, str]:
    """The names of a file's tests, in words, and their docstrings; a name that is there twice runs once."""
    functions = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    tests = [one for one in functions if one.name.startswith("test_")]
    names = [one.name for one in tests]
    assert len(set(names)) == len(names)
    return {one.name.removeprefix("test_").replace("_", " "): ast.get_docstring(one) or "" for one in tests}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_every_name_is_a_claim_and_every_docstring_a_sentence(path: Path) -> None:
    """A subject and what is so of it take three words; what begins with a capital is the linter's matter."""
    claims = claims_in(path)

    assert [name for name in claims if len(name.split()) < 3] == []
    assert [name for name, text in claims.items() if not text.endswith((".", "?"))] == []


@pytest.mark.parametrize("mark", LEFT_OUT)
def test_what_a_bare_pytest_leaves_out_has_a_command_in_the_readme(mark: str) -> None:
    """Nothing is silently not run."""
    assert f"pytest -m {mark}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("mark", ["thorough", "crash"])
def test_what_takes_minutes_is_run_before_a_change_lands(mark: str) -> None:
    """Only what takes longer is left to whoever asks for it."""
    assert f"-m {mark}" in (ROOT / ".ci" / "run").read_text("utf-8")
