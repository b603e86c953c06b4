"""Hold a proposed plan with its comments and the decisions that the operator has to make."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.proposed_parts import LINE_OF_DECISION
from sqlite_consolidate.inventory.union_advice import advise_union
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference
    from sqlite_consolidate.inventory.code.smoke_tests import ProposedSmoke
    from sqlite_consolidate.inventory.proposed_parts import (
        LeftOut,
        ProposedLeave,
        ProposedMap,
        ProposedRebuild,
        ProposedRefresh,
        ProposedTable,
    )

_LEAVE_COPY = " To leave the copy where it is, remove this [[source]]."
_LOOSE = (
    "If the numbers mean rows of this file, add a [[source.table.refers]]. If they number groups of rows that no table "
    "has, such as threads, equal numbers of two files become one group: add a column that names the file "
    "(`constants`), and let the code ask for it, or keep the table apart (`into`). Otherwise there is nothing to do."
)
_MOST_COLUMNS = 60  # that one decision names
_ID = re.compile(rf"(?P<mark>[ {LINE_OF_DECISION}])\[[a-z-]+\]$")


@dataclass(frozen=True)
class ProposedSource:
    """Hold one ``[[source]]``.

    Attributes:
        questions: Decisions about the file as a whole.
        files: The files of a pattern. Empty for a source of one file.
        lacks: Each file to the folded names of tables, ``table.column``, indexes, triggers and views of other files.
        keys: ``renumber`` where its integer keys get new values; else empty.
        obstacle: Why its keys cannot get new values; else empty.
        version: Decision about a conflicted copy, where none of its tables is kept apart; else empty.
        loose: Columns named like references to which no table fits, as ``table.column``.
        joined: Columns that code compares with a key, each with the file and the line.
        unnamed: Tables of which no column names the file of a row, though rows of several files come into them.
        constants: Columns that the plan fills, each with its text.
        undecided: Tables in which files of the pattern have other rows under equal keys.
        views: Folded name of each view that is kept apart with the tables that it reads, to its name in the target.
        wider: The target with all columns that an inventory would choose, where the operator names one of the kind
            without them; else empty.
        changed: Decisions about triggers and views that its files declare in several ways.
        old_names: Folded names of what is kept apart, each with a place of the code where a statement names it.
        led_by: Places of configuration that name the file. If none does, and no statement names its bookkeeping, those
            of code.
    """

    name: str
    file: str
    notes: tuple[str, ...]
    maps: tuple[ProposedMap, ...]
    leaves: tuple[ProposedLeave, ...] = ()
    questions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    lacks: Mapping[str, Collection[str]] = field(default_factory=dict)
    keys: str = ""
    obstacle: str = ""
    version: str = ""
    loose: tuple[str, ...] = ()
    joined: tuple[tuple[str, str], ...] = ()
    unnamed: tuple[str, ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    undecided: tuple[str, ...] = ()
    views: Mapping[str, str] = field(default_factory=dict)
    wider: str = ""
    changed: tuple[str, ...] = ()
    old_names: tuple[tuple[str, str], ...] = ()
    led_by: tuple[str, ...] = ()

    @property
    def all_files(self) -> tuple[str, ...]:
        """Return the path of each file."""
        return self.files or (self.file,)

    @property
    def moves_all(self) -> bool:
        """Return whether tables are moved that need no entry of their own."""
        return not all(map(self.needs_entry, self.maps))

    def needs_entry(self, table_map: ProposedMap) -> bool:
        """Return whether a table needs a ``[[source.table]]``."""
        return (
            table_map.into != table_map.name
            or bool(
                table_map.on_conflict or table_map.match or table_map.keys or table_map.rowids or table_map.is_index
            )
            or bool(table_map.notes or table_map.decide or (self.keys and table_map.refers))
        )

    def match_of(self, table_map: ProposedMap) -> tuple[str, ...]:
        """Return the columns that can match rows of a table that is kept apart.

        Only rows with new keys need them.
        """
        is_open = table_map.into != table_map.name and not table_map.is_stamp and table_map.new_keys(self.keys)
        return table_map.unique if is_open else ()

    def places_of(self, maps: Sequence[ProposedMap], views: Collection[str] = ()) -> list[str]:
        """Return the places of code where a statement names one of some tables or views."""
        names = {*(folded(each.name) for each in maps), *views}
        return list(dict.fromkeys(place for name, place in self.old_names if name in names))

    def subjects(self, table: str) -> frozenset[str]:
        """Return the subjects that problems of a table have."""
        return frozenset(f"{file}:{table}" for file in (self.file, *self.files))

    def without_files(self, left: Sequence[ProposedLeave]) -> ProposedSource:
        """Return the source of a pattern whose other files it moves."""
        files = tuple(file for file in self.files if file not in {leave.table for leave in left})
        lost = set(self.files) - set(files)
        maps = [
            replace(each, shared=tuple(dict.fromkeys(files[0] if file in lost else file for file in each.shared)))
            for each in self.maps
        ]
        return replace(self, files=files, maps=tuple(maps), leaves=(*self.leaves, *left))

    def without_own_names(self, text: str) -> str:
        """Return a text without names that only this source has.

        These are the path of its file, and the names of what is kept apart.
        """
        names = {folded(each.into): each.name for each in self.maps if each.into != each.name}
        names |= {folded(view): name for name, view in self.views.items()}
        names |= dict.fromkeys(map(folded, self.all_files), "this file")
        known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        pattern = rf"(?i)(?<![\w./])(?:{known})(?!\w)"
        return re.sub(pattern, lambda match: f"{LINE_OF_DECISION}{names.get(folded(match[0]), '')}", text)

    @property
    def decide(self) -> tuple[str, ...]:
        """Return the decisions about the file, one for each kind."""
        apart = [table_map for table_map in self.maps if table_map.into != table_map.name]
        stamps = [table_map for table_map in apart if table_map.is_stamp]
        others = [table_map for table_map in apart if not table_map.is_stamp]
        return (
            *self.questions,
            *self.changed,
            *_ask_about_undecided(self.undecided),
            *(_ask_about_separate(others, self) or ((self.version,) if self.version else ())),
            *_ask_about_stamps(stamps, self),
            *_ask_about_left([leave for leave in self.leaves if leave.decide]),
            *(_ask_about_loose(self.loose, dict(self.joined)) if self.keys and not self._keeps_ids else ()),
        )

    @property
    def _keeps_ids(self) -> bool:
        """Return whether no row gets a new id.

        Each table of one file goes into a table of its own then.
        """
        return not self.files and all(each.into != each.name and not each.shared for each in self.maps)


def _ask_about_undecided(tables: tuple[str, ...]) -> tuple[str, ...]:
    """Return the decision about tables whose files have other rows under equal keys, or none."""
    if not tables:
        return ()
    names, verb = join_first_names(tables), "has" if len(tables) == 1 else "have"
    return (
        (
            f"{names} {verb} other rows under equal keys in these files. Add a column to the key that tells the files "
            'apart (`create` with `constants = { file = "{stem}" }`), say which row stays (`on_conflict`), or leave '
            f"{'it' if len(tables) == 1 else 'them'} behind by a [[source.leave]]."
        ),
    )


def _ask_about_stamps(apart: list[ProposedMap], source: ProposedSource) -> tuple[str, ...]:
    """Return the decision about the bookkeeping of another program, or none."""
    if not apart:
        return ()
    tables = join_first_names([table_map.name for table_map in apart])
    names = join_first_names([table_map.into for table_map in apart])
    verb = "is" if len(apart) == 1 else "are"
    fact = f"{tables} {verb} bookkeeping of a program, and {verb} not united. {apart[0].apart}"
    uses = []
    if places := source.places_of(apart):
        uses = [
            f"Code that names {tables} ({join_first_names(places)}) then reads rows of the target. Let it read {names}."
        ]
    if source.led_by:
        leading = join_first_names(source.led_by)
        uses.append(f"What reads {tables} by way of {leading} then finds the rows of the target: let it read {names}.")
    unused = f"No code is seen to read {tables}: move the rows that are needed, or leave them by a [[source.leave]]."
    return (" ".join([fact, *(uses or [unused])]),)


def _ask_about_left(leaves: list[ProposedLeave]) -> tuple[str, ...]:
    """Return the decision about what is left behind, or none."""
    if len(leaves) <= 1:
        return tuple(question for leave in leaves for question in leave.decide)
    names = join_first_names([leave.table for leave in leaves])
    return (f"{names} are left behind. Confirm the reasons below, or move what the application needs.",)


def _ask_about_separate(apart: list[ProposedMap], source: ProposedSource) -> tuple[str, ...]:
    """Return the decision about the tables that are kept apart, or none.

    A conflicted copy can be left where it is as well.
    """
    if not apart:
        return ()
    tables = join_first_names([table_map.name for table_map in apart])
    names = join_first_names([table_map.into for table_map in apart])
    reason = next((table_map.apart for table_map in apart if not table_map.follows), apart[0].apart)
    is_one = len(apart) == 1
    noun = "the view" if len(source.views) == 1 else "the views"
    views = f", with {noun} {join_first_names([*source.views.values()])}" if source.views else ""
    places = f" (look at {join_first_names(known)})" if (known := source.places_of(apart, source.views)) else ""
    advice = advise_union(apart, source.maps, source.keys, is_copy=bool(source.version))
    if older := [table_map for table_map in apart if table_map.older]:
        poorer = join_first_names([f"{table_map.name} of {table_map.older}" for table_map in older])
        advice = f"add these columns to {poorer} (ALTER TABLE ... ADD COLUMN), and take the inventory again."
        if source.wider:
            advice = f"let the inventory choose the target, which is then {source.wider}. Or {advice}"
    fact = f"{reason} {tables} {'is' if is_one else 'are'} kept apart as {names}{views}"
    change = f"change the code that reads {'it' if is_one and not views else 'them'}{places}"
    union = f"To make one table of them instead, {advice}{_LEAVE_COPY if source.version else ''}"
    return (f"{fact}, so {change}. {union}",)


def _ask_about_loose(columns: tuple[str, ...], joined: Mapping[str, str]) -> tuple[str, ...]:
    """Return the decision about columns that may refer to rows with new keys, or none.

    Args:
        columns: These columns.
        joined: Columns that code compares with a key, each to the file and the line.
    """
    if not columns:
        return ()
    looks = f"{join_first_names(columns, _MOST_COLUMNS)} {'looks' if len(columns) == 1 else 'look'} like a reference"
    compared = [f"{column} ({joined[column]})" for column in columns if column in joined]
    fact = f" Code relates {join_first_names(compared)} to a key." if compared else ""
    return (f"{looks}, but it is not certain to which table.{fact} {_LOOSE}",)


class AskedSource(NamedTuple):
    """Hold a source with its decisions, of which each kind is asked once.

    Attributes:
        decide: Its decisions. Each names the further sources about which it is asked as well.
        same_as: Names of earlier sources whose decisions are asked about this one as well.
    """

    source: ProposedSource
    decide: tuple[str, ...]
    same_as: tuple[str, ...]


def _ask_once(sources: Sequence[ProposedSource]) -> Iterator[AskedSource]:
    """Yield each source with the decisions that no earlier source asks."""
    first: dict[str, str] = {}
    further: dict[str, list[str]] = defaultdict(list)
    asked: list[tuple[ProposedSource, list[str], dict[str, None]]] = []
    asking: dict[str, str] = {}
    for source in sources:
        decisions: list[str] = []
        same_as: dict[str, None] = {}
        for text in source.decide:
            keys = text, source.without_own_names(text)
            known = next((first[key] for key in keys if key in first), text)
            if asking.setdefault(known, source.name) == source.name:
                first |= dict.fromkeys(keys, text)
                decisions.append(text)
            else:
                further[known].append(source.name)
                same_as[asking[known]] = None
        asked.append((source, decisions, same_as))
    for source, decisions, same_as in asked:
        yield AskedSource(source, tuple(_about_all(text, further[text]) for text in decisions), tuple(same_as))


def _about_all(text: str, others: Sequence[str]) -> str:
    """Return a decision that names the sources about which it is asked as well.

    Its id stays at its end.
    """
    if not others:
        return text
    match = _ID.search(text)
    end = match.start() if match else len(text)
    mark = match["mark"] if match else " "
    return f"{text[:end]}{mark}Decide the same in these sources: {join_first_names(others)}.{text[end:]}"


@dataclass(frozen=True)
class Proposal:
    """Hold a whole plan.

    Attributes:
        target_reasons: Why the target was chosen.
        decide: Decisions about the plan as a whole.
        tables: Tables of which no single file has all columns.
        scan: Folders that are scanned for references.
        untried: Files of applications that no smoke test tries.
        test_command: Command that runs the tests of the workspace, or empty.
        rebuilds: Search indexes that are rebuilt.
        possible_rebuilds: How each search index could be rebuilt.
        refreshes: Columns of the target that are set again.
        target_tables: Tables of the target.
    """

    name: str
    target: str
    target_reasons: tuple[str, ...]
    sources: tuple[ProposedSource, ...]
    tables: tuple[ProposedTable, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    references: tuple[ProposedReference, ...] = ()
    smoke: tuple[ProposedSmoke, ...] = ()
    scan: tuple[str, ...] = ()
    decide: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    test_command: tuple[str, ...] = ()
    rebuilds: tuple[ProposedRebuild, ...] = ()
    possible_rebuilds: tuple[ProposedRebuild, ...] = ()
    refreshes: tuple[ProposedRefresh, ...] = ()
    target_tables: tuple[str, ...] = ()

    @property
    def asked_sources(self) -> tuple[AskedSource, ...]:
        """Return each source with the decisions that no earlier source asks."""
        return tuple(_ask_once(self.sources))

    @property
    def decisions(self) -> int:
        """Return the number of decisions that the operator has to make."""
        marked = len(self.decide) + sum(not reference.understood for reference in self.references)
        for source, decide, _ in self.asked_sources:
            marked += len(decide) + sum(len(table_map.decide) for table_map in source.maps)
        return marked + sum(file.decide for file in self.left_out) + sum(bool(test.decide) for test in self.smoke)

    @property
    def left_names(self) -> frozenset[str]:
        """Return the folded names of the tables and views that stay behind."""
        leaves = (leave for source in self.sources for leave in source.leaves)
        return frozenset(folded(leave.table) for leave in leaves if leave.kind in ("tables", "views"))
