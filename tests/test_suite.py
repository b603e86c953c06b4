"""Specify that the tests are a specification.

Names are claims, docstrings are sentences, and each excluded test has a command.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import LEFT_OUT
from tests.support.sources import tree_of

HERE = Path(__file__).parent
ROOT = HERE.parent
FILES = sorted(HERE.rglob("test_*.py"))
OF_NO_BARE_RUN = {f"pytest.mark.{mark}" for mark in LEFT_OUT}
WHOLE_MODULE = "pytestmark = pytest.mark.thorough"
SENTENCE = 5
"""Number of words from which a text is a sentence."""

COMPARED_ELSEWHERE = {
    "": 2,
    "engine/apps": 1,  # Python source
    "engine/backup": 12,
    "engine/content": 2,
    "engine/merge": 8,
    "engine/run": 2,
    "engine/sqlite": 5,
    "faults": 3,
    "fleet": 2,
    "inventory": 1,
    "report": 35,
    "sample": 1,
    "whole": 35,
}
"""Sentences that tests of a room compare outside its module of wording. A number may only become smaller."""


def claims_in(path: Path) -> dict[str, str]:
    """Return the names of a file's tests in words, with their docstrings.

    A name that occurs twice runs only once.
    """
    tests = [function for function in functions_of(path) if function.name.startswith("test_")]
    names = [function.name for function in tests]
    assert len(set(names)) == len(names)
    return {
        function.name.removeprefix("test_").replace("_", " "): ast.get_docstring(function) or "" for function in tests
    }


def functions_of(path: Path) -> list[ast.FunctionDef]:
    """Return the functions of a module."""
    return [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef)]


def is_left_out(function: ast.FunctionDef) -> bool:
    """Return whether no case of a test runs in a bare pytest."""
    return any(ast.unparse(decorator) in OF_NO_BARE_RUN for decorator in function.decorator_list)


def sentences_in(path: Path) -> list[str]:
    """List the sentences that a module compares with ``==``, ``in`` or ``match``."""
    nodes = list(ast.walk(tree_of(path)))
    compared = [side for node in nodes if isinstance(node, ast.Compare) for side in (node.left, *node.comparators)]
    compared += [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "match"]
    constants = {node: None for side in compared for node in ast.walk(side) if isinstance(node, ast.Constant)}
    texts = [node.value for node in constants if isinstance(node.value, str)]
    return [text for text in texts if len(re.findall(r"(?:^|(?<= ))[a-z]+(?=[ .,;:]|$)", text)) >= SENTENCE]


def room_of(path: Path) -> str:
    """Return the folder of a test, and that in ``engine``."""
    parts = path.relative_to(HERE).parts[:-1]
    return "/".join(parts[: 2 if parts[:1] == ("engine",) else 1])


def test_every_test_name_is_a_claim_with_a_sentence() -> None:
    """A claim needs three words.

    The linter checks the capital at the beginning of a sentence.
    """
    claims = [(str(path.relative_to(HERE)), name, text) for path in FILES for name, text in claims_in(path).items()]

    assert [(path, name) for path, name, _ in claims if len(name.split()) < 3] == []
    assert [(path, name) for path, name, text in claims if not text.endswith((".", "?"))] == []


@pytest.mark.parametrize("mark", LEFT_OUT)
def test_tests_left_out_by_default_have_a_command(mark: str) -> None:
    """No test is silently excluded."""
    assert f"pytest -m {mark}" in (ROOT / "docs" / "explanation" / "tests.md").read_text("utf-8")


def test_module_has_a_test_in_a_bare_run() -> None:
    """A browser, two hosts, random bundles and a compiled test program are left to CI."""
    functions = {path: [node for node in functions_of(path) if node.name.startswith("test_")] for path in FILES}
    left_out = {path for path, tests in functions.items() if tests and all(map(is_left_out, tests))}
    left_out |= {path for path in FILES if path != Path(__file__) and WHOLE_MODULE in path.read_text("utf-8")}

    assert {str(path.relative_to(HERE)) for path in left_out} == {
        "engine/content/page_proof/test_page_sums.py",
        "fleet/test_several_hosts.py",
        "report/browser/test_lists_in_a_browser.py",
        "report/browser/test_report_in_a_browser.py",
        "robustness/exactness/test_random_bundles.py",
    }


@pytest.mark.parametrize("mark", ["thorough", "crash"])
def test_what_takes_minutes_is_run_before_a_change_lands(mark: str) -> None:
    """Only longer tests are left to the developer."""
    assert f"-m {mark}" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_sentences_stand_in_modules_of_wording() -> None:
    """A better sentence costs one line, because the other tests compare ids and fields."""
    compared = Counter(room_of(path) for path in FILES if not path.stem.endswith("wording") for _ in sentences_in(path))

    assert {room: count for room, count in compared.items() if count > COMPARED_ELSEWHERE.get(room, 0)} == {}


@pytest.mark.parametrize(
    "text",
    [
        'assert problem == "a row is in no table"',
        'assert "a row is in no table" in problem',
        'pytest.raises(ValueError, match="a row is in no table")',
    ],
)
def test_compared_sentence_is_counted(tmp_path: Path, text: str) -> None:
    """Each way of comparing counts once."""
    module = tmp_path / "test_module.py"
    module.write_text(text, "utf-8")

    assert len(sentences_in(module)) == 1
