"""List the tests of each stage, which the test reports of a bundle must name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import listed_in
from sqlite_consolidate.engine.run.stages import SELFTEST, stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.engine.run.stages import Stage

EACH_CRITERION = "test_each_criterion_holds"
"""Name of the test that runs once for each criterion of its stage."""

EACH_APPLICATION = "test_each_application_works"
"""Name of the test that runs once for each smoke test of the plan."""

EACH_FAULT = "test_each_fault_is_refused_by_its_criterion"
"""The test of a self-test that checks what its plan adds."""

PERFORMING = {
    "test_05_inventory.py": "test_workspace_is_examined",
    "test_10_preflight.py": "test_everything_is_read",
    "test_20_backup.py": "test_backup_set_is_written",
    "test_30_schema.py": "test_schema_is_created",
    "test_40_transfer.py": "test_rows_are_copied",
    "test_50_verify.py": "test_target_is_read",
    "test_60_commit.py": "test_transaction_is_committed",
    "test_70_references.py": "test_code_is_rewritten",
    "test_80_smoke.py": "test_state_before_applications_is_noted",
    "test_90_archive.py": "test_sources_are_renamed",
    "test_94_selftest.py": "test_faults_are_planted",
    "test_95_final.py": "test_record_is_written",
    "test_96_bundle.py": "test_bundle_is_read",
    "test_97_rollback.py": "test_run_is_rolled_back",
    "test_98_check.py": "test_consolidation_is_found",
    "test_99_originals.py": "test_originals_and_target_are_read",
}
"""Test file of each stage, with the name of the test that performs the stage."""


def functions_of(stage: Stage) -> tuple[str, ...]:
    """Return the names of the test functions in the file of a stage."""
    parametrized = [EACH_APPLICATION] if stage.runs_applications else [EACH_FAULT] if stage == SELFTEST else []
    return (PERFORMING[stage.file], EACH_CRITERION, *parametrized)


def stage_tests_of(mode: Mode, applications: int) -> Iterator[tuple[str, str]]:
    """Yield the id of the stage and the name of each test that a run has in a mode.

    Args:
        mode: Mode of the run.
        applications: Number of smoke tests of its plan.
    """
    smoke_tests = [f"smoke-{number}" for number in range(1, applications + 1)] or ["none"]
    for stage in stages_of(mode):
        parameters = {EACH_CRITERION: listed_in(stage), EACH_APPLICATION: smoke_tests}
        for name in functions_of(stage):
            yield from ((stage.id, f"{name}[{parameter}]") for parameter in parameters.get(name, ()))
            if name not in parameters:
                yield stage.id, name
