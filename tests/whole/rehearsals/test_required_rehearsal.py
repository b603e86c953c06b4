"""Migrate only what was rehearsed recently, if the plan requires a rehearsal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.reports.forgery import forge, shift_earlier
from tests.support.thorough import thorough
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import CompletedRun, Workspace


@pytest.fixture
def demanding(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose plan demands a rehearsal of the last day, and that was rehearsed."""
    workspace = build_one_source(tmp_path_factory.mktemp("demanding"))
    workspace.edit("consolidation.toml", "format = 1", 'format = 1\nrequire_rehearsal = "24h"')
    ran = workspace.run("verify")
    assert ran.exit == 0, ran.text
    return workspace


def said(ran: CompletedRun) -> str:
    """What the report says of the rehearsal."""
    return next(str(entry["observed"]) for entry in ran.evidence["criteria"] if entry["id"] == "rehearsed")


def age(workspace: Workspace, by: timedelta) -> None:
    """Let the rehearsal have ended that much earlier."""
    [folder] = workspace.reports.glob("*-rehearsal")
    stamp = datetime.strptime(folder.name.partition("-")[0], "%Y%m%d_%H%M%S").replace(tzinfo=UTC) - by
    earlier = folder.with_name(f"{stamp:%Y%m%d_%H%M%S}-rehearsal")

    def _age(document: Any) -> None:
        shift_earlier(document, by)
        text = json.dumps(document).replace(folder.name.partition("-")[0], f"{stamp:%Y%m%d_%H%M%S}")
        document.update(json.loads(text))

    forge(folder, _age)
    folder.rename(earlier)


def test_rehearsed_plan_is_migrated(demanding: Workspace) -> None:
    """The report names the rehearsal and its time, when the rollback was drilled."""
    ran = demanding.run("migrate")

    assert ran.exit == 0, ran.text
    assert "-rehearsal passed at 20" in said(ran)
    assert "on exactly these databases" in said(ran)
    assert ran.evidence["rollback"]["drilled"]


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (
            lambda w: w.execute("old.db", "UPDATE tags SET tag = 'green' WHERE tag = 'blue'"),
            "changed since then: old.db",
        ),
        *thorough(
            (
                lambda w: w.edit("consolidation.toml", 'name   = "small"', 'name = "small"'),
                "no report of a passed rehearsal",
            ),
            (lambda w: age(w, timedelta(hours=25)), "passed at"),
            (lambda w: w.execute("main.db", "DELETE FROM people WHERE id = 2"), "changed since then: main.db"),
        ),
    ],
    ids=["a changed source", "another plan", "too long ago", "a changed target"],
)
def test_plan_without_rehearsal_is_refused(demanding: Workspace, meddle: object, words: str) -> None:
    """It exits with 4 by its criterion and names the difference."""
    assert callable(meddle)
    meddle(demanding)
    before = demanding.files()

    ran = demanding.run("migrate")

    assert ran.exit == 4, ran.text
    assert ran.failed == {"rehearsed"}
    assert words in said(ran)
    assert demanding.files() == before


@pytest.mark.thorough
def test_report_states_a_missing_rehearsal_without_the_key(workspace: Workspace) -> None:
    """No rehearsal is demanded, and a reader still learns it."""
    ran = workspace.run("migrate")

    assert ran.exit == 0, ran.text
    assert said(ran) == "the plan demands no rehearsal, and there is no report of one"
