"""Test that a run recovers from a fault while it copies or has written pages.

The page reader proves the target by pages that SQLite writes before COMMIT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.crash.crash_trial import MISSED, CommandCase, Facts, Trial, facts
from tests.support.crash.injector import FAULTS, Call, calls_of, why_no_injection
from tests.support.crash.power_cut import why_no_power_cut
from tests.support.pages.program import need_page_reader, read_every_size_by_pages
from tests.support.workspaces.two_sources import execute

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from tests.support.workspaces.whole_run import Workspace

pytestmark = [
    pytest.mark.skipif(bool(why_no_injection()), reason=f"no fault can be injected: {why_no_injection()}"),
    pytest.mark.crash,
]

WAYS = ("migrate", "rollback")


def _fill_target(workspace: Workspace) -> None:
    """Let the target have more pages than the cache, and no WAL."""
    target = workspace.root / "workspace.db"
    execute(target, "PRAGMA journal_mode=DELETE")
    execute(
        target,
        "INSERT INTO projects(name) WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
        "SELECT printf('%01000d', i) FROM n",
    )


CASE = CommandCase(prepare=_fill_target, spoil=read_every_size_by_pages)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, pool: Executor
) -> tuple[dict[str, list[Call]], dict[str, Facts]]:
    """Return the calls that copy pages, those after the first written page, and the states."""
    with pytest.MonkeyPatch.context() as patch:
        need_page_reader(patch)
    workspace = CASE.begin(tmp_path_factory.mktemp("undisturbed"))
    before = facts(workspace.root)
    calls = pool.submit(calls_of, workspace, CASE.verb, CASE.spoil).result()
    first = next(i for i, call in enumerate(calls) if call.name == "pwrite64" and call.paths == ("workspace.db",))
    copying = [call for call in calls[:first] if any(path.endswith(".db.part") for path in call.paths)]
    numbered = {
        kind: [call for call in some if call.name != "openat"]  # whose numbers differ with other processes
        for kind, some in (("copying", copying), ("written", calls[first:]))
    }
    return numbered, {"migrate": facts(workspace.root), "rollback": before}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("kind", "number"), [("copying", 2), ("written", 4), pytest.param("written", 40, marks=pytest.mark.long)]
)
def test_run_with_pages_recovers(
    tmp_path: Path,
    pool: Executor,
    undisturbed: tuple[dict[str, list[Call]], dict[str, Facts]],
    fault: str,
    kind: str,
    number: int,
) -> None:
    """The target has all rows of the run or none, whether the next command goes on or undoes."""
    if fault == "power cut" and (reason := why_no_power_cut()):
        pytest.skip(f"no power can be cut: {reason}")
    calls, good = undisturbed[0][kind], undisturbed[1]
    assert len(calls) >= number
    step = max(1, len(calls) // number)
    chosen = calls[step // 2 :: step][:number]
    trials = [Trial(fault, call, WAYS[index % 2], journey=CASE) for index, call in enumerate(chosen)]

    tried = [pool.submit(trial.wrong, tmp_path / str(index), good[trial.way]) for index, trial in enumerate(trials)]
    wrong = [text for future in tried if (text := future.result())]

    assert [text for text in wrong if text != MISSED] == []
    assert wrong.count(MISSED) < max(2, number / 10)
