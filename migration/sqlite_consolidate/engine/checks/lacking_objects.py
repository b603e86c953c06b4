"""Limit what a plan may do with tables that need what this SQLite lacks.

A collation, a function, a module or a tokenizer that only the application defines concerns the tables that use it. No
row of them is moved, and none is added to them. All other tables of the same database are not concerned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.movable_tables import lacking_problem, problem_of_application
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import list_names, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.engine.checks.table_matching import MappedTable
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Source

UNEXAMINED = "object-unexamined"
"""Id of the findings that name a table which integrity_check could not examine."""


def unexamined_findings(database: InspectedDatabase) -> list[Finding]:
    """Return a finding for each table that integrity_check could not examine."""
    return [_unexamined_finding(database.file, table) for table in database.schema.unexamined]


def _unexamined_finding(file: str, table: Table) -> Finding:
    indexes = list_names([index.name for index in table.indexes if index.lacks])
    undumped = "it" if table.lacks else f"its index {indexes}"
    text = (
        f"needs {table.lacks_for_writing}, which this SQLite lacks. It stays as it is, byte for byte. integrity_check"
        f" could not examine it, and no SQL dump has {undumped}."
    )
    return Finding.of(UNEXAMINED, f"{file}:{table.name}", text)


def intact_text(file: str, findings: Iterable[Finding], text: str = "integrity_check: ok") -> str:
    """Return the text that a database is intact, with the tables that were not examined.

    Args:
        file: The database.
        findings: Findings of the run.
        text: Text of a database in which every table was examined.
    """
    start = printable(f"{file}:")
    subjects = [printable(finding.subject) for finding in findings if finding.id == UNEXAMINED]
    names = [subject.removeprefix(start) for subject in subjects if subject.startswith(start)]
    return f"{text}; not examined: {list_names(names)}" if names else text


def find_receiving_problems(databases: InspectedDatabases, tables: list[MappedTable]) -> list[Problem]:
    """Return a problem for each changed table of the target that needs what SQLite lacks."""
    target = databases.target
    plan = databases.plan
    changed = [source.tables[index].into for source, index, _ in tables]
    changed += [entry.table for entry in plan.rebuilds] + [entry.table for entry in plan.refreshes]
    intos = dict.fromkeys(changed)
    receiving = (target.schema.table(into) for into in intos) if target else ()
    return [
        lacking_problem(f"{plan.target}:{table.name}", table, table.lacks_for_writing, is_target=True)
        for table in receiving
        if table and table.lacks_for_writing
    ]


def find_unread_parents(databases: InspectedDatabases) -> list[Problem]:
    """Return a problem for each moved table that refers to rows which SQLite cannot read.

    It cannot be shown that such a reference leads to the same row in the target.
    """
    problems = []
    for mapping in databases.mappings:
        schema = databases.sources[mapping.source.name].schema
        keys = [databases.target_schema.schema.table(key.parent) for key in mapping.into.foreign_keys]
        keys += [schema.table(key.parent) for key in mapping.table.foreign_keys if mapping.into.foreign_keys]
        keys += [schema.table(refers.to.partition(".")[0]) for refers in mapping.table_map.refers]
        unread = next((parent for parent in keys if parent and not parent.is_readable), None)
        if unread:
            fact = f"refers to {unread.name}, whose rows cannot be read without {unread.lacks}."
            hint = "Define it: setup of [connection]. Or give the table a create text without this foreign key."
            problems.append(problem_of_application(mapping.subject, fact, hint, unread.lacks))
    return problems


def find_unmapped_lacking(source: Source, schema: Schema) -> list[Problem]:
    """Return a problem for each unreadable table that the plan does not mention."""
    moved = {folded(table_map.name) for table_map in source.tables}
    hint = "Add a [[source.leave]] with a reason. Or define it: setup of [connection]."
    fact = "its rows cannot be read without {}, and the plan neither moves nor leaves this table."
    return [
        Problem(
            "left-behind",
            f"{source.file}:{table.name}",
            fact.format(table.lacks),
            hint,
            criterion="nothing-left-behind",
        )
        for table in schema.lacking
        if not table.is_readable
        and folded(table.name) not in moved
        and source.leave_reason("tables", table.name) is None
    ]
