"""Hold the sentences of the messages about code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.insertions import add_definitions
from sqlite_consolidate.engine.code.remaining import remaining_mentions, remaining_observations
from sqlite_consolidate.engine.code.rewrite import compile_observations, plan_rewrites, replacement_observations
from sqlite_consolidate.engine.code.scanning.scan import (
    failed_observations,
    find_mentions,
    mention_findings,
    stale_observations,
)
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.source_files import read_code_file
from sqlite_consolidate.plan.parts.programs import Exemption, Insert, Reference
from sqlite_consolidate.problem import ProblemError
from tests.support.scanned_trees import DATABASES, write

if TYPE_CHECKING:
    from pathlib import Path


def _reference(find: str, replace: str = "new()", import_: str = "", file: str = "code.py") -> Reference:
    return Reference(file=file, find=find, replace=replace, import_=import_)


@pytest.mark.parametrize(
    ("content", "references", "sentence"),
    [
        (
            b"x = (\n\n1",
            [_reference("x")],
            (
                "code.py:1: it is not valid Python: '(' was never closed. Correct the file, or what the plan puts"
                " into it. [code-invalid]"
            ),
        ),
        (
            b"x",
            [_reference("a b")],
            (
                "code.py: `find` is not a Python expression (invalid syntax): a b Write one expression, in"
                " parentheses if it spans several lines. [bad-find]"
            ),
        ),
        (
            b"x",
            [_reference("x", "y = 1")],
            (
                "code.py: `replace` is not a Python expression (invalid syntax): y = 1 Write one expression, in"
                " parentheses if it spans several lines. [bad-find]"
            ),
        ),
        (
            b"x",
            [_reference("x", import_="y")],
            (
                'code.py: `import` is not one import of named things: y Write it like "from package.module import'
                ' name". [bad-import]'
            ),
        ),
        (
            b"x",
            [_reference("x", import_="1 +")],
            (
                'code.py: `import` is not an import statement (invalid syntax): 1 + Write it like "from'
                ' package.module import name". [bad-import]'
            ),
        ),
        (
            b"x",
            [_reference("x", "y  # why")],
            (
                "code.py:1: the replacement cannot stand here ('(' was never closed): y  # why Write `replace`"
                " without a comment or backslash. [bad-replace]"
            ),
        ),
        (
            b"x.y",
            [_reference("x"), _reference("x.y")],
            ("code.py:1: x.y and x are found in the same place. Keep one of the two references. [references-overlap]"),
        ),
        (
            b"x = '\xe9'\n",
            [_reference("x")],
            (
                "code.py: its encoding is unclear: invalid or missing encoding declaration. Correct its coding"
                " line. [code-encoding]"
            ),
        ),
        (
            b"# coding: ascii\nx = '\xe9'\n",
            [_reference("x")],
            (
                "code.py: its bytes are not ascii, which it says it is. Correct its coding line, or save it"
                " again. [code-encoding]"
            ),
        ),
        (
            b"# coding: latin-1\nx\n",
            [_reference("x", "'\u2014'")],
            (
                "code.py: rewritten, it would have a character, '\\u2014', that iso-8859-1 cannot encode. Write it"
                " as an escape, or save the file as UTF-8. [code-encoding]"
            ),
        ),
        (
            b"x = 0",
            [_reference("y")],
            "code.py: y is not found, and neither is new(). Correct `find` or `file`. [not-found]",
        ),
        (
            b"\nx = 'a.db'",
            [_reference("open('a.db')")],
            (
                "code.py:2: open('a.db') is not found, and neither is new(). Correct `find` to what the file says"
                " here. [not-found]"
            ),
        ),
        (
            b"x\n\ny = x\n",
            [_reference("x")],
            (
                "code.py:1: x is found 2 times (lines 1, 3). Write `places = 2` if all are to be replaced. If not, make"
                " `find` more specific: take in more of the expression around the one meant. [found-more-than-once]"
            ),
        ),
        (
            b"try:\n    f'{x}'\nexcept (OSError) :\n    y\n",
            [_reference("x")],
            (
                "code.py: it has blanks that libcst loses: places in it cannot be told exactly. Change this file"
                " by hand, and take it out of the plan. [code-unparsable]"
            ),
        ),
        (
            b"x = y" + b" + 1" * 1500,
            [_reference("y")],
            (
                "code.py: it is nested too deeply to be read. Change this file by hand, and take it out of the"
                " plan. [code-unparsable]"
            ),
        ),
    ],
)
def test_rewrite_problem_has_these_sentences(
    tmp_path: Path, content: bytes, references: list[Reference], sentence: str
) -> None:
    """A better sentence changes one line here."""
    (tmp_path / "code.py").write_bytes(content)

    _, problems = plan_rewrites(tmp_path, references, [])

    assert [str(problem) for problem in problems] == [sentence]


def test_shell_script_takes_no_import_and_no_code(tmp_path: Path) -> None:
    """The message names the key of the plan."""
    (tmp_path / "app.sh").write_text("db=a.db", "utf-8")
    references = [_reference("a.db", "new.db", "import os", "app.sh")]

    _, problems = plan_rewrites(tmp_path, references, [Insert(file="app.sh", code="x = 1")])

    assert [str(problem) for problem in problems] == [
        "app.sh: `import` is for Python files only. Take it out of the plan. [not-python]",
        "app.sh: `code` is for Python files only. Take it out of the plan. [not-python]",
    ]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (
            "\ndef f():\n    return 2\n",
            "def f():\n    return 1\n",
            (
                'a.py:2: "f" is already defined, with other code. Give the new code another name, or take the'
                " entry out. [name-in-code-taken]"
            ),
        ),
        (
            "from a import f\n",
            "def f(): ...",
            (': the name "f" already stands for something else. Give the new code another name. [name-in-code-taken]'),
        ),
        (
            "x\n",
            "def f(:",
            (
                ": is not a definition (line 1 of it: invalid syntax). Give nothing but functions or classes;"
                " what they import can be imported inside them. [bad-insert]"
            ),
        ),
        (
            "x\n",
            "def f(): ...\nx = 2",
            (
                ": has something else than a definition in line 2. Give nothing but functions or classes; what"
                " they import can be imported inside them. [bad-insert]"
            ),
        ),
        (
            "x\n",
            "# nothing\n",
            (
                ": defines nothing. Give nothing but functions or classes; what they import can be imported"
                " inside them. [bad-insert]"
            ),
        ),
    ],
)
def test_insert_problem_has_these_sentences(text: str, code: str, sentence: str) -> None:
    """A better sentence changes one line here."""
    with pytest.raises(ProblemError) as refused:
        add_definitions(text, code, "a.py")

    assert str(refused.value) == sentence


def test_file_that_is_not_read_has_these_sentences(tmp_path: Path) -> None:
    """The hint names the file that the plan should have instead."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "code.py").touch()
    (root / "folder").symlink_to(tmp_path)
    (root / "link.py").symlink_to(tmp_path / "code.py")
    (root / "tasks.db").touch()
    (root / "pkg.py").mkdir()
    files = ["folder/code.py", "link.py", "tasks.db", "pkg.py", "absent.py"]

    assert [str(read_code_file(root, file)) for file in files] == [
        (
            "folder/code.py: a link leads it outside the workspace. Only files inside the workspace are"
            " changed. [code-file-unfit]"
        ),
        ("link.py: it is a symbolic link. Name the file that it points at, inside the workspace. [code-file-unfit]"),
        "tasks.db: it is a database, not code. Name the code that opens it. [code-file-unfit]",
        "pkg.py: it is not a regular file. Name a file that holds code. [code-file-unfit]",
        ("absent.py: there is no such file. Correct `file`, or take the entry out of the plan. [no-code-file]"),
    ]


def test_observations_of_rewritten_code_have_these_sentences(tmp_path: Path) -> None:
    """The observed state names the line."""
    (tmp_path / "done.py").write_text("\nx = new()\n", "utf-8")
    (tmp_path / "both.py").write_text("x = new()\ny = old()\n", "utf-8")
    (tmp_path / "none.py").write_text("x = = 1\n", "utf-8")
    (tmp_path / "other.py").write_text("x = 1\n", "utf-8")
    references = [_reference("old()", file=file) for file in ("done.py", "both.py", "other.py")]

    replaced = replacement_observations(tmp_path, references)
    compiled = compile_observations(tmp_path, ["done.py", "none.py"])

    assert [f"{result.expected} | {result.observed} | {result.todo}" for result in (*replaced, *compiled)] == [
        "new() instead of old() | replaced (line 2) | ",
        "new() instead of old() | old() is still there | Correct this place by hand, or roll back.",
        "new() instead of old() | neither of the two was found | Correct this place by hand, or roll back.",
        "compiles | compiles | ",
        ("compiles | it is not valid Python: invalid syntax. | Correct the file, or what the plan puts into it."),
    ]
    assert [result.observed for result in replacement_observations(tmp_path, [])] == [
        "the plan names no reference",
    ]
    assert [result.observed for result in compile_observations(tmp_path, ["config.yaml"])] == [
        "no Python file was rewritten",
    ]


def test_scan_has_these_sentences(tmp_path: Path) -> None:
    """A mention has a hint, a scan without one has its counts."""
    write(tmp_path, "a.py", "x = 'tasks.db'\n")
    write(tmp_path, "b.md", "tasks.db and task_queue.db")
    write(tmp_path, "c.sh", "cp tasks.db x")
    exempt = [Exemption(path="c.sh", reason="it is never called"), Exemption(path="docs/*", reason="history")]

    mentions = find_mentions(ScanScope(tmp_path, ["."], DATABASES, exempt=exempt))
    clean = find_mentions(ScanScope(tmp_path, ["b.md", "c.sh"], DATABASES, exempt=exempt))
    empty = find_mentions(ScanScope(tmp_path / "docs", [], DATABASES))

    [mention] = stale_observations(mentions)
    assert f"{mention.expected} | {mention.todo}" == (
        "no mention of tasks.db | Add a [[reference]] for it to the plan, change it by hand, or exempt"
        " it: [[scan.exempt]], with a reason."
    )
    assert [
        f"{result.expected} | {result.observed}" for result in (*stale_observations(clean), *stale_observations(empty))
    ] == [
        (
            "none names an old database | 2 files read, none does; 2 mentions in documentation; 1 mentions"
            " that the plan exempts"
        ),
        "nothing demanded | there is no text file to scan; 0 files read, none does",
    ]
    assert [finding.text for finding in mention_findings(mentions, exempt)] == [
        "names tasks.db (documentation).",
        "names task_queue.db (documentation).",
        "names tasks.db, exempt: it is never called.",
        "exempt in [scan], and names no old database: take it out.",
    ]


def test_remaining_mentions_have_these_sentences(tmp_path: Path) -> None:
    """Preflight states what the references of the plan do not replace."""
    write(tmp_path, "a.py", "x = open('tasks.db')\n")
    exempt = [Exemption(path="a.py", reason="it is never called")]

    def remaining(exempt: list[Exemption]) -> list[str]:
        scope = ScanScope(tmp_path, ["."], DATABASES, exempt=exempt)
        observations = remaining_observations(scope, remaining_mentions(scope, []), [])
        return [f"{entry.expected} | {entry.observed}" for entry in observations]

    assert remaining([]) == [
        "no mention of tasks.db | x = open('tasks.db')",
    ]
    assert remaining(exempt) == [
        "no mention remains | 1 file read, each mention of an old database is replaced or exempt",
    ]


def test_computed_name_has_this_sentence(tmp_path: Path) -> None:
    """It names the databases that the pattern can be."""
    write(tmp_path, "a.py", 'x = LOGS / f"events-{month}.db"\n')
    scope = ScanScope(tmp_path, ["."], ["events-2025-07.db", "events-2025-08.db"])

    observations = failed_observations(find_mentions(scope), lambda mention: mention.pattern)

    assert [entry.expected for entry in observations] == [
        "no computed name that can be events-2025-07.db and events-2025-08.db",
    ]
