"""Specify that each fact is defined once.

Facts are criterion ids, exit codes, modes, stages, file names, and the columns of a row.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.run.criteria import criterion_named
from sqlite_consolidate.engine.run.modes import VERBS, Mode
from sqlite_consolidate.engine.run.stages import STAGES
from tests.support.sources import MODULES, PACKAGE, ROOT, name_of, nodes_of

HOME_OF_MODES = PACKAGE / "engine" / "run" / "modes.py"
OF_NO_STAGE = {"fleet_file.py": ["fleet-valid"]}  # a fleet file is refused before any run has stages
NAMING_CRITERIA = {"Demand", "Fault", "Fault.in_run"}
SQL_OF_ROWS = re.compile(
    r"SELECT (?:(?!\bFROM\b).)*\{\}|INSERT INTO \S+\(\{\}|SELECT \* FROM .*\{\}|SELECT $", re.DOTALL
)
WITH_SQL_OF_ROWS = {
    "projection.py": "the home of the rows of a table mapping",
    "dump.py": "writes a whole database as text, which belongs to no table mapping",
    "cost.py": "makes SQLite compute views and generated columns before anything is planned",
    "missing_objects.py": "lets SQLite compile a query of a table, and runs none",
    "contents.py": "reads the least and the largest rowid, to divide a table",
    "history.py": "reads the table that the project itself owns",
    "key_conflicts.py": "groups the keys that projections give",
    "following.py": "follows the keys that rows refer to, in the rows that projections give",
    "predicted_target.py": "gathers the keys that projections give",
    "followed_rows.py": "reads which staged rows refer to which, by their rowids",
    "rows_chosen.py": "proves which rows projections give, and takes no SQL from them",
    "key_offsets.py": "reads the largest and the smallest number of a column",
    "key_values.py": "reads the different numbers of a column",
    "keys_mapped.py": "proves what projections give, and takes no SQL from them",
    "references_by_content.py": "proves what projections give, and takes no SQL from them",
    "references_in_order.py": "proves what projections give, and takes no SQL from them",
    "separate_keys.py": "reads the smallest and the largest rowid of a table",
    "separate_parents.py": "counts the keys in a column that belongs to no projection",
    "unfollowed_ids.py": "counts rows of a column that belongs to no projection",
    "kept_numbers.py": "reads the numbers of a column that belongs to no projection",
    "key_numbers.py": "reads the numbers of a column that belongs to no projection",
    "typed_ids.py": "counts numbers of a column that belongs to no projection",
    "ids_as_texts.py": "reads the keys of settings that are named like references",
    "setting_names.py": "counts the names of settings",
    "telling_columns.py": "reads the different values of a column, also of one that a constant of the plan fills",
    "migration_stamps.py": "compares the rows of a table that no mapping moves",
    "compared_keys.py": "asks whether a column has a number of a key",
    "dependencies.py": "compiles a view and reads no row of it",
    "stated_references.py": "counts rows for which no condition or more than one holds",
    "row_conditions.py": "compiles a condition and reads no row",
    "derivations.py": "fires triggers and rebuilds indexes of an empty schema in memory",
    "refresh.py": "sets columns that belong to no table mapping",
    "search_index.py": "fills a search index, which belongs to no table mapping",
    "rebuilt_contents.py": "proves what a search index finds, and takes no SQL from its rebuild",
    "kept_rows.py": "compares rows of a search index with those of a query of the plan",
    "index_queries.py": "writes the query that a trigger states, and reads no row",
    "digest.py": "reads the inner tables of a search index that has no rows",
    "staying_values.py": "proves which rows policies let stay, and takes no SQL from projections",
    "key_map_file.py": "copies the lines of key maps, which belong to no projection",
    "matched_rows.py": "looks up numbers in the key maps",
    "levels.py": "orders the rows of a tree, and reads their keys only",
    "match_problems.py": "counts the lines of key maps, which belong to no projection",
    "followed_constants.py": "reads the key of the one row to which a constant of the plan refers",
    "key_maps.py": "compares the rows that projections give with those that the target has",
    "existing_rows.py": "holds the rows of the target beside those that projections give",
    "update_rows.py": "updates rows of the target with the values that projections give",
    "matched_rows_proof.py": "proves what projections give, and takes no SQL from them",
    "source_rows.py": "names the rows that a proof reads, and takes no SQL from projections",
    "kept_key_map.py": "compares the lines of key maps, which belong to no projection",
    "references_kept.py": "follows rows that the target had, which belong to no projection",
    "wide_rows.py": "divides the values that a projection names among several queries",
}
IN_REPORT = "report/file_names.py"
IN_SET = "engine/backup/manifest.py"
HOMES_OF_NAMES = {
    "evidence.json": {IN_REPORT},
    "summary.txt": {IN_REPORT},
    "code.diff": {IN_REPORT, IN_SET},
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


def _listed(path: Path) -> list[set[str]]:
    """Return the texts of each dict, tuple, set and list of a module.

    The list ``__all__`` is left out, because it lists functions.
    """
    exported = {id(node.value) for node in nodes_of(path) if isinstance(node, ast.Assign) and _is_named_all(node)}
    texts = []
    for node in nodes_of(path):
        if id(node) not in exported:
            members = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            texts.append({str(member.value) for member in members if isinstance(member, ast.Constant)})
    return texts


def _is_named_all(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


@cache
def _texts(path: Path) -> list[str]:
    """Return the strings of a module that are no docstring, with the parts of f-strings."""
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
            named += node.args[:1] if name in NAMING_CRITERIA else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CHECKS":
            named += node.value.keys if isinstance(node.value, ast.Dict) else []  # type: ignore[arg-type]
    return [str(node.value) for node in named if isinstance(node, ast.Constant) and node.value]


def _is_criterion(id: str) -> bool:
    try:
        return bool(criterion_named(id))
    except KeyError:
        return False


def _template(node: ast.AST) -> str:
    """Return the text of a string with its values in braces.

    Other strings are no SQL of a table mapping.
    """
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def _sql_of_rows(path: Path) -> list[str]:
    """Return each string of a module that lists the columns of a row."""
    templates = [_template(node) for node in nodes_of(path)]
    return [text for text in templates if SQL_OF_ROWS.search(text)]


def test_modes_and_stages_are_listed_once() -> None:
    """A second table of modes, verbs or stages would miss a new one."""
    names = {mode.value for mode in Mode} | set(VERBS)
    stages = {stage.id for stage in STAGES}

    listing = [
        path for path in MODULES if any(len(words & names) > 1 or len(words & stages) > 1 for words in _listed(path))
    ]

    assert listing == [HOME_OF_MODES]


def test_rows_of_a_table_mapping_have_one_projection() -> None:
    """A second module that lists the columns of a row could list others."""
    holders = {path.name for path in (PACKAGE / "engine").rglob("*.py") if _sql_of_rows(path)}

    assert holders == set(WITH_SQL_OF_ROWS)


def test_criterion_that_is_named_is_one() -> None:
    """Every named criterion exists.

    Problems, checks, faults and demanded entries name criteria.
    """
    unknown = [
        (path.name, ids) for path in MODULES if (ids := [id for id in _criteria_named(path) if not _is_criterion(id)])
    ]

    assert unknown == list(OF_NO_STAGE.items())


def test_criteria_are_found_where_they_are_named() -> None:
    """The test above detects each way in which a module names a criterion."""
    places = ("engine/checks/key_conflicts.py", "engine/criteria/target.py", "faults/before_run.py")
    named = [_criteria_named(PACKAGE / place) for place in (*places, "report/bundle_check/facts/demanded.py")]

    assert all(named)
    assert not _is_criterion("rows-exactly")


def test_exit_codes_are_compared_by_name() -> None:
    """A literal number would not follow an exit code that changes."""
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
    """Every other module imports the name."""
    holders = [path for path in MODULES if history.TABLE in path.read_text("utf-8")]

    assert holders == [PACKAGE / "engine" / "backup" / "history.py"]


def test_ends_of_sidecar_names_are_written_once() -> None:
    """Every other module imports them.

    Prose may name them.
    """
    end = re.compile(r"(?<![a-z])-(?:\(\?:|\()?(?:wal|shm|journal)\b")

    holders = {name_of(path) for path in MODULES for text in _texts(path) if " " not in text and end.search(text)}

    assert holders == {"sqlite_consolidate.engine.sqlite.sidecars"}


def test_named_temporary_files_are_made_in_one_module() -> None:
    """A killed process leaves no others. The sample is built in folders beside its own."""
    makes = re.compile(r"\b(?:TemporaryDirectory|NamedTemporaryFile|mkdtemp)\(")

    makers = {name_of(path) for path in MODULES if makes.search(path.read_text("utf-8"))}

    assert makers == {"sqlite_consolidate.engine.sqlite.scratch_folders", "sqlite_consolidate.sample.build"}


@pytest.mark.parametrize("name", HOMES_OF_NAMES)
def test_name_of_a_file_is_written_once(name: str) -> None:
    """The report folder and the backup set each have their own module of names.

    Prose may name them.
    """
    holders = {path.relative_to(PACKAGE).as_posix() for path in MODULES if name in _texts(path)}

    assert holders == HOMES_OF_NAMES[name]


NAMING_IT = {
    Path(__file__),
    ROOT / "tests" / "whole" / "projects" / "test_foreign_project.py",
}  # whose package has that name


def test_nothing_names_the_package_by_its_folder() -> None:
    """The folder ``migration`` contains the package, and is not the package."""
    old = re.compile(r"\b(?:from|import|-m) migration\b(?!\W\*)|(?<![\w/])migration\.[a-z_]{2}|`migration`(?!`)")
    files = [path for folder in ("migration", "tests", "docs", ".ci") for path in sorted((ROOT / folder).rglob("*"))]
    texts = [
        path
        for path in (*files, *ROOT.glob("*.*"))
        if path.suffix in ("", ".md", ".py", ".toml", ".yml", ".j2") and path.is_file() and path not in NAMING_IT
    ]

    naming = [str(path.relative_to(ROOT)) for path in texts if old.search(path.read_text("utf-8"))]

    assert naming == []
