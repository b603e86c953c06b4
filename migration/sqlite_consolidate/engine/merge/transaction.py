"""Build the consolidated content in the one transaction on the live target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import sync_folder
from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.content.digest import TableDigest, digest_table
from sqlite_consolidate.engine.merge.copy_rows import (
    CopiedTable,
    copy_rows,
    existing_rows_digest,
    log_resolved_conflicts,
    raise_autoincrement,
    source_digest,
)
from sqlite_consolidate.engine.sqlite.connections import attached, open_existing, open_new, pragma
from sqlite_consolidate.engine.sqlite.limits import Limits, size_of
from sqlite_consolidate.engine.sqlite.schema.objects import read
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.backup.ledger import Ledger
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Named, Table
    from sqlite_consolidate.findings import Finding
else:
    from sqlite_utils.utils import sqlite3


@dataclass
class DigestCache:
    """Digests a table, and not again until a statement of the connection has changed a row or the schema.

    The connection holds the database exclusively, so nobody else can change it; and once the rows are in it takes back
    no part of its transaction, which SQLite would not count as a change.
    """

    _state: tuple[object, ...] = ()
    _digests: dict[tuple[str, bool | None], TableDigest] = field(default_factory=dict)

    def __call__(self, con: sqlite3.Connection, table: Table, *, with_rowid: bool | None = None) -> TableDigest:
        """Return what :func:`sqlite_consolidate.engine.content.digest.digest_table` does."""
        state = (id(con), con.total_changes, pragma(con, "schema_version"))
        if state != self._state:
            self._state, self._digests = state, {}
        counts = table.counts_rowid if with_rowid is None else with_rowid
        if (table.name, counts) not in self._digests:
            self._digests[table.name, counts] = digest_table(con, table, with_rowid=counts)
        return self._digests[table.name, counts]


_CACHE_KB = 16_000  # each row is looked up in, or put into, each index; more helps hardly, and memory stays flat


@dataclass
class TargetTransaction:
    """The one transaction on the target, from BEGIN to COMMIT.

    Attributes:
        path: The target.
        inspected: What the preflight has read.
        folder: The backup set; keys that a conflict policy decided on are listed there.
        ledger: Of the run.
        limits: Of the run.
        report_progress: Called with a few words before each part of a long step.
        connection: The one connection that writes to the target.
        digests_before: Table to the digest of the rows that it had before.
        copied_tables: Each table that was copied.
        verified: Table to the digest that the comparisons before COMMIT have seen.
        digests: Digests tables of the open transaction.
        sql: Statements that were executed, names and no values.
        conflict_findings: Findings about rows that a conflict policy decided on.
    """

    path: Path
    inspected: InspectedDatabases
    folder: Path
    ledger: Ledger
    limits: Limits
    report_progress: Callable[[str], None]
    connection: sqlite3.Connection
    digests_before: dict[str, TableDigest] = field(default_factory=dict)
    copied_tables: list[CopiedTable] = field(default_factory=list)
    verified: dict[str, TableDigest] = field(default_factory=dict)
    digests: DigestCache = field(default_factory=DigestCache)
    sql: list[str] = field(default_factory=list)
    conflict_findings: list[Finding] = field(default_factory=list)
    _last_write: tuple[object, ...] = ()

    @classmethod
    def begin(
        cls,
        path: Path,
        inspected: InspectedDatabases,
        folder: Path,
        ledger: Ledger,
        report_progress: Callable[[str], None],
        limits: Limits | None = None,
    ) -> TargetTransaction:
        """Open the transaction, alone on the target; a target that does not exist yet is created, and noted before.

        Raises:
            ProblemError: Another process has the target open, or has written to it since the preflight.
            sqlite3.Error: SQLite cannot begin it.
        """
        limits = limits or Limits()
        if inspected.target is None:
            ledger.note("creating-target", file=path.name)
            con: sqlite3.Connection = open_new(path, limits)
            path.chmod(_strictest_mode(inspected))
        else:
            con = inspected.target.guard.alone()
            con.execute("ROLLBACK")
        transaction = cls(path, inspected, folder, ledger, limits, report_progress, con)
        con.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        # Inside a transaction this does nothing (https://sqlite.org/pragma.html#pragma_foreign_keys): off before it, so
        # that the child may come first; foreign_key_check judges the result.
        con.execute("PRAGMA foreign_keys=OFF")
        con.execute("BEGIN EXCLUSIVE")
        return transaction

    def create_schema(self) -> None:
        """Create the planned tables and indexes; triggers of tables that receive rows are dropped for the copy."""
        for trigger in self._receiving_triggers():
            self._execute(f"DROP TRIGGER {quoted(trigger.name)}")
        for statement in self.inspected.target_schema.before_rows:
            self._execute(statement.sql)

    def copy_source(self, source: InspectedDatabase, path: Path) -> None:
        """Attach the database that a source's rows are read from, and copy its tables in the plan's order."""
        with attached(self.connection, path, f"source {source.name}") as alias:
            for mapping in self.inspected.mappings:
                if mapping.source.name == source.name:
                    self._copy_table(source, mapping, alias)

    def create_triggers_and_views(self) -> None:
        """Create triggers and views, now that no row can make one fire."""
        for trigger in self._receiving_triggers():
            self._execute(trigger.sql)
        for statement in self.inspected.target_schema.after_rows:
            self._execute(statement.sql)

    def write_history(self, row: history.Row) -> None:
        """Write the row of history; after it nothing writes before COMMIT."""
        history.write(self.connection, row)
        self._last_write = self._state()

    def expected_digests(self) -> dict[str, TableDigest]:
        """Return the digest that each table has to have at COMMIT; what cannot be derived is read."""
        tables = {table.name: table for table in read(self.connection).movable}
        tables.pop(history.TABLE, None)
        arrived: dict[str, TableDigest] = {}
        for copied in self.copied_tables:
            name = copied.mapping.into.name
            arrived[name] = arrived.get(name, self.digests_before.get(name, TableDigest())) + copied.change
        counting = {copied.mapping.into.name: copied.mapping.rowid_counts for copied in self.copied_tables}
        before = {folded(name): digest for name, digest in self._target_digests().items()}
        expected = {}
        for name, table in tables.items():
            if name in arrived and counting[name] == table.counts_rowid:
                expected[name] = arrived[name]
            elif name not in arrived and folded(name) in before:
                expected[name] = before[folded(name)]
            else:
                expected[name] = self.digests(self.connection, table)
        return expected

    def digest_tables(self) -> None:
        """Digest each table as COMMIT would leave it."""
        self.report_progress("reading the target again")
        rows = sum(self.inspected.rows(mapping) for mapping in self.inspected.mappings)
        before = sum(self.inspected.target.rows.values()) if self.inspected.target else 0
        self.limits.progress.begin(rows + before)
        tables = read(self.connection).movable
        self.verified = {table.name: self.digests(self.connection, table) for table in tables}
        self.verified.pop(history.TABLE, None)

    def commit(self, run: str) -> bool:
        """COMMIT, close the connection, and return whether a new one finds the run's row of history.

        Raises:
            ProblemError: Something was written after the row of history, so that it was not verified; nothing was
                committed.
            sqlite3.Error: SQLite reports an error. Whether COMMIT happened is known by the row of history alone.
        """
        if self._state() != self._last_write:
            raise ProblemError(
                Problem(
                    "not-verified",
                    self.path.name,
                    "the target was changed after its row of history was written, and was not verified since. "
                    "Nothing of the run was committed.",
                    "Find out which program writes through this run's connection, and run again.",
                )
            )
        try:
            self.connection.execute("COMMIT")
        finally:
            self.close()
            committed = history.is_committed(self.path, run, self.limits)
        if committed:
            sync_folder(self.path.parent)  # SQLite removes the journal only: a power cut could bring it back
            self.ledger.note("committed")
            self._restore_wal_mode()
        return committed

    def close(self) -> None:
        """Roll back the transaction if it is open, and close the connection; it never commits."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.ProgrammingError:  # closed already
            return
        self.connection.close()

    def _copy_table(self, source: InspectedDatabase, mapping: TableMapping, alias: str) -> None:
        con = self.connection
        if not mapping.new and mapping.into.name not in self.digests_before:
            self.digests_before[mapping.into.name] = self.inspected.digest_before(mapping) or existing_rows_digest(
                con, mapping
            )
        rows = self.inspected.rows(mapping)
        self.report_progress(f"copying {mapping.subject} ({counted(rows, 'row')})")
        self.sql.append(f"-- {mapping.subject} -> {mapping.into.name}: {counted(rows, 'row')}")
        self.limits.progress.begin(source.size, "bytes", size_of(self.path, self.path.stat().st_size))
        if finding := log_resolved_conflicts(con, mapping, alias, self.folder):
            self.conflict_findings.append(finding)
        expected = self.inspected.expected_digest(mapping) or source_digest(con, mapping, alias)
        self.copied_tables.append(copy_rows(con, mapping, expected, alias, execute=self._execute))
        raise_autoincrement(con, mapping, self.inspected.autoincrement_value(mapping))

    def _state(self) -> tuple[object, ...]:
        """Return what each statement that writes to the target changes."""
        pragmas = ("schema_version", "user_version", "application_id")
        return self.connection.total_changes, *(pragma(self.connection, name) for name in pragmas)

    def _target_digests(self) -> dict[str, TableDigest]:
        return self.inspected.target.digests if self.inspected.target else {}

    def _receiving_triggers(self) -> list[Named]:
        """Return the target's own triggers on tables that receive rows."""
        receiving = {folded(mapping.into.name) for mapping in self.inspected.mappings if not mapping.new}
        triggers = self.inspected.target.schema.triggers if self.inspected.target else ()
        return [trigger for trigger in triggers if folded(trigger.table) in receiving]

    def _execute(self, statement: str) -> sqlite3.Cursor:
        self.sql.append(statement)
        return self.connection.execute(statement)

    def _restore_wal_mode(self) -> None:
        if self.inspected.target and self.inspected.target.schema.header["journal_mode"] == "wal":
            con = open_existing(self.path, self.limits)
            con.execute("PRAGMA journal_mode=WAL").fetchone()
            con.close()
            sync_folder(self.path.parent)


def _strictest_mode(inspected: InspectedDatabases) -> int:
    """Return the permission bits that each source grants, and reading and writing for the operator."""
    mode = 0o666
    for facts in inspected.sources.values():
        mode &= facts.guard.path.stat().st_mode & 0o777
    return mode | 0o600
