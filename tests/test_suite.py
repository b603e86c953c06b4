"""Specify that the tests are a specification.

Names are claims, docstrings are sentences, and each excluded test has a command.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import LEFT_OUT

HERE = Path(__file__).parent
ROOT = HERE.parent
FILES = sorted(HERE.rglob("test_*.py"))


def claims_in(path: Path) -> dict[str, str]:
    """Return the names of a file's tests in words, with their docstrings.

    A name that occurs twice runs only once.
    """
    functions = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    names = [function.name for function in tests]
    assert len(set(names)) == len(names)
    return {
        function.name.removeprefix("test_").replace("_", " "): ast.get_docstring(function) or "" for function in tests
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_every_test_name_is_a_claim_with_a_sentence(path: Path) -> None:
    """A claim needs three words.

    The linter checks the capital at the beginning of a sentence.
    """
    claims = claims_in(path)

    assert [name for name in claims if len(name.split()) < 3] == []
    assert [name for name, text in claims.items() if not text.endswith((".", "?"))] == []


@pytest.mark.parametrize("mark", LEFT_OUT)
def test_tests_left_out_by_default_have_a_command(mark: str) -> None:
    """No test is silently excluded."""
    assert f"pytest -m {mark}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("mark", ["thorough", "crash"])
def test_what_takes_minutes_is_run_before_a_change_lands(mark: str) -> None:
    """Only longer tests are left to the developer."""
    assert f"-m {mark}" in (ROOT / ".ci" / "run").read_text("utf-8")
