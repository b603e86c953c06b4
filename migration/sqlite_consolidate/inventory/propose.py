"""Propose: from an inventory to a plan: target, sources, table maps, and what stays where it is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanned_files import Scope
from sqlite_consolidate.engine.code.suggest import Proposed
from sqlite_consolidate.engine.code.suggest import propose as propose_references
from sqlite_consolidate.engine.merge.table_mapping import find_movable_table
from sqlite_consolidate.engine.sqlite.schema import Table
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.engine.sqlite.statements import same_statement
from sqlite_consolidate.inventory.proposal import LeftOut, Proposal, ProposedLeave, ProposedMap, ProposedSource
from sqlite_consolidate.inventory.smoke_tests import smoke_tests
from sqlite_consolidate.plan.model import Source, TableMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.engine.code.old_names import Mention
    from sqlite_consolidate.inventory.inspection import Database, TableSeen
    from sqlite_consolidate.inventory.inventory import Entry, Inventory


_CENTRAL = frozenset(["main", "app", "core", "workspace", "central", "master", "primary", "production", "prod"])


def choose(databases: Sequence[Database], mentions: Mapping[str, int], workspace: str) -> tuple[Database, list[str]]:
    """Return the database that most speaks for, and what does, each in half a sentence.

    Each of these is a point: a name such as ``main`` or that of the workspace; most tables with rows; most mentions
    in the code; the outermost folder. Several may have most. Where points are equal, the one with most rows is it,
    then the first by name.

    Args:
        databases: At least one.
        mentions: File to the number of its mentions.
        workspace: Name of the workspace's folder.
    """
    reasons: dict[str, list[str]] = {one.file: [] for one in databases}
    for one in databases:
        if _is_central(one.file, workspace):
            reasons[one.file].append(f"it is called {PurePosixPath(one.file).name}")
    _most(reasons, {one.file: len(one.filled) for one in databases}, "tables with rows: {}, no other has more")
    _most(reasons, mentions, "mentions in the code: {}, no other has more")
    _most(reasons, {one.file: -one.file.count("/") for one in databases}, "no other lies further out")
    best = min(databases, key=lambda one: (-len(reasons[one.file]), -one.rows, one.file))
    return best, reasons[best.file] or [f"it has most rows ({best.rows})"]


def _is_central(file: str, workspace: str) -> bool:
    stem = folded(PurePosixPath(file).stem)
    return stem == folded(workspace) or bool(set(re.findall(r"[a-z]+", stem)) & _CENTRAL)


def _most(reasons: dict[str, list[str]], by_file: Mapping[str, int], words: str) -> None:
    """Give a point to those that have most; to nobody when all have as many."""
    most = max(by_file.values())
    for file, number in by_file.items() if len(set(by_file.values())) > 1 else ():
        if number == most:
            reasons[file].append(words.format(most))


def propose(found: Inventory) -> Proposal | None:
    """Return the plan that an inventory suggests; None where there are not two databases with rows to make one of."""
    live = [entry.database for entry in found.live]
    if len(live) < 2:  # noqa: PLR2004 -- one database needs no consolidation
        return None
    target, why = choose(live, {entry.file: len(entry.mentions) for entry in found.live}, found.root.name)
    bringing = [entry for entry in found.live if entry.file != target.file]
    names = _names([entry.file for entry in bringing])
    settling = Settling(target)
    sources = tuple(_source(entry, names[entry.file], settling) for entry in bringing)
    mentions = [mention for entry in bringing for mention in entry.mentions]
    return Proposal(
        name=_slug(found.root.name) or "consolidation",
        target=target.file,
        why=tuple(why),
        sources=sources,
        left_out=tuple(_left_out(entry) for entry in found.entries if entry.role != "live"),
        references=_references(found, [source.file for source in sources], target.file, mentions),
        smoke=smoke_tests(found.root, mentions),
        scan=_trees([mention.file for mention in mentions]),
    )


class Settling:
    """Gives each table its name in the target: one for tables that are declared alike, another for what differs."""

    def __init__(self, target: Database) -> None:
        self._target = target.file
        self._taken: dict[str, tuple[str, Table]] = {
            folded(table.name): (target.file, table.table) for table in target.tables
        }
        self._taken |= {folded(view.name): (target.file, _no_table(view.name)) for view in target.schema.views}
        self._bringing: dict[str, list[str]] = {}

    def settle(self, source: str, file: str, seen: TableSeen) -> ProposedMap:
        """Return the map of one table of a source."""
        one = ProposedMap(seen.name, seen.name, seen.counted)
        first, table = self._taken.setdefault(folded(seen.name), (file, seen.table))
        if first == file:
            return one
        if same_statement(table.sql, seen.table.sql):
            shared = self._bringing.setdefault(folded(seen.name), [first])
            shared.append(file)
            return replace(one, shared=tuple(shared[:-1]))
        return apart(one, source, f"{seen.name} is declared differently in {first} ({_difference(table, seen.table)}).")


def apart(one: ProposedMap, source: str, why: str) -> ProposedMap:
    """Return the map with a name of its own in the target, and the question whether that is what is wanted."""
    into = f"{source}_{one.name}"
    question = (
        f"{why} It is kept apart as {into}, and code that reads it has to say so. To make one table of them instead, "
        "take `into` away, and say what to do with `columns` or `on_conflict`."
    )
    return replace(one, into=into, shared=(), decide=(*one.decide, question))


def _no_table(name: str) -> Table:
    return Table(name, "view", "", False, False, (), (), "", "", "")  # noqa: FBT003 -- a view has none of all this


def _difference(one: Table, other: Table) -> str:
    """Say in which columns two tables differ, or that it is something else."""
    here, there = ({folded(column.name) for column in table.columns} for table in (one, other))
    only = [f"only there: {', '.join(sorted(here - there))}"] if here - there else []
    only += [f"only here: {', '.join(sorted(there - here))}"] if there - here else []
    return "; ".join(only) or "types, keys or constraints"


def _source(entry: Entry, name: str, settling: Settling) -> ProposedSource:
    one = entry.database
    maps, leaves = [], []
    for table in _bringing(one):
        problem = find_movable_table(Source(name=name, file=one.file), TableMap(name=table.name), one.schema)
        if isinstance(problem, Table):
            maps.append(settling.settle(name, one.file, table))
        elif table.rows != 0:
            question = f"{table.name} {problem.what} It is left behind here: can it be built anew in the target?"
            leaves.append(ProposedLeave(table.name, f"{table.name} {problem.what}", (question,)))
    return ProposedSource(name, one.file, _notes(entry), tuple(maps), tuple(leaves))


def _bringing(one: Database) -> list[TableSeen]:
    """Return the tables with rows, and the empty ones that those cannot do without, in the order of the schema."""
    wanted: set[str] = set()
    todo = [folded(table.name) for table in one.filled]
    while todo:
        name = todo.pop()
        table = one.table(name)
        if table and name not in wanted:
            wanted.add(name)
            todo += table.needs
    return [table for table in one.tables if folded(table.name) in wanted]


def _notes(entry: Entry) -> tuple[str, ...]:
    one = entry.database
    facts = [f"tables with rows: {len(one.filled)} of {len(one.tables)}", *one.features]
    notes = [f"{', '.join(facts)}; last changed {one.changed[:10]}; mentions in the code: {len(entry.mentions)}"]
    notes += [f"open in process {who.pid} now ({who.command}): end it before migrating" for who in entry.open_in]
    return tuple(notes)


def _references(found: Inventory, old: list[str], target: str, mentions: list[Mention]) -> tuple[Proposed, ...]:
    """Propose a reference for every mention of a source; only the files that were found to have one are read again."""
    files = list(dict.fromkeys(mention.file for mention in mentions))
    return propose_references(Scope(found.root, files, old, target)) if files else ()


def _left_out(entry: Entry) -> LeftOut:
    kind = entry.database.kind
    words = entry.why if entry.role in ("not read", "no rows", "copy") else f"looks like a {entry.role}: {entry.why}"
    return LeftOut(entry.file, words, decide=kind in ("encrypted", "unreadable"))


def _trees(files: Sequence[str]) -> tuple[str, ...]:
    """Return the outermost folders that the files are in, and those files that are in none."""
    return tuple(sorted({file.partition("/")[0] for file in files}))


def _names(files: Sequence[str]) -> dict[str, str]:
    """Return a short name for each file, all different: the stem, with as many folders before it as that takes."""
    names: dict[str, str] = {}
    for file in files:
        *folders, stem = [_slug(part) for part in re.sub(r"\.\w+$", "", file).split("/")]
        name = stem or "source"
        while name in names.values() and folders:
            name = f"{folders.pop()}_{name}".strip("_")
        number = 2
        while name in names.values():
            name, number = f"{stem or 'source'}_{number}", number + 1
        names[file] = name[:80]
    return names


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")[:60]
