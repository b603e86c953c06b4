"""Find the views and triggers of the target that would pair rows of two databases.

A view of the target that joins posts to users shows the posts of a source under users of the target, if the posts of
the source are merged with those of the target and its users are kept apart. A view of a source stays in the archive
then. The run does not change a view of the target, so such a view is a finding. If the source has no table of users,
its posts may belong to the users of the target. Then a view of the target or of the source is only a finding.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.views.own_rows import owners_of
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
    from sqlite_consolidate.engine.sqlite.limits import Limits


def find_shared_out(databases: InspectedDatabases, limits: Limits) -> list[Finding]:
    """Return a finding for each object of the target that pairs rows of two databases."""
    owners = owners_of(databases)
    findings: list[Finding] = []
    before = databases.target.schema if databases.target else None
    for schema, find in ((before, _findings), (databases.target_schema.schema, _findings_of_views)):
        if schema is not None and (schema.views or schema.triggers):
            with contextlib.closing(UseReader(schema, limits)) as reader:
                findings += find(databases.plan.target, reader, owners)
    return findings


def _findings(file: str, reader: UseReader, owners: TableOwners) -> Iterator[Finding]:
    for view in reader.schema.views:
        if rows := owners.shared_out(reader.joined_by_view(view.name)):
            text = f"this view would pair rows of two databases: {rows}."
            yield Finding.of("view-shared", f"{file}:{view.name}", text)
    for trigger in reader.schema.triggers:
        if rows := owners.shared_out(reader.joined_by_trigger(trigger)):
            text = f"trigger {trigger.name} would act on rows of two databases together: {rows}."
            yield Finding.of("trigger-shared", f"{file}:{trigger.table}", text)


def _findings_of_views(file: str, reader: UseReader, owners: TableOwners) -> Iterator[Finding]:
    """Yield a finding for each view that pairs rows of a database with a table that it lacks."""
    for view in reader.schema.views:
        rows = owners.without_table(reader.joined_by_view(view.name))
        if rows and reader.pairs_rows(view.name):
            text = f"this view may pair rows of two databases: {rows}."
            yield Finding.of("view-shared", f"{file}:{view.name}", text)
