"""Advise by which lines of a plan tables that are kept apart become one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.text import join_first_names, join_names, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.inventory.proposed_parts import ProposedMap

_DIFFERENT = (
    'If rows with equal keys are different rows, set `keys = "renumber"`{kept} and state by `refers` which columns '
    "have these keys, or add a column that names the file to the keys (`constants`). If they are the same rows,"
)
_UNITE_NEW_KEYS = (
    "remove `into` of each, and map `columns` that have other names. Where a row of one file is that of another, say "
    "so by `match`, with columns other than the key{named}. Correct rows that match and differ, or choose one of the "
    "two by `on_conflict` beside `match`{without}."
)
_UNITE_BY_MATCH = (
    "remove {into}, and write {lines}. Do so only if equal values of these columns mean the same row. Rows that "
    'differ then keep the values of the target, and `on_conflict = "prefer-source"` takes those of this file.'
)
_OPEN_KEY = "remove `into`. State by `refers` which columns have keys of this file. If none has, set `on_conflict`."
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
    if all(each.differs_by or each.follows for each in apart):
        into = "`into`" if len(apart) == 1 else "`into` of each"
        return _UNITE_BY_MATCH.format(into=into, lines=join_names([*_lines(apart, keys)])) + further
    if any(each.new_keys(keys) for each in apart):
        named = any(each.unique and each.new_keys(keys) for each in apart)
        texts = [each.name for each in apart if each.common > each.identical and not each.new_keys(keys)]
        without = f", and without it for {join_first_names(texts)}" if texts else ""
        example = ", such as those in a comment below" if named else ""
        return _UNITE_NEW_KEYS.format(named=example, without=without) + further
    if keys and any(each.open_key for each in apart):
        return _OPEN_KEY
    differ = not is_copy and any(each.has_integer_key and each.common > each.identical for each in apart)
    kept = [each.name for each in maps if each.on_conflict and each.has_integer_key]
    beside = f', `keys = "keep"` beside `on_conflict` of {join_first_names(kept)},' if kept else ""
    way = f"remove `into`. {_DIFFERENT.format(kept=beside)}" if differ else "remove `into` and"
    return f"{way} set `columns` or `on_conflict`.{further}"


def _lines(apart: Sequence[ProposedMap], keys: str) -> Iterator[str]:
    """Yield the lines that each table needs to be one with that of another file."""
    for each in apart:
        columns = each.differs_by or (each.unique if each.new_keys(keys) else ())
        match = f"`match = [{', '.join(map(toml_string, columns))}]`"
        if each.differs_by:
            lines = f'{match} and `on_conflict = "prefer-target"`'
        elif columns:
            lines = match
        elif each.is_keyless:
            lines = '`rowids = "renumber"`'
        else:
            continue
        yield lines + (f" for {each.name}" if len(apart) > 1 else "")
