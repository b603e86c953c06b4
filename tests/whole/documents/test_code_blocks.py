"""Check every block of code in README, CONTRIBUTING and docs by its language.

A block of ``toml`` is a plan, a fleet file, or a part of a plan. A block of ``python`` can be compiled. A block of
``sh`` has commands, and of ``text`` what they print. Commands of this package have a known verb and known options, in
the text and in the examples as well. What a command prints is compared by a test, which this module names.
"""

from __future__ import annotations

import doctest
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import VERBS
from sqlite_consolidate.fleet.fleet_file import load_fleet
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.pytest_plugin.commands.console import SYNONYMS, command_line
from tests.conftest import LEFT_OUT
from tests.support.documents.reader_shell import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
)
EXAMPLES = ("docs/crontab", "docs/github-actions.yml", ".github/workflows/release.yml")
LANGUAGES = {"sh", "toml", "python", "text"}

COMPARED = {
    "README.md": "test_readme.py::test_first_command_prints_what_the_readme_shows",
    "docs/explanation/code.md": "test_readme.py::test_listing_of_the_tree_names_exactly_every_folder",
    "docs/tutorial/colliding-ids.md": "test_tutorials.py::test_tutorial_shows_what_its_commands_print",
    "docs/tutorial/first-hour.md": "test_tutorials.py::test_tutorial_shows_what_its_commands_print",
    "docs/tutorial/many-files.md": "test_tutorials.py::test_tutorial_shows_what_its_commands_print",
    "docs/tutorial/many-workspaces.md": "test_tutorials.py::test_tutorial_shows_what_its_commands_print",
    "docs/tutorial/small-company.md": "test_tutorials.py::test_tutorial_shows_what_its_commands_print",
}
"""The test that compares each block of ``text`` of a page with what is printed, or with what is there."""

MARKS = {*VERBS, *LEFT_OUT, "benchmark", "security"}
PLACEHOLDERS = {"VERB", "$VERB", "$verb"}
PART_OF_A_PLAN = """format = 1\nname = "a"\ntarget = "b.db"\n[[source]]\nname = "c"\nfile = "c.db"\ntables = "*"\n"""
COMMAND = re.compile(
    r"""(?:^|[;&|({]|/) *(?P<program>pytest|sqlite-consolidate|sqlite-utils consolidate) (?P<rest>[^`;&|#)\n]*)""",
    re.MULTILINE,
)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    return [block for named, block in BLOCK.findall((ROOT / page).read_text("utf-8")) if named == language]


def pages_with(language: str) -> list[str]:
    """Return the pages that have a block in a language."""
    return [page for page in PAGES if blocks(page, language)]


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of this package in a text, as its program and its arguments."""
    for match in COMMAND.finditer(text.replace("\\\n", " ")):
        rest = re.sub(r" 2?>.*|[\[\]]", "", match["rest"])
        yield match["program"], [re.sub(r"^N$", "1", word) for word in shlex.split(rest)]


def commands_of(page: str) -> list[tuple[str, list[str]]]:
    """Return the commands in the blocks of a page, and between its backquotes."""
    text = (ROOT / page).read_text("utf-8")
    if page in EXAMPLES:
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        return list(commands("\n".join(lines)))
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", BLOCK.sub("", text))
    starts = ("pytest -", "sqlite-consolidate -", "sqlite-consolidate ", "sqlite-utils consolidate ")
    inline = [span for span in spans if span.startswith(starts)]
    return [command for code in (*blocks(page, "sh"), *inline) for command in commands(code)]


@pytest.mark.parametrize("page", PAGES)
def test_block_of_a_page_names_its_language(page: str) -> None:
    """Without one it could be a command that no test looks at."""
    assert {language for language, _ in BLOCK.findall((ROOT / page).read_text("utf-8"))} <= LANGUAGES


@pytest.mark.parametrize("page", pages_with("toml"))
def test_plan_of_a_page_is_valid(page: str, tmp_path: Path) -> None:
    """A fleet file has workspaces, and a part of a plan begins with a table."""
    file = tmp_path / "consolidation.toml"
    for text in blocks(page, "toml"):
        if "workspaces =" in text or "[[workspace]]" in text:
            file.write_text(text)
            assert load_fleet(file).fleet.format == 1
        else:
            file.write_text(text if text.startswith("format") else PART_OF_A_PLAN + text)
            assert load(file).sources


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_of_a_page_can_be_compiled(page: str) -> None:
    """The signature of a function is compiled as its definition."""
    for text in blocks(page, "python"):
        examples = doctest.DocTestParser().get_examples(text)
        code = "".join(example.source for example in examples) if examples else text
        is_signature = not examples and ") -> " in text
        compile(f"def {code.strip()}: ..." if is_signature else code, page, "exec")


@pytest.mark.parametrize("page", [*(page for page in PAGES if commands_of(page)), *EXAMPLES])
def test_command_of_a_page_is_understood(page: str, pytestconfig: pytest.Config) -> None:
    """Its verb and its options are known, and the folders of tests that it names exist."""
    listed = commands_of(page)
    assert listed
    for program, words in listed:
        if program == "pytest":
            verb = words[words.index("-m") + 1] if "-m" in words else ""
            assert verb in {"", *MARKS, *PLACEHOLDERS}, words
            arguments = words
        else:
            verb, *options = words
            assert verb in {*VERBS, *SYNONYMS, *PLACEHOLDERS, "--version"}, words
            arguments = (
                [] if verb == "--version" else command_line(verb, [word for word in options if word != "--json"])
            )
        known, unknown = pytestconfig._parser.parse_known_and_unknown_args(arguments)  # noqa: SLF001 -- no public name
        assert unknown == [], words
        assert all((ROOT / path).exists() for path in known.file_or_dir if str(path).startswith("tests")), words


@pytest.mark.parametrize("page", PAGES)
def test_module_that_a_page_runs_exists(page: str) -> None:
    """As in ``python -m sqlite_consolidate.sample``."""
    names = re.findall(r"python3? -m ((?:sqlite_consolidate|tests)[\w.]*\w)", (ROOT / page).read_text("utf-8"))

    assert [name for name in names if find_spec(name) is None] == []


@pytest.mark.parametrize("page", pages_with("text"))
def test_output_of_a_page_is_compared(page: str) -> None:
    """By the test that the table of this module names."""
    module, _, test = COMPARED[page].partition("::")

    assert f"def {test}(" in Path(__file__).with_name(module).read_text("utf-8")
