"""Compare the key map that a run has kept with the original databases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.renumbering.key_texts import NO_NEW_KEY, UNSTATED_KEYS
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.merge.rows.key_map_file import KEY_MAP, offsets_of, schema_of_key_map
from sqlite_consolidate.engine.sqlite.connections import attached, encoding_of, open_for_inspection
from sqlite_consolidate.engine.sqlite.errors import is_interrupted
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.observation import Observation, equal, not_examined, not_required
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3

CRITERION = "keys-mapped"
_COMPUTED = "The matches are computed again from the originals."


@dataclass(frozen=True)
class KeptKeyMap:
    """Hold where the key map of the last run is, if its history states one.

    Attributes:
        path: The key map with the digest of the history. None without one.
        offsets: Offsets that the history states for each source, if no row can match.
        problem: Why there is none, although the history states it.
        unknown: Why no map can be judged, although rows match or have new keys.
    """

    path: Path | None = None
    offsets: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    unknown: str = ""


def find_key_map(databases: InspectedDatabases, target: Path, originals: Path, live: Path) -> KeptKeyMap:
    """Find the key map that the history of a target states.

    Args:
        databases: The originals.
        target: Copy of the target.
        originals: Folder of the originals, which may be the backup set.
        live: The workspace.
    """
    mappings, plan = databases.mappings, databases.plan
    if not any(mapping.shifts or mapping.table_map.match for mapping in mappings):
        return KeptKeyMap()
    limits = _limits(databases)
    try:
        row = history.last_of_plan(target, plan.name, limits)
        with open_for_inspection(target, limits) as con:
            keys = history.keys_of_run(con, row.run) if row else {}
            offsets = history.offsets_of_plan(con, plan.name) if row else {}
    except ProblemError as error:
        return KeptKeyMap(problem=error.problems[0])
    if offsets and not any(mapping.table_map.match for mapping in mappings):
        return KeptKeyMap(offsets=offsets)
    if row is None or "key_map_sha256" not in keys:
        return KeptKeyMap(unknown=UNSTATED_KEYS)
    folder = row.backup_set.replace("\\", "/").rpartition("/")[2]
    places = [originals / KEY_MAP, live / plan.backups / folder / KEY_MAP]
    paths = [path for path in places if path.is_file()]
    kept = next((path for path in paths if digest_file(path) == keys["key_map_sha256"]), None)
    return KeptKeyMap(kept, problem=None if kept else _problem(row.run, is_there=bool(paths)))


def _problem(run: str, *, is_there: bool) -> Problem:
    if is_there:
        fact = f"does not have the digest that the history of the target states for run {run}. {_COMPUTED}"
        hint = "Put the key map of that backup set among the originals."
        return Problem("key-map-changed", KEY_MAP, fact, hint, criterion=CRITERION)
    fact = f"of run {run} is neither among the originals nor in the backup set. {_COMPUTED}"
    return Problem("no-key-map", KEY_MAP, fact, "Put it among the originals.", criterion=CRITERION)


def compare_key_map(databases: InspectedDatabases, kept: KeptKeyMap) -> list[Observation]:
    """Observe that a key map, or the history, states exactly what the originals give."""
    if kept.offsets:
        return list(_observe_history(databases, kept.offsets))
    if kept.path is None:
        return [not_required("plan", kept.unknown or NO_NEW_KEY)]
    matched = [mapping for mapping in databases.mappings if mapping.matched]
    staged, limits = databases.path_of(matched[0]), _limits(databases)
    try:
        if encoding_of(kept.path, limits) != encoding_of(staged, limits):
            return [not_examined(KEY_MAP, "its text encoding is not that of the original target")]
        with open_for_inspection(staged, limits) as con, attached(con, kept.path, "key map") as alias:
            if not _has_its_schema(con, alias):  # a view could compute anything, for ever
                return [equal(KEY_MAP, "the tables of a key map", "other tables")]
            lines = _Lines(con, alias)
            return [
                *(lines.observe(mapping) for mapping in matched),
                lines.observe_all(matched),
                lines.observe_offsets(databases.mappings),
            ]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_interrupted(error):
            raise
        return [equal(KEY_MAP, "a key map", f"cannot be read ({error})")]


def _observe_history(databases: InspectedDatabases, stated: Mapping[str, Any]) -> Iterator[Observation]:
    """Yield an observation for each key with an offset in originals or history.

    Another run may have moved sources that are not among the originals.
    """
    for source, offsets in offsets_of(databases.mappings).items():
        of_source = stated[source] if isinstance(stated.get(source), dict) else {}
        for key in {**offsets, **of_source}:
            texts = (f"plus {each[key]}" if key in each else "no offset" for each in (offsets, of_source))
            yield equal(f"{source}: {key}", *texts)


def _limits(databases: InspectedDatabases) -> Limits:
    """Return the limits of the run, which each of its databases has."""
    return next(iter(databases.sources.values())).write_lock.limits


def _has_its_schema(con: sqlite3.Connection, alias: str) -> bool:
    """Return whether a key map has its tables and indexes, and nothing else.

    Other versions of sqlite-utils may spell them differently.
    """
    schemas = [sql for (sql,) in con.execute(f"SELECT sql FROM {quoted(alias)}.sqlite_schema")], schema_of_key_map()
    kept, expected = (sorted(" ".join(words_of(sql or "")) for sql in schema) for schema in schemas)
    return kept == expected


def _lines_text(rows: Mapping[str, int]) -> str:
    numbers = f", {counted(rows['numbers'], 'number')}" if rows["numbers"] else ""
    return f"{counted(rows['matched'], 'row')}{numbers}"


@dataclass(frozen=True)
class _Lines:
    """Compare the lines of a key map with those that the originals give.

    Attributes:
        con: Connection to the staging database, with the lines that the originals give.
        key_map: Name of the key map on it.
    """

    con: sqlite3.Connection
    key_map: str

    def observe(self, mapping: TableMapping) -> Observation:
        """Return the observation about one table."""
        if mapping.matched is None:
            return not_examined(mapping.subject, "its rows were not compared")
        names = (mapping.source.name, mapping.table_map.name, mapping.into.name)
        place = mapping.matched.place("main")
        stated = f"FROM {quoted(self.key_map)}.{{}} WHERE source = ? AND source_table = ? AND target_table = ?"
        differing = self._differ(
            f"SELECT old, typeof(old), new, typeof(new), identical, updated {stated.format('matched')}",
            f"SELECT old COLLATE BINARY, typeof(old), new, typeof(new), identical, updates FROM {place}",
            names,
        )
        for number in mapping.matched.numbers:
            differing += self._differ(
                f"SELECT old, typeof(old), new, typeof(new) {stated.format('numbers')} AND source_column = ?",
                f"SELECT {number.old} COLLATE BINARY, typeof({number.old}), {number.new}, typeof({number.new})"
                f" FROM {place}",
                (*names, number.column),
            )
        lines = counted(self._number(f"SELECT count(*) {stated.format('matched')}", names), "row")
        observed = f"{lines}; {counted(differing, 'line')} otherwise" if differing else lines
        expected = counted(mapping.matched.rows, "row")
        return equal(f"{KEY_MAP}: {mapping.subject} -> {mapping.into.name}", expected, observed)

    def observe_all(self, matched: Sequence[TableMapping]) -> Observation:
        """Return the observation that no line is of another table."""
        tables = [mapping.matched for mapping in matched if mapping.matched]
        expected = {
            "matched": sum(table.rows for table in tables),
            "numbers": sum(table.rows * len(table.numbers) for table in tables),
        }
        rows = {name: self._number(f"SELECT count(*) FROM {quoted(self.key_map)}.{name}", ()) for name in expected}
        return equal(KEY_MAP, _lines_text(expected), _lines_text(rows))

    def observe_offsets(self, mappings: Sequence[TableMapping]) -> Observation:
        """Return the observation that each offset is that of the originals."""
        expected = Counter(
            (mapping.source.name, mapping.table_map.name, mapping.into.name, column, shift.offset)
            for mapping in mappings
            for column, shift in mapping.key_shifts.items()
        )
        number = expected.total()
        rows = self.con.execute(f"SELECT * FROM {quoted(self.key_map)}.offsets LIMIT ?", (number + 1,))
        differing = (Counter(rows.fetchall()) - expected).total()
        lines = counted(self._number(f"SELECT count(*) FROM {quoted(self.key_map)}.offsets", ()), "offset")
        observed = f"{lines}; {counted(differing, 'line')} otherwise" if differing else lines
        return equal(f"{KEY_MAP}: offsets", counted(number, "offset"), observed)

    def _differ(self, stated: str, given: str, values: tuple[str, ...]) -> int:
        """Return the number of lines that only one of two queries has."""
        further = self._number(f"SELECT count(*) FROM ({stated} EXCEPT {given})", values)
        return further + self._number(f"SELECT count(*) FROM ({given} EXCEPT {stated})", values)

    def _number(self, query: str, values: tuple[str, ...]) -> int:
        return int(self.con.execute(query, values).fetchone()[0])
