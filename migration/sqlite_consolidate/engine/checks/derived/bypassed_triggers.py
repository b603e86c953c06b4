"""Find the triggers of the target that could refuse a row, and that are not asked.

Such a trigger calls RAISE. It does not fire during the copy, so a row can arrive that it would have refused to an
application. Another trigger may fire it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.derived.arriving_rows import ArrivingRows, describe_rows
from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader, reads_rows
from sqlite_consolidate.engine.sqlite.sql import strip_literals
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView

_RAISES = re.compile(r"\braise\s*\(")


def find_bypassed_triggers(databases: InspectedDatabases, limits: Limits) -> list[Finding]:
    """Return a finding for each trigger that could refuse a row, and is not asked."""
    schema = databases.target_schema.schema
    if not any(map(_raises, schema.triggers)):
        return []
    arriving = ArrivingRows(databases, limits)
    reader = DerivationReader(schema, limits, arriving.refreshed)
    try:
        return [
            finding
            for table in arriving.tables
            for event in arriving.events(table)
            for finding in _bypassed(arriving, reader, table, event)
        ]
    finally:
        reader.close()


def _bypassed(arriving: ArrivingRows, reader: DerivationReader, table: str, event: str) -> Iterator[Finding]:
    """Yield a finding for each trigger that could refuse the rows of a table at one event."""
    rows = arriving.count(table, event)
    arrive = "" if event != "INSERT" else " that arrives" if rows == 1 else " that arrive"
    chains = reader.fired_triggers(table, event) if rows else []
    bypassed = {
        trigger.name: trigger
        for fired in chains
        for trigger in fired
        if _raises(trigger) and not (event == "INSERT" and _has_judged(arriving, fired[0], trigger))
    }
    for name in bypassed:
        text = f"trigger {name} can refuse a row (RAISE), and does not fire for {describe_rows(rows, event)}{arrive}."
        yield Finding.of("trigger-bypassed", f"{arriving.databases.plan.target}:{table}", text, count=rows)


def _has_judged(arriving: ArrivingRows, first: TriggerOrView, trigger: TriggerOrView) -> bool:
    """Return whether the trigger has fired for each arriving row in its source.

    That is known if one source alone fills a new table. It is known as well if the trigger reads no other row, and no
    other trigger fires it.
    """
    if not arriving.has_fired(first.table, first.name):
        return False
    mappings = arriving.into(first.table)
    is_alone = all(mapping.new for mapping in mappings) and len({mapping.source.name for mapping in mappings}) == 1
    return is_alone or (trigger is first and not reads_rows(trigger.sql))


def _raises(trigger: TriggerOrView) -> bool:
    return bool(_RAISES.search(strip_literals(trigger.sql)))
