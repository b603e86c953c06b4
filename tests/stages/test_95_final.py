"""Stage 95: everything is read again through new connections, and the record is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import compare, schema
from migration.engine.guard import looking
from migration.engine.ledger import Ledger
from migration.engine.observation import equal
from migration.harness.last_words import after, instructions, record

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("95-final"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9510)
@pytest.mark.criterion("final-digest")
def test_the_target_still_is_what_was_verified(run: Run, evidence: Recorder, state: RunState) -> None:
    """Read through a new connection, rows, tables, indexes, triggers and views are those verified before COMMIT."""
    seen = compare.final(run.reader.content(run.root / run.plan.target).tables, run.verified)
    with looking(run.root / run.plan.target, run.limits) as con:
        seen += compare.schema_as_foretold(schema.read(con), run.found.future)
        seen += compare.triggers_in_place(con, run.found)
    state.target = after(state, run)

    wrong = evidence("final-digest", seen)

    assert not wrong, wrong


@pytest.mark.order(9520)
@pytest.mark.criterion("record-written")
def test_the_record_is_in_the_backup_set(run: Run, backup_set: Path, evidence: Recorder, state: RunState) -> None:
    """Backup location, rollback procedure and the record of the run are in the backup set, and the ledger is closed."""
    assert all(one.holds for one in state.evidence), "a criterion does not hold: the run is not finished"
    run.finish(record(state), instructions(state)[1].encode("utf-8"))

    seen = [
        equal(f"{state.backup_set}/{name}", "written", "written" if (backup_set / name).stat().st_size else "empty")
        for name in ("manifest.json", "plan.toml", "record.json", "ROLLBACK.md", "ledger.jsonl")
    ]
    seen.append(equal("ledger", "finished", Ledger(backup_set).events()[-1]["event"]))
    wrong = evidence("record-written", seen)
    assert not wrong, wrong
