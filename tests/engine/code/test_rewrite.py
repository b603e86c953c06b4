"""Specify that exactly the planned expressions of the code are rewritten, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import (
    Rewrite,
    compile_observations,
    plan_rewrites,
    replacement_observations,
)
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.parts.programs import Insert, Reference
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.problem import Problem

FIND = 'get_logs_dir() / "proposals.db"'
REPLACE = 'get_workspace_root() / "workspace.db"'
IMPORT = "from meridian.paths import get_workspace_root"
HELPER = "def one():\n    return 1\n"


def reference(file: str = "code.py", find: str = FIND, replace: str = REPLACE, import_: str = "") -> Reference:
    """Return an entry of a plan."""
    return Reference(file=file, find=find, replace=replace, import_=import_)


def rewritten(root: Path, content: str | bytes, *references: Reference, insert: str = "") -> bytes:
    """Write code.py, plan its rewrite without a problem, and return the new bytes."""
    data = content.encode() if isinstance(content, str) else content
    (root / "code.py").write_bytes(data)
    inserts = [Insert(file="code.py", code=insert)] if insert else []

    rewrites, problems = plan_rewrites(root, references or [reference()], inserts)

    assert problems == ()
    assert all(rewrite.before == data for rewrite in rewrites)
    assert (root / "code.py").read_bytes() == data, "planning writes nothing"
    return rewrites[0].after if rewrites else data


def problem(root: Path, content: str | bytes, *references: Reference) -> Problem:
    """Write code.py, plan its rewrite, and return its only problem."""
    (root / "code.py").write_bytes(content.encode() if isinstance(content, str) else content)

    rewrites, problems = plan_rewrites(root, references or [reference()], [])

    assert rewrites == ()
    assert [item.criterion for item in problems] == ["references-found"]
    assert problems[0].hint
    return problems[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = get_logs_dir() / "proposals.db"\n', f"x = {REPLACE}\n"),
        ("x = get_logs_dir( )/'proposals.db'  # old\n", f"x = {REPLACE}  # old\n"),
        ("x = get_logs_dir() / \"propo\" 'sals.db'\n", f"x = {REPLACE}\n"),
        ('x = get_logs_dir() / r"""proposals.db"""\n', f"x = {REPLACE}\n"),
        ('x = get_logs_dir() / "proposals\\x2edb"\n', f"x = {REPLACE}\n"),
        ('x = (\n    get_logs_dir()\n    / "proposals.db"\n)\n', f"x = (\n    {REPLACE}\n)\n"),
        ('x = get_logs_dir() \\\n  / ("proposals.db")\n', f"x = {REPLACE}\n"),
        ('x = str((get_logs_dir()) / "proposals.db")\n', f"x = str({REPLACE})\n"),
        ('def f(p=get_logs_dir()/"proposals.db"): return p\n', f"def f(p={REPLACE}): return p\n"),
        ("x = f\"sqlite:///{get_logs_dir() / 'proposals.db'}?mode=ro\"\n", None),
        ('x = get_logs_dir() / "proposals.db" / "é"\n', f'x = {REPLACE} / "é"\n'),
    ],
)
def test_expression_is_found_whatever_its_layout(tmp_path: Path, before: str, after: str | None) -> None:
    """Spacing, quotes, escapes, line breaks, and parentheses make no difference."""
    # Quotes inside an f-string must differ from its own before Python 3.12.
    replace = REPLACE if after else REPLACE.replace('"', "'")
    after = after or f'x = f"sqlite:///{{{replace}}}?mode=ro"\n'

    result = rewritten(tmp_path, before, reference(replace=replace))

    assert result.decode() == after


def test_everything_else_stays_byte_for_byte(tmp_path: Path) -> None:
    """Unusual spacing, comments, tabs, form feeds and trailing blanks are kept."""
    head = (
        b'"""Doc."""\n\x0c\nimport os ;  import sys\t# why\n\n\ndef  f( a,b ) :\n\treturn  {1 : 2}   \n# x\n\nx =   ('
    )
    tail = b")   # get_logs_dir() / 'proposals.db'\n\n\n   # end  \n\x0c\n"

    result = rewritten(tmp_path, head + FIND.encode() + tail)

    assert result == head + REPLACE.encode() + tail


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("latin-1", "# -*- coding: latin-1 -*-\n"),
        ("cp1252", "#!python\n# vim: fileencoding=cp1252\n"),
        ("utf-8-sig", ""),
    ],
)
def test_encoding_and_byte_order_mark_stay(tmp_path: Path, encoding: str, head: str) -> None:
    """A file comes out in the encoding that it states."""
    template = head + 'name = "Grüße"; x = {}\n'

    result = rewritten(tmp_path, template.format(FIND).encode(encoding))

    assert result == template.format(REPLACE).encode(encoding)


def test_line_endings_and_missing_last_newline_stay(tmp_path: Path) -> None:
    """Added text has the line endings of the file.

    A file without a last line feed still has none.
    """
    before = b'"""Doc."""\r\nimport os\r\n\r\nx = get_logs_dir() / "proposals.db"'

    result = rewritten(tmp_path, before, reference(import_=IMPORT), insert=HELPER)

    assert result == (
        b'"""Doc."""\r\nimport os\r\nfrom meridian.paths import get_workspace_root\r\n\r\n'
        b'x = get_workspace_root() / "workspace.db"\r\n\r\n\r\ndef one():\r\n    return 1'
    )


def test_several_entries_for_one_file_are_one_rewrite(tmp_path: Path) -> None:
    """Two spellings of one path are one file.

    An import that two references need is added once.
    """
    (tmp_path / "pkg").mkdir()
    before = 'x = logs() / "a.db"\ny = logs() / "b.db"\n'
    (tmp_path / "pkg/code.py").write_text(before, encoding="utf-8")
    references = [
        reference("pkg/code.py", 'logs() / "b.db"', "root()", "from m import root"),
        reference("pkg/../pkg/code.py", 'logs() / "a.db"', "root()", "from m import root"),
    ]

    rewrites, problems = plan_rewrites(tmp_path, references, [Insert(file="./pkg/code.py", code="def f(): ...")])

    after = "from m import root\n\nx = root()\ny = root()\n\n\ndef f(): ...\n"
    assert problems == ()
    assert rewrites == (Rewrite("pkg/code.py", before.encode(), after.encode()),)


def test_what_was_rewritten_before_needs_nothing(tmp_path: Path) -> None:
    """Planning a second time finds no work and no problem.

    That holds even if the replacement contains the old expression.
    """
    grown = reference(find="logs()", replace="logs().parent")
    first = rewritten(tmp_path, f"x = {FIND}\ny = logs()\n", reference(import_=IMPORT), grown, insert=HELPER)

    second = rewritten(tmp_path, first, reference(import_=IMPORT), grown, insert=HELPER)

    assert second == first
    assert b"y = logs().parent\n" in first


def test_import_is_added_where_the_replacement_was_made_before(tmp_path: Path) -> None:
    """The missing import of an expression that was replaced by hand is added.

    Another reference of the file is still replaced.
    """
    other = reference(find='get_logs_dir() / "tasks.db"', replace="second()", import_="from m import second")
    before = f'import os\nx = {REPLACE}\ny = get_logs_dir() / "tasks.db"\n'

    first = rewritten(tmp_path, before, other, reference(import_=IMPORT))
    second = rewritten(tmp_path, first, other, reference(import_=IMPORT))
    alone = rewritten(tmp_path, f"import os\nx = {REPLACE}\n", reference(import_=IMPORT))

    assert first.decode() == f"import os\nfrom m import second\n{IMPORT}\nx = {REPLACE}\ny = second()\n"
    assert second == first
    assert alone.decode() == f"import os\n{IMPORT}\nx = {REPLACE}\n"


def test_reference_never_there_is_not_taken_for_done(tmp_path: Path) -> None:
    """The replacement of another reference does not count for this one."""
    other = reference(find='get_logs_dir() / "never.db"')

    before = problem(tmp_path, f"x = {FIND}\n", reference(), other)
    after = problem(tmp_path, f"x = {REPLACE}\n", reference(), other)

    for refused in (before, after):
        assert (refused.id, refused.subject) == ("not-found", "code.py")
        assert other.find in refused.what
        assert other.replace in refused.what


def test_not_found_names_the_line_that_comes_nearest(tmp_path: Path) -> None:
    """The problem names the line of an expression that was changed after the plan was written."""
    refused = problem(tmp_path, '\nx = get_log_dir() / "proposals.db"\n')

    assert (refused.id, refused.subject) == ("not-found", "code.py:2")


def test_stated_number_of_places_is_replaced(tmp_path: Path) -> None:
    """They are replaced together, and not again by a second run.

    Any other number is refused.
    """
    code = f"class A:\n    db = {FIND}\n    def f(self, db={FIND}): ...\n"
    twice, thrice = (reference().model_copy(update={"places": number}) for number in (2, 3))

    after = rewritten(tmp_path, code, twice)
    refused = [problem(tmp_path, code, wanted) for wanted in (thrice, reference())]

    assert after.decode() == code.replace(FIND, REPLACE)
    assert rewritten(tmp_path, after, twice) == after
    assert [entry.outcome for entry in replacement_observations(tmp_path, [twice, thrice])] == [
        Outcome.PASSED,
        Outcome.FAILED,
    ]
    assert [(item.id, item.subject) for item in refused] == [
        ("found-too-rarely", "code.py:2"),
        ("found-more-than-once", "code.py:2"),
    ]
    assert "places = 2" in refused[1].hint


def test_found_more_than_once_names_the_lines(tmp_path: Path) -> None:
    """A reference must identify one place."""
    refused = problem(tmp_path, f"x = {FIND}\n\ny = ({FIND})\n")

    assert (refused.id, refused.subject) == ("found-more-than-once", "code.py:1")
    assert numbers_in(refused.what) == [2, 1, 3]


@pytest.mark.parametrize(
    ("content", "references", "id", "subject", "named"),
    [
        ("x = (\n\n1", [reference()], "code-invalid", "code.py:1", "'('"),
        ("x\n\nreturn 1\n", [reference()], "code-invalid", "code.py:3", "'return'"),
        ("x", [reference(find="a b")], "bad-find", "code.py", "`find`"),
        ("x", [reference(find="x", replace="y = 1")], "bad-find", "code.py", "`replace`"),
        ("x", [reference(find="x", import_="y")], "bad-import", "code.py", "`import`"),
        ("x", [reference(find="x", import_="from y import *")], "bad-import", "code.py", "from y import *"),
        ("x", [reference(find="x", import_="import")], "bad-import", "code.py", "`import`"),
        ("x", [reference(find="x", replace="y  # why")], "bad-replace", "code.py:1", "y  # why"),
        (
            "x.y",
            [reference(find="x", replace="a"), reference(find="x.y", replace="b")],
            "references-overlap",
            "code.py:1",
            "x.y",
        ),
        (
            "x",
            [reference(find="x", replace="a"), reference(find="x", replace="b")],
            "references-overlap",
            "code.py:1",
            "x",
        ),
        (b"x = '\xe9'\n", [reference()], "code-encoding", "code.py", "encoding"),
        (b"# coding: ascii\nx = '\xe9'\n", [reference()], "code-encoding", "code.py", "ascii"),
        (
            b"# coding: latin-1\nx\n",
            [reference(find="x", replace="'\u2014'")],
            "code-encoding",
            "code.py",
            "iso-8859-1",
        ),
        ("x = 0", [reference(find="x")], "not-found", "code.py", REPLACE),
        (
            "try:\n    f'{x}'\nexcept (OSError) :\n    y\n",
            [reference(find="x")],
            "code-unparsable",
            "code.py",
            "libcst",
        ),
        ("x = y" + " + 1" * 1500, [reference(find="y")], "code-unparsable", "code.py", "nested"),
    ],
)
def test_invalid_entry_is_a_problem_with_its_place(
    tmp_path: Path, content: str | bytes, references: list[Reference], id: str, subject: str, named: str
) -> None:
    """Nothing is rewritten, and the problem has its place and names the part that is wrong."""
    refused = problem(tmp_path, content, *references)

    assert (refused.id, refused.subject) == (id, subject)
    assert named in refused.what


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Each file and each entry of the plan can have a problem."""
    (tmp_path / "code.py").write_text("x = 1\n", encoding="utf-8")
    references = [
        reference("absent.py"),
        reference("code.py", find="a b", replace="c d", import_="e f"),
        reference("code.py", find="missing"),
    ]

    rewrites, problems = plan_rewrites(tmp_path, references, [Insert(file="code.py", code="x = 2")])

    assert rewrites == ()
    assert [(item.id, item.subject) for item in problems] == [
        ("no-code-file", "absent.py"),
        ("bad-import", "code.py"),
        ("bad-find", "code.py"),
        ("bad-find", "code.py"),
        ("not-found", "code.py"),
        ("bad-insert", "code.py"),
    ]
    assert [item.what.split("`")[1] for item in problems[1:4]] == ["import", "find", "replace"]
    assert numbers_in(problems[5].what) == [1]


def test_other_files_are_matched_letter_by_letter(tmp_path: Path) -> None:
    """Configuration is replaced as text, once, in any encoding.

    Imports and definitions are refused there.
    """
    (tmp_path / "app.ini").write_bytes(b"; caf\xe9\r\ndb = logs/tasks.db\r\n")
    (tmp_path / "two.env").write_bytes(b"A=tasks.db\nB=tasks.db\n")
    (tmp_path / "app.sh").write_bytes(b"db=tasks.db")
    references = [
        reference("app.ini", "logs/tasks.db", "new/logs/tasks.db"),
        reference("two.env", "tasks.db", "workspace.db"),
        reference("app.sh", "tasks.db", "workspace.db", IMPORT),
    ]

    rewrites, problems = plan_rewrites(tmp_path, references, [Insert(file="app.sh", code=HELPER)])

    assert [rewrite.after for rewrite in rewrites] == [b"; caf\xe9\r\ndb = new/logs/tasks.db\r\n"]
    assert [(item.id, item.subject) for item in problems] == [
        ("found-more-than-once", "two.env:1"),
        ("not-python", "app.sh"),
        ("not-python", "app.sh"),
    ]
    assert numbers_in(problems[0].what) == [2, 1, 2]
    assert [item.what.split("`")[1] for item in problems[1:]] == ["import", "code"]
    (tmp_path / "app.ini").write_bytes(rewrites[0].after)
    assert plan_rewrites(tmp_path, references[:1], []) == ((), ())


def test_compile_observations_name_the_line_and_run_nothing(tmp_path: Path) -> None:
    """Files are compiled from their bytes and never executed."""
    (tmp_path / "good.py").write_bytes(b"# coding: latin-1\nopen('made', 'w'); x = '\xe9\\d'\n")
    (tmp_path / "bad.py").write_bytes(b"x = 1\ny = = 2\n")

    observations = compile_observations(tmp_path, ["good.py", "bad.py", "absent.py", "config.yaml"])
    none = compile_observations(tmp_path, ["config.yaml"])

    assert [(observation.subject, observation.holds) for observation in observations] == [
        ("good.py", True),
        ("bad.py:2", False),
        ("absent.py", False),
    ]
    assert [(observation.outcome, observation.examined) for observation in none] == [(Outcome.NOT_REQUIRED, 0)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.py", "good.py"]


def test_updated_observations_tell_old_from_new(tmp_path: Path) -> None:
    """A reference passes if its replacement is present and its old expression is not."""
    (tmp_path / "done.py").write_text(f"\nx = {REPLACE}\n", encoding="utf-8")
    (tmp_path / "both.py").write_text(f"x = {REPLACE}\ny = {FIND}\n", encoding="utf-8")
    (tmp_path / "none.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "broken.py").write_text("x = (\n", encoding="utf-8")
    files = ["done.py", "both.py", "none.py", "broken.py", "absent.py"]

    observations = replacement_observations(tmp_path, [reference(file) for file in files])

    assert [(observation.subject, observation.holds) for observation in observations] == [
        ("done.py", True),
        ("both.py:2", False),
        ("none.py", False),
        ("broken.py", False),
        ("absent.py", False),
    ]
    assert numbers_in(observations[0].observed) == [2]
    [none] = replacement_observations(tmp_path, [])
    assert (none.outcome, none.examined) == (Outcome.NOT_REQUIRED, 0)
