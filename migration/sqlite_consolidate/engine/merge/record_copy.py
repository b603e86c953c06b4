"""Copy stored records whole into a new table that differs in nothing but DEFAULTs.

Proof that the rows are the same. A record is a header of serial types and the values in the order of the columns, and
the rowid or the key lies beside it (https://www.sqlite.org/fileformat2.html#record_format). It holds no name, no
declared type and no DEFAULT. A DEFAULT lies in the text of ``sqlite_schema`` alone, and it takes part in reading a row
in one case. A record that is older than an ``ALTER TABLE ADD COLUMN`` ends early, and the values that are missing at
its end are read from the DEFAULTs (https://www.sqlite.org/fileformat2.html#representation_of_sql_tables). Hence two
tables whose statements differ in DEFAULTs alone read the same rows from the same records, unless such a record is
among them. This module uses that only where the target's table is new and empty, where nothing is renamed, filtered,
computed or left to a conflict policy, where both CREATE TABLE statements are equal token by token without their
DEFAULTs, and where each of these DEFAULTs is a literal. The case of early ends is tested and not assumed: the columns
whose DEFAULT differs are read at both ends once the table has the plan's DEFAULTs again, and a difference rolls the
copy back to its savepoint. Then the rows are copied by columns. What arrived is proved like every other copy, before
COMMIT: rows-exact digests each value, schema-as-planned compares the statement, integrity runs integrity_check.

SQLite copies records itself, indexes included, where both tables are declared alike; EXPLAIN tells. It does not where a
DEFAULT differs, because of the records that end early. So the target's table is declared as the source's is while its
rows come, and as planned right after. Changing a DEFAULT through ``PRAGMA writable_schema`` is one of the changes that
SQLite documents as safe (https://www.sqlite.org/lang_altertable.html#otheralter), because no byte of the table depends
on it. It happens inside the one transaction that has created the table, so no other connection ever reads the borrowed
statement. ``RESET`` makes this connection read the schema again. ``record_copy = false`` in the plan turns it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.content.digest import digest_query
from sqlite_consolidate.engine.sqlite.schema.statements import same_but_defaults
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

    Execute = Callable[[str], sqlite3.Cursor]
    """Execute a statement on the target. That of a run keeps it for ``sql.log`` as well."""
else:
    from sqlite_utils.utils import sqlite3

CopyMethod = Literal["columns", "records", "records-under-other-defaults"]
"""How the rows of a table were copied: by the names of the columns, or as whole records; see the module."""


@dataclass(frozen=True)
class RecordCopy:
    """Hold what a copy of whole records came to.

    Attributes:
        rows: Number of records.
        method: Whether the target's table had the source's DEFAULTs meanwhile.
    """

    rows: int
    method: CopyMethod


def try_record_copy(
    con: sqlite3.Connection, mapping: TableMapping, rows: Projection, execute: Execute
) -> RecordCopy | None:
    """Copy all rows of a table mapping as whole records, or change nothing and return None.

    Args:
        con: The target's connection, inside the transaction.
        mapping: What to copy.
        rows: The projection of ``mapping``.
        execute: Executes what writes.

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
    if not same_but_defaults(mapping.table.sql, mapping.into.sql):
        return None
    count = _CopyUnderSourceDefaults(con, mapping, rows, execute).copy()
    return None if count is None else RecordCopy(count, "records-under-other-defaults")


def is_empty(con: sqlite3.Connection, mapping: TableMapping) -> bool:
    """Tell whether the target table of a move has no row."""
    return con.execute(f"SELECT 1 FROM main.{quoted(mapping.into.name)} LIMIT 1").fetchone() is None


def copies_records(con: sqlite3.Connection, statement: str) -> bool:
    """Tell whether SQLite runs an ``INSERT ... SELECT *`` by copying records, indexes included, as they are stored.

    Its program then moves whole records (https://sqlite.org/opcode.html#RowCell).
    """
    codes = {row[1] for row in con.execute(f"EXPLAIN {statement}")}
    return bool(codes & {"RowData", "RowCell"})


def _keeps_rows_and_rowids(mapping: TableMapping) -> bool:
    """Whether nothing else is in the way of whole records, and rowids are not lost by them."""
    # Without an index SQLite's whole-record copy numbers implicit rowids anew.
    keeps_rowids = bool(mapping.into.alias or mapping.into.without_rowid or mapping.into.indexes)
    return mapping.new and mapping.table_map.on_conflict == "refuse" and keeps_rowids


@dataclass(frozen=True)
class _CopyUnderSourceDefaults:
    """Copy records while the target's table has the source's DEFAULTs."""

    con: sqlite3.Connection
    mapping: TableMapping
    rows: Projection
    execute: Execute

    def copy(self) -> int | None:
        """Return the number of records, or None where nothing was changed because they mean other rows."""
        self.execute("SAVEPOINT records")
        try:
            count = self._insert()
            if count is not None and not self._same_values():
                count = None
            if count is None:
                self.execute("ROLLBACK TO records")
        finally:
            if self.con.in_transaction:  # an ON CONFLICT ROLLBACK takes the savepoint with it
                self.execute("RELEASE records")
        return count

    def _insert(self) -> int | None:
        query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
        planned = self.con.execute(query, (self.mapping.into.name,)).fetchone()[0]
        insert = self.rows.insert_records
        try:
            self._declare(self.mapping.table.sql)
        except sqlite3.OperationalError:  # a build of SQLite that lets no program write the schema
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
        """Whether the columns whose DEFAULT differs have the same values at both ends."""
        pairs = zip(self.mapping.table.columns, self.mapping.into.columns, strict=True)
        names = {target.name for source, target in pairs if source.default != target.default}
        columns = [column for column in self.rows.columns if column.name in names]
        arrived = digest_query(self.con, self.rows.select_target(column.target for column in columns))
        return arrived == digest_query(self.con, self.rows.select(column.source for column in columns))


def _sql_literal(sql: str) -> str:
    """Return a text of the schema as an SQL literal; it has no NUL, because SQLite would have ended it there."""
    return "'" + sql.replace("'", "''") + "'"
