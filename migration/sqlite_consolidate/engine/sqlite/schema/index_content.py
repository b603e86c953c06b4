"""Tell where a search index has its rows from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.sqlite.schema.module_arguments import module_arguments

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

Content = Literal["external", "none", "own", ""]
"""Rows of another table, no rows at all, or rows that the index stores. Empty for what is no search index."""

TEXT_MODULES = ("fts3", "fts4", "fts5")
TERM_MODULES = ("fts4aux", "fts5vocab")
"""Modules of tables that show the terms of a search index, and have no rows of their own."""
AREA_MODULES = ("rtree", "rtree_i32", "geopoly")
_MODULES_WITH_OPTIONS = ("fts4", "fts5")
_INNER = {"fts4": ("segments", "segdir", "docsize", "stat"), "fts5": ("data", "idx", "docsize", "config")}
_UNSEEN_OPTIONS = ("languageid", "compress", "uncompress")


def content_kind(table: Table) -> Content:
    """Return where a search index has its rows from.

    FTS3 takes ``content=`` for the name of a column.
    """
    if table.module not in (*TEXT_MODULES, *AREA_MODULES):
        return ""
    named = module_arguments(table.sql).options.get("content") if table.module in _MODULES_WITH_OPTIONS else None
    return "own" if named is None else "external" if named else "none"


def unseen_option(table: Table) -> str:
    """Return an option of FTS4 by which a row is more than its columns, or an empty text."""
    options = module_arguments(table.sql).options if table.module == "fts4" else {}
    return next((name for name in _UNSEEN_OPTIONS if name in options), "")


def index_columns(table: Table) -> list[str]:
    """Return the columns that determine a row of an index, the rowid first.

    The first column of an R-tree is its rowid.
    """
    names = [column.name for column in table.stored]
    return names if table.module.startswith("rtree") else ["rowid", *names]


def inner_names(table: Table) -> tuple[str, ...]:
    """Return the names that the tables of an FTS4 or FTS5 table without content can have."""
    return tuple(f"{table.name}_{name}" for name in _INNER.get(table.module, ()))


def can_be_scanned(table: Table) -> bool:
    """Return whether SQLite can read all rows of a table, even if their columns are NULL.

    It cannot read an FTS4 table without content, nor an FTS5 table that has the lengths of its documents neither. What
    it reads from a table of terms are no rows of that table.
    """
    if table.module in TERM_MODULES:
        return False
    if content_kind(table) != "none":
        return True
    arguments = module_arguments(table.sql)
    return table.module == "fts5" and (arguments.option("columnsize") != "0" or _has_values(arguments.options))


def _has_values(options: dict[str, str]) -> bool:
    return options.get("contentless_unindexed", "0") not in ("", "0")
