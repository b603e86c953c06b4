"""Find the triggers of the target that could refuse a row, and that are not asked.

Such a trigger calls RAISE. It does not fire during the copy, so a row can arrive that it would have refused to an
application.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.arriving_rows import ArrivingRows, describe_rows, triggers_of
from sqlite_consolidate.engine.sqlite.schema.derivations import reads_rows, trigger_event
from sqlite_consolidate.engine.sqlite.sql import strip_literals
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView

_RAISES = re.compile(r"\braise\s*\(")


def find_bypassed_triggers(databases: InspectedDatabases, limits: Limits) -> list[Finding]:
    """Return a finding for each trigger that could refuse a row, and is not asked."""
    arriving = ArrivingRows(databases, limits)
    return [
        _finding(arriving, trigger, rows)
        for table in arriving.mappings
        for trigger in triggers_of(databases.target_schema.schema, table, arriving.events(table))
        if _RAISES.search(strip_literals(trigger.sql))
        and (rows := arriving.count(table, trigger_event(trigger)))
        and not _has_judged(arriving, trigger)
    ]


def _has_judged(arriving: ArrivingRows, trigger: TriggerOrView) -> bool:
    """Return whether the trigger has fired for each arriving row in its source.

    What it finds in other rows counts only where these have come along as well.
    """
    if trigger_event(trigger) != "INSERT" or not arriving.has_fired(trigger.table, trigger.name):
        return False
    mappings = arriving.into(trigger.table)
    is_alone = all(mapping.new for mapping in mappings) and len({mapping.source.name for mapping in mappings}) == 1
    return is_alone or not reads_rows(trigger.sql)


def _finding(arriving: ArrivingRows, trigger: TriggerOrView, rows: int) -> Finding:
    event = trigger_event(trigger)
    arrive = "" if event != "INSERT" else " that arrives" if rows == 1 else " that arrive"
    text = (
        f"trigger {trigger.name} can refuse a row (RAISE), and does not fire for {describe_rows(rows, event)}{arrive}."
    )
    return Finding.of("trigger-bypassed", f"{arriving.databases.plan.target}:{trigger.table}", text, count=rows)
