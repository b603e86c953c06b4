"""Specify that `git apply` accepts the diff of the code."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.git import unified_diff
from sqlite_consolidate.engine.code.rewrite import Rewrite

if TYPE_CHECKING:
    from pathlib import Path

LONG = b"".join(b"line %d\n" % number for number in range(40))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("pkg/code.py", LONG + b"old\n" + LONG, LONG + b"new\n" + LONG + b"more\n"),
        ("no newline.py", b"a\nold", b"a\nnew"),
        ("newline gained.py", b"a", b"a\nb\n"),
        ("newline lost.py", b"a\nb\n", b"a"),
        ("crlf.py", b"a\r\nold\r\nc\r\n", b"a\r\nnew\r\nc\r\n"),
        ("mixed.py", b"a\r\nold\rb\n\x0c\x1c\xe2\x80\xa8\n", b"a\r\nnew\rb\n\x0c\x1c\xe2\x80\xa8\n"),
        ("latin.ini", b"caf\xe9 old\n\xff", b"caf\xe9 new\n\xff"),
        ("empty.py", b"", b"def f(): ...\n"),
        ('odd "name"\t\\é.py', b"old\n", b"new\n"),
    ],
)
def test_git_apply_makes_the_same_bytes(tmp_path: Path, file: str, before: bytes, after: bytes) -> None:
    """Line endings, encodings, missing last line feeds and unusual names are kept.

    The diff applies beside another file, and in reverse.
    """
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(before)
    (tmp_path / "other.py").write_bytes(b"1\n")

    diff = unified_diff([Rewrite(file, before, after), Rewrite("other.py", b"1\n", b"2\n")])
    git_apply(tmp_path, diff)
    applied = path.read_bytes(), (tmp_path / "other.py").read_bytes()
    git_apply(tmp_path, diff, "--reverse")

    assert applied == (after, b"2\n")
    assert path.read_bytes() == before


def test_git_apply_works_in_subfolder_of_repository(tmp_path: Path) -> None:
    """The paths of the diff are relative to the workspace.

    Applied in it, the diff changes the file there and no other.
    """
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    workspace = tmp_path / "services" / "shop"
    workspace.mkdir(parents=True)
    for folder in (tmp_path, workspace):
        (folder / "code.py").write_bytes(b"old\n")

    git_apply(workspace, unified_diff([Rewrite("code.py", b"old\n", b"new\n")]))

    assert (workspace / "code.py").read_bytes() == b"new\n"
    assert (tmp_path / "code.py").read_bytes() == b"old\n"


def test_no_rewrites_are_an_empty_diff() -> None:
    """Without rewrites the diff is empty."""
    assert unified_diff([]) == ""


def git_apply(folder: Path, diff: str, *options: str) -> None:
    """Apply the diff with git itself, from its bytes."""
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *options],
        cwd=folder,
        input=diff.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
