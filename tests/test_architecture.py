"""Specify the layers of the project.

Dependencies point down, only one room imports pytest, and the project has no further requirements.
"""

from __future__ import annotations

import ast
import runpy
import sys
import threading
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
import sqlite_utils.utils

from sqlite_consolidate import sqlite_library
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits, Progress
from tests.support.sources import MODULES, PACKAGE, ROOT, imports, name_of, nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

BASE, TOP = "modules that every room uses", "modules that use every room"
TOP_MODULES = ("library", "session")
ROOMS = (  # each may use itself and those before it
    BASE,
    "sqlite_library",
    "page_reader",
    "plan",
    "engine.sqlite",
    "engine.content",
    "engine.backup",
    "engine.merge",
    "engine.code",
    "engine.apps",
    "engine.checks",
    "engine.run",
    "engine.criteria",
    "engine.verbs",
    "sample",
    "report",
    "inventory",
    TOP,
    "faults",
    "fleet",
    "pytest_plugin",
)
APART = {
    "inventory": {"report"},
    "fleet": {"faults", "inventory", TOP},
    TOP: {"fleet"},
    "engine.code": {"engine.merge"},
}
ENGINE = [path for path in MODULES if path.is_relative_to(PACKAGE / "engine") and "audit_hook" not in path.parts]
STAGE_FUNCTIONS = [
    node
    for path in sorted((ROOT / "tests" / "stages").glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef)
]
TAKES_APART = {"partition", "rpartition", "split", "rsplit", "startswith", "endswith", "removeprefix", "removesuffix"}
TEXTS_OF_REPORTS = {"expected", "headline", "hint", "observed", "subject", "text", "todo", "what"}
MODULES_OF_A_FOLDER = 12
LINES_OF_A_MODULE = 400
OPENS = {  # function to the number of its arguments with the limits
    "encoding_of": 2,
    "open_existing": 2,
    "open_for_inspection": 2,
    "open_memory": 1,
    "open_new": 2,
    "open_readonly": 2,
    "open_unchanging": 2,
    "open_unlocked": 3,
    "scratch_database": 2,
}
WITHOUT_LIMITS = {
    "column_types.py": "stores one literal in memory",
    "copy_contents.py": "reads only the schema of a copy",
    "hot_journal.py": "SQLite rolls back a journal, which must not end in the middle",
    "key_map_file.py": "creates empty tables in memory",
    "restore.py": "SQLite rolls back a journal, changes the header or copies pages, by no long statement",
    "snapshot.py": "SQLite copies pages, by no statement",
    "worker_main.py": "another process, which the run ends",
}
BESIDE_MODULES = {"__init__.py", "__main__.py", "conftest.py"}
READ_IN_ORDER = ROOT / "tests" / "stages"
OF_ONE_RUN = (Deadline, Progress, Limits, threading.Event)


def breaches(rule: Callable[[Path], Collection[str]], paths: list[Path] = MODULES) -> dict[str, Collection[str]]:
    """Return what a rule objects to, by module."""
    return {str(path.relative_to(ROOT)): objections for path in paths if (objections := rule(path))}


def room(name: str) -> str:
    """Return the room of a module of the project, or an empty text."""
    project, *parts = name.split(".")
    if project != "sqlite_consolidate":
        return ""
    if not parts or parts[0] == "__version__":  # every room may state it
        return ""
    if parts[0] == "__main__":
        return "pytest_plugin"
    if (PACKAGE / f"{parts[0]}.py").is_file():
        return TOP if parts[0] in TOP_MODULES else BASE
    within = ".".join(parts[:2]) if parts[0] == "engine" else parts[0]
    return within if within in ROOMS else ""


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_modules_import_each_other() -> None:
    """Modules in a circle, type checking included, could only be read as one module."""
    names = {name_of(path): path for path in MODULES}
    waiting = {name: {other for other in imports(path) if other in names} - {name} for name, path in names.items()}
    waiting = {
        name: {other for other in others if not name.startswith(f"{other}.")} for name, others in waiting.items()
    }

    while free := {name for name, others in waiting.items() if not others & waiting.keys()}:
        waiting = {name: others for name, others in waiting.items() if name not in free}

    assert waiting == {}


def test_no_arrow_points_up() -> None:
    """A room imports only from itself and from the rooms below it."""
    assert breaches(_rooms_above) == {}


def _rooms_above(path: Path) -> set[str]:
    """Return the rooms that a module imports from and may not.

    An __init__ of packages is in no room.
    """
    importing = room(name_of(path))
    used = {room(name) for name in imports(path)} - {""}
    return used - set(ROOMS[: ROOMS.index(importing) + 1]) | used & APART.get(importing, set()) if importing else set()


def test_only_the_harness_knows_pytest() -> None:
    """The engine can be used and understood without pytest."""
    others = [path for path in MODULES if "pytest_plugin" not in path.relative_to(ROOT).parts]

    assert breaches(_modules_of_pytest, others) == {}
    assert breaches(_modules_of_pytest) != {}


def _modules_of_pytest(path: Path) -> set[str]:
    """Return the packages of pytest that a module imports."""
    return {name.split(".")[0] for name in imports(path)} & {"pytest", "_pytest", "pluggy"}


def test_there_is_one_sqlite_library_in_the_process() -> None:
    """It is that of sqlite-utils, and one module chooses it.

    A second build of SQLite would release the locks of the first one.
    """
    assert breaches(_direct_imports_of_sqlite) == {}
    assert sqlite_library.sqlite3 is vars(sqlite_utils.utils)["sqlite3"]


def test_python_has_the_library_where_no_other_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own SQLite is taken without pysqlite3."""
    monkeypatch.setitem(sys.modules, "pysqlite3", None)

    assert runpy.run_path(sqlite_library.__file__)["sqlite3"] is import_module("sqlite3")


def _direct_imports_of_sqlite(path: Path) -> list[str]:
    """Return the statements that import a library of SQLite at run time."""
    for_types = {
        id(node)
        for block in nodes_of(path)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }

    return [
        ast.unparse(node)
        for node in nodes_of(path)
        if id(node) not in for_types
        and (
            (isinstance(node, ast.Import) and any(alias.name in ("sqlite3", "pysqlite3") for alias in node.names))
            or (isinstance(node, ast.ImportFrom) and node.module in ("sqlite3", "pysqlite3"))
        )
    ]


def test_no_engine_module_holds_limits() -> None:
    """No deadline, progress or interruption is a global of a module.

    All runs of a process would share it.
    """
    assert breaches(_held_limits, ENGINE) == {}


def _held_limits(path: Path) -> list[str]:
    """Return the names by which a module holds limits of one run."""
    module = import_module(name_of(path))
    return [name for name, value in vars(module).items() if isinstance(value, OF_ONE_RUN)]


def test_engine_opens_each_connection_with_limits() -> None:
    """A deadline or an interruption ends no statement of another connection."""
    assert {path.name for path in ENGINE if _opened_without_limits(path)} == WITHOUT_LIMITS.keys()


def _opened_without_limits(path: Path) -> list[str]:
    """Return each call of a module that opens a connection without limits."""
    calls = [node for node in nodes_of(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [
        ast.unparse(call)
        for call in calls
        if len(call.args) < OPENS.get(ast.unparse(call.func), 0)
        and not any(word.arg == "limits" for word in call.keywords)
    ]


@pytest.mark.parametrize("name", ["utils", "helpers", "managers", "common", "misc"])
def test_no_file_has_a_vague_name(name: str) -> None:
    """A file has one subject, which its name states."""
    assert not [path for path in MODULES if name in path.stem.split("_")]


def test_module_has_a_bounded_number_of_lines() -> None:
    """A module that grows is divided by subject."""
    modules = [path for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.py")]
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in modules}

    assert {path: size for path, size in sizes.items() if size > LINES_OF_A_MODULE} == {}


def test_folder_has_a_bounded_number_of_modules() -> None:
    """A folder that grows is divided by subject.

    Only the stages of a run are one list that is read in order.
    """
    modules = [path for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.py")]
    sizes = Counter(path.parent for path in modules if path.name not in BESIDE_MODULES)

    assert READ_IN_ORDER in sizes
    assert {path: size for path, size in sizes.items() if size > MODULES_OF_A_FOLDER and path != READ_IN_ORDER} == {}


@pytest.mark.parametrize("function", STAGE_FUNCTIONS, ids=lambda function: function.name)
def test_stage_function_is_one_call_of_the_engine(function: ast.FunctionDef) -> None:
    """A stage test performs its stage or checks its criteria.

    Only the engine decides a verdict.
    """
    statements = [node for node in function.body if not _is_text(node)]
    calls = [
        ast.unparse(node.value.func)
        for node in statements
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.NamedExpr)]

    assert len(statements) == len(calls) == 1
    assert calls[0] in ("check", "check.rest") or calls[0].endswith(".perform")
    assert not assigned


def test_root_conftest_only_names_plugins() -> None:
    """Hooks and fixtures have their own modules.

    The root conftest has one assignment.
    """
    body = ast.parse((ROOT / "conftest.py").read_text("utf-8")).body

    assert [type(node) for node in body] == [ast.Expr, ast.Assign]


def test_top_level_is_what_was_asked_for() -> None:
    """The top level has only the required files and folders."""
    named = {"conftest.py", "tests", "migration", "reports", "pyproject.toml", "README.md"}
    named |= {"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "mkdocs.yml"}

    entries = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    made = {
        name for name in entries if name.endswith(".egg-info") or name in ("build", "dist", "__pycache__", "uv.lock")
    }

    assert entries - made == named


def test_there_is_one_exception_class() -> None:
    """Every reason of a refusal is a problem.

    A second class would be a second form of the same.
    """
    made = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.ClassDef) and any(_is_exception(base) for base in node.bases)
    ]

    assert made == ["migration/sqlite_consolidate/problem.py: ProblemError"]


def test_no_error_is_judged_by_its_text() -> None:
    """SQLite's errors have codes, and problems have ids.

    The words of a text change with a release.
    """
    assert breaches(_judgements_by_text) == {}


def _judgements_by_text(path: Path) -> list[str]:
    """Return the expressions that compare or call a method of an error's text."""
    return [
        ast.unparse(node)
        for node in nodes_of(path)
        if (isinstance(node, ast.Compare) and any(_is_text_of_error(part) for part in (node.left, *node.comparators)))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_text_of_error(node.func.value))
    ]


def test_no_text_of_a_report_is_parsed() -> None:
    """Modules read facts from fields.

    A text that was written for people may change.
    """
    assert breaches(_texts_taken_apart) == {}


def _texts_taken_apart(path: Path) -> list[str]:
    """Return the expressions that look into a text of a report."""
    taken = []
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_APART:
            taken += [ast.unparse(node)] if _is_report_text(node.func.value) else []
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            taken += [ast.unparse(node)] if _is_report_text(node.comparators[0]) else []
    return taken


def _is_report_text(node: ast.expr) -> bool:
    """Return whether an expression is a text of a problem, finding, observation or verdict."""
    return isinstance(node, ast.Attribute) and node.attr in TEXTS_OF_REPORTS


def _is_exception(base: ast.expr) -> bool:
    """Return whether a class that is named as a base is an exception."""
    name = ast.unparse(base).rpartition(".")[2]
    return name.endswith(("Error", "Exception", "Warning", "Interrupt")) or name in {"Problem", "ExceptionGroup"}


def _is_text_of_error(node: ast.expr) -> bool:
    """Return whether an expression is ``str(error)``, or the text of a problem."""
    if isinstance(node, ast.Attribute):
        return node.attr in {"what", "hint"} and ast.unparse(node.value).rpartition(".")[2].startswith("problem")
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "str"
        and bool(node.args)
        and ast.unparse(node.args[0]).startswith(("error", "exc"))
    )
