"""The inventory of a run: its picture in the page, and its lines in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.report.formatting import size

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_FILES, _MOST_TABLES = 12, 40  # what a page can show side by side; evidence.json has all
_MOST_LINES = 40  # what a person reads in a terminal


@dataclass(frozen=True)
class DatabaseRow:
    """One database, as a row of the picture.

    Attributes:
        part: ``target``, ``source``, or what it looks like instead.
        bar: Its size in hundredths of the largest.
    """

    file: str
    part: str
    why: str
    tables: str
    rows: str
    size: str
    bar: float
    features: str
    changed: str
    mentions: list[str]
    open_in: list[str]


@dataclass(frozen=True)
class OverlapGrid:
    """Which tables are in which files: a row for each table, a cell for each file, empty where it is not."""

    files: list[str]
    rows: list[tuple[str, bool, list[str]]]
    more_files: int
    more_tables: int


def inventory_context(inventory: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the page shows of an inventory; empty for a run without one."""
    if inventory is None:
        return {}
    return {
        "files": database_rows(inventory),
        "grid": overlap_grid(inventory),
        "duplicates": inventory["duplicates"],
        "plan": inventory["plan"],
        "why": inventory["target_because"],
    }


def database_rows(inventory: dict[str, Any]) -> list[DatabaseRow]:
    """Return the databases: the target first, then the sources, then the others."""
    largest = max((one["size"] for one in inventory["databases"]), default=0) or 1
    order = {"target": 0, "source": 1}
    return [
        _database_row(one, largest) for one in sorted(inventory["databases"], key=lambda one: order.get(one["part"], 2))
    ]


def overlap_grid(inventory: dict[str, Any]) -> OverlapGrid:
    """Return the overlaps as a grid of at most 40 tables by 12 files."""
    shared = inventory["overlaps"]
    named = list(dict.fromkeys(file for one in shared for file in one["rows"]))
    shown = named[:_MOST_FILES]
    rows = [(one["table"], one["same"], [one["rows"].get(file, "") for file in shown]) for one in shared]
    return OverlapGrid(shown, rows[:_MOST_TABLES], len(named) - len(shown), max(0, len(rows) - _MOST_TABLES))


def terminal_lines(inventory: dict[str, Any]) -> Iterator[str]:
    """Yield the inventory in lines for a terminal: a database each, then what is shared, doubled, and passed over."""
    found = database_rows(inventory)
    width = min(60, max([len(one.file) for one in found], default=0))
    yield f"{'file':<{width}}  {'part':<11}  {'tables':>6}  {'rows':>9}  {'size':>10}"
    for one in found[:_MOST_LINES]:
        facts = f"{one.part:<11}  {one.tables:>6}  {one.rows:>9}  {one.size:>10}  {one.features}"
        yield f"{one.file:<{width}}  {facts}".rstrip()
        if one.part not in ("target", "source") and one.why:
            yield f"    {one.why}"
        yield from (f"    open in {who}" for who in one.open_in)
    if len(found) > _MOST_LINES:
        yield f"and {len(found) - _MOST_LINES} more: see the report"
    filled = [one for one in inventory["overlaps"] if one["filled"] > 1]
    for one in filled[:10]:
        how = "declared alike" if one["same"] else "declared differently"
        yield f"table {one['table']} has rows in {one['filled']} files ({how})"
    if len(filled) > 10:  # noqa: PLR2004 -- as many as are shown
        yield f"and {len(filled) - 10} more tables have rows in several files: see the report"
    for group in inventory["duplicates"]:
        yield f"the same content: {', '.join(group)}"
    for one in inventory["passed_over"]:
        if one["databases"]:
            yield f"git ignores {one['folder']}: not looked into ({one['databases']} files named like databases)"
    if inventory["plan"]:
        marked = inventory["decisions"]
        yield f"plan: {inventory['plan']}" + (f', {marked} to decide (look for "# decide:")' if marked else "")
    else:
        yield "no plan: there are not two databases to make one of"


def _database_row(one: dict[str, Any], largest: int) -> DatabaseRow:
    counted = [int(rows) for rows in one["tables"].values() if rows.isdigit()]
    more = "+" if len(counted) < len(one["tables"]) else ""
    read = one["kind"] == "database"
    return DatabaseRow(
        file=one["file"],
        part=one["part"] or (one["kind"] if one["role"] == "not read" else one["role"]),
        why=one["why"],
        tables=str(len(one["tables"])) if read else "",
        rows=f"{sum(counted)}{more}" if read else "",
        size=size(one["size"]),
        bar=round(100 * one["size"] / largest, 1),
        features=", ".join(one["features"]),
        changed=one["changed"],
        mentions=[f"{at['file']}:{at['line']}" for at in one["mentions"]],
        open_in=[f"process {who['pid']} ({who['command']})" for who in one["open_in"]],
    )
