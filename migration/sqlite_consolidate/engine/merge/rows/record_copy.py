"""Copy whole records into a new table whose declaration differs only in DEFAULTs.

Proof that the rows are the same. A record is a header of serial types and the values in the order of the columns. The
rowid or the key is stored beside it (https://www.sqlite.org/fileformat2.html#record_format). A record holds no name, no
declared type and no DEFAULT. A DEFAULT is stored only in the text of ``sqlite_schema``, and it takes part in reading a
row in one case. A record that is older than an ``ALTER TABLE ADD COLUMN`` is short, and SQLite reads the missing values
at its end from the DEFAULTs (https://www.sqlite.org/fileformat2.html#representation_of_sql_tables). Hence two tables
whose statements differ only in DEFAULTs read the same rows from the same records, unless such a record is among them.

This module relies on that only if all of the following hold. The target's table is new and empty. Nothing is renamed,
filtered, computed or left to a conflict policy. Both CREATE TABLE statements are equal token by token without their
DEFAULTs. Each of these DEFAULTs is a literal. The case of short records is excluded or tested, and not assumed.

It is excluded where such a column, or a later one, is NOT NULL and has no DEFAULT in the source. A record that lacks
the value of one column lacks those of all later ones, and would be read with NULL there. integrity_check and the page
reader report that as damage, so the preflight has refused such a source. Otherwise the columns whose DEFAULT differs
are read at both ends after the table has the plan's DEFAULTs again. A difference rolls the copy back to its savepoint,
and the rows are copied by columns. The result is verified like every other copy, before COMMIT. rows-exact digests each
value, schema-as-planned compares the statement, and integrity runs integrity_check.

SQLite copies records itself, indexes included, if both tables are declared alike. EXPLAIN shows whether it does. It
does not if a DEFAULT differs, because of short records. So the target's table has the source's declaration while rows
are copied, and the planned declaration right after. SQLite documents a change of a DEFAULT through ``PRAGMA
writable_schema`` as safe (https://www.sqlite.org/lang_altertable.html#otheralter), because no byte of the table depends
on it. It happens inside the transaction that has created the table, so no other connection ever reads the temporary
declaration. ``RESET`` makes this connection read the schema again. ``record_copy = false`` in the plan turns this off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.content.digest import digest_query
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.schema.statements import same_except_defaults
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table

    Execute = Callable[[str], sqlite3.Cursor]
    """Function that executes a statement on the target. The one of a run also logs it for ``sql.log``."""
else:
    from sqlite_consolidate.sqlite_library import sqlite3

CopyMethod = Literal["columns", "records", "records-under-other-defaults"]
"""Method of a copy, by column names or by whole records."""


@dataclass(frozen=True)
class RecordCopy:
    """Hold the result of copying whole records.

    Attributes:
        rows: Number of records.
        method: Whether the target's table had the source's DEFAULTs during the copy.
    """

    rows: int
    method: CopyMethod


def try_record_copy(
    con: sqlite3.Connection, mapping: TableMapping, rows: Projection, execute: Execute
) -> RecordCopy | None:
    """Copy all rows of a table mapping as whole records, or change nothing and return None.

    Args:
        con: The target's connection, inside the transaction.
        mapping: The table mapping to copy.
        rows: The projection of ``mapping``.
        execute: Function that executes each statement that writes.

    Raises:
        sqlite3.IntegrityError: SQLite refuses a row.
    """
    insert = rows.insert_records
    if not insert or not _keeps_rows_and_rowids(mapping) or not is_empty(con, mapping):
        return None
    if copies_records(con, insert):
        return RecordCopy(execute(insert).rowcount, "records")
    if not mapping.plan.record_copy or mapping.table.name != mapping.into.name:
        return None
    if not same_except_defaults(mapping.table.sql, mapping.into.sql):
        return None
    count = _CopyUnderSourceDefaults(con, mapping, rows, execute).copy()
    return None if count is None else RecordCopy(count, "records-under-other-defaults")


def is_empty(con: sqlite3.Connection, mapping: TableMapping) -> bool:
    """Return whether the target table of a mapping has no row."""
    return con.execute(f"SELECT 1 FROM main.{quoted(mapping.into.name)} LIMIT 1").fetchone() is None


def copies_records(con: sqlite3.Connection, statement: str) -> bool:
    """Return whether SQLite executes an ``INSERT ... SELECT *`` by copying whole records.

    The program of such a statement has the opcode RowCell or RowData (https://sqlite.org/opcode.html#RowCell).
    """
    codes = {row[1] for row in con.execute(f"EXPLAIN {statement}")}
    return bool(codes & {"RowData", "RowCell"})


def has_each_value(table: Table, column: Column) -> bool:
    """Return whether each record of an intact table must have the value of a column.

    The value of the key with the number of the row is no evidence, because a record does not store it. A table WITHOUT
    ROWID stores its columns in another order.
    """
    since = table.columns[table.columns.index(column) :]
    stored = [each for each in since if not each.generated and each.name != table.alias]
    return not table.without_rowid and any(each.notnull and each.default is None for each in stored)


def _keeps_rows_and_rowids(mapping: TableMapping) -> bool:
    """Return whether a copy of whole records keeps every row and every rowid."""
    # Without an index, SQLite assigns new implicit rowids when it copies whole records.
    keeps_rowids = bool(mapping.into.alias or mapping.into.without_rowid or mapping.into.indexes)
    return mapping.new and clash_policy_of(mapping.table_map) == "refuse" and keeps_rowids


@dataclass(frozen=True)
class _CopyUnderSourceDefaults:
    """Copy records while the target's table has the source's DEFAULTs."""

    con: sqlite3.Connection
    mapping: TableMapping
    rows: Projection
    execute: Execute

    def copy(self) -> int | None:
        """Return the number of records, or None if nothing was changed.

        Nothing is changed if the records would be read as other rows under the plan's DEFAULTs.
        """
        self.execute("SAVEPOINT records")
        try:
            count = self._insert()
            if count is not None and not self._same_values():
                count = None
            if count is None:
                self.execute("ROLLBACK TO records")
        finally:
            if self.con.in_transaction:  # an ON CONFLICT ROLLBACK also ends the savepoint
                self.execute("RELEASE records")
        return count

    def _insert(self) -> int | None:
        query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
        planned = self.con.execute(query, (self.mapping.into.name,)).fetchone()[0]
        insert = self.rows.insert_records
        try:
            self._declare(self.mapping.table.sql)
        except sqlite3.OperationalError:  # this build of SQLite does not allow writing the schema
            return None
        try:
            return self.execute(insert).rowcount if copies_records(self.con, insert) else None
        finally:
            if self.con.in_transaction:
                self._declare(planned)

    def _declare(self, sql: str) -> None:
        statement, table = _sql_literal(sql), _sql_literal(self.mapping.into.name)
        self.execute("PRAGMA main.writable_schema=ON")
        try:
            self.execute(f"UPDATE main.sqlite_schema SET sql = {statement} WHERE type = 'table' AND name = {table}")
        finally:
            self.execute("PRAGMA main.writable_schema=RESET")

    def _same_values(self) -> bool:
        """Return whether the columns with another DEFAULT have the same values at both ends."""
        pairs = zip(self.mapping.table.columns, self.mapping.into.columns, strict=True)
        differing = [(source, target.name) for source, target in pairs if source.default != target.default]
        if all(has_each_value(self.mapping.table, source) for source, _ in differing):
            return True
        names = {name for _, name in differing}
        columns = [column for column in self.rows.columns if column.name in names]
        arrived = digest_query(self.con, self.rows.select_target(column.target for column in columns))
        return arrived == digest_query(self.con, self.rows.select(column.source for column in columns))


def _sql_literal(sql: str) -> str:
    """Return a text of the schema as an SQL literal.

    It contains no NUL, because SQLite would have ended the text there.
    """
    return "'" + sql.replace("'", "''") + "'"
