"""Configure this project's own tests.

A run of the whole suite uses all cores, with one more worker than there are cores, if pytest-xdist is installed. Long
tests run only on request.
"""

from __future__ import annotations

import gc
import os
import re
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.workspaces.whole_run import Workspace

# Marks whose tests run only if -m names them, in the order in which a test is assigned to one.
LEFT_OUT = ("long", "crash", "thorough", "cases", "benchmark")
_HERE = Path(__file__).parent
_STAGES = _HERE / "stages"  # a run, and no tests of this project
_MEMORY = Path("/dev/shm")  # because thousands of small databases would wait for a disk at each COMMIT
_ROOM = 4_000_000_000  # bytes
_NUMBERS = count()  # of the folders of tests
_MARKS = (
    "long: runs for minutes; pytest -m long",
    "crash: 40 calls of each fault, for minutes; pytest -m crash",
    "thorough: the cases that a bare pytest leaves out; pytest -m thorough",
    "cases: migrates each case of a folder; pytest -m cases --cases DIR tests/robustness/cases",
    "benchmark: measures whole runs against the same by hand; pytest -m benchmark [--rows N] [--rounds N] [-k part]",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options of the benchmark and of the cases.

    pytest reads options only from the conftest of testpaths.
    """
    group = parser.getgroup("tests of sqlite-consolidate")
    for name, default, text in (
        ("rows", 1_000_000, "With -m benchmark: number of rows of the measured table (default: 1000000)"),
        ("rounds", 3, "With -m benchmark: how often each comparison is measured (default: 3)"),
    ):
        group.addoption(f"--{name}", dest=f"benchmark_{name}", metavar="N", type=int, default=default, help=text)
    group.addoption(
        "--pages",
        dest="every_size_by_pages",
        action="store_true",
        help="The page reader reads every database, however small it is (default: those from 16 MB on)",
    )
    group.addoption(
        "--cases",
        dest="cases_folder",
        metavar="DIR",
        default="",
        help="With -m cases: folder that contains field/ and break/",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of the project's own tests, and choose what reads small databases."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    if config.getoption("every_size_by_pages"):
        from tests.support.pages.program import read_every_size_by_pages

        read_every_size_by_pages()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the number of its workers
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread a bare ``pytest`` over all cores.

    There is one more worker than there are cores, because many tests wait for a process. An operator who
    passes -n, a path, another mark or --pdb gets exactly that.
    """
    if hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker that started further workers would never end
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and option.markexpr in ("", "thorough")
    plain = not (option.keyword or option.collectonly or getattr(option, "usepdb", False))
    if whole and plain and getattr(option, "numprocesses", 0) is None:
        option.numprocesses = (os.cpu_count() or 1) + 1
        option.dist = "worksteal"  # tests of one file mostly stay together, with what they share
    in_memory = whole or option.markexpr == "crash"
    if in_memory and not option.basetemp and _MEMORY.is_dir() and _serves(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _serves(folder: Path) -> bool:
    """Return whether tests can have their folders there.

    Whole runs need 350 MB, pytest keeps three of them, and programs are executed there.
    """
    status = os.statvfs(folder)
    has_room = status.f_bavail * status.f_frsize >= _ROOM
    return has_room and os.access(folder, os.W_OK) and not status.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect long tests unless ``-m`` contains the name of their mark.

    The first such mark of a test counts.
    """
    expression = config.option.markexpr
    if "security" in expression:  # its table is of all of them
        return
    ours = {path for path in {item.path for item in items} if path.is_relative_to(_HERE)}
    left_out = {item for item in items if item.path in ours and (mark := _left_out(item)) and mark not in expression}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _left_out(item: pytest.Item) -> str:
    marks = {mark.name for mark in item.iter_markers()}
    return next((mark for mark in LEFT_OUT if mark in marks), "")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected, because nearly nothing of them is freed."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude all collected objects from garbage collection.

    A collection in a fork would copy their memory. Tests run with few collections, because syntax trees have no cycles.
    """
    gc.freeze()
    if _has_tests(session.items):
        from tests.support.workspaces.installed import remember_installed

        remember_installed()
        gc.set_threshold(50_000, 20, 20)


def _has_tests(items: list[pytest.Item]) -> bool:
    """Return whether some items are tests of this project."""
    return any(item.path.is_relative_to(_HERE) and not item.path.is_relative_to(_STAGES) for item in items)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Free the parsed modules of the package after the tests of this folder.

    They follow each other, and most of them read all modules.
    """
    if item.path.parent == _HERE and (nextitem is None or nextitem.path.parent != _HERE):
        from tests.support.sources import forget

        forget()


@pytest.fixture(scope="session", autouse=True)
def scratch_files(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """Let this process and its children keep their scratch files among the files of the tests.

    A process that a test kills leaves them. The stages of a run have them where the operator wants them.
    """
    if not _has_tests(request.session.items):
        yield
        return
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(factory.mktemp("scratch")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lend an empty folder.

    pytest's own fixture lists all folders of earlier tests to find a number, which takes longer than most tests.
    """
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{name}-{next(_NUMBERS)}", numbered=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Lend a workspace of one source, with a target, a code file, a log and a smoke test."""
    from tests.support.workspaces.one_source import build_one_source

    return build_one_source(tmp_path)
