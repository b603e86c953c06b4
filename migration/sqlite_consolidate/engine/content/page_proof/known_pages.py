"""Prove that a file has the pages that were proved before.

They are those of a transaction, which COMMIT has left, or those of a source, which is an archive now. The page reader
has read each of them then, with a keyed sum of their hashes. Now it hashes all pages that neither the schema nor the
free list uses. If the sum and the schema are the same, so are the rows and the indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.page_proof.description import Description, describe_database
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, ask, read_answer, reason_to_decline
from sqlite_consolidate.engine.sqlite.connections import limits_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema


def prove_known_pages(path: Path, con: sqlite3.Connection, schema: Schema, before: PageProof) -> PageProof:
    """Prove that a file has the pages that were proved before.

    Its schema and its free list are proved as in any file.

    Args:
        path: The database file. A lock of this process excludes every change of it.
        con: Connection that has the file open.
        schema: Schema of the database.
        before: The proof of its pages.

    Returns:
        The same proof, or the reason why it is not that of the file.

    Raises:
        sqlite3.Error: The run is interrupted, or its deadline has passed.
    """
    if reason := reason_to_decline(path):
        return PageProof(unreadable=(reason,))
    proved = before.pages.description.digested if before.pages else []
    further = [rows for digested in proved for rows in digested[1:]]
    request = request_for_known_pages(describe_database(con, schema, further=further), before)
    if request is None or before.digests.keys() != {table.name for table in schema.movable}:
        return PageProof(unreadable=("the schema is not that of the pages",))
    answer = read_answer(ask(path, request.lines, limits_of(con)), request, ())
    return before if answer.is_intact else answer


def request_for_known_pages(description: Description, before: PageProof) -> Description | None:
    """Return a request for pages that were proved before.

    The schema is its one table. It is None if the tables are others, or have other columns, indexes or root pages.

    Args:
        description: The database now.
        before: The proof of its pages.
    """
    if before.pages is None or _of_tables(description) != _of_tables(before.pages.description):
        return None
    schema = description.lines[: description.head]
    return Description([before.pages.line, *schema], description.tables[:1], description.digested[:1])


def _of_tables(description: Description) -> tuple[list[str], ...]:
    """Return what a description states of all tables but the schema."""
    tables = [name for name in description.tables if name != "sqlite_schema"]
    return description.lines[description.head :], tables, description.declined, description.unreadable
