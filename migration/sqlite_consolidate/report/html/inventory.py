"""Show the inventory of a run in the page and in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.report.formatting import size
from sqlite_consolidate.text import counted, join_names, list_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_FILES, _MOST_TABLES = 12, 40  # what a page can show side by side; evidence.json has all
_MOST_LINES, _MOST_ALIKE, _MOST_OBJECTIONS = 40, 3, 5  # what a person reads in a terminal
_MOST_GROUPS = 10  # of tables or of equal files
_MOVED = ("target", "source")


@dataclass(frozen=True)
class DatabaseRow:
    """Hold one database as a row of the page.

    Attributes:
        part: ``target``, ``source``, or the kind or role of another file.
        pattern: Pattern of the source to which it belongs, or empty.
        bar: Its size in hundredths of the largest.
    """

    file: str
    part: str
    pattern: str
    reason: str
    tables: str
    rows: str
    size: str
    bar: float
    features: str
    changed: str
    mentions: list[str]
    open_in: list[str]

    @property
    def group(self) -> tuple[str, ...]:
        """Return what it has in common with files that a terminal shows with it.

        A source without a pattern, and the target, are shown alone.
        """
        if self.pattern:
            return self.part, self.pattern
        return (self.part, self.file) if self.part in _MOVED else (self.part, "", self.reason)


@dataclass(frozen=True)
class OverlapGrid:
    """Hold which tables are in which files.

    There is a row for each table and a cell for each file. The cell is empty if the file has no such table.
    """

    files: list[str]
    rows: list[tuple[str, str, list[str]]]
    more_files: int
    more_tables: int


def inventory_context(inventory: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the page shows of an inventory, or nothing for a run without one."""
    if inventory is None:
        return {}
    return {
        "files": database_rows(inventory),
        "grid": overlap_grid(inventory),
        "duplicates": inventory["duplicates"],
        "plan": inventory["plan"],
        "reasons": inventory["target_because"],
    }


def database_rows(inventory: dict[str, Any]) -> list[DatabaseRow]:
    """Return the databases in the order of target, sources and others."""
    largest = max((database["size"] for database in inventory["databases"]), default=0) or 1
    order = {"target": 0, "source": 1}
    databases = sorted(inventory["databases"], key=lambda database: order.get(database["part"], 2))
    return [_database_row(database, largest) for database in databases]


def overlap_grid(inventory: dict[str, Any]) -> OverlapGrid:
    """Return the overlaps as a grid of at most 40 tables by 12 files."""
    overlaps = inventory["overlaps"]
    files = list(dict.fromkeys(file for overlap in overlaps for file in overlap["rows"]))
    shown_files = files[:_MOST_FILES]
    rows = [
        (overlap["table"], _declared(overlap), [overlap["rows"].get(file, "") for file in shown_files])
        for overlap in overlaps
    ]
    more_files, more_tables = len(files) - len(shown_files), max(0, len(rows) - _MOST_TABLES)
    return OverlapGrid(shown_files, rows[:_MOST_TABLES], more_files, more_tables)


def _declared(overlap: dict[str, Any]) -> str:
    """Return how the files declare a table, and whether the plan makes one table of theirs."""
    if overlap["same"]:
        return "alike"
    return "differently, one table by the plan" if overlap.get("united") else "differently"


def terminal_lines(inventory: dict[str, Any]) -> Iterator[str]:
    """Yield the inventory as lines for a terminal.

    There are lines for the databases, then for shared tables, equal files and ignored folders.
    """
    if rows := database_rows(inventory):
        yield from _database_lines(rows)
    filled = [overlap for overlap in inventory["overlaps"] if overlap["filled"] > 1]
    for overlap in filled[:_MOST_GROUPS]:
        yield f"table {overlap['table']} has rows in {overlap['filled']} files (declared {_declared(overlap)})"
    if len(filled) > _MOST_GROUPS:
        yield f"and {len(filled) - _MOST_GROUPS} more tables have rows in several files: see the report"
    for group in inventory["duplicates"][:_MOST_GROUPS]:
        yield f"the same content: {list_names(group)}"
    if len(inventory["duplicates"]) > _MOST_GROUPS:
        yield f"and {len(inventory['duplicates']) - _MOST_GROUPS} more groups of equal files: see the report"
    for ignored in inventory["passed_over"]:
        if ignored["databases"]:
            files = f"{ignored['databases']} files named like databases"
            yield f"git ignores {ignored['folder']}: not looked into ({files})"
    if inventory["plan"]:
        marked = inventory["decisions"]
        yield f"plan: {inventory['plan']}" + (f', {marked} to decide (look for "# decide:")' if marked else "")
        yield f"written: {join_names(inventory['written'])}"
        yield from _rehearsal_lines(inventory)
    else:
        yield f"no plan: {inventory.get('no_plan') or 'it was not written'}"


def _database_lines(rows: Sequence[DatabaseRow]) -> Iterator[str]:
    """Yield a line for each database, but count those beyond three of one kind."""
    groups: dict[tuple[str, ...], list[DatabaseRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    width = min(60, max(len(row.file) for row in rows))
    yield f"{'file':<{width}}  {'role':<11}  {'tables':>6}  {'rows':>9}  {'size':>10}"
    left = len(rows)
    for group in list(groups.values())[:_MOST_LINES]:
        left -= len(group)
        shown = [row for number, row in enumerate(group) if number < _MOST_ALIKE or row.open_in]
        for row in shown:
            facts = f"{row.part:<11}  {row.tables:>6}  {row.rows:>9}  {row.size:>10}  {row.features}"
            yield f"{row.file:<{width}}  {facts}".rstrip()
            yield from (f"    open in {process}" for process in row.open_in)
        if len(group) > len(shown):
            yield f"    and {len(group) - len(shown)} more{f' of {group[0].pattern}' if group[0].pattern else ''}"
        if group[0].part not in _MOVED and group[0].reason:
            yield f"    {group[0].reason}"
    if left:
        yield f"and {left} more: see the report"


def _rehearsal_lines(inventory: dict[str, Any]) -> Iterator[str]:
    """Yield whether the plan would be accepted, as far as the inventory could find out."""
    objections = inventory.get("objections", [])
    if reason := inventory.get("unrehearsed"):
        yield f"the plan was {reason}"
    elif not objections:
        untried = inventory["untried"]
        later = f"; not tried yet: {join_names(untried)}" if untried else ""
        unread = [each["file"] for each in inventory["databases"] if _is_unread(each)]
        without = f", without {list_names(unread)}, which could not be read" if unread else ""
        if left := _left_to_a_person(inventory):
            yield f"this plan passes its rehearsal{without} (on copies up to COMMIT{later}), and leaves to you {left}"
        else:
            yield f"this plan passes as it stands{without} (rehearsed on copies up to COMMIT{later})"
    if objections:
        yield "the plan would be refused as it is:"
        yield from (f"    {objection}" for objection in objections[:_MOST_OBJECTIONS])
    if len(objections) > _MOST_OBJECTIONS:
        yield f'    and {len(objections) - _MOST_OBJECTIONS} more (look for "# decide:")'


def _left_to_a_person(inventory: dict[str, Any]) -> str:
    """Return what only a person can decide or judge, or an empty text."""
    decisions, kinds = inventory["decisions"], inventory.get("to_review", [])
    parts = [counted(decisions, "decision")] if decisions else []
    parts += [f"findings to review ({list_names(kinds)})"] if kinds else []
    return join_names(parts) if parts else ""


def _is_unread(database: dict[str, Any]) -> bool:
    """Return whether a file may have rows that the inventory could not read."""
    return database["kind"] in ("encrypted", "unreadable")


def _database_row(database: dict[str, Any], largest: int) -> DatabaseRow:
    row_counts = [int(rows) for rows in database["tables"].values() if rows.isdigit()]
    more = "+" if len(row_counts) < len(database["tables"]) else ""
    is_read = database["kind"] == "database"
    return DatabaseRow(
        file=database["file"],
        part=database["part"] or (database["kind"] if database["role"] == "not read" else database["role"]),
        pattern=database.get("pattern", ""),
        reason=database["why"],
        tables=str(len(database["tables"])) if is_read else "",
        rows=f"{sum(row_counts)}{more}" if is_read else "",
        size=size(database["size"]),
        bar=round(100 * database["size"] / largest, 1),
        features=", ".join(database["features"]),
        changed=database["changed"],
        mentions=[f"{mention['file']}:{mention['line']}" for mention in database["mentions"]],
        open_in=[f"process {process['pid']} ({process['command']})" for process in database["open_in"]],
    )
