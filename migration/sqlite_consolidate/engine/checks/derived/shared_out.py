"""Find the views and triggers of the target that would pair rows of two databases.

A view of the target that joins posts to users shows the posts of a source under users of the target, if the posts of
the source are merged with those of the target and its users are kept apart. A view of a source stays in the archive
then. The run does not change a view of the target, so such a view is a finding. If the source has no table of users,
its posts may belong to the users of the target. Then a view of the target or of the source is only a finding. If it has
users and no posts, and posts refer to users by a foreign key, all posts are under users of their own database.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.views.own_rows import owners_of
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema


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
        used = reader.joined_by_view(view.name)
        rows = owners.without_table(used, _led_tables(reader.schema, used, words_of(view.sql)))
        if rows and reader.pairs_rows(view.name):
            text = f"this view may pair rows of two databases: {rows}."
            yield Finding.of("view-shared", f"{file}:{view.name}", text)


def _led_tables(schema: Schema, used: Collection[str], words: Collection[str]) -> dict[str, set[str]]:
    """Return each table to those to which its foreign keys lead, directly or by others.

    Args:
        schema: The target with all tables that arrive.
        used: Folded names of the tables.
        words: Words of the object that uses them. A foreign key counts if all of its columns are among them.
    """
    parents = {folded(name): table.foreign_keys for name, table in schema.tables.items() if folded(name) in used}
    led = {
        name: {folded(key.parent) for key in keys if {*map(folded, key.columns)} <= {*words}}
        for name, keys in parents.items()
    }
    while further := {name: more for name in led if (more := _parents_of(led, name) - led[name])}:
        for name, more in further.items():
            led[name] |= more
    return led


def _parents_of(led: Mapping[str, set[str]], name: str) -> set[str]:
    return set().union(*(led.get(parent, set()) for parent in led[name]))
