"""Let stages run only if the operator names the verb, and then all of them in order.

Five layers check this, because each can miss what the next one detects: the command line before anything is opened, the
folders that are collected, the final list of tests, the moment before each test, and the fixtures, which need a run.
The decision of each layer is a function beside its hook, because mutation testing skips decorated functions.
"""

from __future__ import annotations

import atexit
import gc
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import VERBS, Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.pytest_plugin.commands.early_interrupt import end_at_interrupt
from sqlite_consolidate.pytest_plugin.options import settings
from sqlite_consolidate.pytest_plugin.refusals import (
    is_stage_folder,
    named_stages,
    refusals,
    stage_folder,
    verb_mistakes,
)
from sqlite_consolidate.pytest_plugin.selection import is_of_stage, lineup_problems
from sqlite_consolidate.pytest_plugin.state import SESSION
from sqlite_consolidate.text import one_line, printable, with_message_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.session import Session

# With the first options pytest collects and starts no run. With the others it does not even collect.
_COLLECT_ONLY_OPTIONS = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test", "cacheshow")
_INFO_OPTIONS = ("help", "version", "markers")

_CLOSED = with_message_id(
    "The stages run only as a whole. Run pytest -m migrate, -m verify, -m rollback, -m inventory or -m selftest, "
    "without a path.",
    id="only-as-a-whole",
)

_GARBAGE_THRESHOLD = 100_000  # objects; 700 is Python's own (https://docs.python.org/3.11/library/gc.html)

_MODE = pytest.StashKey[Mode]()
_COLLECTED = pytest.StashKey[set[str]]()
_TURNS = pytest.StashKey[deque[pytest.Item]]()


def gate_mode(config: pytest.Config) -> Mode | None:
    """Return the mode of the requested run, or None while the gate is closed."""
    return config.stash.get(_MODE, None)


def is_listing(config: pytest.Config) -> bool:
    """Return whether pytest was only asked to show what it would do.

    No file may be opened or written then.
    """
    return _any_of(_COLLECT_ONLY_OPTIONS, config)


def open_run(config: pytest.Config, verb: str) -> Session:
    """Begin a run and return its session.

    Raises:
        pytest.UsageError: The run is refused. Nothing was changed.
    """
    collect_garbage_less(config)
    from sqlite_consolidate.pytest_plugin.startup import begin_run

    session = begin_run(config, verb)
    gc.freeze()  # what was imported and read until here stays until the end
    return session


def collect_garbage_less(config: pytest.Config) -> None:
    """Let Python look for unreachable cycles of objects less often, until pytest ends.

    A run leaves few of them. At Python's own thresholds, these searches take a twelfth of the CPU of a small run. The
    last search, at the end of the process, would take a tenth, and all its memory is free then in any case.
    """
    atexit.register(gc.freeze)
    config.add_cleanup(gc.unfreeze)
    config.add_cleanup(partial(gc.set_threshold, *gc.get_threshold()))
    youngest, *older = gc.get_threshold()
    gc.set_threshold(max(youngest, _GARBAGE_THRESHOLD), *older)


def run_all(config: pytest.Config, verb: str) -> int:
    """Run every workspace of a fleet, and return the exit code of the fleet.

    Raises:
        pytest.UsageError: The fleet is refused. Nothing was changed.
    """
    from sqlite_consolidate.pytest_plugin.commands.fleet import run_fleet

    return run_fleet(config, verb, only_list=is_listing(config))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Decide by the command line before anything is opened.

    The run of a fleet ends here with its exit code.
    """
    return _apply_gate(config)


def _apply_gate(config: pytest.Config) -> int | None:
    """Open the gate for exactly one verb, if no option would leave out a part of the run.

    The text of ``-m`` decides, not its meaning, because ``migrate and not slow`` would be half a migration. Each
    workspace of a fleet has a pytest process of its own.
    """
    if _any_of(_INFO_OPTIONS, config):
        return None
    verb = config.option.markexpr.strip()
    fleet = config.getoption("consolidate_fleet", None) is not None
    if verb in VERBS:
        config.add_cleanup(end_at_interrupt())
    if verb not in VERBS:
        _refuse(_CLOSED, named_stages(config))
        _refuse("No run was started. Nothing was touched:", verb_mistakes(config))
        return None
    _refuse(f"The run ({verb}) was not started. Nothing was touched:", refusals(config, verb))
    if fleet:
        return run_all(config, verb)
    if is_listing(config):
        config.stash[_MODE] = Mode.of_verb(verb)
    else:
        config.stash[SESSION] = session = open_run(config, verb)
        config.stash[_MODE] = session.request.mode
    config.args = [str(stage_folder(config))]  # whatever the testpaths of this project are
    return None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Describe the run or the listing in the header."""
    mode = gate_mode(config)
    if mode is None:
        return []
    from sqlite_consolidate.engine.sqlite.connections import sqlite_version_text
    from sqlite_consolidate.page_reader.availability import page_reader_text

    chosen = settings(config)
    lines = [f"mode: {mode.means}"]
    if chosen.bundle is not None:
        lines.append(f"bundle: {chosen.bundle}")
    else:
        lines += [f"workspace: {chosen.workspace}{' (the sample)' if chosen.sample else ''}", f"plan: {chosen.plan}"]
    lines += [f"originals: {chosen.originals}"] if chosen.originals is not None else []
    return [one_line(line) for line in (*lines, f"SQLite: {sqlite_version_text()}", page_reader_text())]


class ClosedFolder(pytest.Directory):
    """Collect nothing from a folder."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield nothing.

        No module of the folder is imported.
        """
        yield from ()


class StageParentFolder(pytest.Directory):
    """Collect only the path to the stages while the gate is open."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the next folder on the path to the stages.

        A broken test in another folder can therefore not stop a migration.
        """
        stages = stage_folder(self.config)
        step = next(folder for folder in (stages, *stages.parents) if folder.parent == self.path)
        yield self.ihook.pytest_collect_directory(path=step, parent=self)


class StageFolder(pytest.Directory):
    """Collect the folder of the stages while the gate is open."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the files of the mode's stages in order."""
        for stage in stages_of(gate_mode(self.config)):
            if (file := self.path / stage.file).is_file():
                yield from self.ihook.pytest_collect_file(file_path=file, parent=self)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the stages only while the gate is open.

    Nothing else is collected then.
    """
    return _stage_collector(path, parent)


def _stage_collector(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if gate_mode(parent.config) is None:
        return ClosedFolder.from_parent(parent, path=path) if is_stage_folder(path) else None
    stages = stage_folder(parent.config)
    kind = StageFolder if path == stages else StageParentFolder if path in stages.parents else ClosedFolder
    return kind.from_parent(parent, path=path)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Remember each collected test, so that a later deselection is detected."""
    item.config.stash.setdefault(_COLLECTED, set()).add(item.nodeid)


@pytest.hookimpl(tryfirst=True)  # pytest itself reports the collection from this hook, and could fail first
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a final list that is neither the whole run in order nor without any stage.

    Raises:
        pytest.UsageError: The list is a part of the run. No test was run.
    """
    _require_whole_run(session)


def _require_whole_run(session: pytest.Session) -> None:
    config = session.config
    mode = gate_mode(config)
    if mode is None:
        strays = [item.nodeid for item in session.items if is_of_stage(item)]
        _refuse(_CLOSED, strays)
        return
    collected = config.stash.get(_COLLECTED, set[str]())
    problems = lineup_problems(session.items, collected, mode)
    fact = f"The collected tests are not the complete {mode} run. Nothing was executed:"
    _refuse(with_message_id(fact, id="not-whole"), problems)
    config.stash[_TURNS] = deque(session.items)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Describe the stages in a listing."""
    mode = gate_mode(config)
    if mode is None or not config.option.collectonly:
        return []
    # Tests are counted by file name, because the check above leaves one file per stage.
    files = [item.path.name for item in items]
    return [
        f"{number:2}. {stage.id:<14} {stage.does} ({files.count(stage.file)} tests)"
        for number, stage in enumerate(stages_of(mode), start=1)
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Run a test of a stage only in its turn.

    After a test that is out of turn, no further test runs.
    """
    _take_turn(item)


def _take_turn(item: pytest.Item) -> None:
    config = item.config
    if not is_of_stage(item) or (gate_mode(config) is not None and is_listing(config)):
        return
    if SESSION not in config.stash:
        pytest.fail(_CLOSED, pytrace=False)
    turns = config.stash.get(_TURNS, deque())
    if not turns or turns.popleft() is not item:
        turns.clear()
        pytest.fail("This test is out of turn: something repeats or reorders the stages.", pytrace=False)


def _any_of(options: tuple[str, ...], config: pytest.Config) -> bool:
    return any(vars(config.option).get(name) for name in options)


def _refuse(sentence: str, reasons: list[str]) -> None:
    if reasons:
        raise pytest.UsageError(printable("\n- ".join([sentence, *reasons])))
