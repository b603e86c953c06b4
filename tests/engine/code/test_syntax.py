"""Specify how code of a plan is put into source text."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.code import syntax
from sqlite_consolidate.engine.code.insertions import add_definitions, add_import
from sqlite_consolidate.engine.code.syntax import PythonCode
from sqlite_consolidate.problem import ProblemError

NAME = "get_workspace_root"
FROM = "from meridian.paths import"
IMPORT = f"{FROM} {NAME}"


@pytest.mark.parametrize(
    ("before", "find", "replace", "after"),
    [
        ("x = logs().name\n", "logs()", "a / b", "x = (a / b).name\n"),
        ("x = (logs()).name\n", "logs()", "a / b", "x = (a / b).name\n"),
        ('def f(): return"x.db"\n', '"x.db"', "where()", "def f(): return(where())\n"),
        ("x = -logs() ** 2\n", "logs()", "a or b", "x = -(a or b) ** 2\n"),
        ("x = f'{logs()}'\n", "logs()", "{1: 2}", "x = f'{({1: 2})}'\n"),
        ("x = logs()\n", "logs()", "(\n    a\n    / b\n)", "x = (\n    a\n    / b\n)\n"),
    ],
)
def test_replacement_gets_parentheses_only_where_it_needs_them(
    before: str, find: str, replace: str, after: str
) -> None:
    """The meaning of the replacement does not depend on its surroundings."""
    (place,) = PythonCode(before).spans(find)

    assert PythonCode(before).replace_span(before, place, replace) == after


def test_name_is_replaced_only_where_it_is_read() -> None:
    """Definitions, imports, attributes, keywords and assignments are not replaced."""
    text = "from a import OLD as OLD\nOLD = 1\nc.OLD = f(OLD=2)\ndef OLD(OLD): global OLD_\nprint(OLD)\ndel OLD\n"

    places = PythonCode(text).spans("OLD")

    assert places == [(text.index("(OLD)\ndel") + 1, text.index(")\ndel"))]


@pytest.mark.parametrize(
    ("text", "find", "place"),
    [
        ("x = a and b and c\n", "a and b", "a and b"),
        ("x = \ufb01le\n", "file", "\ufb01le"),
        ("import q; x = f(a)\n", "a", "a"),
        ("@d(a)\ndef f(): ...\n", "a", "a"),
        ("\f\nx = 1\r\n\r\ny = (\r\n  a\r\n)", "a", "a"),
        ("x = 1\n@(\n  a\n)\ndef f(): ...\n", "a", "a"),
        ("x = a \\\n\ny = 1\n", "a", "a"),
        ("x = 1; \\\n y = a\n", "a", "a"),
    ],
    ids=["chain", "letters", "line", "decorator", "line-ends", "parentheses", "empty-line", "backslash"],
)
def test_place_is_found_in_its_statement(text: str, find: str, place: str) -> None:
    """Only statements that may have the expression are read."""
    (span,) = PythonCode(text).spans(find)

    assert text[span.start : span.end] == place


@pytest.mark.parametrize(
    ("text", "find"),
    [
        ("x = ((a).b).c + (a.b)\n", "a.b"),
        ("y = a[(b)](c)\nz = (a)[b]\n", "a[b]"),
        ("x = '\u00fc' + f(\n  '\u00e9' )  # \u00fc\ny = '\u00fc'; z = f('\u00e9')\n", "f('\u00e9')"),
        ("x = ('a'\n  'b') + 'ab'\n", "'ab'"),
        ("x = 1 + (a) + b + c\ny = (a + b) + c\n", "a + b + c"),
        ("match x:\n    case a.b:\n        print(a.b)\n", "a.b"),
        ("del a.b; a.b = a.b; a.b += a.b\n", "a.b"),
        ("x = f'{a}' + a\ny = a\n", "a"),
        ("x = f'a{1:a}' 'a' + 'a'\n", "'a'"),
        ("@d(a)\nclass A(a, k=a):\n\tx: a = a\n\f\ndef f(a=a): ...\n", "a"),
    ],
)
def test_place_by_python_is_that_by_libcst(text: str, find: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """libcst, which takes longer, is a second reader of the same places."""
    by_python = PythonCode(text).spans(find)
    monkeypatch.setattr(syntax, "_EXACTLY_PLACED", ())

    assert by_python == PythonCode(text).spans(find) != []


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("import os\n", f"import os\n{IMPORT}\n"),
        ("from __future__ import annotations\n", f"from __future__ import annotations\n{IMPORT}\n"),
        ('"""Doc."""\nfrom a import b\n\n', f'"""Doc."""\nfrom a import b\n{IMPORT}\n\n'),
        ('"""Doc."""\n\n', f'"""Doc."""\n\n{IMPORT}\n\n'),
        ("#!/usr/bin/env python\n# coding: utf-8\n\n", f"#!/usr/bin/env python\n# coding: utf-8\n\n{IMPORT}\n\n"),
        ('import a; s = """\n"""\n', f'import a; s = """\n"""\n{IMPORT}\n'),
        (f"{FROM} other\n", f"{FROM} other, {NAME}\n"),
        (f"{FROM} other as there\n", f"{FROM} other as there, {NAME}\n"),
        (f"{FROM} (\n    a,\n    b,\n)\n", f"{FROM} (\n    a,\n    b,\n    {NAME},\n)\n"),
        (f"{FROM} (\n    a,  # why\n    b\n)\n", f"{FROM} (\n    a,  # why\n    b,\n    {NAME}\n)\n"),
        (f"{FROM} (\n    a,\n)\n", f"{FROM} (\n    a,\n    {NAME},\n)\n"),
        (f"{FROM} (\n    a,  # why\n)\n", f"{FROM} (\n    a,  # why\n)\n{IMPORT}\n"),
        (f"{FROM} (a)\n", f"{FROM} (a, {NAME})\n"),
        (f"{FROM} a, \\\n    b\n", f"{FROM} a, \\\n    b, \\\n    {NAME}\n"),
        (f"{FROM} *\n", f"{FROM} *\n{IMPORT}\n"),
        ("from .paths import get_logs_dir\n", f"from .paths import get_logs_dir\n{IMPORT}\n"),
        (f"{FROM} x, {NAME}\n", f"{FROM} x, {NAME}\n"),
        (f"def f():\n    {IMPORT}\n", f"{IMPORT}\n\ndef f():\n    {IMPORT}\n"),
        (f"@a\ndef f():\n    {IMPORT}\n", f"{IMPORT}\n\n@a\ndef f():\n    {IMPORT}\n"),
    ],
)
def test_import_is_added_once_in_its_place(head: str, expected: str) -> None:
    """It follows the last import, or joins one of the same module."""
    result = add_import(f"{head}x = 1\n", IMPORT, before=len(head))

    assert result == f"{expected}x = 1\n"


def test_import_stands_above_the_first_place_that_needs_it() -> None:
    """Code that runs while the module is loaded needs the import before it."""
    result = add_import("import a\nx = 1\nimport b\n", IMPORT, before=len("import a\n"))

    assert result == f"import a\n{IMPORT}\nx = 1\nimport b\n"


def test_insert_adds_what_the_module_lacks_at_its_end() -> None:
    """With two blank lines before each, and whatever comments and decorators belong to it."""
    code = "# first\n@cache\ndef one():\n    return 'x'\n\nclass Two:\n    pass  # second\n"
    added = "# first\n@cache\ndef one():\n    return 'x'\n\n\nclass Two:\n    pass  # second\n"

    assert add_definitions("", code) == added
    assert add_definitions("x = 1\n", code) == "x = 1\n\n\n" + added
    assert add_definitions("x = 1\n\n\n\n", code) == "x = 1\n\n\n\n" + added
    assert add_definitions("x = 1", code) == "x = 1\n\n\n" + added.removesuffix("\n")


HELPER = "def one():\n    return 1\n"


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("import a\n\n\ndef main():\n    return one()\n\n\n", 'if __name__ == "__main__":\n    main()\n'),
        ("import a\n\n\n", "# why\nX = one()\n"),
        ("def main():\n    return one()\n\n\n", "sys.exit(main())\n"),
        ("from __future__ import annotations\n\nimport a\n\n\n", "def f(x=one()): ...\n"),
        ("import a\n\n\n", "@a.cached(one)\nclass Two: ...\n"),
        ('"""Doc."""\n\n\nclass A: ...\n\n\nclass B(A):\n    x: A = None\n\n\n', "a = [A() for _ in b]\n"),
        ("", "X = one()\n"),
    ],
)
def test_insert_precedes_code_that_runs_it_on_load(head: str, tail: str) -> None:
    """Such code is a constant, a decorator, a default, a call of main, or a guard."""
    assert add_definitions(head + tail, HELPER) == f"{head}{HELPER}\n\n{tail}"


@pytest.mark.parametrize(
    "text",
    [
        "import a\nlog = a.get(__name__)\n\n\ndef f(x: A) -> A:\n    return one()\n",
        "class A: ...\n\n\nclass B(A):\n    def f(self):\n        return one()\n\n\nx = lambda: one()\n",
    ],
)
def test_insert_is_appended_when_nothing_runs_it_earlier(text: str) -> None:
    """Bodies of functions run later, and imported code cannot use the definition."""
    assert add_definitions(text, HELPER) == f"{text}\n\n{HELPER}"


def test_insert_before_guard_keeps_line_endings_and_gap() -> None:
    """One blank line becomes two, with the line endings of the file."""
    text = 'import a\r\n\r\nif __name__ == "__main__": a.run()'

    assert add_definitions(text, "def one(): ...") == (
        'import a\r\n\r\n\r\ndef one(): ...\r\n\r\n\r\nif __name__ == "__main__": a.run()'
    )


def test_insert_leaves_the_same_code_alone_whatever_its_layout() -> None:
    """Only a missing definition is added, and only once."""
    code = "def one():\n    return 'x'\nclass Two: ...\n"

    once = add_definitions('def one( ):\n  return "x"\none.kept = True\n', code)

    assert once == 'def one( ):\n  return "x"\none.kept = True\n\n\nclass Two: ...\n'
    assert add_definitions(once, code) == once


@pytest.mark.parametrize(
    ("text", "code", "id", "subject", "named"),
    [
        ("\ndef f():\n    return 2\n", "def f():\n    return 1\n", "name-in-code-taken", "a.py:2", '"f"'),
        ("from a import f\n", "def f(): ...", "name-in-code-taken", "", '"f"'),
        ("x\n", "def f(:", "bad-insert", "", "line 1"),
        ("x\n", "def f(): ...\nx = 2", "bad-insert", "", "line 2"),
        ("x\n", "# nothing\n", "bad-insert", "", ""),
    ],
)
def test_insert_that_does_not_fit_is_refused(text: str, code: str, id: str, subject: str, named: str) -> None:
    """Other code under the same name is kept, and the operator decides."""
    with pytest.raises(ProblemError) as refused:
        add_definitions(text, code, "a.py")

    (problem,) = refused.value.problems
    assert (problem.id, problem.subject) == (id, subject)
    assert named in problem.what
    assert problem.hint


def test_replacement_in_too_deep_code_is_refused() -> None:
    """The place is found, and the syntax trees before and after cannot be compared."""
    text = "x = y" + " + 1" * 1500
    (place,) = PythonCode(text).spans("y")

    with pytest.raises(ProblemError) as raised:
        PythonCode(text).replace_span(text, place, "z")

    assert raised.value.ids == ("code-unparsable",)


@pytest.mark.parametrize("text", ["@(\n  a and b\n)\ndef f(): ...\n", "def f():\n  return(lambda: a and b)()\n"])
def test_place_in_code_that_libcst_refuses_is_refused(text: str) -> None:
    """Python's tree has no place of a condition."""
    with pytest.raises(ProblemError) as raised:
        PythonCode(text).spans("a and b")

    assert raised.value.ids == ("code-unparsable",)
