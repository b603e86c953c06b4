"""Find entries about new keys that the key maps of the evidence contradict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqlite_consolidate.engine.checks.renumbering.key_texts import NO_NEW_KEY, key_text
from sqlite_consolidate.engine.run.run_log import Evidence
from sqlite_consolidate.observation import Outcome, Relation
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.report.bundle_check.facts.recomputed import Recomputed
from sqlite_consolidate.report.bundle_check.parse import BundleContents
from sqlite_consolidate.report.bundle_check.reader import Bundle
from sqlite_consolidate.report.evidence import KeyMapRecord, MoveRecord
from sqlite_consolidate.report.evidence_json import SCHEMA
from tests.support.reports.records import accepted

PLAN = Plan.model_validate(
    {
        "format": 1,
        "name": "small",
        "target": "main.db",
        "source": [{"name": "a", "file": "a.db", "table": [{"name": "t", "keys": "renumber"}]}],
    }
)
MOVE = MoveRecord("a", "a.db:t", "t", "t", 3, arrived=3)
RIGHT = key_text(3, 7)
DIGEST = f"3 rows, {'0a' * 32}"


def contradicted(subject: str, text: str, outcome: Outcome = Outcome.PASSED, **facts: Any) -> bool:
    """Return whether an entry of the criterion contradicts the rest of its bundle."""
    maps = (KeyMapRecord("a", "t", 7),)
    expected = text if outcome is Outcome.PASSED else "nothing demanded"
    examined = 1 if outcome is Outcome.PASSED else 0
    relation = Relation.EQUAL if outcome is Outcome.PASSED else None
    entry = Evidence("keys-mapped", subject, expected, text, outcome, relation=relation, examined=examined)
    record = replace(accepted(), criteria=(entry,), moves=(MOVE,), **{"key_maps": maps, **facts})
    contents = BundleContents(Bundle("some.zip", {}), {}, None, record, schema=SCHEMA, plan=PLAN)
    return any(
        subject.startswith("keys-mapped") for subject, _, _ in Recomputed.of(PLAN, contents, record).contradictions()
    )


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("a.db:t -> t", RIGHT, False),
        ("a.db:t -> t", key_text(3, 8), True),
        ("a.db:t -> t", key_text(2, 7), True),
        ("b.db:t -> t", RIGHT, True),
        ("child.t", DIGEST, False),
        ("child.t", "all right", True),
    ],
)
def test_entry_states_its_key_map(subject: str, text: str, expected: bool) -> None:
    """Rows and offset are those of move and key map, and a column has a digest."""
    assert contradicted(subject, text) is expected


def test_nothing_demanded_needs_a_plan_that_keeps_keys() -> None:
    """A plan that renumbers a table demands the entry."""
    assert contradicted("plan", NO_NEW_KEY, Outcome.NOT_REQUIRED, key_maps=())


def test_key_map_demands_its_entry() -> None:
    """An entry that was removed is missing."""
    record = replace(accepted(), criteria=(), moves=(MOVE,), key_maps=(KeyMapRecord("a", "t", 7),))
    contents = BundleContents(Bundle("some.zip", {}), {}, None, record, schema=SCHEMA, plan=PLAN)

    demands = Recomputed.of(PLAN, contents, record).demands()

    assert ("keys-mapped", "a.db:t -> t") in {(demand.criterion, demand.subject) for demand in demands}
