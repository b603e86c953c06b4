"""Build the consolidated content in the one transaction on the live target."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from sqlite_consolidate.atomic_files import sync, sync_folder
from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.content.digest import DigestCache, TableDigest, digest_file
from sqlite_consolidate.engine.content.page_proof.open_transaction import prove_transaction
from sqlite_consolidate.engine.content.page_proof.proof import PageProof
from sqlite_consolidate.engine.merge.conflict_log import CONFLICT_LOG, ConflictCounts, log_resolved_conflicts
from sqlite_consolidate.engine.merge.copy_rows import (
    CopiedTable,
    copy_rows,
    existing_rows_digest,
    raise_autoincrement,
    source_digest,
)
from sqlite_consolidate.engine.merge.derived.refresh import RefreshedTable, refresh_tables
from sqlite_consolidate.engine.merge.derived.search_index import RebuiltIndex, rebuild
from sqlite_consolidate.engine.merge.rows.key_map_file import MAPPED, offsets_of, write_key_map
from sqlite_consolidate.engine.merge.rows.key_shift import SHIFTED, shifts_as_json
from sqlite_consolidate.engine.merge.rows.left_rows import LEFT_ROWS, log_left_rows
from sqlite_consolidate.engine.merge.rows.shifted_rows import shifted_columns
from sqlite_consolidate.engine.merge.target_schema import SchemaCache
from sqlite_consolidate.engine.sqlite.connections import attached, open_existing, open_new, pragma
from sqlite_consolidate.engine.sqlite.integrity import CHECK_CACHE_KB, integrity_lines
from sqlite_consolidate.engine.sqlite.limits import Limits, size_reader
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.ledger import Ledger
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_CACHE_KB = 16_000  # enough for the pages of the indexes; a larger cache costs memory and is hardly faster


@dataclass
class TargetTransaction:
    """Hold the one transaction on the target, from BEGIN to COMMIT.

    Attributes:
        path: The target.
        inspected: All databases as the preflight has read them.
        folder: The backup set. The keys that a conflict policy affects are logged there.
        ledger: The ledger of the run.
        limits: The limits of the run.
        report_progress: Function that is called with a short text before each part of a long step.
        connection: The one connection that writes to the target.
        digests_before: Table to the digest of the rows that it had before.
        copied_tables: The result of each copied table.
        refreshed_tables: Folded name of each table whose columns were set again, to its digests.
        refreshed_rows: Number of rows that each refresh of the plan has changed.
        rebuilt_indexes: The search indexes that were rebuilt.
        verified: Table to the digest that the comparisons before COMMIT have read.
        proof: What the page reader has proved before COMMIT, or None if it has not read.
        damage: What quick_check has found before COMMIT, where the page reader has compared each index with its rows.
        schema: The schema in the open transaction.
        digests: Digests of the tables in the open transaction.
        note_statement: Receives each statement that writes, from BEGIN to the end of the transaction, with names and
            without values. It does not receive what a proof writes and rolls back.
        conflicts: Table mappings with rows that a conflict policy affected.
        key_map: Database of the keys of matched rows, or None.
        key_map_sha256: Digest of its bytes.
    """

    path: Path
    inspected: InspectedDatabases
    folder: Path
    ledger: Ledger
    limits: Limits
    report_progress: Callable[[str], None]
    note_statement: Callable[[str], None]
    connection: sqlite3.Connection
    digests_before: dict[str, TableDigest] = field(default_factory=dict)
    copied_tables: list[CopiedTable] = field(default_factory=list)
    refreshed_tables: dict[str, RefreshedTable] = field(default_factory=dict)
    refreshed_rows: list[int] = field(default_factory=list)
    rebuilt_indexes: list[RebuiltIndex] = field(default_factory=list)
    verified: dict[str, TableDigest] = field(default_factory=dict)
    proof: PageProof | None = None
    damage: list[str] | None = None
    schema: SchemaCache = field(default_factory=SchemaCache)
    digests: DigestCache = field(default_factory=DigestCache)
    conflicts: list[tuple[TableMapping, ConflictCounts]] = field(default_factory=list)
    key_map: Path | None = None
    key_map_sha256: str = ""
    _last_write: tuple[object, ...] = ()
    _checked: list[str] | None = None
    _expected: dict[str, TableDigest] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        path: Path,
        inspected: InspectedDatabases,
        folder: Path,
        ledger: Ledger,
        report_progress: Callable[[str], None],
        note_statement: Callable[[str], None],
        limits: Limits | None = None,
    ) -> TargetTransaction:
        """Open the transaction with the exclusive lock on the target.

        The ledger first records the offsets of new keys. A target that does not exist yet is created, and the ledger
        records that before.

        Raises:
            ProblemError: Another process has the target open, or has written to it since the preflight.
            sqlite3.Error: SQLite cannot begin the transaction.
        """
        limits = limits or Limits()
        shifted = (mapping for mapping in inspected.mappings if mapping.shifts or mapping.followed)
        ledger.note_all(SHIFTED, (shifts_as_json(each.subject, each.shifts, each.followed) for each in shifted))
        if inspected.target is None:
            ledger.note("creating-target", file=path.name)
            con: sqlite3.Connection = open_new(path, limits)
            path.chmod(_strictest_mode(inspected))
        else:
            con = inspected.target.write_lock.acquire_exclusive()
            con.execute("ROLLBACK")
        transaction = cls(path, inspected, folder, ledger, limits, report_progress, note_statement, con)
        con.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        # SQLite ignores this pragma inside a transaction (https://sqlite.org/pragma.html#pragma_foreign_keys). It is
        # off so that child rows may be copied before their parents. foreign_key_check verifies the result.
        transaction._execute("PRAGMA foreign_keys=OFF")
        transaction._execute("BEGIN EXCLUSIVE")
        return transaction

    def create_schema(self) -> None:
        """Create the planned tables and indexes.

        The target's triggers on tables that receive rows or are set again are dropped first, so that none fires.
        """
        for trigger in self._receiving_triggers():
            self._execute(f"DROP TRIGGER {quoted(trigger.name)}")
        for name, value in self.inspected.target_schema.versions.items():
            if value:
                self._execute(f"PRAGMA main.{name}={value}")
        for statement in self.inspected.target_schema.before_rows:
            self._execute(statement.sql)

    def copy_source(self, source: InspectedDatabase, path: Path) -> None:
        """Attach the database with a source's rows and copy its tables in the plan's order."""
        with attached(self.connection, path, f"source {source.name}") as alias:
            for mapping in self.inspected.mappings_of(source.name):
                self._copy_table(source, mapping, alias)

    def derive_again(self) -> None:
        """Set columns again and rebuild the search indexes, as the plan states.

        A moved view can be the content of an index. Views are created before, because no statement fires them.
        """
        for statement in self.inspected.target_schema.after_rows:
            if statement.kind == "view":
                self._execute(statement.sql)
        counting = {folded(copied.mapping.into.name): copied.mapping.rowid_counts for copied in self.copied_tables}
        if self.inspected.refreshes:
            self.report_progress("setting columns again")
        refreshed = refresh_tables(self.connection, self.inspected.refreshes, counting, self._execute)
        self.refreshed_tables, self.refreshed_rows = refreshed
        for index in self.inspected.rebuilt_indexes:
            self.report_progress(f"rebuilding {index.name}")
            self.rebuilt_indexes.append(rebuild(index, self._execute))

    def create_triggers(self) -> None:
        """Create the dropped triggers again, and the planned triggers."""
        for trigger in self._receiving_triggers():
            self._execute(trigger.sql)
        for statement in self.inspected.target_schema.after_rows:
            if statement.kind != "view":
                self._execute(statement.sql)

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Roll back to a savepoint what a proof writes.

        SQLite counts these changes nevertheless. If nothing was written after the row of history, that still holds.
        """
        is_last = self._state() == self._last_write
        self.connection.execute("SAVEPOINT proof")
        try:
            yield
        finally:
            self.connection.execute("ROLLBACK TO proof")
            self.connection.execute("RELEASE proof")
            self.digests.forget()
            if is_last:
                self._last_write = self._state()

    def write_key_map(self) -> None:
        """Write the keys of matched rows into the backup set, if the plan matches rows."""
        self.key_map = write_key_map(self.inspected, self.folder)
        if self.key_map:
            self.key_map_sha256 = digest_file(self.key_map)
            self.ledger.note(MAPPED, file=self.key_map.name, sha256=self.key_map_sha256)

    def write_history(self, row: history.Row) -> None:
        """Write the run's row of history, the last write before COMMIT."""
        offsets = offsets_of(self.inspected.mappings)
        keys: dict[str, Any] = {"offsets": offsets} if offsets else {}
        keys |= {"key_map_sha256": self.key_map_sha256} if self.key_map else {}
        history.write(self.connection, row, keys or None, self._execute)
        self._last_write = self._state()
        self._sync_logs()

    def expected_digests(self) -> dict[str, TableDigest]:
        """Return the digest that each table must have at COMMIT.

        A digest that cannot be derived from others is read from the table.
        """
        tables = {table.name: table for table in self.schema(self.connection).digested}
        tables.pop(history.TABLE, None)
        arrived: dict[str, TableDigest] = {}
        for copied in self.copied_tables:
            name = copied.mapping.into.name
            arrived[name] = arrived.get(name, self.digests_before.get(name, TableDigest())) + copied.change
        counting = {copied.mapping.into.name: copied.mapping.rowid_counts for copied in self.copied_tables}
        before = {folded(name): digest for name, digest in self._target_digests().items()}
        expected, uncompared = {}, self.inspected.uncompared_indexes | self.refreshed_tables.keys()
        for name, table in tables.items():
            if name in arrived and counting[name] == table.counts_rowid and folded(name) not in uncompared:
                expected[name] = arrived[name]
            elif name not in arrived and folded(name) in before and folded(name) not in uncompared:
                expected[name] = before[folded(name)]
            else:
                expected[name] = self.digests(self.connection, table)
        self._expected = expected
        return expected

    def digest_tables(self, check: Literal["quick_check", "integrity_check", ""] = "") -> None:
        """Digest each table as COMMIT would leave it, and let the page reader prove what it can.

        Args:
            check: What SQLite checks while the page reader reads. ``quick_check`` is enough where that proves all else.
        """
        self.report_progress("reading the target again")
        rows = sum(self.inspected.rows(mapping) for mapping in self.inspected.mappings)
        before = sum(self.inspected.target.rows.values()) if self.inspected.target else 0
        self.limits.progress.begin(rows + before)
        schema = self.schema(self.connection)
        if self.inspected.target:
            lines: list[str] | None = None

            def check_meanwhile() -> None:
                nonlocal lines
                if check:
                    self.connection.execute(f"PRAGMA main.cache_size=-{CHECK_CACHE_KB}")
                    lines = integrity_lines(self.connection, 20, check)

            further, lock = shifted_columns(self.inspected.mappings), self.inspected.target.write_lock
            pages = prove_transaction(lock, self.connection, schema, check_meanwhile, further)
            if pages.has_digests and any(pages.digests.get(name) != self._expected[name] for name in self._expected):
                pages = PageProof(unreadable=("SQLite may have held a page back",))
            self.proof = pages
            if check == "integrity_check":
                self._checked = lines
            elif pages.is_intact:
                self.damage = lines
            if pages.has_digests:
                self.digests.keep(self.connection, schema.movable, pages.digests, pages.rows)
        self.verified = {table.name: self.digests(self.connection, table) for table in schema.digested}
        self.verified.pop(history.TABLE, None)

    @property
    def checked(self) -> list[str] | None:
        """Return what integrity_check has found while the page reader has read.

        It is None if SQLite has to check, because the page reader has not read or the target was changed since.
        """
        return self._checked if self._state() == self._last_write else None

    def commit(self, run: str) -> bool:
        """Commit, close the connection, and return whether the run's row of history is there.

        A new connection reads it.

        Raises:
            ProblemError: The target was changed after the row of history was written. The change was not verified, so
                nothing was committed.
            sqlite3.Error: SQLite reports an error. Only the row of history shows whether COMMIT took effect.
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
            self._execute("COMMIT")
        finally:
            self.close()
            committed = history.is_committed(self.path, run, self.limits)
        if committed:
            sync_folder(self.path.parent)  # otherwise a power failure could bring the deleted journal back
            self.ledger.note("committed")
            self._restore_wal_mode()
        return committed

    def close(self) -> None:
        """Roll back the transaction if it is open, and close the connection."""
        try:
            if self.connection.in_transaction:
                self._execute("ROLLBACK")
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
        self.note_statement(f"-- {mapping.subject} -> {mapping.into.name}: {counted(rows, 'row')}")
        self.limits.progress.begin(source.size, "bytes", size_reader(self.path, self.path.stat().st_size))
        conflicts = log_resolved_conflicts(con, mapping, alias, self.folder)
        if conflicts.rows:
            self.conflicts.append((mapping, conflicts))
        expected = self.inspected.expected_digest(mapping) or source_digest(con, mapping, alias)
        copied = copy_rows(con, mapping, expected, alias, execute=self._execute)
        left = log_left_rows(con, mapping, self.inspected.left_of(mapping), alias, self.folder)
        self.copied_tables.append(
            replace(copied, identical=conflicts.identical, rows=copied.rows + left.rows, left=left)
        )
        raise_autoincrement(mapping, self.inspected.autoincrement_value(mapping), self._execute)

    def _sync_logs(self) -> None:
        """Wait until the key map and the logs about single rows are on disk.

        They explain what COMMIT leaves.
        """
        logs = [log for log in (self.folder / CONFLICT_LOG, self.folder / LEFT_ROWS) if log.exists()]
        for log in logs:
            sync(log)
        if logs or self.key_map:
            sync_folder(self.folder)

    def _state(self) -> tuple[object, ...]:
        """Return the counters that every statement changes when it writes to the target."""
        pragmas = ("schema_version", "user_version", "application_id")
        return self.connection.total_changes, *(pragma(self.connection, name) for name in pragmas)

    def _target_digests(self) -> dict[str, TableDigest]:
        return self.inspected.target.digests if self.inspected.target else {}

    def _receiving_triggers(self) -> list[TriggerOrView]:
        """Return the target's own triggers on tables that receive rows or are set again."""
        receiving = {folded(mapping.into.name) for mapping in self.inspected.mappings if not mapping.new}
        receiving |= {folded(refresh.name) for refresh in self.inspected.refreshes}
        triggers = self.inspected.target.schema.triggers if self.inspected.target else ()
        return [trigger for trigger in triggers if folded(trigger.table) in receiving]

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        self.note_statement(statement)
        return self.connection.execute(statement, values)

    def _restore_wal_mode(self) -> None:
        if self.inspected.target and self.inspected.target.schema.header["journal_mode"] == "wal":
            con = open_existing(self.path, self.limits)
            con.execute("PRAGMA journal_mode=WAL").fetchone()
            con.close()
            sync_folder(self.path.parent)


def _strictest_mode(inspected: InspectedDatabases) -> int:
    """Return the permission bits that every source grants.

    The operator can always read and write.
    """
    mode = 0o666
    for database in inspected.sources.values():
        mode &= database.write_lock.path.stat().st_mode & 0o777
    return mode | 0o600
