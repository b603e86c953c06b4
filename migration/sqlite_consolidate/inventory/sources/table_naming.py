"""Give each table of a source its name in the target."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.sqlite.schema.objects import Table, keys_of
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.inspection import CountedTable
from sqlite_consolidate.inventory.proposed_parts import ProposedLeave, ProposedMap, ProposedTable
from sqlite_consolidate.inventory.refinement.relations import keep_separate
from sqlite_consolidate.inventory.sources.table_versions import agree, create_text, fits_into, is_part, unite, users_of
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.sources.families import Family

_OTHER_STAMP = (
    "{table} is bookkeeping of a program: {reason}. What reads it then finds rows of another program. Give it "
    "another name by a [[source.table]] with `into`, or confirm the reason."
)


class TableNaming:
    """Give each table its name in the target.

    Tables that are declared alike share a name. A table that is declared differently gets another name.
    """

    def __init__(self, target: Database, databases: Iterable[Database]) -> None:
        """Take the names of the target.

        Args:
            target: The target.
            databases: The target, and each source.
        """
        self._databases = {database.file: database for database in databases}
        self._versions: dict[str, list[tuple[Database, Table]]] = defaultdict(list)
        for database in self._databases.values():
            for table in database.tables_with_rows:
                self._versions[folded(table.name)].append((database, table.table))
        self._united: dict[str, Table] = {}
        self._users: dict[str, list[TriggerOrView]] = {}
        self._taken: dict[str, tuple[str, CountedTable]] = {
            folded(table.name): (target.file, table) for table in target.tables
        }
        self._taken |= {folded(view.name): (target.file, _view_as_table(view.name)) for view in target.schema.views}
        self._shared: dict[str, list[str]] = {}
        self._differences: dict[tuple[str, str], str] = {}

    def name_table(self, source: str, family: Family, table: CountedTable) -> ProposedMap | ProposedLeave:
        """Return the mapping of one table of a source.

        A bookkeeping table is left behind where its rows are there already and have no key.
        """
        inner = family.files[:1] if len(family.files) > 1 else ()
        setting = table.setting if inner else ""
        table_map = ProposedMap(table.name, table.name, table.rows_text, shared=inner, setting=setting)
        first_file, first_table = self._taken.setdefault(folded(table.name), (family.file, table))
        is_stamp = is_migration_stamp(table.name)
        if is_stamp and inner and table.stamp is None and table.rows != 0:
            return _leave_stamp(table.name, family.files_by_stamp(table.name))
        if first_file == family.file:
            if is_stamp and inner:
                has_key = keys_of(table.table)
                return replace(table_map, on_conflict="skip-identical") if has_key else replace(table_map, match=("*",))
            if is_stamp:
                return table_map
            self._unite(family, table.table)
            return table_map
        united = self._united.get(folded(table.name))
        if not (is_part(table.table, united) if united else fits_into(table.table, first_table.table)):
            difference = _difference(first_table.table, table.table)
            reason = f"{table.name} is declared differently in {first_file} ({difference})."
            is_older = fits_into(first_table.table, table.table)
            separate = _separate(table_map, source, reason)
            return replace(separate, is_unlike=True, older=first_file if is_older else "")
        if is_stamp:
            if not self._has_stamp_of(first_file, first_table, family, table):
                return _separate(table_map, source, f"Its rows are not those of {first_file}.")
            if not keys_of(first_table.table):
                return ProposedLeave(table.name, f"all its rows are in {first_file} as well")
            table_map = replace(table_map, on_conflict="skip-identical")
        elif difference := self._difference_of_programs(first_file, family.file):
            return _separate(table_map, source, difference)
        is_single = not inner and table.rows == first_table.rows == 1 and not table.table.alias
        shared = self._shared.setdefault(folded(table.name), [first_file])
        shared.append(family.file)
        others = shared[:-1]
        return replace(
            table_map, shared=(*others, *inner), is_single=is_single, setting=self._setting_of(table, others)
        )

    def _setting_of(self, table: CountedTable, others: Iterable[str]) -> str:
        """Return the column that names the settings in each of several files, or an empty text."""
        holders = [self._databases[file].table(table.name) for file in others]
        is_common = all(each.setting == table.setting for each in holders if each and each.rows)
        return table.setting if is_common else ""

    def name_empty_table(self, family: Family, table: CountedTable) -> ProposedMap | ProposedLeave:
        """Return the mapping of a table without rows.

        It is left behind where the target has another table of its name.
        """
        first_file, first_table = self._taken.setdefault(folded(table.name), (family.file, table))
        is_alike = same_statement(first_table.table.sql, table.table.sql)
        if first_file == family.file:
            self._unite(family, table.table)
        if first_file == family.file or (is_alike and not self._difference_of_programs(first_file, family.file)):
            return ProposedMap(table.name, table.name, table.rows_text)
        reason = f"it has no rows, and {first_file} has a table of this name"
        is_read = is_migration_stamp(table.name) and bool(first_table.rows)
        question = _OTHER_STAMP.format(table=table.name, reason=reason)
        is_open = is_read and self._difference_of_programs(first_file, family.file)
        return ProposedLeave(table.name, reason, (question,) if is_open else ())

    def _has_stamp_of(self, first_file: str, first: CountedTable, family: Family, table: CountedTable) -> bool:
        """Return whether the bookkeeping of a source can be that of another file.

        Files of one program may have migrations that another one lacks. Those of two programs have the same rows.
        """
        if first.stamp is None or table.stamp is None or not table.stamp <= first.stamp:
            return False
        return table.stamp == first.stamp or not self._difference_of_programs(first_file, family.file)

    @property
    def new_tables(self) -> tuple[ProposedTable, ...]:
        """Return the tables of the target that have the columns of several files."""
        created: set[str] = set()  # a view reads several of them, and is created once
        tables = []
        for name, table in self._united.items():
            statements = [each for each in self._users[name] if folded(each.name) not in created]
            created |= {folded(each.name) for each in statements}
            tables.append(ProposedTable(table.name, create_text(table, statements)))
        return tuple(tables)

    def _unite(self, family: Family, first: Table) -> None:
        """Declare a new table with the columns of all files.

        That is not needed where the files of the first source have one declaration with all columns.
        """
        name = folded(first.name)
        versions = [(each, table) for each, table in self._versions[name] if each.file != family.file]
        is_grown = family.has_versions(first.name)
        if not is_grown and all(fits_into(table, first) for _, table in versions):
            return
        united, users = first, family.users_of(name)
        for database, table in versions:
            wider = None if self._difference_of_programs(family.file, database.file) else unite(united, table)
            further = users_of(name, database)
            if wider and agree(users, further):
                united, users = wider, further | users
        if is_grown or not same_statement(united.sql, first.sql):
            self._united[name], self._users[name] = united, list(users.values())

    def _difference_of_programs(self, first: str, second: str) -> str:
        """Return why two files belong to different programs, or an empty text."""
        if (first, second) not in self._differences:
            self._differences[first, second] = self._compare_programs(first, second)
        return self._differences[first, second]

    def _compare_programs(self, first: str, second: str) -> str:
        """Return why two files belong to different programs, or an empty text.

        Files of one program have at least half of the tables of the smaller one in common.
        """
        tables = [
            {folded(each.name): each.table for each in database.tables if not is_migration_stamp(each.name)}
            for database in (self._databases[first], self._databases[second])
        ]
        pairs = [(table, tables[1][name]) for name, table in tables[0].items() if name in tables[1]]
        common = sum(fits_into(second, first) or bool(unite(first, second)) for first, second in pairs)
        smaller = min(map(len, tables))
        share = f"{common} of {counted(smaller, 'table')}"
        fact = f"{first} and this file have only {share} in common, so they may belong to two programs."
        return fact if 2 * common < smaller else ""


def _leave_stamp(table: str, groups: Sequence[Sequence[str]]) -> ProposedLeave:
    """Leave bookkeeping behind that differs between the files of a pattern.

    Args:
        table: Name of the table.
        groups: Files with equal rows, the largest group first.
    """
    alike, *rest = groups
    others = [file for files in rest for file in files]
    fact = "each file has other rows"
    if len(alike) > 1:
        verb = "has" if len(others) == 1 else "have"
        fact = f"{len(alike)} files have the same rows, and {counted(len(others), 'file')} {verb} others"
        fact = f"{fact} ({list_names(others)})"
    reason = f"{table} is bookkeeping, of which {fact}"
    return ProposedLeave(table, reason, (f"{reason}. It is left out. Move it, or confirm the reason.",))


def _separate(table_map: ProposedMap, source: str, reason: str) -> ProposedMap:
    """Return the mapping with a separate name, which only the files of a pattern share."""
    separate = keep_separate(table_map, source, reason, table_map.shared)
    return replace(separate, is_stamp=is_migration_stamp(table_map.name))


def _view_as_table(name: str) -> CountedTable:
    view = Table(name, "view", "", False, False, (), (), "", "", "")  # noqa: FBT003 -- a view has none of these
    return CountedTable(view, None, has_more=False, needs=frozenset())


def _difference(first: Table, second: Table) -> str:
    """Return the columns that only one of two tables has, or another reason why they differ."""
    first_names, second_names = ({folded(column.name) for column in table.columns} for table in (first, second))
    differences = [f"only there: {', '.join(sorted(first_names - second_names))}"] if first_names - second_names else []
    differences += [f"only here: {', '.join(sorted(second_names - first_names))}"] if second_names - first_names else []
    return "; ".join(differences) or "types, keys or constraints"
