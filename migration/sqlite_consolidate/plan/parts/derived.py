"""Define the parts of a plan about data of the target that is derived from its rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sqlite_consolidate.plan.values import Name, Part


class Stale(Part):
    """Accept that derived data of the target is not brought up to date.

    Attributes:
        name: Search index, trigger, or table that a trigger writes.
        reason: Why that is accepted.
    """

    name: Name
    reason: Name


class Refresh(Part):
    """Set columns of a table of the target again after the rows have arrived.

    Attributes:
        table: Table of the target.
        columns: The columns that are set. All others are proved unchanged.
        set_: TOML key ``set``. SQL after SET of an UPDATE, which may read all tables of the target.
        where: SQL condition of the rows that are set. If it is empty, all are.
        reason: Why the columns do not arrive right.
    """

    table: Name
    columns: Annotated[list[Name], Field(min_length=1)]
    set_: Name = Field(alias="set")
    where: str = ""
    reason: Name


class Rebuild(Part):
    """Rebuild a search index of the target after the rows have arrived.

    Attributes:
        table: FTS3, FTS4, FTS5, R-tree or Geopoly table of the target.
        from_: TOML key ``from``. Query of the rowid and of all columns in their order. Empty for external content.
    """

    table: Name
    from_: str = Field(default="", alias="from")
