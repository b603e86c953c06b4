"""The benchmark is run only when it is asked for: pytest -m benchmark, with --rows N and -k for parts of it."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.pytest_plugin.options import settings
from tests.support.benchmark import by_hand
from tests.support.benchmark.pairs import Pairs
from tests.support.benchmark.results import Result, lines, write

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_utils.utils import sqlite3

_HERE = Path(__file__).parent
_RESULTS = pytest.StashKey[list[Result]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out this room's tests unless the expression names their mark."""
    mine = [item for item in items if item.path.is_relative_to(_HERE)]
    if mine and "benchmark" not in config.option.markexpr:
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> int:
    """Rows of the task table; the other tables have as many bytes, about."""
    said: int = pytestconfig.getoption("benchmark_rows")
    return said


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> list[Result]:
    """What has been measured so far."""
    return pytestconfig.stash.setdefault(_RESULTS, [])


@pytest.fixture
def pairs(tmp_path: Path, pytestconfig: pytest.Config, results: list[Result]) -> Iterator[Pairs]:
    """Measures pairs in a scratch folder that is gone afterwards: it may be large."""
    folder = tmp_path / "benchmark"
    folder.mkdir()
    try:
        yield Pairs(folder, pytestconfig.getoption("benchmark_rounds"), results)
    finally:
        shutil.rmtree(folder)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, and say where it has been written."""
    results = config.stash.get(_RESULTS, [])
    if not results:
        return
    about = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": f"{platform.system()} {platform.machine()}",
        "rows": str(config.getoption("benchmark_rows")),
        "by hand": by_hand.how(),
    }
    folder = settings(config).reports / "benchmark"
    write(results, folder, about)
    terminalreporter.section("benchmark")
    terminalreporter.line(", ".join(f"{name}: {value}" for name, value in about.items()))
    for line in lines(results):
        terminalreporter.line(line)
    terminalreporter.line(f"written to {folder}")
