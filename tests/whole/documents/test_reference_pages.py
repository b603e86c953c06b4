"""Hold the reference pages against the code that they follow from."""

from __future__ import annotations

import pytest

from tests.support.documents.reference_pages import FOLDER, reference_pages

PAGES = reference_pages()


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_that_of_the_code(name: str) -> None:
    """``python -m tests.support.documents.reference_pages`` writes the pages again."""
    assert (FOLDER / name).read_text("utf-8") == PAGES[name]
