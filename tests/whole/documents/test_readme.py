"""Run the commands of the README and the docs, and compare their tables with the code."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, cast, get_args

import pytest
from pydantic import BaseModel

import sqlite_consolidate
from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.pytest_plugin.options import pytest_addoption
from tests.support.benchmark.results import Benchmark, markdown
from tests.support.benchmark.stage_costs import stage_table
from tests.support.workspaces.installed import copy_package
from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY, execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

README = (REPOSITORY / "README.md").read_text("utf-8")
DOCS = [path.read_text("utf-8") for path in sorted((REPOSITORY / "docs").rglob("*.md"))]
TEXT = "\n".join([README, *DOCS])
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TOML = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHOP_TARGET = "CREATE TABLE shops(id INTEGER PRIMARY KEY, town TEXT); INSERT INTO shops VALUES (1, 'Ulm');"
SHOP_ORDERS = """
CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT, price REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
INSERT INTO orders SELECT i, 'item ' || i, i / 4.0 FROM n;
"""


def said(verb: str) -> list[str]:
    """Return the commands of the README for a verb, without comments, in order."""
    return [line for line in _lines(README) if re.match(rf"pytest -m {verb}\b", line)]


def documented(option: str) -> str:
    """Return the only command of the docs with an option."""
    (command,) = {line for line in _lines("\n".join(DOCS)) if line.startswith("pytest -m verify ") and option in line}
    return command


def _lines(text: str) -> list[str]:
    """Return the lines of all code blocks without comments."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading."""
    rows = re.search(rf"^\| {heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert rows, heading
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1].splitlines()]


def run(command: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a checkout, with this interpreter's pytest."""
    words = [sys.executable, "-m", *shlex.split(command)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | LIGHT
    return subprocess.run(
        words, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )


def alike(text: str) -> list[str]:
    """Return the lines without times, run ids, folders and growing numbers."""
    for pattern, word in (
        (r"\S*/reports/", ".../reports/"),
        (r"\d{8}_\d{6}", "<run>"),
        (r" +\d+\.\d\d s\b", " <seconds>"),
        (r"\d+\.\d MB", "<size>"),
        (r" +(\d+) of +\1 observations", " <all> observations"),
    ):
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return what a clone has for a run, after an earlier run.

    Reports and the sample are made in it, not in this repository.
    """
    root = tmp_path / "project"
    for folder in ("migration/sqlite_consolidate", "tests/stages"):
        copy_package(REPOSITORY / folder, root / folder)
    for name in ("conftest.py", "pyproject.toml", ".gitignore"):
        shutil.copy(REPOSITORY / name, root)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def shop(folder: Path) -> Path:
    """A workspace for the ten lines of plan that the README begins with."""
    (folder / "logs").mkdir(parents=True)
    execute(folder / "shop.db", SHOP_TARGET)
    execute(folder / "logs" / "orders.db", SHOP_ORDERS)
    (folder / "consolidation.toml").write_text(TOML[0])
    return folder


@pytest.mark.thorough
def test_first_command_prints_what_the_readme_shows(project: Path) -> None:
    """It consolidates the sample, and every line up to the next command is the same."""
    first, shown = BLOCKS[0], BLOCKS[2]
    assert first.strip().endswith("&& .venv/bin/pytest -m migrate")

    ran = run("pytest -m migrate", project)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = _without_other_users(ran.stdout[ran.stdout.index("  10 preflight") :])
    without_html = [line for line in alike(printed) if not line.startswith("- ")]  # where pytest's plugins wrote
    assert _not_blank(without_html)[:-1] == _not_blank(alike("\n  10" + shown.partition("  10")[2]))


def test_python_example_is_the_one_of_the_docstring() -> None:
    """That of the package, which is run where the library is specified."""
    example = textwrap.dedent((sqlite_consolidate.__doc__ or "").partition("Example::")[2]).strip()

    assert f"```python\n{example}\n```" in TEXT


@pytest.mark.thorough
def test_plan_of_ten_lines_works_with_its_commands(project: Path, tmp_path: Path) -> None:
    """Every command that the README has for a workspace exits with 0."""
    workspace = shop(tmp_path / "shop")
    shutil.copytree(workspace, tmp_path / "shop-before")
    rehearse, check = said("verify")
    by_originals, bundle = documented("--originals"), documented("--bundle")
    (migrate,), (rollback,) = said("migrate"), said("rollback")
    assert len(TOML[0].strip().splitlines()) <= 11

    for command, headline in (
        (rehearse, "Rehearsal passed"),
        (migrate, "Accepted: consolidated"),
        (check, "Still intact"),
        (by_originals, "Confirmed by its originals"),
        (bundle, "The bundle is complete"),
        (rollback, "Rolled back: everything is as it was"),
    ):
        stamp = max((path.stem for path in project.glob("reports/*-migrate.zip")), default="")
        ran = run(re.sub(r"\d{8}_\d{6}-migrate", stamp, command), project)

        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert headline in ran.stdout
    assert (workspace / "logs" / "orders.db").exists()


def test_table_of_exit_codes_is_complete() -> None:
    """Each code has a row."""
    assert [row[0] for row in table("exit code")] == ["0", "1", "2 / 143 / 129", "3", "4", "5", "64"]


@pytest.mark.thorough
def test_readme_exit_codes_are_those_of_a_run(project: Path, tmp_path: Path) -> None:
    """A shell sees 4 and 5. Other tests see the rest."""
    workspace = shop(tmp_path / "shop")
    (workspace / "consolidation.toml").write_text(TOML[0].replace("1200", "1199"))

    refused = run("pytest -m migrate --workspace ../shop", project)
    nothing = run("pytest -m stage", project)

    assert (refused.returncode, nothing.returncode) == (4, 5), refused.stdout + nothing.stdout
    assert not list(workspace.glob("**/backups"))


def test_the_table_of_stages_is_that_of_the_code() -> None:
    """Every stage of a migration, in order."""
    assert [row[0].replace(" ", "-") for row in table("stage")] == [
        stage.id for stage in STAGES if "migrate" in stage.modes
    ]


def test_listing_of_the_tree_names_exactly_every_folder() -> None:
    """A missing or additional folder misleads a newcomer."""
    listing = TEXT[TEXT.index("```text\nconftest.py") :].removeprefix("```text\n").partition("```")[0]
    named = {line.split()[0] for line in listing.splitlines()}
    rooms = {
        path.name
        for path in (REPOSITORY / "migration" / "sqlite_consolidate").iterdir()
        if (path / "__init__.py").is_file()
    }

    assert {f"migration/sqlite_consolidate/{name}/" for name in rooms} == {
        name for name in named if name.startswith("migration/sqlite_consolidate/")
    }
    assert all((REPOSITORY / name).exists() for name in named if "<" not in name)


def test_benchmark_figures_are_those_of_one_run() -> None:
    """Table and plot are what the same run wrote."""
    benchmark = Benchmark.read(REPOSITORY / "docs" / "benchmark.json")

    assert markdown(benchmark.results) in TEXT
    assert stage_table(benchmark.stages) in TEXT
    assert "](../benchmark.svg)" in TEXT


class _Options:
    """Record the names of the options that a plugin registers, in place of pytest's parser."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def getgroup(self, *_texts: str) -> _Options:
        return self

    def addoption(self, name: str, **_keys: object) -> None:
        self.names.append(name)


def test_every_option_of_a_run_is_documented() -> None:
    """The table has each option that the plugin registers, and no other."""
    options = _Options()
    pytest_addoption(cast("pytest.Parser", options))

    assert sorted(re.findall(r"--[a-z-]+", "".join(row[0] for row in table("option")))) == sorted(options.names)


def test_every_key_of_a_plan_is_documented() -> None:
    """In the README itself, or in the sample's plan, to which it points for them."""
    plan = (REPOSITORY / "migration" / "sqlite_consolidate" / "sample" / "tree" / "consolidation.toml").read_text(
        "utf-8"
    )
    told = TOML[0] + plan + "\n".join("".join(row) for row in table("key"))

    assert [key for key in set(keys(Plan)) if not re.search(rf"\b{key}\b", told)] == []


def test_every_key_of_the_table_is_a_plan_key() -> None:
    """What the table names exists."""
    named = [word for row in table("key") for word in re.findall(r"`([^`]+)`", row[0])]
    known = set(keys(Plan))

    assert {re.split(r"\W", word.strip("[]").rpartition(".")[2])[0] for word in named} <= known


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Every TOML key of a part of a plan, and of the parts in it."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for part in _models(field.annotation):
            yield from keys(part)


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _without_other_users(printed: str) -> str:
    """Return what a run prints on a machine on which every process can be examined."""
    hidden = ("[processes-unexamined]", "[processes-elsewhere]")
    return "\n".join(line for line in printed.split("\n") if not line.endswith(hidden))


def _not_blank(lines: list[str]) -> list[str]:
    return [line for line in lines if line]
