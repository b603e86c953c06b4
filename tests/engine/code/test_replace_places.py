"""Specify that a replacement stands wherever its expression was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.plan.parts.programs import Reference
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.problem import Problem

IMPORT = "from places import root"


def planned(root: Path, code: str, find: str, replace: str, statement: str = "") -> tuple[str, tuple[Problem, ...]]:
    """Return the code after its rewrite, empty without one, and the problems."""
    write(root, "a.py", code)
    reference = Reference.model_validate({"file": "a.py", "find": find, "replace": replace, "import": statement})
    rewrites, problems = plan_rewrites(root, [reference], [])
    return "".join(rewrite.after.decode() for rewrite in rewrites), problems


@pytest.mark.parametrize(
    ("code", "find", "replace", "after"),
    [
        ("f\"x:{L / 't.db'}\"", 'L / "t.db"', 'root() / "m.db"', "f\"x:{root() / 'm.db'}\""),
        ("f'x:{L / \"t.db\"}'", "L / 't.db'", "root() / 'm.db'", "f'x:{root() / \"m.db\"}'"),
        ("f'''x:{L / \"t.db\"}'''", 'L / "t.db"', 'root() / "m.db"', "f'''x:{root() / \"m.db\"}'''"),
        ("f\"{L / 't.db'!r:>{width}}\"", 'L / "t.db"', 'root("m")', "f\"{root('m')!r:>{width}}\""),
        ("f\"{L / 't.db'}\"", 'L / "t.db"', 'root("it\'s")', "f\"{root('''it's''')}\""),
        ("f\"{d['a'] / 't.db'}\"", 'd["a"] / "t.db"', 'd["b"]', "f\"{d['b']}\""),
        ("f\"{L / 't.db'}\"", 'L / "t.db"', '{"a": 1}["a"]', "f\"{({'a': 1}['a'])}\""),
        ("f\"{L / 't.db'}\"", 'L / "t.db"', "lambda: root()", 'f"{(lambda: root())}"'),
        ("f\"{L / 't.db'}\"", 'L / "t.db"', 'root(\n    "m.db",  # all\n)', "f\"{root('m.db')}\""),
        ("f\"a {f'{L}/t.db'} b\"", 'f"{L}/t.db"', 'f"{R}/m.db"', "f\"a {f'{R}/m.db'} b\""),
        ("f\"a {f'{L}/t.db'} b\"", 'f"{L}/t.db"', 'str(root() / "m.db")', "f\"a {str(root() / 'm.db')} b\""),
        ('f"{L}/t.db"', 'f"{L}/t.db"', 'root("m.db")', 'root("m.db")'),
        ('L + "t.db"', '"t.db"', "b if new else c", "L + (b if new else c)"),
    ],
)
def test_quotes_are_adapted_to_the_place(tmp_path: Path, code: str, find: str, replace: str, after: str) -> None:
    """What was replaced is found again, so that a second run changes nothing."""
    first, problems = planned(tmp_path, f"x = {code}\n", find, replace)
    second, later_problems = planned(tmp_path, first, find, replace)

    assert (first, problems) == (f"x = {after}\n", ())
    assert (second, later_problems) == ("", ())


@pytest.mark.parametrize("replace", [r'root("a\\b")', r'"m\n.db"'])
def test_backslash_in_an_f_string_is_refused(tmp_path: Path, replace: str) -> None:
    """Python 3.11 does not allow it there."""
    after, problems = planned(tmp_path, "x = f\"{L / 't.db'}\"\n", 'L / "t.db"', replace)

    assert after == ""
    assert [problem.id for problem in problems] == ["bad-replace"]


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ('class A:\n    p = "t.db"\n', "from places import root\n\nclass A:\n    p = root()\n"),
        ('class A:\n    p: str = "t.db"\n', "from places import root\n\nclass A:\n    p: str = root()\n"),
        ('def f(p="t.db"): ...\n', "from places import root\n\ndef f(p=root()): ...\n"),
        ('def f(root, *, p="t.db"): ...\n', "from places import root\n\ndef f(root, *, p=root()): ...\n"),
        ('x = lambda p="t.db": p\n', "from places import root\n\nx = lambda p=root(): p\n"),
        ('@option("t.db")\ndef f(): ...\n', "from places import root\n\n@option(root())\ndef f(): ...\n"),
        (
            'from places import root as r\nx = "t.db"\n',
            "from places import root as r, root\nx = root()\n",
        ),
        (
            'class A:\n    p = "t.db"\n\nfrom places import root\n',
            "from places import root\n\nclass A:\n    p = root()\n\nfrom places import root\n",
        ),
        (
            'def f():\n    return "t.db"\n\nfrom places import root\n',
            "def f():\n    return root()\n\nfrom places import root\n",
        ),
        (
            'if TYPE_CHECKING:\n    from places import root\nx = "t.db"\n',
            "from places import root\n\nif TYPE_CHECKING:\n    from places import root\nx = root()\n",
        ),
        (
            'class A:\n    root = 1\n    def f(self): return "t.db"\n',
            "from places import root\n\nclass A:\n    root = 1\n    def f(self): return root()\n",
        ),
    ],
)
def test_import_precedes_what_is_evaluated_on_load(tmp_path: Path, code: str, after: str) -> None:
    """A class body, a default and a decorator need it before, the body of a function does not."""
    assert planned(tmp_path, code, '"t.db"', "root()", IMPORT) == (after, ())


@pytest.mark.parametrize(
    "code",
    [
        'from elsewhere import root\nx = "t.db"\n',
        'import elsewhere as root\nx = "t.db"\n',
        'def root(): ...\nx = "t.db"\n',
        'root = 1\nx = "t.db"\n',
        'def f(root): return "t.db"\n',
        'def f():\n    root = 1\n    return "t.db"\n',
        'class A:\n    root = 1\n    x = "t.db"\n',
    ],
)
def test_name_with_another_meaning_is_refused(tmp_path: Path, code: str) -> None:
    """The replacement would use, or the import would replace, what the code means by it."""
    after, problems = planned(tmp_path, code, '"t.db"', "root()", IMPORT)
    renamed, _ = planned(tmp_path, code, '"t.db"', "target_root()", f"{IMPORT} as target_root")

    assert after == ""
    assert [(problem.id, problem.subject.partition(":")[0]) for problem in problems] == [("name-in-code-taken", "a.py")]
    assert "target_root()" in renamed


def test_import_alias_is_used_as_the_file_has_it(tmp_path: Path) -> None:
    """The import is there already, and is not repeated."""
    code = 'import os.path as p\nx = p.join(L, "t.db")\n'

    after, problems = planned(tmp_path, code, 'p.join(L, "t.db")', 'p.join(R, "m.db")', "import os.path as p")

    assert (after, problems) == ('import os.path as p\nx = p.join(R, "m.db")\n', ())
