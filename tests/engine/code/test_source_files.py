"""Specify which code files are read, and that their bytes can be restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.source_files import CodeFile, is_database, read_code_file
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "data", "encoding"),
    [
        ("a.py", "x = 'é'\r\n".encode(), "utf-8"),
        ("a.py", b"\xef\xbb\xbfx = 1\n", "utf-8-sig"),
        ("a.pyi", b"# coding: latin-1\nx = '\xe9'", "iso-8859-1"),
        ("a.ini", b"x = \xe9\x00\r", "latin-1"),
        ("a.ini", "x = é".encode(), "utf-8"),
    ],
)
def test_text_becomes_the_same_bytes_again(tmp_path: Path, file: str, data: bytes, encoding: str) -> None:
    """The encoding may be declared by Python source or found by trial."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / file).write_bytes(data)

    code = read_code_file(tmp_path, f"pkg/../pkg/{file}")

    assert isinstance(code, CodeFile)
    assert (code.file, code.data, code.encoding) == (f"pkg/{file}", data, encoding)
    assert code.text.encode(code.encoding) == data


def test_databases_are_known_by_their_names() -> None:
    """Sidecar files and archives are recognised without being opened."""
    databases = ["a.db", "a.DB3", "a.sqlite-wal", "a.sqlite3-journal", "a.db.archived_20250131_120000"]
    others = ["db.py", "a.db.py", "a.db.txt", "adb", "a.dbx"]

    assert [name for name in databases + others if is_database(name)] == databases


def test_links_databases_and_folders_are_not_read(tmp_path: Path) -> None:
    """A rewrite would replace a link by a file, or change a file outside the workspace."""
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "code.py").write_text("x = 1\n", encoding="utf-8")
    (root / "folder").symlink_to(outside)
    (root / "link.py").symlink_to(outside / "code.py")
    (root / "tasks.db").write_text("not opened", encoding="utf-8")
    (root / "pkg.py").mkdir()
    files = ["folder/code.py", "link.py", "tasks.db", "pkg.py"]

    read_files = [read_code_file(root, file) for file in files]

    problems = [result for result in read_files if isinstance(result, Problem)]
    assert [(problem.id, problem.subject) for problem in problems] == [("code-file-unfit", file) for file in files]
    assert len({problem.what for problem in problems}) == len(files), "each has a reason of its own"
