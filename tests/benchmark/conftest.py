"""Lend the tests of the benchmark what they measure with, and print what they measured.

``--rows N`` and ``-k`` select parts of it.
"""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.pytest_plugin.options import settings
from tests.support.benchmark import by_hand
from tests.support.benchmark.pairs import Pairs
from tests.support.benchmark.results import Benchmark, lines

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_BENCHMARK = pytest.StashKey[Benchmark]()


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> int:
    """Return the rows of the task table. Other tables have about as many bytes."""
    number: int = pytestconfig.getoption("benchmark_rows")
    return number


@pytest.fixture(scope="session")
def benchmark(pytestconfig: pytest.Config) -> Benchmark:
    """Return what was measured so far."""
    return pytestconfig.stash.setdefault(_BENCHMARK, Benchmark())


@pytest.fixture
def pairs(tmp_path: Path, pytestconfig: pytest.Config, benchmark: Benchmark) -> Iterator[Pairs]:
    """Measure pairs in a scratch folder that is removed afterwards, because it may be large."""
    folder = tmp_path / "benchmark"
    folder.mkdir()
    try:
        yield Pairs(folder, pytestconfig.getoption("benchmark_rounds"), benchmark)
    finally:
        shutil.rmtree(folder)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table and its folder."""
    benchmark = config.stash.get(_BENCHMARK, Benchmark())
    if not benchmark.results:
        return
    about = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": f"{platform.system()} {platform.machine()}",
        "rows": str(config.getoption("benchmark_rows")),
        "by hand": by_hand.how(),
    }
    folder = settings(config).reports / "benchmark"
    benchmark.write(folder, about)
    terminalreporter.section("benchmark")
    terminalreporter.line(", ".join(f"{name}: {value}" for name, value in about.items()))
    for line in lines(benchmark.results):
        terminalreporter.line(line)
    terminalreporter.line(f"written to {folder}")
