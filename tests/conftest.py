"""The project's own tests: on all cores when the whole suite runs and pytest-xdist is there; long ones if asked for."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

LEFT_OUT = ("long", "crash", "thorough")  # marks that have to be asked for, by -m and their name; longest first
_HERE = Path(__file__).parent
_MEMORY = Path("/dev/shm")  # where it is: thousands of small databases would wait for a disk at each COMMIT
_ROOM = 4_000_000_000  # bytes
_MARKS = (
    "long: runs for minutes; pytest -m long",
    "crash: 40 calls of each fault, for minutes; pytest -m crash",
    "thorough: the cases that a bare pytest leaves out; pytest -m thorough",
    "benchmark: measures whole runs against the same by hand; pytest -m benchmark [--rows N] [--rounds N] [-k part]",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options of the benchmark here, because pytest reads options from the conftest of testpaths alone."""
    group = parser.getgroup("tests of sqlite-consolidate")
    for name, default, text in (
        ("rows", 1_000_000, "With -m benchmark: rows of the task table that is measured (default: 1000000)"),
        ("rounds", 3, "With -m benchmark: pairs that are measured of each (default: 3)"),
    ):
        group.addoption(f"--{name}", dest=f"benchmark_{name}", metavar="N", type=int, default=default, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of the project's own tests."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the number of its workers
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread a bare ``pytest`` over the cores; whoever says -n, a path, another mark or --pdb gets just that."""
    if hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker that spread its share over workers of its own would never end
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and option.markexpr in ("", "thorough")
    plain = not (option.keyword or option.collectonly or getattr(option, "usepdb", False))
    if whole and plain and getattr(option, "numprocesses", 0) is None:
        option.numprocesses = os.cpu_count() or 1
        option.dist = "worksteal"  # tests of one file mostly stay together, with what they share
    if whole and not option.basetemp and _MEMORY.is_dir() and _serves(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _serves(folder: Path) -> bool:
    """Whether tests can have their folders there: whole runs need 350 MB, and pytest keeps three; programs are run."""
    status = os.statvfs(folder)
    has_room = status.f_bavail * status.f_frsize >= _ROOM
    return has_room and os.access(folder, os.W_OK) and not status.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long is only run when it is asked for: ``-m`` with the name of the first such mark that it has."""
    said = config.option.markexpr
    if "security" in said:  # its table is of all of them
        return
    out = [item for item in items if (mark := _left_out(item)) and mark not in said]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _left_out(item: pytest.Item) -> str:
    marks = {mark.name for mark in item.iter_markers()} if item.path.is_relative_to(_HERE) else set()
    return next((mark for mark in LEFT_OUT if mark in marks), "")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays: no search for garbage, here or in a fork, goes through it again."""
    gc.freeze()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Lend the workspace of one source, with a target, a file of code, a log and a smoke test."""
    from tests.support.workspaces.one_source import build_one_source

    return build_one_source(tmp_path)
