"""Run the commands of the how-to pages on workspaces like those that they speak of."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.documents.reader_shell import BLOCK, run_as_reader

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

PAGES = Path(__file__).parents[3] / "docs" / "how-to"

RUN_BY = {
    "ci": "test_examples_of_use.py::test_migration_of_the_workflow_is_accepted",
    "judge-another-tool": "test_how_to.py::test_own_databases_are_consolidated_and_judged",
    "many-workspaces": "test_how_to.py::test_fleet_of_the_page_is_accepted",
    "own-databases": "test_how_to.py::test_own_databases_are_consolidated_and_judged",
    "python": "test_how_to.py::test_python_of_the_page_consolidates",
    "sign-off": "test_sign_off.py::test_commands_of_the_page_approve_a_migration",
    "sqlite-utils": "test_how_to.py::test_commands_of_sqlite_utils_are_accepted",
}
"""The test that runs the commands of each page."""

NOT_RUN = {
    "ci": "GitHub, pre-commit and docker are services or programs that a test does not start",
    "many-workspaces": "dask workers are processes of other hosts; tests/fleet starts them on this one",
    "sqlite-utils": "sqlite-utils install would change the environment of the tests",
    "undo": "it has no block of commands; tests/whole/recovery causes each of its problems",
}
"""Why a page, or a part of it, is not run."""


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    return [block for named, block in BLOCK.findall((PAGES / f"{page}.md").read_text("utf-8")) if named == language]


def shop(root: Path) -> Path:
    """Create a shop with 1,200 orders in a second database."""
    (root / "logs").mkdir(parents=True)
    for file, table, rows in (("shop.db", "customer", 3), ("logs/orders.db", "orders", 1200)):
        con = sqlite3.connect(root / file)
        con.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        con.executemany(f"INSERT INTO {table} (name) VALUES (?)", [(f"{table} {number}",) for number in range(rows)])
        con.commit()
        con.close()
    return root


def plan() -> str:
    """Return the plan that the page on own databases begins with."""
    (text,) = blocks("own-databases", "toml")
    return text


def rows(file: Path, table: str) -> int:
    """Return the number of rows of a table."""
    con = sqlite3.connect(file)
    try:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        con.close()


def test_each_page_is_run_or_says_why_not() -> None:
    """A new page cannot be left out by chance."""
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert {*RUN_BY, *NOT_RUN} == pages
    assert {page for page in pages if blocks(page, "sh") or blocks(page, "python")} <= {*RUN_BY}
    for module, _, test in (name.partition("::") for name in RUN_BY.values()):
        assert f"def {test}(" in Path(__file__).with_name(module).read_text("utf-8")


@pytest.mark.thorough
def test_own_databases_are_consolidated_and_judged(tmp_path: Path) -> None:
    """The result is judged by the originals before the rollback."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (shop(tmp_path / "shop") / "consolidation.toml").write_text(plan())
    shutil.copytree(tmp_path / "shop", tmp_path / "shop-before")
    (commands,), (judge,) = blocks("own-databases", "sh"), blocks("judge-another-tool", "sh")
    *forward, undo = commands.splitlines(keepends=True)

    for command in (*forward, judge, undo):
        code, printed = run_as_reader(folder, command)
        assert code == 0, printed

    assert rows(tmp_path / "shop" / "logs" / "orders.db", "orders") == 1200


@pytest.mark.thorough
def test_fleet_of_the_page_is_accepted(tmp_path: Path) -> None:
    """It is rehearsed, migrated and rolled back."""
    folder = tmp_path / "folder"
    for name in ("north", "south"):
        shop(folder / "shops" / name)
    (folder / "shop.toml").write_text(plan())
    (fleet,) = blocks("many-workspaces", "toml")
    (folder / "fleet.toml").write_text(fleet)
    (verify,) = re.findall(r"`(pytest -m verify --fleet [\w.]+)`", (PAGES / "many-workspaces.md").read_text("utf-8"))

    for verb in ("verify", "migrate", "rollback"):
        code, printed = run_as_reader(folder, verify.replace("verify", verb))
        assert code == 0, printed
        assert "2 accepted" in printed


@pytest.mark.thorough
def test_python_of_the_page_consolidates(tmp_path: Path) -> None:
    """It prints the verdict, the backup set and the rows."""
    folder = tmp_path / "folder"
    (shop(folder / "shop") / "consolidation.toml").write_text(plan())
    (code_of_page,) = blocks("python", "python")
    (folder / "consolidate.py").write_text(code_of_page)

    code, printed = run_as_reader(folder, "python consolidate.py")

    assert code == 0, printed
    assert re.fullmatch(r"accepted backups/shop-\d{8}_\d{6} 1200\n", printed)


@pytest.mark.thorough
def test_commands_of_sqlite_utils_are_accepted(tmp_path: Path) -> None:
    """The plan of its inventory passes, and once more with the functions of its plugins."""
    folder = tmp_path / "folder"
    root = shop(folder / "shop")
    (commands,), (setup,), (named,) = (blocks("sqlite-utils", language) for language in ("sh", "python", "toml"))

    code, printed = run_as_reader(folder, commands)

    assert code == 0, printed
    (root / "tools").mkdir()
    (root / "tools" / "sqlite_setup.py").write_text(setup)
    with (root / "consolidation.toml").open("a") as file:
        file.write(named)
    code, printed = run_as_reader(folder, commands.splitlines()[1])
    assert code == 0, printed
