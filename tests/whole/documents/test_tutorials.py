"""Run the tutorials of the documentation, and compare what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sqlite_consolidate.plan.loader import load
from tests.support.documents.reader_shell import BLOCK, run_as_reader

ROOT = Path(__file__).parents[3]
TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
REFUSED = 4


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_plans_of_a_tutorial_are_valid(page: Path, tmp_path: Path) -> None:
    """A reader copies them."""
    plans = [block for language, block in BLOCK.findall(page.read_text("utf-8")) if language == "toml"]

    assert plans
    for text in plans:
        (tmp_path / "consolidation.toml").write_text(text)
        assert load(tmp_path / "consolidation.toml").sources


@pytest.mark.thorough
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_tutorial_shows_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    """A block without a language is a part of what was printed before it.

    A plan is written to the file that the page names.
    """
    text = page.read_text("utf-8")
    (plan,) = set(re.findall(r"`(\w+/consolidation\.toml)`", text))
    folder, printed, code = tmp_path / "folder", "", 0
    folder.mkdir()
    for language, block in BLOCK.findall(text):
        match language:
            case "sh":
                code, printed = run_as_reader(folder, block)
                assert code in (0, REFUSED), printed
            case "toml":
                (folder / plan).write_text(block)
            case _:
                assert [line for line in block.splitlines() if line not in printed.splitlines()] == [], printed
                assert code == (REFUSED if "[key-collision]" in block else 0)
