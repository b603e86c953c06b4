"""Run the tutorials of the documentation, and compare what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.documents.reader_shell import BLOCK, run_as_reader

ROOT = Path(__file__).parents[3]
TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
REFUSED = 4


def file_before(text: str, end: int) -> str:
    """Return the name of the file that a page names last before a position."""
    return str(re.findall(r"`([\w/]+\.toml)`", text[:end])[-1])


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_tutorial_names_the_file_of_each_plan(page: Path) -> None:
    """A reader has to know where to write it."""
    text = page.read_text("utf-8")
    plans = [place.start() for place in BLOCK.finditer(text) if place[1] == "toml"]

    assert plans
    assert {Path(file_before(text, start)).name for start in plans} <= {"consolidation.toml", "plan.toml", "fleet.toml"}


@pytest.mark.thorough
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_tutorial_shows_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    """A block of text is a part of what was printed before it.

    TOML is written to the file that the page named last.
    """
    text = page.read_text("utf-8")
    folder, printed, code = tmp_path / "folder", "", 0
    folder.mkdir()
    for place in BLOCK.finditer(text):
        language, block = place.groups()
        match language:
            case "sh":
                code, printed = run_as_reader(folder, block)
                assert code in (0, REFUSED), printed
            case "toml":
                (folder / file_before(text, place.start())).write_text(block)
            case _:
                lines = iter(printed.splitlines())  # a search in an iterator goes on behind the line before
                assert [line for line in block.splitlines() if line not in lines] == [], printed
                assert code == (REFUSED if "[key-collision]" in block else 0)
