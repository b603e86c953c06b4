"""Every way out: killed, out of room or failed by the disk at any call, a run is completed or undone by one command."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from migration.engine import durable, run
from migration.engine.ledger import Ledger
from tests.crash.durability import not_durable
from tests.crash.injector import FAULTS, Call, calls_of, why_not
from tests.crash.trial import Facts, facts, fresh, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no fault can be injected: {why_not()}")

SAMPLE, LONG = 4, 200  # calls of each fault and way back; both commands make 8 of each fault
WAYS = ("migrate", "rollback")
AT_ONCE = min(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


@dataclass(frozen=True)
class Undisturbed:
    """A run in which nothing went wrong: its calls, and what the workspace is before and after it."""

    calls: list[Call]
    before: Facts
    after: Facts

    def sample(self, number: int, way: str) -> list[Call]:
        """Return that many calls, spread evenly over the run; another choice for each way back."""
        step = max(1, len(self.calls) // number)
        return self.calls[WAYS.index(way) * step // 2 :: step][:number]

    def good(self, way: str) -> Facts:
        """Return what the workspace has to be after that way back."""
        return self.after if way == "migrate" else self.before


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The run that all others are compared with."""
    workspace = fresh(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    return Undisturbed(calls_of(workspace), before, facts(workspace.root))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """As many processes as may make trials at once; new ones, since they fork."""
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as workers:
        yield workers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", ["kill", "disk full", "disk error"])
def test_one_command_leads_out(tmp_path: Path, pool: Executor, undisturbed: Undisturbed, fault: str, way: str) -> None:
    """Rows, schema, code, names and modes are as after a good run, or as before; no backup is lost, nothing is left."""
    wrong = _tried(pool, tmp_path, fault, way, undisturbed.sample(SAMPLE, way), undisturbed.good(way))

    assert [words for words in wrong if words != "missed"] == []
    assert wrong.count("missed") < SAMPLE / 2


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_one_command_leads_out_of_many(
    tmp_path: Path, pool: Executor, undisturbed: Undisturbed, fault: str, way: str
) -> None:
    """The same at 200 calls of each fault, and with a disk that does not recover."""
    wrong = _tried(pool, tmp_path, fault, way, undisturbed.sample(LONG, way), undisturbed.good(way))

    assert [words for words in wrong if words != "missed"] == []
    assert wrong.count("missed") < LONG / 10


def _write_in_place() -> None:
    """Spoil this process: code files are overwritten, not replaced."""

    def _overwrite(path: Path, data: bytes, mode: int) -> None:
        path.write_bytes(data)
        path.chmod(mode)

    vars(run)["replace"] = _overwrite


def _note_afterwards() -> None:
    """Spoil this process: the ledger says that a code file is rewritten only when it is."""
    note, replace = Ledger.note, durable.replace
    held: list[Callable[[], None]] = []

    def _hold(ledger: Ledger, event: str, **noted: object) -> None:
        if event == "rewriting":
            held.append(lambda: note(ledger, event, **noted))
        else:
            note(ledger, event, **noted)

    def _replace(path: Path, data: bytes, mode: int) -> None:
        replace(path, data, mode)
        held.pop()()

    type.__setattr__(Ledger, "note", _hold)
    vars(run)["replace"] = _replace


def _sync_nothing() -> None:
    """Spoil this process: what is written is left to the kernel."""
    vars(durable)["_sync"] = lambda _descriptor: None


@pytest.mark.parametrize(
    ("spoil", "name", "path"), [(_write_in_place, "write", "app/tasks.py"), (_note_afterwards, "fsync", "app")]
)
def test_a_step_out_of_order_is_caught(
    tmp_path: Path, undisturbed: Undisturbed, spoil: Callable[[], None], name: str, path: str
) -> None:
    """The trials can fail: the spoiled run, killed there, leaves a file of code that no rollback puts back."""
    calls = calls_of(fresh(tmp_path / "spoiled"), spoil)
    call = next(call for call in calls if (call.name, call.paths[-1]) == (name, path))

    wrong = trial(tmp_path / "trial", "kill", call, "rollback", undisturbed.before, spoil)

    assert "app/tasks.py: not as it should be" in wrong


def test_everything_is_on_the_disk_when_it_has_to_be(undisturbed: Undisturbed) -> None:
    """No name comes before the bytes, no archive before everything else, and nothing stays in the cache only."""
    assert not_durable(undisturbed.calls) == []


def test_what_is_put_back_is_on_the_disk(tmp_path: Path) -> None:
    """The way back leaves nothing in the cache only."""
    workspace = fresh(tmp_path)
    assert workspace.forked("migrate").exit == 0
    were = [path.relative_to(workspace.root).as_posix() for path in workspace.root.rglob("*")]

    assert not_durable(calls_of(workspace, verb="rollback"), were) == []


def test_a_sync_left_out_is_caught(tmp_path: Path) -> None:
    """A kill would not show it: the calls of the run do."""
    found = not_durable(calls_of(fresh(tmp_path), _sync_nothing))

    assert any("before its bytes were on the disk" in words for words in found)
    assert any("got its name before these were on the disk" in words for words in found)
    assert any("the folder" in words for words in found)


def _tried(pool: Executor, folder: Path, fault: str, way: str, calls: list[Call], good: Facts) -> list[str]:
    """Make a trial at each call, and return what is wrong after them."""
    tried = [pool.submit(trial, folder / str(at), fault, call, way, good) for at, call in enumerate(calls)]
    return [words for one in tried if (words := one.result())]
