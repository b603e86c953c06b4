"""Find code that opens one file by name and reads the rows of several after a run.

The rows of the files meet in one table, and no column of it distinguishes them.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.telling_columns import may_be_told_apart, unnamed_column
from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import counted, toml_string

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.checks.merged_files.merged_tables import MergedTable
    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
else:
    from sqlite_consolidate.sqlite_library import sqlite3

FILE_COLUMNS = ("file", "source_file", "original_file")
"""Names for a column that names the file of each row, of which a table gets the first that it does not have."""

_MOST_FILES = 20  # that are compared in one table
_LONGEST_DECLARATION = 600  # letters of a statement in a sentence


def files_told_apart(
    databases: InspectedDatabases, tables: Sequence[MergedTable], uses: Mapping[str, Sequence[Mention]]
) -> Iterator[Finding]:
    """Yield a finding for each table of which code opens several files by name.

    No column distinguishes the rows of these files. Code that computes the name of a file, as a loop over all files
    does, opens none by name.

    Args:
        databases: All databases.
        tables: The tables in which rows of several files are kept.
        uses: Each file to the places in code and settings that name it.
    """
    opened = _named_places(uses)
    for table in tables:
        files = [file for file in table.files if file in opened]
        if len(files) > 1 and not may_be_told_apart(databases, table.into, files[:_MOST_FILES]):
            subject = next(each.subject for each in table.sources if each.source.file in files)
            text = f"{_fact(files, opened, table.into.name, databases.plan.target)} {_advice(databases, table, files)}"
            yield Finding.of("files-told-apart", subject, text, count=len(files))


def _named_places(uses: Mapping[str, Sequence[Mention]]) -> dict[str, tuple[Mention, bool]]:
    """Return each file to the first place that opens it by its name.

    The second value is whether the place can open another file as well. A name that several files can have opens one of
    them, most likely that in the folder of the code. A place that only copies a file opens none.
    """
    files = Counter(mention for mentions in uses.values() for mention in set(mentions))
    places = {
        file: [
            (mention, files[mention] > 1)
            for mention in mentions
            if mention.kind in KINDS_IN_USE and mention.use == "any" and not mention.pattern
        ]
        for file, mentions in uses.items()
    }
    return {
        file: min(known, key=lambda place: (place[1], not _is_above(place[0], file)))
        for file, known in places.items()
        if known
    }


def _is_above(place: Mention, file: str) -> bool:
    """Return whether a database is below the folder of a place.

    The workspace itself is no such folder.
    """
    folder = PurePosixPath(place.file).parent
    return bool(folder.parts) and PurePosixPath(file).is_relative_to(folder)


def _fact(files: Sequence[str], opened: Mapping[str, tuple[Mention, bool]], into: str, target: str) -> str:
    """Return which code opens which files, and what it reads after a run.

    Args:
        files: At least two files.
        opened: Each of them to the place that opens it, and whether it can open another one.
        into: The table in which their rows meet.
        target: The target.
    """
    by_place: dict[tuple[Mention, bool], list[str]] = {}
    for file in files[:2]:
        by_place.setdefault(opened[file], []).append(file)
    code = [
        f"{place.file}:{place.line} {'can open' if is_open else 'opens'} {' or '.join(alike)}"
        for (place, is_open), alike in by_place.items()
    ]
    others = len(files) - 2
    further = f" (code opens {counted(others, 'further file')} of this table by name)" if others else ""
    reader = "each" if len(code) > 1 else "it"
    reads = f"After the migration, {reader} reads the rows of all these files in {into} of {target}."
    return f"{', and '.join(code)}{further}. {reads} No column tells them apart."


def _advice(databases: InspectedDatabases, table: MergedTable, files: Sequence[str]) -> str:
    """Return the lines with which a column names the file of each row, and the other ways.

    Args:
        databases: All databases.
        table: The table in which their rows meet.
        files: The files that code opens.
    """
    if unnamed := unnamed_column(databases, table.into, files):
        fact = f"The rows of {databases.plan.target} itself have NULL in {unnamed}. "
        lines = f"run {_update(databases, table, unnamed)} in {databases.plan.target}"
    else:
        fact, lines = "", _lines(databases, table)
    return (
        f"{fact}If the code means the rows of its own file, {lines}, and let the code ask for its own rows, or give "
        "the tables of each file other names (`into`). If they belong together, there is nothing to do."
    )


def _lines(databases: InspectedDatabases, table: MergedTable) -> str:
    """Return what adds a column with the name of the file to a table and fills it."""
    column = next((name for name in FILE_COLUMNS if table.into.column(name) is None), "")
    if not column:
        return "add such a column"
    target = databases.plan.target
    constants = f"add `constants = {{ {column} = {toml_string(_value(table))} }}` to each [[source]] of these rows"
    if folded(table.into.name) in databases.target_schema.created_tables:
        return f"{_new_table(databases, table, column)}, {constants}"
    statements = f"`ALTER TABLE {quoted(table.into.name)} ADD COLUMN {column} TEXT`"
    if target in table.files:
        statements += f" and {_update(databases, table, column)}"
    return f"run {statements} in {target}, {constants}"


def _value(table: MergedTable) -> str:
    """Return the value of a constant that differs between the files of a table."""
    is_stem_of_one = len({folded(PurePosixPath(file).stem) for file in table.files}) == len(table.files)
    return "{stem}" if is_stem_of_one else "{file}"


def _update(databases: InspectedDatabases, table: MergedTable, column: str) -> str:
    """Return the statement that names the target in its own rows of a table."""
    target = databases.plan.target
    name = PurePosixPath(target).stem if _value(table) == "{stem}" else target
    return f"`UPDATE {quoted(table.into.name)} SET {quoted(column)} = {literal(name)} WHERE {quoted(column)} IS NULL`"


def _new_table(databases: InspectedDatabases, table: MergedTable, column: str) -> str:
    """Return how to declare a table that the run creates with a further column."""
    into, schema = table.into, databases.target_schema.schema
    limits = databases.database_of(table.mappings[0]).write_lock.limits
    triggers = (trigger for trigger in schema.triggers if folded(trigger.table) == folded(into.name))
    further = [index.sql for index in into.indexes if index.sql] + [trigger.sql for trigger in triggers]
    try:
        with closing(open_memory(limits)) as con:
            con.execute(into.sql)
            con.execute(f"ALTER TABLE {quoted(into.name)} ADD COLUMN {column} TEXT")
            [(sql,)] = con.execute("SELECT sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    except (sqlite3.Error, ValueError):  # such as a collation that only its application has
        sql = ""
    create = "; ".join([sql, *further])
    if not sql or len(create) > _LONGEST_DECLARATION:
        return f"declare {into.name} in a [[table]] with a further column `{column} TEXT`"
    return f"add a [[table]] with `name = {toml_string(into.name)}` and `create = {toml_string(create)}`"
