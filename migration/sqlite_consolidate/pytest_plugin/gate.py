"""The gate: stages run only when the verb was said in so many words, then all of them, in order, each once.

Five layers, each for what the one before cannot see: the command line (before anything is opened), the folders that
are collected, the final list of tests, the moment before each test, and the fixtures, which ask for the run's state.
What each layer decides stands in a function beside its hook, not in it: mutation testing leaves decorated ones alone.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import VERBS, Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.pytest_plugin.options import settings
from sqlite_consolidate.pytest_plugin.refusals import is_stage_folder, named_stages, refusals, stage_folder
from sqlite_consolidate.pytest_plugin.selection import is_of_stage, lineup_problems
from sqlite_consolidate.pytest_plugin.state import SESSION
from sqlite_consolidate.text import one_line, printable, with_message_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.session import Session

# Options that only show something: with the first no run is begun, with the others nothing is even collected.
_COLLECT_ONLY_OPTIONS = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test", "cacheshow")
_INFO_OPTIONS = ("help", "version", "markers")

_CLOSED = with_message_id(
    "The stages run only as a whole: say pytest -m migrate, -m verify, -m rollback, -m inventory or -m selftest, "
    "and no path.",
    id="only-as-a-whole",
)

_MODE = pytest.StashKey[Mode]()
_COLLECTED = pytest.StashKey[set[str]]()
_TURNS = pytest.StashKey[deque[pytest.Item]]()


def gate_mode(config: pytest.Config) -> Mode | None:
    """Return the mode of the run that was asked for, or None while the gate is closed."""
    return config.stash.get(_MODE, None)


def is_listing(config: pytest.Config) -> bool:
    """Tell whether pytest was only asked to show what it would do: nothing may be opened or written for that."""
    return _any_of(_COLLECT_ONLY_OPTIONS, config)


def open_run(config: pytest.Config, verb: str) -> Session:
    """Begin a run and return its session.

    Raises:
        pytest.UsageError: The run is refused; nothing was touched.
    """
    from sqlite_consolidate.pytest_plugin.startup import begin_run

    return begin_run(config, verb)


def run_all(config: pytest.Config, verb: str) -> int:
    """Run every workspace of a fleet and return the exit code of the whole.

    Raises:
        pytest.UsageError: The fleet is refused; nothing was touched.
    """
    from sqlite_consolidate.pytest_plugin.commands.fleet import run_fleet

    return run_fleet(config, verb, only_list=is_listing(config))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """The command line decides, before anything is opened; a fleet's run ends here with its exit code."""
    return _apply_gate(config)


def _apply_gate(config: pytest.Config) -> int | None:
    """The gate is open for exactly one of the verbs, with options that leave the run whole; else it is closed.

    The text decides, not the expression: ``migrate and not slow`` is just as explicit, and half a migration. Each
    workspace of a fleet has a pytest of its own.
    """
    if _any_of(_INFO_OPTIONS, config):
        return None
    verb = config.option.markexpr.strip()
    fleet = config.getoption("consolidate_fleet", None) is not None
    if verb not in VERBS:
        _refuse(_CLOSED, [*named_stages(config), *(["--fleet goes with one of these verbs."] if fleet else [])])
        return None
    _refuse(f"The run ({verb}) was not started; nothing was touched:", refusals(config, verb))
    if fleet:
        return run_all(config, verb)
    if is_listing(config):
        config.stash[_MODE] = Mode.of_verb(verb)
    else:
        config.stash[SESSION] = session = open_run(config, verb)
        config.stash[_MODE] = session.request.mode
    config.args = [str(stage_folder(config))]  # whichever folders this project has its tests in
    return None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what a run or a listing is about, or how to start a run where the expression looks as if one was meant."""
    mode = gate_mode(config)
    if mode is None:
        words = re.findall(r"\w+", config.option.markexpr.lower())
        return [f"to run it, say exactly: pytest -m {verb}" for verb in VERBS if verb in words]
    from sqlite_consolidate.engine.sqlite.connections import library

    chosen = settings(config)
    lines = [f"mode: {mode.means}"]
    if chosen.bundle is not None:
        lines.append(f"bundle: {chosen.bundle}")
    else:
        lines += [f"workspace: {chosen.workspace}{' (the sample)' if chosen.sample else ''}", f"plan: {chosen.plan}"]
    lines += [f"originals: {chosen.originals}"] if chosen.originals is not None else []
    return [one_line(line) for line in (*lines, f"SQLite: {library()}")]


class ClosedFolder(pytest.Directory):
    """A folder in which nothing is to be found."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield nothing; no module of it is imported."""
        yield from ()


class StageParentFolder(pytest.Directory):
    """A folder above the stages, while the gate is open: only the way to them is there."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the next folder on the way, so that a broken test elsewhere cannot stop a migration."""
        stages = stage_folder(self.config)
        step = next(folder for folder in (stages, *stages.parents) if folder.parent == self.path)
        yield self.ihook.pytest_collect_directory(path=step, parent=self)


class StageFolder(pytest.Directory):
    """The folder of the stages, while the gate is open."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the files of the mode's stages, in order."""
        for stage in stages_of(gate_mode(self.config)):
            if (file := self.path / stage.file).is_file():
                yield from self.ihook.pytest_collect_file(file_path=file, parent=self)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Stages are collected only behind the open gate, and nothing else is collected there."""
    return _stage_collector(path, parent)


def _stage_collector(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if gate_mode(parent.config) is None:
        return ClosedFolder.from_parent(parent, path=path) if is_stage_folder(path) else None
    stages = stage_folder(parent.config)
    kind = StageFolder if path == stages else StageParentFolder if path in stages.parents else ClosedFolder
    return kind.from_parent(parent, path=path)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What is collected is remembered, so that what is deselected afterwards shows."""
    item.config.stash.setdefault(_COLLECTED, set()).add(item.nodeid)


@pytest.hookimpl(tryfirst=True)  # pytest itself reports the collection from this hook, and could fail before us
def pytest_collection_finish(session: pytest.Session) -> None:
    """The final list is the whole run in order, or has nothing of it.

    Raises:
        pytest.UsageError: It is anything between; nothing was run.
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
    what = f"This is not the whole run ({mode}), every test once and in order; nothing of it was run:"
    _refuse(with_message_id(what, id="not-whole"), problems)
    config.stash[_TURNS] = deque(session.items)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """A mere listing shows what the stages do."""
    mode = gate_mode(config)
    if mode is None or not config.option.collectonly:
        return []
    # A file's tests are counted by its name: after the check above there is one file a stage.
    files = [item.path.name for item in items]
    return [
        f"{number:2}. {stage.id:<14} {stage.does} ({files.count(stage.file)} tests)"
        for number, stage in enumerate(stages_of(mode), start=1)
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of a stage runs only in its turn; once one is out of turn, none runs any more."""
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
