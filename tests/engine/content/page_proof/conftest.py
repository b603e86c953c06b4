"""Provide the page reader."""

from __future__ import annotations

import pytest

from tests.support.pages.program import need_page_reader


@pytest.fixture(autouse=True)
def _page_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the page reader."""
    need_page_reader(monkeypatch)
