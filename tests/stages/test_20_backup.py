"""Stage 20: copies of databases, SQL dumps and code files in one set, each read again before it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine.backup import copied_content, dumped_content
from migration.engine.digest import digest_file
from migration.engine.observation import Observation, equal
from migration.harness.closing import command
from migration.harness.facts import contents

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("20-backup"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(2010)
def test_everything_is_backed_up(run: Run, backup_set: Path, state: RunState) -> None:
    """A new backup set is opened, filled and sealed; none of an earlier run is touched."""
    state.touched = True
    state.backup_set = backup_set.relative_to(run.root).as_posix()
    state.rollback["command"] = command(state, "rollback")

    run.back_up()

    assert run.sealed is not None


@pytest.mark.order(2020)
@pytest.mark.criterion("backup-complete")
def test_all_originals_are_in_the_backup_set(run: Run, backup_set: Path, evidence: Recorder) -> None:
    """Target, sources and the code files to be rewritten are in the set, private to the user, as the manifest says."""
    sealed = run.sealed
    assert sealed is not None
    files = {copy.file: (copy.copy, copy.sha256, copy.size) for copy in sealed.databases}
    files |= {copy.file: (copy.copy, copy.sha256, copy.size) for copy in sealed.code}
    originals = [facts.file for facts in run.found.sources.values()] + [rewrite.file for rewrite in run.rewrites]
    originals += [run.plan.target] if run.found.target else []

    seen = []
    for file in originals:
        name, sha256, size = files.get(file, ("", "", 0))
        path = backup_set / name
        there = name and path.is_file()
        observed = f"{path.stat().st_size} bytes, {digest_file(path)}" if there else "not in the set"
        seen.append(equal(file, f"{size} bytes, {sha256}" if there else "in the set", observed))
    private = [p.name for p in (backup_set, *backup_set.rglob("*")) if p.stat().st_mode & 0o077]
    seen.append(
        equal(
            "permissions of the backup set", "readable by nobody else", ", ".join(private) or "readable by nobody else"
        )
    )
    wrong = evidence("backup-complete", seen)

    assert not wrong, wrong


@pytest.mark.order(2030)
@pytest.mark.criterion("backup-digest")
def test_each_backup_has_the_content_of_its_original(
    run: Run, backup_set: Path, evidence: Recorder, state: RunState
) -> None:
    """Each copy has the content digest of the live database: its bytes are those that were proved, or it is read."""
    assert run.sealed is not None
    live = {
        facts.file: facts.digest
        for facts in [*run.found.sources.values(), *([run.found.target] if run.found.target else [])]
    }

    seen = []
    for copy in run.sealed.databases:
        found = copied_content(copy, backup_set, run.limits)
        state.read_at("backup", copy.file, contents(found.tables))
        seen.append(equal(copy.file, live[copy.file], found.digest))
    wrong = evidence("backup-digest", seen)

    assert not wrong, wrong


@pytest.mark.order(2040)
@pytest.mark.criterion("dump-reloads")
def test_each_dump_reloads_to_the_same_content(run: Run, backup_set: Path, evidence: Recorder, state: RunState) -> None:
    """Each SQL dump, loaded into an empty database, has the content digest of the live database."""
    assert run.sealed is not None
    seen = []
    for copy in run.sealed.databases if run.plan.dump else ():
        found = dumped_content(copy, backup_set, run.limits)
        state.read_at("dump", copy.file, contents(found.tables))
        seen.append(equal(copy.dump, copy.digest, found.digest))
    if not run.plan.dump:
        seen = [Observation("SQL dumps", "as the plan says", "the plan asks for none (dump = false)", holds=True)]

    wrong = evidence("dump-reloads", seen)

    assert not wrong, wrong
