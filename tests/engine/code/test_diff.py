"""Specify that `git apply` accepts the diff of the code."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.diff import diff_for_reports, unified_diff
from sqlite_consolidate.engine.code.rewrite import Rewrite
from sqlite_consolidate.engine.code.source_files import is_program_source

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


ENVIRONMENT = b"SECRET_KEY=hunter2\nDEBUG=1\nDB=old.db\n"
SETTINGS = b'SECRET_KEY = "hunter2"\nDB = "old.db"\nKEY = environ["SECRET_KEY"]\n'


def moved(file: str, text: bytes) -> Rewrite:
    """Return a rewrite that names the target."""
    return Rewrite(file, text, text.replace(b"old.db", b"main.db"))


def test_report_shows_only_changed_lines_of_configuration(tmp_path: Path) -> None:
    """No value is masked, so git applies it without context."""
    (tmp_path / ".env").write_bytes(ENVIRONMENT)
    (tmp_path / "code.py").write_bytes(b"a\nold.db\nb\n")

    diff = diff_for_reports([moved(".env", ENVIRONMENT), moved("code.py", b"a\nold.db\nb\n")], "set")
    git_apply(tmp_path, diff, "--unidiff-zero")

    assert [line for line in diff.splitlines() if line[0] in " +-"] == [
        "--- a/.env", "+++ b/.env", "-DB=old.db", "+DB=main.db",
        "--- a/code.py", "+++ b/code.py", " a", "-old.db", "+main.db", " b",
    ]  # fmt: skip
    assert "--unidiff-zero" in diff
    assert (tmp_path / ".env").read_bytes() == ENVIRONMENT.replace(b"old.db", b"main.db")


def test_report_masks_secrets_of_program_source() -> None:
    """The remark says where the whole diff is. A secret of a changed line is masked too."""
    changed = b"URL=postgres://app:hunter2@db/old.db\n"
    diff = diff_for_reports([moved("settings.py", SETTINGS), moved("shop.env", changed)], "set")

    assert "hunter2" not in diff
    assert 'SECRET_KEY = "***"\n' in diff
    assert 'KEY = environ["SECRET_KEY"]\n' in diff
    assert "+URL=postgres://app:***@db/main.db\n" in diff
    assert "cannot be applied" in diff.splitlines()[0]
    assert "set/code.diff" in diff.splitlines()[1]


def test_secret_that_begins_before_the_context_is_masked() -> None:
    """The lines of a private key that the diff shows do not tell that they are of one."""
    begin, end = b"-----BEGIN " + b"PRIVATE KEY-----", b"-----END " + b"PRIVATE KEY-----"
    key = b'KEY = """' + begin + b"\n" + b"MIIEvQIBADAN\n" * 9 + end + b'"""\nDB = "old.db"\n'

    assert "MIIE" not in diff_for_reports([moved("settings.py", key)], "set")


def test_report_escapes_what_a_terminal_obeys() -> None:
    """Line ends of the file stay, and a diff without such characters is the whole diff."""
    diff = diff_for_reports([Rewrite("a\x1b[2J.py", b"old\x1b]0;x\x07\x9b1m\rx\r\n", b"new\r\n")], "set")
    plain = [Rewrite("code.py", b"old\r\n\tx\n", b"new\r\n\tx\n")]

    assert "\n--- a/a\\x1b[2J.py\n" in diff
    assert "-old\\x1b]0;x\\x07\\udc9b1m\\x0dx\r\n+new\r\n" in diff
    assert "cannot be applied" in diff
    assert diff_for_reports(plain, "set") == unified_diff(plain)


@pytest.mark.parametrize(
    ("file", "is_source"),
    [("a.py", True), ("a.SH", True), ("README.md", True), (".env", False), ("shop.env", False), ("x.yaml", False),
     ("Dockerfile", False), ("shop.service", False), ("my.properties", False), ("compose.yml", False)],
)  # fmt: skip
def test_other_files_are_configuration(file: str, is_source: bool) -> None:
    """Their lines are not shown unless they change."""
    assert is_program_source(file) is is_source


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
