"""Add a column to the tables of a pattern that names the file of each row.

Rows of different files can then have equal keys, as those of two tenants have.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlite_consolidate.engine.checks.merged_files.files_told_apart import FILE_COLUMNS
from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.merge.derived.trigger_inserts import fill_column
from sqlite_consolidate.engine.merge.views.constant_keys import reasons_by_constants
from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation, table_declarations
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, computed_keys, read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.inventory.proposed_parts import ProposedLeave
from sqlite_consolidate.inventory.sources.separate_tables import declare_tables
from sqlite_consolidate.inventory.sources.table_versions import create_text
from sqlite_consolidate.plan.model import Source, TableMap

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Table, TriggerOrView
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap, ProposedTable
    from sqlite_consolidate.inventory.sources.families import Family
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ALIKE = "Its rows are the same in each of these files."


class FileQuestion(NamedTuple):
    """Hold the decision about files whose rows need a column that names their file.

    Attributes:
        text: The decision, which names the tables whose rows are told apart.
        alike: Folded names of other tables, which have the same rows in each file.
    """

    text: str
    alike: frozenset[str]


@dataclass(frozen=True)
class _Widening:
    """Hold what gets a further column.

    Attributes:
        column: Name of the column.
        tables: All tables that get it, by their folded names.
        renumbered: Folded names of the tables whose primary keys get new values.
    """

    column: str
    tables: Mapping[str, Table]
    renumbered: AbstractSet[str]

    def is_renumbered(self, table: Table, key: tuple[str, ...]) -> bool:
        """Return whether a key is the primary key and gets new values."""
        is_primary = tuple(map(folded, key)) == tuple(map(folded, table.primary_key))
        return is_primary and folded(table.name) in self.renumbered

    def refers_to_wide_key(self, key: ForeignKey) -> bool:
        """Return whether the key that a FOREIGN KEY refers to gets the column."""
        parent = self.tables.get(folded(key.parent))
        return parent is not None and not self.is_renumbered(parent, key.to or parent.primary_key)

    def wide_keys(self, table: Table) -> list[tuple[str, ...]]:
        """Return the keys of a table that get the column."""
        keys: Sequence[tuple[str, ...]] = [table.primary_key] if table.primary_key else []
        keys = [*keys, *(tuple(name or "" for name, _, _ in index.terms) for index in table.indexes if index.unique)]
        return [key for key in keys if not self.is_renumbered(table, key)]


def add_file_column(
    source: ProposedSource, family: Family, taken: set[str], alike: AbstractSet[str]
) -> tuple[ProposedSource, tuple[ProposedTable, ...]] | None:
    """Return a source that names the file of each row in a column, and the new tables.

    A table with the same rows in each file keeps them without that column. None is returned where a table cannot have
    the column, or where rows of other databases come into it.

    Args:
        source: The source of a pattern.
        family: Its files.
        taken: Folded names of tables with rows of other databases.
        alike: Folded names of tables with the same rows in each file.
    """
    database = family.database
    shared = _shared_tables(source, database, alike)
    moved = [(each, database.table(each.name)) for each in source.maps if not is_migration_stamp(each.name)]
    tables = {folded(each.name): table.table for each, table in moved if table and table.table.kind == "table"}
    tables = {name: table for name, table in tables.items() if name not in shared}
    names = {table.name: each.into for each, table in moved if table}
    known = {folded(column.name) for table in tables.values() for column in table.columns}
    column = next((name for name in FILE_COLUMNS if name not in known), "")
    if source.obstacle or not column or taken & set(map(folded, names.values())):
        return None
    renumbered = {folded(each.name) for each, _ in moved if each.has_integer_key} - shared
    widening = _Widening(column, tables, renumbered)
    wide = [table for table in (_with_column(table, widening) for table in tables.values()) if table]
    if len(wide) < len(tables):
        return None
    left = _pairing_users(family.file, database.schema, wide, column)
    try:
        proposed = declare_tables(_filled(family, wide, left, tables.keys(), column), names)
    except sqlite3.Error:
        return None
    keys = "renumber" if renumbered else ""
    maps = tuple(_told_apart(each, keys, is_shared=folded(each.name) in shared) for each in source.maps)
    constants, leaves = ((column, _name_of_file(family)),), (*source.leaves, *left)
    return replace(source, constants=constants, keys=keys, maps=maps, leaves=leaves), tuple(proposed)


def _filled(
    family: Family, wide: Sequence[Table], left: Sequence[ProposedLeave], names: Collection[str], column: str
) -> list[tuple[Table, dict[str, TriggerOrView]]]:
    """Return each table that has the column, with its triggers, which fill the column.

    Args:
        family: The files.
        wide: The tables with the column.
        left: The triggers and views that are left behind.
        names: Folded names of these tables.
        column: Name of the column.
    """
    kept = {folded(each.table) for each in left}
    users = [(table, family.users_of(table.name).items()) for table in wide]
    return [
        (table, {name: fill_column(user, names, column) for name, user in of_table if name not in kept})
        for table, of_table in users
    ]


def _told_apart(table_map: ProposedMap, keys: str, *, is_shared: bool) -> ProposedMap:
    """Return the mapping of a table that has the column, or whose rows all files share.

    Args:
        table_map: The mapping.
        keys: As in a ``[[source]]``.
        is_shared: Whether the rows are the same in each file.
    """
    told = replace(table_map, setting="", match=() if table_map.setting else table_map.match)
    kept = replace(told, keys="keep") if keys and (is_shared or table_map.key_of) else told
    return replace(kept, on_conflict="skip-identical", collision=_ALIKE) if is_shared else kept


def _name_of_file(family: Family) -> str:
    """Return the placeholder of ``constants`` that differs for each file."""
    stems = {folded(PurePosixPath(file).stem) for file in family.files}
    return "{stem}" if len(stems) == len(family.files) else "{file}"


def _shared_tables(source: ProposedSource, database: Database, alike: AbstractSet[str]) -> set[str]:
    """Return the folded names of the tables whose rows need no column.

    These rows are numbered, are the same in each file, and refer only to rows of such tables.

    Args:
        source: The source.
        database: The tables of all files.
        alike: Folded names of tables with the same rows in each file.
    """
    parents = {
        folded(each.name): each.parents.union(*(table.needs for table in [database.table(each.name)] if table))
        for each in source.maps
        if each.has_integer_key and not each.open_key and each.into == each.name and folded(each.name) in alike
    }
    while wide := {name for name, needed in parents.items() if needed - parents.keys()}:
        parents = {name: needed for name, needed in parents.items() if name not in wide}
    return {*parents}


def _pairing_users(file: str, schema: Schema, wide: Sequence[Table], column: str) -> list[ProposedLeave]:
    """Leave the triggers and views behind that would find the rows of all files under one key.

    Args:
        file: The pattern.
        schema: Its schema.
        wide: The tables with the column.
        column: Its name.
    """
    owners = TableOwners(with_rows={folded(table.name): {file, "the other files"} for table in wide})
    maps = [TableMap(name=table.name) for table in wide]
    source = Source(name="source", file=file, constants={column: "file"}).with_tables(maps)
    with closing(open_memory()) as con:
        for table in wide:
            con.executescript(create_text(table, ()))
        reasons = reasons_by_constants(source, schema, con, owners)
    users: list[tuple[Literal["triggers", "views"], TriggerOrView]] = [
        *(("triggers", each) for each in schema.triggers if ("trigger", folded(each.name)) in reasons),
        *(("views", each) for each in schema.views if ("view", folded(each.name)) in reasons),
    ]
    return [_left_user(kind, each.name, reasons[kind.removesuffix("s"), folded(each.name)]) for kind, each in users]


def _left_user(kind: Literal["triggers", "views"], name: str, reason: str) -> ProposedLeave:
    question = f"{name} is left out, because {reason}. Add it to `create` with that column, or confirm the reason."
    return ProposedLeave(name, reason, (question,), kind)


def _with_column(table: Table, widening: _Widening) -> Table | None:
    """Return a table with a further column, which is part of each key that is not renumbered."""
    added = f"{quoted(widening.column)} TEXT NOT NULL"
    try:
        with closing(open_memory()) as con:
            if widening.wide_keys(table) or any(map(widening.refers_to_wide_key, table.foreign_keys)):
                for statement in _statements(table, added, widening):
                    con.execute(statement)
            else:
                con.execute(table.sql)
                con.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {added}")
                for index in table.indexes:
                    if index.sql:
                        con.execute(index.sql)
            wide = read_schema(con).tables[table.name]
    except (sqlite3.Error, ValueError):  # such as a function that only its application has
        return None
    return wide


def _statements(table: Table, added: str, widening: _Widening) -> Iterator[str]:
    """Yield the statements that declare a table anew, with the column in its keys.

    Raises:
        ValueError: The table has a clause that this function does not write.
    """
    declared = table_declarations(table, Schema({}, (), ()))
    if declared["generated"] or declared["ON CONFLICT"] or declared["DEFERRED"] or computed_keys(table):
        raise ValueError(table.name)
    is_renumbered, column = widening.is_renumbered(table, table.primary_key), widening.column
    alias = table.alias if is_renumbered else ""
    clauses = [_definition(table, each.name, alias) for each in table.columns]
    clauses.append(added)
    if table.primary_key and not alias:
        further = () if is_renumbered else (column,)
        clauses.append(f"PRIMARY KEY ({identifier_list((*further, *table.primary_key))})")
    unique = [index for index in table.indexes if index.unique and index.origin != "pk"]
    keys = {index.name: identifier_list((column, *(name or "" for name, _, _ in index.terms))) for index in unique}
    clauses += [f"UNIQUE ({keys[index.name]})" for index in unique if index.origin == "u"]
    clauses += [_reference(key, widening) for key in table.foreign_keys]
    clauses += [f"CHECK ({text})" for text in declared["CHECK"].values()]
    options = [word for word, is_set in (("STRICT", table.strict), ("WITHOUT ROWID", table.without_rowid)) if is_set]
    yield f"CREATE TABLE {quoted(table.name)} ({', '.join(clauses)}) {', '.join(options)}".rstrip()
    for index in table.indexes:
        if index.sql and index.unique:
            yield f"CREATE UNIQUE INDEX {quoted(index.name)} ON {quoted(table.name)} ({keys[index.name]})"
        elif index.sql:
            yield index.sql


def _definition(table: Table, name: str, alias: str) -> str:
    """Return the declaration of a column.

    Args:
        table: Its table.
        name: The column.
        alias: The column that stays the rowid, or empty.
    """
    column = next(each for each in table.columns if each.name == name)
    collation = column_collation(table, name)
    words = [quoted(name), column.type]
    words += ["PRIMARY KEY" + " AUTOINCREMENT" * table.autoincrement] if name == alias else []
    words += ["NOT NULL"] if column.notnull or name == table.alias != alias else []
    words += [f"DEFAULT ({column.default})"] if column.default is not None else []
    words += [f"COLLATE {collation}"] if collation != "binary" else []
    return " ".join(word for word in words if word)


def _reference(key: ForeignKey, widening: _Widening) -> str:
    parent = widening.tables.get(folded(key.parent))
    to = key.to or (parent.primary_key if parent else ())
    columns = key.columns
    if widening.refers_to_wide_key(key):
        columns, to = (widening.column, *columns), (widening.column, *to)
    parent_key = f"{quoted(key.parent)} ({identifier_list(to)})" if to else quoted(key.parent)
    actions = f"ON UPDATE {key.on_update} ON DELETE {key.on_delete}"
    return f"FOREIGN KEY ({identifier_list(columns)}) REFERENCES {parent_key} {actions}"
