"""Compile a template once, and keep its bytecode as Python keeps that of modules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import jinja2
import pytest

from sqlite_consolidate.report.html.template_environment import load_template
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a template that shows a name."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "greeting.html.j2"
    path.write_text("Hello {{ name }}", "utf-8")
    return path


def rendered(path: Path) -> str:
    """Return what a new process would render."""
    return load_template(path).render(name="<Ada>")


def kept(path: Path) -> list[Path]:
    """List the files beside a template that are no template."""
    return [file for file in path.parent.rglob("*") if file.is_file() and file != path]


def test_template_is_compiled_once(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process reads the bytecode, and renders the same."""

    def compiled_again(*_args: object, **_options: object) -> NoReturn:
        raise AssertionError

    first = rendered(template)
    monkeypatch.setattr(jinja2.Environment, "compile", compiled_again)

    assert rendered(template) == first == "Hello &lt;Ada&gt;"
    assert len(kept(template)) == 1


def test_changed_template_is_compiled_again(template: Path) -> None:
    """The bytecode of its older text is replaced."""
    rendered(template)
    template.write_text("Good evening {{ name }}", "utf-8")

    assert rendered(template) == "Good evening &lt;Ada&gt;"
    assert len(kept(template)) == 1


@pytest.mark.parametrize("length", [30, *thorough(0, 3, 60, 200)])
def test_damaged_bytecode_is_compiled_again(template: Path, length: int) -> None:
    """Half a file of another process is as good as none."""
    rendered(template)
    (file,) = kept(template)
    data = file.read_bytes()
    file.write_bytes(data[:length])

    assert rendered(template) == "Hello &lt;Ada&gt;"
    assert file.read_bytes() == data


def test_folder_without_write_permission_is_no_error(template: Path) -> None:
    """An installation of another user is compiled in each process."""
    (template.parent / "__pycache__").write_text("no folder")

    assert rendered(template) == "Hello &lt;Ada&gt;"
    assert [file.name for file in kept(template)] == ["__pycache__"]


def test_no_bytecode_is_written_on_request(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONDONTWRITEBYTECODE holds for templates, too."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    assert rendered(template) == "Hello &lt;Ada&gt;"
    assert kept(template) == []
