"""List every fault in the order of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.selftest.afterwards import AFTERWARDS
from migration.selftest.backups import BACKUPS
from migration.selftest.before import BEFORE, INVENTORIES
from migration.selftest.committed import COMMITTED, of_smoke_tests
from migration.selftest.target import TARGET

if TYPE_CHECKING:
    from migration.plan.model import Plan
    from migration.selftest.fault import Fault

FAULTS = (*INVENTORIES, *BEFORE, *BACKUPS, *TARGET, *COMMITTED, *AFTERWARDS)


def faults_of(plan: Plan) -> tuple[Fault, ...]:
    """Return every fault that a plan is asked to notice: those of the table, and one for each of its smoke tests."""
    return (*FAULTS, *of_smoke_tests(plan))
