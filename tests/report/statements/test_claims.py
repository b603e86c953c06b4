"""State on page one only what the evidence of a run says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.evidence_json import to_json
from sqlite_consolidate.report.html.page import render_page
from sqlite_consolidate.report.statements.claim import Place
from sqlite_consolidate.report.statements.claims import CLAIMS, OTHERWISE, claims_of
from sqlite_consolidate.report.statements.endings import Ending, ending_of
from tests.support.reports.claim_readings import READINGS, ClaimReader, wrong_claims
from tests.support.reports.outcomes import drawn, scripted, with_outcome
from tests.support.thorough import sampled, thorough

if TYPE_CHECKING:
    from pathlib import Path

_DRAWN = drawn()
_IDS = [claim.id for claim in (*CLAIMS, *OTHERWISE)]


@pytest.mark.parametrize("name", _DRAWN)
def test_page_claims_what_its_evidence_says(name: str) -> None:
    """Each claim is so, and has the numbers of the evidence."""
    record = _DRAWN[name]

    assert wrong_claims(render_page(record), json.loads(to_json(record))) == {}


def test_every_outcome_of_a_report_is_read_back() -> None:
    """The pages above are those of each way in which a run with a plan or an inventory ends."""
    endings = {ending_of(record) for record in _DRAWN.values()}

    assert endings >= {
        Ending.ACCEPTED, Ending.REHEARSED, Ending.REFUSED, Ending.FAILED, Ending.INTERRUPTED, Ending.ROLLED_BACK,
        Ending.INTACT, Ending.NOT_INTACT, Ending.FOUND,
    }  # fmt: skip


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.CHECK, *thorough(*sorted({*Mode} - {Mode.MIGRATE, Mode.CHECK}))])
def test_page_of_each_mode_claims_what_is_so(tmp_path: Path, mode: Mode) -> None:
    """This holds however a run of the mode ends."""
    for name, record in scripted(tmp_path, mode).items():
        assert wrong_claims(render_page(record), json.loads(to_json(record))) == {}, name


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_EXAMINED])
def test_claim_is_not_made_without_its_proof(outcome: Outcome) -> None:
    """Each criterion that proves a claim can take it away."""
    for name, record in _DRAWN.items():
        proofs = {proof: each.claim.id for stated in claims_of(record).values() for each in stated
                  for proof in each.claim.proofs}  # fmt: skip
        for proof, claim in proofs.items():
            others = claims_of(with_outcome(record, proof, outcome))

            assert claim not in [each.claim.id for stated in others.values() for each in stated], (name, proof)


@pytest.mark.parametrize(("size", "is_claimed"), [(None, True), (4096, False)])
def test_new_target_has_no_row_to_lose(size: int | None, is_claimed: bool) -> None:
    """A target that existed has to be compared."""
    record = with_outcome(_DRAWN["accepted"], "neighbours-unchanged", Outcome.NOT_REQUIRED)
    assert record.target is not None
    record = replace(record, target=replace(record.target, size=size))

    claimed = {stated.claim.id for stated in claims_of(record)[Place.VERDICT]}

    assert ("no-row-lost" in claimed) is is_claimed


def test_every_claim_is_made_of_some_record() -> None:
    """Each has a reading of the evidence in this suite."""
    made = {id for record in _DRAWN.values() for id in ClaimReader(render_page(record)).claims}

    assert READINGS.keys() == set(_IDS)
    assert set(_IDS) - made <= {"change-not-shown", "loss-not-shown", "application-not-shown", "headline"}


def test_next_step_names_a_plan_of_another_name() -> None:
    """An inventory does not replace the plan that is there."""
    page = ClaimReader(render_page(_DRAWN["inventory beside a plan"]))

    assert "--plan=/srv/workspace/consolidation.proposed.toml" in page.claims["next"]
    assert "--plan" not in ClaimReader(render_page(_DRAWN["inventory"])).claims["next"]


@pytest.mark.parametrize("name", _DRAWN)
def test_every_question_has_an_answer(name: str) -> None:
    """No page leaves one of the five open."""
    stated = claims_of(_DRAWN[name])

    assert list(stated) == list(Place)
    assert all(stated.values())


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("accepted", {"one-command", "until", "tried"}),
        ("accepted, not rehearsed", {"one-command", "until", "untried"}),
        ("stranded", {"command-after-failure", "by-hand", "tried-in-part"}),
        ("stranded, not tried", {"command-after-failure", "by-hand", "tried"}),
        ("rollback stranded", {"rollback-again", "by-hand", "tried-in-part"}),
        ("rollback refused", {"rollback-open", "rollback-untried"}),
        ("rollback unfinished", {"rollback-unfinished"}),
        ("unfinished", {"no-command-yet", "untried"}),
        ("unfinished, with command", {"command", "tried"}),
        ("intact", {"command-of-check", "until-of-check", "untried-by-check"}),
        ("intact, changed since", {"refused-by-changes", "untried-by-check"}),
        ("not intact, damaged", {"refused-if-changed", "untried-by-check"}),
        ("not intact, archive changed", {"refused-if-changed", "untried-by-check"}),
        ("not intact", {"refused-by-changes", "untried-by-check"}),
        ("already", {"in-other-report"}),
        ("rolled back", {"was-the-way-back", "nothing-discarded", "tried-in-earnest"}),
        ("rolled back, changes discarded", {"was-the-way-back", "discarded-to-copy", "tried-in-earnest"}),
    ],
)
def test_way_back_has_command_loss_and_trial(name: str, ids: set[str]) -> None:
    """Each outcome answers the same three parts of the question."""
    assert {each.claim.id for each in claims_of(_DRAWN[name])[Place.BACK]} == ids


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("intact", ["only-judged"]),
        ("intact, changed since", ["rows-differ", "only-judged"]),
        ("intact, index dropped", ["objects-differ", "only-judged"]),
        ("not intact", ["table-gone", "only-judged"]),
        ("not intact, damaged", ["target-differs", "only-judged"]),
        ("not intact, archive changed", ["archives-differ", "only-judged"]),
    ],
)
def test_check_states_first_what_differs(name: str, ids: list[str]) -> None:
    """Only then it states that the check itself changed nothing."""
    assert [each.claim.id for each in claims_of(_DRAWN[name])[Place.CHANGED]] == ids


@pytest.mark.parametrize(
    ("name", "changed"),
    [("stranded", "change-left"), ("rollback stranded", "change-left"), ("stranded, not tried", "change-open")],
)
def test_incomplete_rollback_comes_first(name: str, changed: str) -> None:
    """The page claims what is known of it, and not that no row was moved."""
    stated = claims_of(_DRAWN[name])

    assert stated[Place.VERDICT][-1].claim.id == "stranded-first"
    assert [each.claim.id for each in stated[Place.CHANGED]] == [changed]
    assert "moved for good" not in render_page(_DRAWN[name])


@pytest.mark.parametrize(("name", "signal"), [("interrupted", "Ctrl-C"), ("terminated", "SIGTERM")])
def test_interrupted_run_names_signal_and_stage(name: str, signal: str) -> None:
    """The exit code has the signal, and the stages have where it came."""
    record = _DRAWN[name]
    stage = next(each.id for each in record.stages if each.outcome in ("running", "failed"))

    text = ClaimReader(render_page(record)).claims["interrupted"]

    assert signal in text
    assert stage in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refused early", "the smoke test was not run, because the run ended before this stage"),
        ("interrupted in smoke tests", "1 of 2 smoke tests passed, and 1 did not come to an end"),
    ],
)
def test_smoke_tests_are_called_open_as_far_as_run(name: str, words: str) -> None:
    """A test that no run has started did not fail to end."""
    assert words in ClaimReader(render_page(_DRAWN[name])).claims["applications-unknown"]


@pytest.mark.parametrize("name", _DRAWN)
def test_answer_links_the_section_of_each_claim(name: str) -> None:
    """Each link leads to a part of the same page."""
    page = render_page(_DRAWN[name])
    answers = page[page.index('id="questions"') : page.index('<nav class="contents"')]
    sections = {each.claim.section for place, stated in claims_of(_DRAWN[name]).items() for each in stated
                if place is not Place.VERDICT and each.claim.section}  # fmt: skip

    linked = {section for section in sections if f'href="#{section}"' in answers}

    assert linked == {section for section in sections if f'id="{section}"' in page}
    assert {"attention", "unchecked"} & sections <= linked


@pytest.mark.parametrize("name", sampled(_DRAWN, *range(0, len(_DRAWN), 4)))
def test_command_on_page_one_is_whole(name: str) -> None:
    """A reader can paste each command, because it has the workspace."""
    text = " ".join(ClaimReader(render_page(_DRAWN[name])).claims.values())

    assert re.findall(r"pytest -m \w+(?! --workspace=)\b", text) == []


def test_rollback_after_a_failure_links_its_proof() -> None:
    """The section of the run has what was rolled back and compared."""
    page = render_page(_DRAWN["interrupted"])
    answer = page[page.index('id="claim-compared-after-rollback"') : page.index('id="claim-went-back"')]

    assert 'href="#run"' in answer
