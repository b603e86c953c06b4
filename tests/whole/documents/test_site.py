"""Build the documentation as a site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_every_page_is_in_the_navigation() -> None:
    """A page that the navigation lacks is not found."""
    text = (ROOT / "mkdocs.yml").read_text("utf-8")

    assert set(re.findall(r"\S+\.md$", text, re.MULTILINE)) == PAGES


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page}" for page in sorted(PAGES))])
def test_links_of_a_page_lead_to_a_file(page: str) -> None:
    """The pages are read in the repository as well."""
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text("utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.thorough
def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """The build is strict, so that a broken link or anchor fails it."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site")))

    assert (tmp_path / "site" / "reference" / "plan.html").is_file()
