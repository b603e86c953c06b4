"""Hold those rules of the house voice that a program can judge."""

from __future__ import annotations

import ast
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.sources import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
# The sample's tree is a user's workspace, and recorded bundles are data of older releases.
MODULES = [
    path
    for folder in ("migration", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "tree" not in path.relative_to(ROOT).parts
]
PROSE = [
    *MODULES,
    *sorted((ROOT / "migration").rglob("*.j2")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FIRST_LINE_LENGTH = 88
TEST_NAME_WORDS = 9
FITS_EVERYTHING = {"one", "found", "seen", "said", "there", "here", "own", "what", "why", "thing", "things"}
HIDES_THE_ACTOR = re.compile(
    r"\b(whoever|whosoever|somebody|someone else's|nobody|anybody|put back|puts back|putting back|takes? back"
    r"|taken back|likened|likens|foretold|foretell|in so many words|of its own accord)\b",
    re.IGNORECASE,
)
PUBLIC_NAMES = {("problem.py", "what")}
"""Names that callers of the library use."""

WORDS_OF_OLDER_RELEASES = {"endings.py"}
"""Modules that read the sentences of evidence of older releases."""

ATTRIBUTES = re.compile(r"^Attributes:\n((?:(?: {4}.*)?(?:\n|$))+)", re.MULTILINE)
"""The part of a docstring that explains the attributes of its class."""

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _place(path: Path, line: int, text: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {text}"


@lru_cache(maxsize=1)
def _nodes(path: Path) -> list[ast.AST]:
    """Return the nodes of a module, which is parsed once for all rules."""
    return list(ast.walk(tree_of(path)))


def _is_a_sentence(line: str) -> bool:
    return len(line) <= FIRST_LINE_LENGTH and line.endswith((".", "?", "!")) and not re.search("[:;] ", line)


def first_lines_read_twice(path: Path) -> list[str]:
    """List the docstrings whose first line is not one short sentence."""
    return [
        _place(path, getattr(node, "lineno", 1), text.splitlines()[0])
        for node in _nodes(path)
        if isinstance(node, DOCUMENTED)
        if (text := ast.get_docstring(node)) and not _is_a_sentence(text.splitlines()[0])
    ]


def names_that_fit_everything(path: Path) -> list[str]:
    """List the variables and arguments whose name would fit any other as well."""
    nodes = _nodes(path)
    bound = [(node.id, node.lineno) for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    bound += [(node.arg, node.lineno) for node in nodes if isinstance(node, ast.arg)]
    return [
        _place(path, line, name)
        for name, line in bound
        if name in FITS_EVERYTHING and (path.name, name) not in PUBLIC_NAMES
    ]


def long_test_names(path: Path) -> list[str]:
    """List the tests whose name has more words than a reader takes in."""
    functions = [node for node in _nodes(path) if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    return [
        _place(path, test.lineno, test.name)
        for test in tests
        if len(test.name.removeprefix("test_").split("_")) > TEST_NAME_WORDS
    ]


def attributes_that_do_not_exist(path: Path) -> list[str]:
    """List the attributes that a docstring explains and its class does not bind."""
    return [
        _place(path, node.lineno, name)
        for node in _nodes(path)
        if isinstance(node, ast.ClassDef) and (explained := ATTRIBUTES.search(ast.get_docstring(node) or ""))
        for bound in [_bound_names(node)]
        for name in re.findall(r"^    (\w+): ", explained[1], re.MULTILINE)
        if name not in bound
    ]


def _bound_names(of_class: ast.ClassDef) -> set[str]:
    """Return the names of the fields, methods and attributes that a class binds."""
    nodes = list(ast.walk(of_class))
    return (
        {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        | {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
        | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    )


def words_that_hide_the_actor(path: Path) -> list[str]:
    """List the places that say that something is done and not by what."""
    lines = enumerate(path.read_text("utf-8").splitlines(), 1)
    return [_place(path, number, match[0]) for number, line in lines for match in HIDES_THE_ACTOR.finditer(line)]


@cache
def _places() -> dict[str, list[str]]:
    """Return the places that the rules about syntax list in all modules, by rule."""
    rules = (first_lines_read_twice, names_that_fit_everything, long_test_names, attributes_that_do_not_exist)
    by_module = [{rule.__name__: rule(path) for rule in rules} for path in MODULES]
    return {rule.__name__: [place for places in by_module for place in places[rule.__name__]] for rule in rules}


def test_docstrings_begin_with_a_short_sentence() -> None:
    """The first line has at most 88 characters, no colon, no semicolon, and ends."""
    assert _places()["first_lines_read_twice"] == []


def test_variables_are_named_for_what_they_hold() -> None:
    """No variable has a name that would fit any other."""
    assert _places()["names_that_fit_everything"] == []


def test_test_names_have_nine_words_at_most() -> None:
    """A test names subject, behaviour and condition."""
    assert _places()["long_test_names"] == []


def test_docstrings_explain_existing_attributes() -> None:
    """A renamed field is renamed in its docstring as well."""
    assert _places()["attributes_that_do_not_exist"] == []


def test_prose_names_the_actor() -> None:
    """Code, templates and documents name SQLite, a process, the operator or the application."""
    exempt = {Path(__file__).name, *WORDS_OF_OLDER_RELEASES}
    assert [place for path in PROSE if path.name not in exempt for place in words_that_hide_the_actor(path)] == []


@pytest.mark.parametrize(
    ("judge", "text"),
    [
        (first_lines_read_twice, '"""Copy rows: all of them."""'),
        (first_lines_read_twice, '"""Copy rows"""'),
        (names_that_fit_everything, "for one in []: pass"),
        (names_that_fit_everything, "def count(found): pass"),
        (long_test_names, "def test_one_two_three_four_five_six_seven_eight_nine_ten(): pass"),
        (
            attributes_that_do_not_exist,
            'class A:\n    """Hold a.\n\n    Attributes:\n        b: A.\n    """\n    a: int',
        ),
        (words_that_hide_the_actor, "# whoever reads it"),
    ],
)
def test_voice_check_finds_a_fault(
    judge: Callable[[Path], list[str]], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the five lists has an entry for a module that breaks its rule."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(text + "\n", "utf-8")

    assert judge(module)
