"""List every fault in the order of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.selftest.afterwards import AFTERWARDS
from sqlite_consolidate.selftest.backups import BACKUPS
from sqlite_consolidate.selftest.before import BEFORE, INVENTORIES
from sqlite_consolidate.selftest.committed import COMMITTED, of_smoke_tests
from sqlite_consolidate.selftest.target import TARGET

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.selftest.fault import Fault

FAULTS = (*INVENTORIES, *BEFORE, *BACKUPS, *TARGET, *COMMITTED, *AFTERWARDS)


def faults_of(plan: Plan) -> tuple[Fault, ...]:
    """Return every fault that a plan is asked to notice: those of the table, and one for each of its smoke tests."""
    return (*FAULTS, *of_smoke_tests(plan))
