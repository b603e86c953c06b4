"""List every fault in the order of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.faults.after_commit import AFTER_COMMIT_FAULTS, smoke_test_faults
from sqlite_consolidate.faults.after_run import AFTER_RUN_FAULTS
from sqlite_consolidate.faults.before_run import BEFORE_RUN_FAULTS, INVENTORY_FAULTS
from sqlite_consolidate.faults.chosen_rows import choice_faults
from sqlite_consolidate.faults.in_backup import BACKUP_FAULTS, DUMP_FAULTS
from sqlite_consolidate.faults.in_transaction import TRANSACTION_FAULTS, constant_faults
from sqlite_consolidate.faults.matched_rows import match_faults
from sqlite_consolidate.faults.renumbering import none_faults, stated_faults

if TYPE_CHECKING:
    from sqlite_consolidate.faults.fault import Fault
    from sqlite_consolidate.plan.model import Plan

FAULTS = (
    *INVENTORY_FAULTS,
    *BEFORE_RUN_FAULTS,
    *BACKUP_FAULTS,
    *TRANSACTION_FAULTS,
    *DUMP_FAULTS,
    *AFTER_COMMIT_FAULTS,
    *AFTER_RUN_FAULTS,
)


def faults_of(plan: Plan) -> tuple[Fault, ...]:
    """Return every fault for a plan, with those that depend on what it states."""
    by_plan = (constant_faults, stated_faults, none_faults, choice_faults, match_faults, smoke_test_faults)
    return (*FAULTS, *(fault for faults in by_plan for fault in faults(plan)))
