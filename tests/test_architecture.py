"""Dependencies point down; what knows pytest is in one room; nothing here needs anything beside the project."""

from __future__ import annotations

import ast
import re
import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.run.criteria import criterion_named
from sqlite_consolidate.engine.run.modes import VERBS, Mode
from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "migration"
PACKAGE = SOURCES / "sqlite_consolidate"
BASE, TOP = "modules that every room uses", "modules that use every room"
TOP_MODULES = ("library", "session")
ROOMS = (  # each may use itself and those before it
    BASE,
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
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "tree" not in path.relative_to(ROOT).parts)
ENGINE = [path for path in MODULES if path.parts[-3:-2] == ("engine",)]  # on_a_copy belongs to another interpreter
HOME_OF_MODES = PACKAGE / "engine" / "run" / "modes.py"
STAGE_FUNCTIONS = [
    node
    for path in sorted((ROOT / "tests" / "stages").glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef)
]
STAGE_FILES = sorted((ROOT / "tests" / "stages").glob("test_*.py"))
OF_NO_STAGE = {"file.py": ["fleet-valid"]}  # a fleet file is refused before any run has stages
NAMING_CRITERIA = {"pytest.mark.criterion", "check", "Demand", "Fault", "Fault.in_run"}
SQL_OF_ROWS = re.compile(
    r"SELECT (?:(?!\bFROM\b).)*\{\}|INSERT INTO \S+\(\{\}|SELECT \* FROM .*\{\}|SELECT $", re.DOTALL
)
WITH_SQL_OF_ROWS = {
    "projection.py": "the home of the rows of a table mapping",
    "dump.py": "writes a whole database as text, which belongs to no table mapping",
    "cost.py": "makes SQLite compute views and generated columns before anything is planned",
    "contents.py": "reads the least and the largest rowid, to divide a table",
    "history.py": "reads the table that the project itself owns",
    "key_conflicts.py": "groups the keys that projections give",
    "dependencies.py": "compiles a view and reads no row of it",
}
IN_REPORT, IN_SET = "report/file_names.py", "engine/backup/manifest.py"
HOMES_OF_NAMES = {
    "evidence.json": {IN_REPORT},
    "summary.txt": {IN_REPORT},
    "code.diff": {IN_REPORT},
    "sql.log": {IN_REPORT},
    "audit.html": {IN_REPORT},
    "junit.xml": {IN_REPORT},
    "plan.toml": {IN_REPORT, IN_SET},
    "manifest.json": {IN_REPORT, IN_SET},
    "record.json": {IN_SET},
    "ROLLBACK.md": {IN_SET},
    "ledger.jsonl": {"engine/backup/ledger.py"},
    "index.html": {"report/html/index.py"},
    "consolidation.toml": {"engine/run/request.py"},
}
TAKES_APART = {"partition", "rpartition", "split", "rsplit", "startswith", "endswith", "removeprefix", "removesuffix"}
TEXTS_OF_REPORTS = {"expected", "headline", "hint", "observed", "subject", "text", "todo", "what"}
OF_ONE_RUN = (Deadline, Progress, Limits, threading.Event)


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed source of a module, which most tests of this file look through."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All its nodes."""
    return tuple(ast.walk(tree_of(path)))


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """Give their memory back: whatever this process forks later would share it."""
    yield
    tree_of.cache_clear()
    nodes_of.cache_clear()


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function, type checking included."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def name_of(path: Path) -> str:
    """The name by which a module is imported."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name: str) -> str:
    """The room that a module of the project is in, or an empty text."""
    project, *parts = name.split(".")
    if project != "sqlite_consolidate":
        return ""
    if not parts or parts[0] == "__version__":  # every room may state it
        return ""
    if (PACKAGE / f"{parts[0]}.py").is_file():
        return TOP if parts[0] in TOP_MODULES else BASE
    within = ".".join(parts[:2]) if parts[0] == "engine" else parts[0]
    return within if within in ROOMS else ""


def _listed(path: Path) -> list[set[str]]:
    """The texts of each dict, tuple, set and list of a module; ``__all__`` lists functions."""
    exported = {
        id(node.value) for node in nodes_of(path) if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)
    }
    found = []
    for node in nodes_of(path):
        if id(node) not in exported:
            members = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            found.append({str(member.value) for member in members if isinstance(member, ast.Constant)})
    return found


def _texts(path: Path) -> list[str]:
    """Return the strings of a module that are no docstring, the parts of f-strings among them."""
    docstrings = {id(node.value) for node in nodes_of(path) if isinstance(node, ast.Expr)}
    constants = [node for node in nodes_of(path) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def _criteria_named(path: Path) -> list[str]:
    """Return each id that a module passes on as that of a criterion."""
    named: list[ast.AST] = []
    for node in nodes_of(path):
        if isinstance(node, ast.Call):
            named += [word.value for word in node.keywords if word.arg == "criterion"]
            name = ast.unparse(node.func)
            firsts = node.args if name == "pytest.mark.criterion" else node.args[:1]
            named += firsts if name in NAMING_CRITERIA else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CHECKS":
            named += node.value.keys if isinstance(node.value, ast.Dict) else []  # type: ignore[arg-type]
    return [str(node.value) for node in named if isinstance(node, ast.Constant) and node.value]


def _is_criterion(id: str) -> bool:
    try:
        return bool(criterion_named(id))
    except KeyError:
        return False


def _template(node: ast.AST) -> str:
    """The text of a string whose values stand in braces; the texts of others are no SQL of a table mapping."""
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def _sql_of_rows(path: Path) -> list[str]:
    """Each string of a module that puts the columns of a row together."""
    templates = [_template(node) for node in nodes_of(path)]
    return [text for text in templates if SQL_OF_ROWS.search(text)]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_modules_import_each_other() -> None:
    """A circle, type checking included, has to be read as one module."""
    names = {name_of(path): path for path in MODULES}
    waiting = {name: {other for other in imports(path) if other in names} - {name} for name, path in names.items()}
    waiting = {
        name: {other for other in others if not name.startswith(f"{other}.")} for name, others in waiting.items()
    }

    while free := {name for name, others in waiting.items() if not others & waiting.keys()}:
        waiting = {name: others for name, others in waiting.items() if name not in free}

    assert waiting == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_points_up(path: Path) -> None:
    """A room imports from itself and from the rooms below it, never from one above."""
    own = room(name_of(path))
    if not own:
        pytest.skip("an __init__ of packages, which imports nothing")

    used = {room(name) for name in imports(path)} - {""}

    assert used <= set(ROOMS[: ROOMS.index(own) + 1]) - APART.get(own, set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_harness_knows_pytest(path: Path) -> None:
    """The engine can be used, and understood, without pytest."""
    knows = {name.split(".")[0] for name in imports(path)} & {"pytest", "_pytest", "pluggy"}

    assert not knows or "pytest_plugin" in path.relative_to(ROOT).parts


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_there_is_one_sqlite_library_in_the_process(path: Path) -> None:
    """sqlite3 is imported from sqlite_utils at run time: a second build would drop the first one's locks."""
    for_types = {
        id(node)
        for block in nodes_of(path)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }

    direct = [
        node
        for node in nodes_of(path)
        if id(node) not in for_types
        and (
            (isinstance(node, ast.Import) and any(alias.name in ("sqlite3", "pysqlite3") for alias in node.names))
            or (isinstance(node, ast.ImportFrom) and node.module in ("sqlite3", "pysqlite3"))
        )
    ]

    assert not direct


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_engine_module_holds_limits(path: Path) -> None:
    """A deadline, progress or interruption of the whole process would be shared by all its runs."""
    module = import_module(name_of(path))

    held = [name for name, value in vars(module).items() if isinstance(value, OF_ONE_RUN)]

    assert held == []


@pytest.mark.parametrize("name", ["utils", "helpers", "managers", "common", "misc"])
def test_no_file_is_a_drawer(name: str) -> None:
    """A file has one answer, and its name says which."""
    assert not [path for path in MODULES if name in path.stem.split("_")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modes_and_stages_are_listed_once(path: Path) -> None:
    """A second table of modes, verbs or stages would not know of one that is added."""
    names = {mode.value for mode in Mode} | set(VERBS)
    stages = {stage.id for stage in STAGES}

    listed = [words for words in _listed(path) if len(words & names) > 1 or len(words & stages) > 1]

    assert not listed or path == HOME_OF_MODES


def test_rows_of_a_table_mapping_have_one_projection() -> None:
    """Another module that lists columns of a row could differ from it about what a row is."""
    holders = {path.name for path in (PACKAGE / "engine").rglob("*.py") if _sql_of_rows(path)}

    assert holders == set(WITH_SQL_OF_ROWS)


@pytest.mark.parametrize("path", [*MODULES, *STAGE_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_criterion_that_is_named_is_one(path: Path) -> None:
    """What reports a problem, judges a stage, plants a fault or demands an entry cannot name one that is not there."""
    assert [id for id in _criteria_named(path) if not _is_criterion(id)] == OF_NO_STAGE.get(path.name, [])


def test_criteria_are_found_where_they_are_named() -> None:
    """The test above sees each of the ways in which a module names a criterion."""
    places = ("engine/checks/key_conflicts.py", "engine/criteria/target.py", "faults/before_run.py")
    found = [_criteria_named(PACKAGE / place) for place in (*places, "report/bundle_check/facts/demanded.py")]

    assert all(found)
    assert any(_criteria_named(path) for path in STAGE_FILES)
    assert not _is_criterion("rows-exactly")


def test_exit_codes_are_compared_by_name() -> None:
    """A number beside an exit status would not follow a code that changes."""
    numbers = [
        f"{path.name}: {ast.unparse(node)}"
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.Compare)
        and re.search(r"\b(?:exit|exit_code|exitstatus)$", ast.unparse(node.left))
        and not isinstance(node.ops[0], ast.Lt)  # a program that a signal ended
        and any(isinstance(part, ast.Constant) and isinstance(part.value, int) for part in node.comparators)
    ]

    assert numbers == []


def test_exit_codes_of_signals_are_written_once() -> None:
    """Every other module names them."""
    holders = [path.name for path in MODULES if re.search(r"\b(129|143)\b", path.read_text("utf-8"))]

    assert holders == ["exit_codes.py"]


def test_table_of_history_is_named_once() -> None:
    """Every other module takes its name from there."""
    holders = [path for path in MODULES if history.TABLE in path.read_text("utf-8")]

    assert holders == [PACKAGE / "engine" / "backup" / "history.py"]


def test_ends_of_sidecar_names_are_written_once() -> None:
    """Every other module takes them from there; prose may name them."""
    end = re.compile(r"(?<![a-z])-(?:\(\?:|\()?(?:wal|shm|journal)\b")

    holders = {name_of(path) for path in MODULES for text in _texts(path) if " " not in text and end.search(text)}

    assert holders == {"sqlite_consolidate.engine.sqlite.sidecars"}


@pytest.mark.parametrize("name", HOMES_OF_NAMES)
def test_name_of_a_file_is_written_once(name: str) -> None:
    """The report folder and the backup set each have their own; prose may name them."""
    holders = {path.relative_to(PACKAGE).as_posix() for path in MODULES if name in _texts(path)}

    assert holders == HOMES_OF_NAMES[name]


NAMING_IT = {Path(__file__), ROOT / "tests" / "whole" / "test_foreign_project.py"}  # whose package has that name


def test_nothing_names_the_package_by_its_folder() -> None:
    """The folder ``migration`` holds the package, and is none itself."""
    old = re.compile(r"\b(?:from|import|-m) migration\b(?!\W\*)|(?<![\w/])migration\.[a-z_]{2}|`migration`(?!`)")
    files = [path for folder in ("migration", "tests", "docs", ".ci") for path in sorted((ROOT / folder).rglob("*"))]
    texts = [
        path
        for path in (*files, *ROOT.glob("*.*"))
        if path.suffix in ("", ".md", ".py", ".toml", ".yml", ".j2") and path.is_file() and path not in NAMING_IT
    ]

    naming = [str(path.relative_to(ROOT)) for path in texts if old.search(path.read_text("utf-8"))]

    assert naming == []


@pytest.mark.parametrize("function", STAGE_FUNCTIONS, ids=lambda function: function.name)
def test_stage_function_is_one_call_of_the_engine(function: ast.FunctionDef) -> None:
    """It performs its stage or checks its criteria; whatever decides a verdict is in the engine."""
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


def test_the_root_conftest_only_names_plugins() -> None:
    """Hooks and fixtures have rooms; the root conftest has one assignment."""
    body = ast.parse((ROOT / "conftest.py").read_text("utf-8")).body

    assert [type(node) for node in body] == [ast.Expr, ast.Assign]


def test_the_top_level_is_what_was_asked_for() -> None:
    """conftest.py tests/ migration/ reports/ pyproject.toml README.md, and what every repository needs."""
    named = {"conftest.py", "tests", "migration", "reports", "pyproject.toml", "README.md"}
    named |= {"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs"}

    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    made = {name for name in found if name.endswith(".egg-info") or name in ("build", "dist", "__pycache__", "uv.lock")}

    assert found - made == named


def test_there_is_one_exception_class() -> None:
    """Whatever stands in the way is a problem; a second class would be a second shape of the same."""
    made = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.ClassDef) and any(_is_exception(base) for base in node.bases)
    ]

    assert made == ["migration/sqlite_consolidate/problem.py: ProblemError"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_error_is_judged_by_its_text(path: Path) -> None:
    """SQLite's errors have codes, problems have ids; a word in a text changes with the next release."""
    judged = [
        ast.unparse(node)
        for node in nodes_of(path)
        if (isinstance(node, ast.Compare) and any(_is_text_of_error(part) for part in (node.left, *node.comparators)))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_text_of_error(node.func.value))
    ]

    assert judged == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_of_a_report_is_taken_apart(path: Path) -> None:
    """What a module has to know stands in a field; a text that it wrote for people may change."""
    taken = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_APART:
            taken += [ast.unparse(node)] if _is_report_text(node.func.value) else []
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            taken += [ast.unparse(node)] if _is_report_text(node.comparators[0]) else []

    assert taken == []


def _is_report_text(node: ast.expr) -> bool:
    """Whether an expression is a text of a problem, finding, observation or verdict."""
    return isinstance(node, ast.Attribute) and node.attr in TEXTS_OF_REPORTS


def _is_exception(base: ast.expr) -> bool:
    """Whether a class that is named as a base is an exception, ours or one of Python."""
    name = ast.unparse(base).rpartition(".")[2]
    return name.endswith(("Error", "Exception", "Warning", "Interrupt")) or name in {"Problem", "ExceptionGroup"}


def _is_text_of_error(node: ast.expr) -> bool:
    """Whether an expression is ``str(error)``, or what a problem says in words."""
    if isinstance(node, ast.Attribute):
        return node.attr in {"what", "hint"} and ast.unparse(node.value).rpartition(".")[2].startswith("problem")
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "str"
        and bool(node.args)
        and ast.unparse(node.args[0]).startswith(("error", "exc"))
    )
