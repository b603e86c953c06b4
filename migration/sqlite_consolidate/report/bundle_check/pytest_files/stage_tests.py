"""List the tests of each stage, which the test reports of a bundle have to name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.modes import Mode

EACH_APPLICATION = "test_each_application_works"
"""The one test that is there once for each smoke test of the plan."""

STAGE_TESTS: dict[str, tuple[str, ...]] = {
    "test_05_inventory.py": (
        "test_workspace_is_examined",
        "test_databases_are_found",
        "test_plan_passes_its_own_check",
        "test_databases_are_unchanged",
    ),
    "test_10_preflight.py": (
        "test_everything_is_read",
        "test_plan_is_valid",
        "test_sources_are_readable",
        "test_databases_are_intact",
        "test_no_other_process_interferes",
        "test_disk_space_suffices",
        "test_nothing_is_left_behind",
        "test_names_are_free",
        "test_values_fit_the_target",
        "test_keys_are_free",
        "test_row_counts_are_as_stated",
        "test_references_are_in_the_code",
        "test_rehearsal_is_recent_enough",
    ),
    "test_20_backup.py": (
        "test_backup_set_is_written",
        "test_backup_set_is_complete",
        "test_backups_equal_their_originals",
        "test_dumps_load_to_the_same_content",
    ),
    "test_30_schema.py": (
        "test_schema_is_created",
        "test_planned_tables_exist",
        "test_planned_indexes_exist",
        "test_schema_is_as_planned",
    ),
    "test_40_transfer.py": (
        "test_rows_are_copied",
        "test_row_counts_match",
        "test_row_counts_are_those_of_the_plan",
    ),
    "test_50_verify.py": (
        "test_target_is_read",
        "test_rows_arrived_exactly",
        "test_no_row_is_duplicated",
        "test_foreign_keys_hold",
        "test_target_is_intact",
        "test_neighbours_are_unchanged",
        "test_triggers_and_views_are_in_place",
        "test_size_is_reasonable",
    ),
    "test_60_commit.py": (
        "test_transaction_is_committed",
        "test_history_row_is_visible",
    ),
    "test_70_references.py": (
        "test_code_is_rewritten",
        "test_code_uses_the_target",
        "test_no_stale_reference_is_left",
        "test_rewritten_code_compiles",
    ),
    "test_80_smoke.py": (
        "test_state_before_applications_is_noted",
        "test_each_application_works",
        "test_logs_have_no_new_error",
        "test_applications_changed_no_database",
    ),
    "test_90_archive.py": (
        "test_sources_are_renamed",
        "test_sources_are_archived",
        "test_archives_can_be_restored",
        "test_no_late_write_is_lost",
    ),
    "test_94_selftest.py": (
        "test_faults_are_planted",
        "test_runs_without_a_fault_are_accepted",
        "test_each_fault_is_refused_by_its_criterion",
    ),
    "test_95_final.py": (
        "test_record_is_written",
        "test_target_is_as_verified",
        "test_backup_set_holds_the_record",
    ),
    "test_96_bundle.py": (
        "test_bundle_is_read",
        "test_files_are_as_their_run_left_them",
        "test_evidence_is_of_its_schema",
        "test_verdict_follows_from_the_criteria",
        "test_evidence_is_consistent",
        "test_counts_add_up",
        "test_files_agree_with_the_evidence",
    ),
    "test_97_rollback.py": (
        "test_run_is_rolled_back",
        "test_workspace_is_restored_exactly",
    ),
    "test_98_check.py": (
        "test_consolidation_is_found",
        "test_archives_are_unchanged",
        "test_target_is_still_right",
        "test_no_old_database_came_back",
        "test_no_stale_reference_came_back",
        "test_each_application_works",
    ),
    "test_99_originals.py": (
        "test_originals_and_target_are_read",
        "test_plan_fits_the_originals",
        "test_planned_tables_exist",
        "test_planned_indexes_exist",
        "test_schema_is_as_planned",
        "test_rows_have_arrived",
        "test_rows_are_exact_or_changed_since",
        "test_no_row_is_duplicated",
        "test_foreign_keys_hold",
        "test_target_is_intact",
        "test_neighbours_are_still_there",
        "test_triggers_are_in_place",
        "test_code_uses_the_target",
        "test_no_stale_reference_is_left",
        "test_each_application_works",
    ),
}
"""File of each stage to the names of its tests, in order."""


def each_test_of(mode: Mode, applications: int) -> Iterator[tuple[str, str]]:
    """Yield stage and name of each test that a run of a mode has.

    Args:
        mode: Of the run.
        applications: Number of smoke tests of its plan.
    """
    parameters = [f"smoke-{number}" for number in range(1, applications + 1)] or ["none"]
    for stage in stages_of(mode):
        for name in STAGE_TESTS[stage.file]:
            if name == EACH_APPLICATION:
                yield from ((stage.id, f"{name}[{parameter}]") for parameter in parameters)
            else:
                yield stage.id, name
