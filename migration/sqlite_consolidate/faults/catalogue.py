"""List every fault in the order of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.faults.after_commit import COMMITTED, of_smoke_tests
from sqlite_consolidate.faults.after_run import AFTERWARDS
from sqlite_consolidate.faults.before_run import BEFORE, INVENTORIES
from sqlite_consolidate.faults.in_backup import BACKUPS
from sqlite_consolidate.faults.in_transaction import TARGET

if TYPE_CHECKING:
    from sqlite_consolidate.faults.fault import Fault
    from sqlite_consolidate.plan.model import Plan

FAULTS = (*INVENTORIES, *BEFORE, *BACKUPS, *TARGET, *COMMITTED, *AFTERWARDS)


def faults_of(plan: Plan) -> tuple[Fault, ...]:
    """Return every fault that a plan is asked to notice: those of the table, and one for each of its smoke tests."""
    return (*FAULTS, *of_smoke_tests(plan))
