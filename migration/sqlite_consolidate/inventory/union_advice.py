"""Advise by which lines of a plan tables that are kept apart become one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.text import join_first_names, join_names, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.inventory.proposed_parts import ProposedMap

_MOST_REFERENCES = 6  # in a sentence
_DIFFERENT = (
    'remove {into}. If rows with equal keys are different rows, set `keys = "renumber"` in this [[source]]{kept}'
    "{matched} and state by `refers` which columns have these keys{known}{texts}. If they are the same rows, write "
    "{lines}. {loss}"
)
_UNITE_NEW_KEYS = (
    "remove `into` of each, and map `columns` that have other names. Where a row of one file is that of another, say "
    "so by `match`, with columns other than the key{named}. Correct rows that match and differ, or choose one of the "
    "two by `on_conflict` beside `match`{without}."
)
_UNITE_BY_MATCH = (
    "remove {into}, and write {lines}. Do so only if equal values of these columns mean the same row. {loss}"
)
_LOSS = (
    "Where such rows differ, the values of this file are lost, or those of the target by "
    '`on_conflict = "prefer-source"`, and what refers to one of them means the row that stays.'
)
_OPEN_KEY = (
    "remove `into`. State by `refers` which columns have keys of this file. If none has, choose by `on_conflict` which "
    "of two rows with equal keys stays."
)
_UNLIKE = (
    " {names} {verb} declared differently in each file: map by `columns` what has another name, and add to the table "
    "of the other file what it lacks (ALTER TABLE ... ADD COLUMN)."
)
_FURTHER = " A rehearsal names the lines that further rows need."


def advise_union(apart: Sequence[ProposedMap], maps: Sequence[ProposedMap], keys: str, *, is_copy: bool) -> str:
    """Return how to make one table of each of some tables and that of another file.

    Args:
        apart: The tables that are kept apart.
        maps: All tables of their source.
        keys: ``renumber`` where its integer keys get new values.
        is_copy: Whether the source is a conflicted copy.
    """
    further = _FURTHER if len(apart) > 1 else ""
    into = "`into`" if len(apart) == 1 else "`into` of each"
    if all(each.differs_by or each.follows for each in apart):
        return _UNITE_BY_MATCH.format(into=into, lines=join_names([*_lines(apart, keys)]), loss=_LOSS) + further
    if any(each.new_keys(keys) for each in apart):
        named = any(each.unique and each.new_keys(keys) for each in apart)
        texts = [each.name for each in apart if each.common > each.identical and not each.new_keys(keys)]
        without = f", and without it for {join_first_names(texts)}" if texts else ""
        example = ", such as those in a comment below" if named else ""
        return _UNITE_NEW_KEYS.format(named=example, without=without) + further
    if keys and any(each.open_key for each in apart):
        return _OPEN_KEY
    unlike = [each.name for each in apart if each.is_unlike]
    verb = "is" if len(unlike) == 1 else "are"
    condition = _UNLIKE.format(names=join_first_names(unlike), verb=verb) if unlike else ""
    return f"{_unite_by_keys(apart, maps, into, is_copy=is_copy)}{condition}{_FURTHER if unlike else further}"


def _unite_by_keys(apart: Sequence[ProposedMap], maps: Sequence[ProposedMap], into: str, *, is_copy: bool) -> str:
    """Return how to unite tables whose rows keep their keys, or can get other ones."""
    key_lines = _key_lines(apart)
    lines = join_names(key_lines) if key_lines else ""
    if not any(each.key for each in apart):
        return f"remove {into}, and write {lines}." if lines else f"remove {into}."
    may_differ = any(each.has_integer_key and not 0 < each.common == each.identical for each in apart)
    if is_copy or not may_differ:
        return _UNITE_BY_MATCH.format(into=into, lines=lines, loss=_LOSS)
    fixed = [each.name for each in apart if each.key and not each.has_integer_key and not each.parents]
    texts = f". Choose by `on_conflict` which of two rows of {join_first_names(fixed)} stays" if fixed else ""
    matches = [f"`match = [{_strings(each.unique)}]` for {each.name}" for each in apart if _is_matched(each)]
    matched = f", write {join_names(matches)} where equal values mean the same row," if matches else ""
    references = _references_to(apart, maps)
    known = f", such as {join_first_names(references, _MOST_REFERENCES)}" if references else ""
    parts = {"kept": keep_keys_of(maps), "matched": matched, "known": known, "texts": texts}
    return _DIFFERENT.format(into=into, lines=lines, loss=_LOSS, **parts)


def _is_matched(table_map: ProposedMap) -> bool:
    """Return whether other columns than the key tell which row of another file a row is."""
    return bool(table_map.unique and table_map.has_integer_key)


def _references_to(apart: Sequence[ProposedMap], maps: Sequence[ProposedMap]) -> list[str]:
    """Return the columns that refer to some tables without a FOREIGN KEY, with the key."""
    names = {each.name for each in apart}
    return [
        f"{table_map.name}.{each.column} (to = {toml_string(each.to)})"
        for table_map in maps
        for each in table_map.refers
        if each.to.rpartition(".")[0] in names
    ]


def keep_keys_of(maps: Sequence[ProposedMap]) -> str:
    """Return the line that tables with a policy need beside new keys, or an empty text."""
    kept = [each.name for each in maps if each.on_conflict and each.has_integer_key]
    return f', `keys = "keep"` beside `on_conflict` of {join_names(kept)},' if kept else ""


def _key_lines(apart: Sequence[ProposedMap]) -> list[str]:
    """Return the lines by which rows with equal keys are one row, each with its tables."""
    names: dict[str, list[str]] = {}
    for each in apart:
        if each.is_keyless:
            names.setdefault('`rowids = "renumber"`', []).append(each.name)
        elif each.key:
            names.setdefault(f'`match = [{_strings(each.key)}]` and `on_conflict = "prefer-target"`', []).append(
                each.name
            )
    return [f"{line} for {join_names(tables)}" if len(apart) > 1 else line for line, tables in names.items()]


def _lines(apart: Sequence[ProposedMap], keys: str) -> Iterator[str]:
    """Yield the lines that each table needs to be one with that of another file."""
    for each in apart:
        columns = each.differs_by or (each.unique if each.new_keys(keys) else ())
        match = f"`match = [{_strings(columns)}]`"
        if each.differs_by:
            lines = f'{match} and `on_conflict = "prefer-target"`'
        elif columns:
            lines = match
        elif each.is_keyless:
            lines = '`rowids = "renumber"`'
        else:
            continue
        yield lines + (f" for {each.name}" if len(apart) > 1 else "")


def _strings(columns: Sequence[str]) -> str:
    return ", ".join(map(toml_string, columns))
