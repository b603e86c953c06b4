"""``evidence.json``: the shape that other programs rely on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from migration.audit.evidence_file import to_json

if TYPE_CHECKING:
    from migration.audit.evidence import Record


def test_the_keys_are_exactly_those_of_schema_1(accepted: Record) -> None:
    """A program that reads schema 1 finds what it was promised, on every level."""
    document = json.loads(to_json(accepted))

    assert document["schema"] == 1
    assert set(document) == {
        "schema", "run", "mode", "verdict", "started", "finished", "host", "user", "versions", "plan", "change",
        "sources", "target", "stages", "criteria", "findings", "backup_set", "archive", "rollback", "headline",
        "exit_code", "not_shown", "put_back", "already", "workspace", "unanswerable", "attempts",
        "moves", "differences", "smoke",
    }  # fmt: skip
    assert set(document["plan"]) == {"path", "sha256"}
    assert set(document["target"]) == {"name", "file", "before", "after", "versions", "contents"}
    assert set(document["target"]["after"]) == {"size", "digest", "rows"}
    assert set(document["sources"][0]) == set(document["target"])
    assert {frozenset(stage) for stage in document["stages"]} == {frozenset(["id", "outcome", "seconds", "estimate"])}
    assert {frozenset(one) for one in document["criteria"]} == {
        frozenset(["id", "subject", "verdict", "expected", "observed"])
    }


def test_values_come_back_as_they_were(accepted: Record) -> None:
    """Counts, sizes and digests are the record's own."""
    document = json.loads(to_json(accepted))

    assert document["target"]["before"] == {"size": 409600, "digest": "ef" * 32, "rows": {"workspace_tasks": 62}}
    assert document["target"]["after"]["rows"]["tasks"] == 85
    assert document["sources"][0]["after"]["size"] is None
    assert document["stages"][1] == {"id": "20-backup", "outcome": "passed", "seconds": 0.5, "estimate": 300.0}


def test_every_criterion_has_a_verdict_also_those_that_nobody_looked_at(refused: Record) -> None:
    """Shown, failed and not shown are three things."""
    document = json.loads(to_json(refused))

    verdicts = {one["id"]: one["verdict"] for one in document["criteria"]}
    assert verdicts["plan-valid"] == "shown"
    assert verdicts["rows-exact"] == "failed"
    assert verdicts["archived"] == "not shown"
    assert set(document["not_shown"]) == {one for one, verdict in verdicts.items() if verdict == "not shown"}


def test_hostile_texts_leave_plain_ascii_that_every_reader_accepts(hostile: Record) -> None:
    """No control character, no bidi override and no lone surrogate reaches a program or a terminal."""
    text = to_json(hostile)

    document = json.loads(text)
    assert text.isascii()
    assert "\\u202egnp.exe" in document["host"]
    assert "\\ud800\\udcff" in document["host"]
    assert "\x1b" not in document["host"]
