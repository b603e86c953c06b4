"""Test how the steps of a rollback are listed."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.backup.rollback.steps import Step, folded_texts

_RENAMED = "renamed {} back"


def step(text: str, kind: str = "") -> Step:
    """Return a step that does nothing."""
    return Step(text, lambda: None, kind=kind)


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        (3, ["a0", "a1", "a2"]),
        (4, ["a0", "a1", "a2", "renamed 1 further file back"]),
        (6, ["a0", "a1", "a2", "renamed 3 further files back"]),
    ],
)
def test_further_steps_of_a_kind_are_counted(files: int, texts: list[str]) -> None:
    """Thousands of files have one text beside those of the first files."""
    steps = [step(f"a{number}", _RENAMED) for number in range(files)]

    assert [text for text in folded_texts(steps) if text] == texts


def test_steps_without_a_kind_are_all_listed() -> None:
    """Other kinds between them change nothing."""
    steps = [step(f"a{number}") if number % 2 else step(f"b{number}", _RENAMED) for number in range(10)]

    texts = [text for text in folded_texts(steps) if text]

    assert texts == ["b0", "a1", "b2", "a3", "b4", "a5", "renamed 2 further files back", "a7", "a9"]
