"""Copy the rows of one table mapping into the target and count each of them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.content.expected_rows import Rows, digest_values
from sqlite_consolidate.engine.merge.conflict_log import claimed_target_rows, clashing_source_rows
from sqlite_consolidate.engine.merge.rows.insert_rows import insert_rows
from sqlite_consolidate.engine.merge.rows.newer_rows import NewerRows, newer_rows_digests, require_decided
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.merge.rows.record_copy import try_record_copy
from sqlite_consolidate.engine.merge.rows.row_filter import NO_ROWS_LEFT, LeftRows
from sqlite_consolidate.engine.merge.rows.update_rows import update_matched_rows
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.rows.record_copy import CopyMethod, Execute
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """Hold the result of copying one table mapping.

    Attributes:
        rows: Number of rows in the source.
        inserted: Number of rows that the target got, those that replace one of its rows included.
        skipped: Number of source rows that were not copied, because they matched or by the conflict policy.
        replaced: Number of target rows that were deleted or updated because of the conflict policy.
        change: Digest of the inserted rows minus the digest of the replaced rows.
        method: Whether whole records or columns were copied.
        seconds: Duration of the copy.
        identical: Number of skipped or replaced rows that are identical to the row that stays.
        moved: Digest of the source rows that were to move, with those that the conflict policy skipped.
        left: Rows of the source that ``where`` and ``follows`` leave behind.
    """

    mapping: TableMapping
    rows: int
    inserted: int
    skipped: int
    replaced: int
    change: TableDigest
    method: CopyMethod
    seconds: float
    identical: int = 0
    moved: TableDigest = field(default_factory=TableDigest)
    left: LeftRows = NO_ROWS_LEFT


def copy_rows(
    con: sqlite3.Connection,
    mapping: TableMapping,
    source: TableDigest,
    alias: str,
    *,
    execute: Execute | None = None,
) -> CopiedTable:
    """Copy the rows of one table mapping from the attached database ``alias``.

    Columns are matched by name. SQLite copies whole records if the columns have the same order and its own program
    does so. The comparison after the copy does not rely on that.

    Implicit rowids are kept if nothing else identifies the rows. If a key identifies them, rowids are kept in a table
    that the run has created, and only for the first source with rows, because the next source may use the same rowids.

    Args:
        con: The target's connection, inside the transaction.
        mapping: The table mapping to copy.
        source: Digest of the rows that move and do not match, under the target's column names.
        alias: Name under which the source is attached.
        execute: Function that executes each statement that writes. The default is ``con.execute``.

    Raises:
        ProblemError: Rows under one key differ although the policy is ``skip-identical``, or it is not known which is
            newer although the policy is ``prefer-newer``, or SQLite refuses a row.
    """
    began = time.monotonic()
    execute = execute or con.execute
    rows = mapping.projection(alias)
    skipped, replaced, where = _resolve_conflicts(con, mapping, rows, execute)
    with _refused_rows_as_problems(con, mapping):
        updated = update_matched_rows(con, mapping, alias, execute)
        records = try_record_copy(con, mapping, rows, execute)
        method: CopyMethod = records.method if records else "columns"
        inserted = records.rows if records else insert_rows(con, rows, where, execute)
        if replaced.rows and clash_policy_of(mapping.table_map) == "prefer-newer":
            # After the INSERT, because an UPDATE may give a row the value of a unique key that a new row has as well.
            inserted += execute(NewerRows.of(mapping, rows).update).rowcount
    change = source - skipped - replaced + updated
    seconds, matched = time.monotonic() - began, mapping.matched.rows if mapping.matched else 0
    number, left_out = source.rows + matched, skipped.rows + matched
    return CopiedTable(mapping, number, inserted, left_out, replaced.rows, change, method, seconds, moved=source)


@contextlib.contextmanager
def _refused_rows_as_problems(con: sqlite3.Connection, mapping: TableMapping) -> Iterator[None]:
    """Raise a problem where SQLite refuses a row."""
    try:
        yield
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.IntegrityError) and not is_statement_error(error):
            raise
        rolled_back = "" if con.in_transaction else " Its ON CONFLICT ROLLBACK has rolled back the whole transaction."
        text = f"a row violates a constraint of {mapping.into.name}: {error}.{rolled_back}"
        if is_statement_error(error):  # such as that of a function in an index, which json_extract is
            text = f"SQLite cannot compute what {mapping.into.name} declares for a row: {error}."
        hint = "Correct the rows, or move them under another name (into). No policy decides about this constraint."
        raise ProblemError(Problem("row-refused", mapping.subject, text, hint)) from error


def _resolve_conflicts(
    con: sqlite3.Connection, mapping: TableMapping, rows: Projection, execute: Execute
) -> tuple[TableDigest, TableDigest, str]:
    """Delete the target rows that ``prefer-source`` replaces, and digest all affected rows.

    Returns:
        Digest of the source rows that are skipped, digest of the target rows that are replaced, and the SQL condition
        over ``s`` that selects the rows to insert. The condition is empty if all rows are inserted.

    Raises:
        ProblemError: Rows under one key differ, and the policy is ``skip-identical``, or cannot decide.
    """
    skipped, replaced = TableDigest(), TableDigest()
    policy = clash_policy_of(mapping.table_map)
    if policy == "refuse":
        return skipped, replaced, ""
    if policy == "prefer-source":
        replaced = digest_query(con, claimed_target_rows(rows))
        execute(rows.delete_claimed)
        return skipped, replaced, ""
    if clash_policy_of(mapping.table_map) == "prefer-newer":
        newer = NewerRows.of(mapping, rows)
        require_decided(con, mapping, newer)
        return *newer_rows_digests(con, newer), f"NOT {rows.clashing}"
    skipped = digest_query(con, clashing_source_rows(rows))
    if policy == "skip-identical":
        _require_identical(con, mapping, rows, skipped)
    return skipped, replaced, f"NOT {rows.clashing}"


def source_digest(con: sqlite3.Connection, mapping: TableMapping, alias: str) -> TableDigest:
    """Digest the source rows as they have to arrive."""
    limits_of(con).deadline.start_step(f"the rows of {mapping.table.name}")
    rows = mapping.projection(alias)
    return digest_query(con, rows.select_row())


def existing_rows_digest(con: sqlite3.Connection, mapping: TableMapping) -> TableDigest:
    """Digest the rows that the target table has now.

    They are digested as the comparison after the copy reads them.
    """
    limits_of(con).deadline.start_step(f"the rows of {mapping.into.name}")
    rows = mapping.projection()
    return digest_query(con, rows.select_target_row())


def raise_autoincrement(mapping: TableMapping, mark: int, execute: Callable[[str, tuple[int, str]], object]) -> None:
    """Raise the target's AUTOINCREMENT value to at least the source's.

    Otherwise SQLite could assign the id of a deleted row again. SQLite has inserted a row into sqlite_sequence with the
    copy, even if the copy had no rows.
    """
    if mapping.into.autoincrement:
        execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (mark, mapping.into.name))


def _require_identical(con: sqlite3.Connection, mapping: TableMapping, rows: Projection, skipped: TableDigest) -> None:
    """Raise if rows under equal keys differ in a byte or a storage class.

    Digests are compared, because SQL takes -0.0 for 0.0 and limits the depth of an expression.
    """
    if not mapping.holds_rowids and rows.rowid_counts:  # a key identifies these rows, whatever identifies others
        rows = replace(rows, rowid_counts=False)
        skipped = digest_query(con, clashing_source_rows(rows))
    if digest_query(con, claimed_target_rows(rows)) == skipped:
        return
    target_rows = {digest_values(row) for row in Rows(con, claimed_target_rows(rows))}
    different = sum(digest_values(row) not in target_rows for row in Rows(con, clashing_source_rows(rows)))
    rowids = ", or have another rowid" if rows.rowid_counts else ""
    if different:
        raise ProblemError(
            Problem(
                "rows-differ",
                mapping.subject,
                f'on_conflict = "skip-identical", but {different} of {skipped.rows} rows under a key that'
                f" {mapping.into.name} already has differ{rowids}.",
                'Correct the rows, or choose "prefer-target" or "prefer-source".',
            )
        )
