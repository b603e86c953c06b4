"""Read what the SQL and the models of code say of the columns of each database."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.name_patterns import fits_open_pattern
from sqlite_consolidate.engine.code.tables.joined_keys import read_code_joins
from sqlite_consolidate.engine.code.tables.opened_databases import OpenedDatabases, are_versions, databases_by_code
from sqlite_consolidate.inventory.inspection import read_file_schema
from sqlite_consolidate.inventory.references.written_keys import place_of_trigger
from sqlite_consolidate.inventory.selection.roles import is_apart_from_programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.inventory.discovery import Discovery
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference


def read_joins(
    scope: ScanScope,
    discovery: Discovery,
    in_use: Mapping[str, Sequence[Mention]],
    scanned: Sequence[Mention],
    limits: Limits | None,
) -> CodeJoins:
    """Return the columns that code relates to each other, with the databases that it opens.

    Args:
        scope: The code.
        discovery: The databases.
        in_use: Each database with the places that name it.
        scanned: All places.
        limits: Limits of time and size for reading.
    """
    patterns = [mention for mention in scanned if mention.kind == "open pattern"]
    computed = [
        (file, [mention for mention in patterns if fits_open_pattern(mention.pattern, file)])
        for file in (in_use if patterns else ())
    ]
    candidates = {candidate.file: candidate for candidate in discovery.candidates}

    def schema_of(file: str) -> Schema | None:
        return read_file_schema(scope.root, candidates[file], limits)

    opened = OpenedDatabases(scope, databases_by_code([*in_use.items(), *computed]), schema_of)
    return read_code_joins(scope, opened, is_apart_from_programs)


def with_doubts(databases: Sequence[Database], joins: CodeJoins) -> list[Database]:
    """Return databases in which a reference is open if code may mean another database.

    The code can open both, and the other one has tables of the same names with other columns.
    """

    @cache
    def known_tables(place: str, *names: str) -> list[tuple[Table, Table]]:
        """Return the tables of some names that code can mean, each declaration once."""
        declared = {}
        for database in databases:
            table, other = (database.schema.table(name) for name in names)
            if table and other and joins.can_open(place, database.file):
                declared[table.sql, other.sql] = table, other
        return [*declared.values()]

    places = {id(each): set(map(place_of_trigger, each.schema.triggers)) for each in databases}

    def with_doubt(database: Database, reference: UnstatedReference) -> UnstatedReference:
        if not reference.to or not reference.joined or reference.joined in places[id(database)]:
            return reference
        names = reference.table, reference.to[0]
        meant = [database.schema.table(name) for name in names]
        pairs = [pair for tables in known_tables(reference.joined, *names) for pair in zip(meant, tables, strict=True)]
        are_alike = all(table and are_versions(table, other) for table, other in pairs)
        return reference if are_alike else replace(reference, to=None)

    return [
        replace(database, unstated=tuple(with_doubt(database, each) for each in database.unstated))
        if any(each.joined for each in database.unstated)
        else database
        for database in databases
    ]
