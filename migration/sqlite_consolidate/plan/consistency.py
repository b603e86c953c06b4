"""Find the mistakes between the parts of a plan, which no single part can detect.

The checks read the data of the TOML parser instead of the validated plan, so that one wrong value does not hide other
mistakes. They skip values of a wrong type, because :mod:`sqlite_consolidate.plan.fields` reports those.
"""

from __future__ import annotations

from posixpath import normpath
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from sqlite_consolidate.plan.ddl import validate_create
from sqlite_consolidate.plan.mistakes import in_quotes, key_path_text, mistake_at
from sqlite_consolidate.plan.model import LeftKind, Plan
from sqlite_consolidate.text import fits_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from types import EllipsisType

    from sqlite_consolidate.problem import Loc, Problem

Data = dict[str, Any]
Value = TypeVar("Value")


def find_mistakes(data: Data) -> list[Problem]:
    """Return every mistake between the parts of a plan.

    Args:
        data: A plan as tomllib returns it, valid or not.
    """
    checks = (
        _names,
        _files,
        _backups,
        _tables,
        _left_too,
        _all_tables,
        _leaves_nothing,
        _idle,
        _renames,
        _renames_to_itself,
        _renumbered_twice,
        _constants,
        _newer,
        _match,
        _stated_references,
        _chosen_rows,
        _references,
        _created,
        _created_otherwise,
    )
    return [mistake for check in checks for mistake in check(data)]


def _names(data: Data) -> Iterator[Problem]:
    for part in ("source", "smoke"):
        for loc, first, name in _repeated(_texts(data, part, ..., "name")):
            yield mistake_at(
                loc,
                "name-twice",
                f"{in_quotes(name)} is the name of {key_path_text(first[:2])} already.",
                "Give it another name.",
            )
    for at, table in _texts(data, "refresh", ..., "table"):
        for loc, _, name in _repeated(_texts(data, *at[:2], "columns", ...), _folded):
            fact = f"{in_quotes(name)} of {in_quotes(table)} is named twice."
            yield mistake_at(loc, "name-twice", fact, "Remove one of the two.")
    for loc, first, name in _repeated(_texts(data, "rebuild", ..., "table"), _folded):
        fact = f"{in_quotes(name)} is rebuilt by {key_path_text(first[:2])} already."
        yield mistake_at(loc, "name-twice", fact, "Remove one of the two.")
    for loc, first, name in _repeated(_texts(data, "stale", ..., "name"), _folded):
        fact = f"{in_quotes(name)} is accepted by {key_path_text(first[:2])} already."
        yield mistake_at(loc, "name-twice", fact, "Remove one of the two.")
    for loc, first, name in _repeated(_texts(data, "table", ..., "name"), _folded):
        yield mistake_at(
            loc,
            "name-twice",
            f"{in_quotes(name)} is required by {key_path_text(first[:2])} already.",
            "Remove one of the two.",
        )


def _files(data: Data) -> Iterator[Problem]:
    files = list(_texts(data, "source", ..., "file"))
    for loc, first, file in _repeated(files, normpath):
        fact = f"{in_quotes(file)} is the same file as that of {key_path_text(first[:2])}."
        yield mistake_at(loc, "file-twice", fact, "Put the tables of both under one [[source]].")
    for loc, file in files:
        for _, target in _texts(data, "target"):
            if normpath(file) == normpath(target):
                fact = f"{in_quotes(file)} is the same file as the target {in_quotes(target)}."
                yield mistake_at(
                    loc,
                    "source-is-target",
                    fact,
                    "Correct one of the two paths, because a database cannot be moved into itself.",
                )


def _backups(data: Data) -> Iterator[Problem]:
    folder = normpath(next((text for _, text in _texts(data, "backups")), Plan.model_fields["backups"].default))
    if folder == ".":
        fact = "the backups folder is the workspace itself."
        yield mistake_at(("backups",), "backups-place", fact, 'Name a folder inside the workspace, such as "backups".')
        return
    for loc, target in _texts(data, "target"):
        if f"{normpath(target)}/".startswith(f"{folder}/"):
            fact = f"the target {in_quotes(target)} is inside the backups folder {in_quotes(folder)}."
            yield mistake_at(
                loc,
                "backups-place",
                fact,
                'Keep the live database outside the backups: change this path, or "backups".',
            )


def _tables(data: Data) -> Iterator[Problem]:
    for part_loc, _ in _each(data, "source", ...):
        for loc, first, name in _repeated(_texts(data, *part_loc, "table", ..., "name"), _folded):
            fact = f"{in_quotes(name)} is mapped by {key_path_text(first[2:4])} of this source already."
            yield mistake_at(loc, "table-twice", fact, "Keep one of the two.")


def _left_too(data: Data) -> Iterator[Problem]:
    for part_loc, _ in _each(data, "source", ...):
        mapped = list(_texts(data, *part_loc, "table", ..., "name"))
        for loc, pattern in _texts(data, *part_loc, "leave", ..., "tables", ...):
            for _, name in mapped:
                if fits_name(pattern, name):
                    fact = f"{in_quotes(pattern)} leaves {in_quotes(name)} behind, but a [[source.table]] moves it."
                    yield mistake_at(
                        loc, "moved-and-left", fact, "Make the pattern narrower, or remove the [[source.table]]."
                    )


def _all_tables(data: Data) -> Iterator[Problem]:
    """Yield each contradiction to a source that moves all of its tables."""
    for part_loc, source in _each(data, "source", ...):
        if isinstance(source, dict) and source.get("tables") == []:
            fact = "an empty list of tables moves nothing."
            yield mistake_at((*part_loc, "tables"), "bad-value", fact, 'Write tables = "*", or remove it.')
        if not _moves_all(source):
            continue
        for loc, pattern in _texts(data, *part_loc, "leave", ..., "tables", ...):
            if not pattern.strip("*"):
                fact = f'{in_quotes(pattern)} leaves every table behind, but tables = "*" moves them.'
                yield mistake_at(loc, "moved-and-left", fact, "Make the pattern narrower, or remove tables.")


def _moves_all(source: object) -> bool:
    return isinstance(source, dict) and source.get("tables") == "*"


def _leaves_nothing(data: Data) -> Iterator[Problem]:
    kinds = (*get_args(LeftKind), "files")
    for loc, entry in _each(data, "source", ..., "leave", ...):
        if isinstance(entry, dict) and not any(entry.get(kind) for kind in kinds):
            hint = f"Name at least one of {', '.join(kinds)}, as a list of patterns."
            yield mistake_at(loc, "leaves-nothing", "this entry names no object to leave behind.", hint)
    for loc, source in _each(data, "source", ...):
        file = source.get("file") if isinstance(source, dict) else None
        left = [place for place, _ in _texts(data, *loc, "leave", ..., "files", ...)]
        if left and isinstance(file, str) and "*" not in file and "?" not in file:
            fact = f"files leaves files of a pattern behind, and {in_quotes(file)} is one file."
            yield mistake_at(
                left[0], "leaves-nothing", fact, "Write a pattern as the file of the source, or remove files."
            )


def _idle(data: Data) -> Iterator[Problem]:
    for loc, source in _each(data, "source", ...):
        # Any part counts, because a misspelt [[source.tabel]] or [source.table] is already reported as such.
        parts = (
            {key: value for key, value in source.items() if key != "constants"} if isinstance(source, dict) else None
        )
        if parts is None or "tables" in parts:
            continue
        if not any(isinstance(value, list | dict) and value for value in parts.values()):
            hint = "Add a [[source.table]] for each table to move, or a [[source.leave]] with the reason."
            yield mistake_at(loc, "idle-source", "this source moves nothing and leaves nothing.", hint)


def _renames(data: Data) -> Iterator[Problem]:
    for part_loc, columns in _each(data, "source", ..., "table", ..., "columns"):
        renamed = columns.items() if isinstance(columns, dict) else ()
        new_names = [((*part_loc, old), new) for old, new in renamed if isinstance(new, str)]
        for loc, first, name in _repeated(new_names, _folded):
            fact = f"{in_quotes(str(loc[-1]))} and {in_quotes(str(first[-1]))} both become {in_quotes(name)}."
            yield mistake_at(
                loc,
                "two-columns-in-one",
                fact,
                "Give each column its own name. SQLite ignores the case of names.",
            )


def _renumbered_twice(data: Data) -> Iterator[Problem]:
    for at, _ in _each(data, "source", ..., "table", ..., "renumber"):
        for loc, _, name in _repeated(_texts(data, *at, ...), _folded):
            fact = f"{in_quotes(name)} is in this list already."
            yield mistake_at(loc, "name-twice", fact, "Remove one of the two. SQLite ignores the case of names.")


def _renames_to_itself(data: Data) -> Iterator[Problem]:
    for at, columns in _each(data, "source", ..., "table", ..., "columns"):
        for old, new in columns.items() if isinstance(columns, dict) else ():
            if isinstance(new, str) and _folded(old) == _folded(new):
                fact = f"{in_quotes(old)} keeps its name: this rename does nothing."
                yield mistake_at((*at, old), "no-effect", fact, "Remove it, because columns go by name.")


def _constants(data: Data) -> Iterator[Problem]:
    for at, constants in _each(data, "source", ..., "constants"):
        if not isinstance(constants, dict):
            continue
        names = [((*at, name), name) for name in constants]
        for loc, first, name in _repeated(names, _folded):
            fact = f"{in_quotes(name)} is the same column as {in_quotes(str(first[-1]))}."
            yield mistake_at(loc, "name-twice", fact, "Keep one of the two. SQLite ignores the case of names.")
        renamed = {
            _folded(new): (*place, old)
            for place, columns in _each(data, *at[:-1], "table", ..., "columns")
            for old, new in (columns.items() if isinstance(columns, dict) else ())
            if isinstance(new, str)
        }
        for loc, name in names:
            if place := renamed.get(_folded(name)):
                fact = (
                    f"{in_quotes(name)} gets the values of {in_quotes(str(place[-1]))} by {key_path_text(place[2:4])}."
                )
                yield mistake_at(loc, "two-columns-in-one", fact, "Remove the constant, or rename to another column.")


def _newer(data: Data) -> Iterator[Problem]:
    for loc, table in _each(data, "source", ..., "table", ...):
        if not isinstance(table, dict):
            continue
        prefers_newer = table.get("on_conflict") == "prefer-newer"
        if prefers_newer and not table.get("newer"):
            fact = 'on_conflict = "prefer-newer" needs the column that tells which of two rows is newer.'
            yield mistake_at((*loc, "newer"), "no-newer-column", fact, 'Name it: newer = "updated_at".')
        elif table.get("newer") and not prefers_newer:
            fact = 'newer is used by on_conflict = "prefer-newer" only.'
            yield mistake_at((*loc, "newer"), "no-effect", fact, 'Remove newer, or write "prefer-newer".')


def _match(data: Data) -> Iterator[Problem]:
    for loc, table in _each(data, "source", ..., "table", ...):
        names = table.get("match") if isinstance(table, dict) else None
        if not isinstance(names, list) or not names:
            continue
        if "*" in names and len(names) > 1:
            fact = "* compares the whole row, so no other column can be beside it."
            yield mistake_at((*loc, "match"), "no-effect", fact, 'Write match = ["*"], or name the columns.')
        for place, first, name in _repeated(_texts(data, *loc, "match", ...), _folded):
            fact = f"{in_quotes(name)} is the same column as {key_path_text(first)}."
            yield mistake_at(place, "name-twice", fact, "Keep one of the two.")
        if table.get("on_conflict") == "refuse":
            fact = "with match a row that the target has already is not refused."
            hint = 'Remove on_conflict, which means "skip-identical" then, or remove match.'
            yield mistake_at((*loc, "on_conflict"), "no-effect", fact, hint)


def _stated_references(data: Data) -> Iterator[Problem]:
    """Yield each ``refers`` whose column refers to a key already, in the same rows."""
    for table_loc, _ in _each(data, "source", ..., "table", ...):
        places: list[tuple[Loc, tuple[bytes, str]]] = []
        for loc, entry in _each(data, *table_loc, "refers", ...):
            match entry:
                case {"column": str(column), **others}:
                    places.append((loc, (_folded(column), str(others.get("when", "")).strip())))
        for loc, first, (_, when) in _repeated(places):
            rows = "these rows" if when else "all rows"
            fact = f"{key_path_text(first[4:])} says what this column refers to in {rows} already."
            yield mistake_at(loc, "refers-twice", fact, "Remove one of the two, or tell the rows apart (when).")


def _chosen_rows(data: Data) -> Iterator[Problem]:
    for source_loc, source in _each(data, "source", ...):
        moved = {_folded(name) for _, name in _texts(data, *source_loc, "table", ..., "name")}
        for loc, table in _each(data, *source_loc, "table", ...):
            if not isinstance(table, dict):
                continue
            if table.get("where") and not table.get("reason"):
                fact = "where leaves rows behind, and nothing says why."
                yield mistake_at((*loc, "reason"), "no-reason", fact, 'Write reason = "...".')
            if table.get("reason") and not (table.get("where") or table.get("follows")):
                fact = "reason says why rows are left behind, and neither where nor follows leaves any."
                yield mistake_at((*loc, "reason"), "no-effect", fact, "Remove reason, or add where or follows.")
            followed = table.get("follows")
            for name in followed if isinstance(followed, list) else [followed]:
                if _moves_all(source) and not _leaves(data, source_loc, name):
                    continue
                if isinstance(name, str) and name and _folded(name) not in moved:
                    fact = f"{in_quotes(name)} is no table that this source moves, so no row can follow its rows."
                    hint = "Name a table that has a [[source.table]] of the same source."
                    yield mistake_at((*loc, "follows"), "follows-nothing", fact, hint)


def _leaves(data: Data, source_loc: Loc, name: object) -> bool:
    patterns = _texts(data, *source_loc, "leave", ..., "tables", ...)
    return isinstance(name, str) and any(fits_name(pattern, name) for _, pattern in patterns)


def _references(data: Data) -> Iterator[Problem]:
    places: list[tuple[Loc, tuple[str, str]]] = []
    for loc, reference in _each(data, "reference", ...):
        match reference:
            case {"file": str(file), "find": str(find)}:
                places.append((loc, (normpath(file), find)))
    for loc, first, (file, find) in _repeated(places):
        fact = f"{in_quotes(find)} in {in_quotes(file)} is replaced by {key_path_text(first)} already."
        yield mistake_at(loc, "reference-twice", fact, "Remove one of the two.")


def _created(data: Data) -> Iterator[Problem]:
    has_setup = any(True for _ in _texts(data, "connection", "setup"))
    for loc, table in (*_each(data, "source", ..., "table", ...), *_each(data, "table", ...)):
        if not isinstance(table, dict):
            continue
        sql, name = table.get("create"), table.get("into") or table.get("name")
        if not (isinstance(sql, str) and isinstance(name, str) and sql):
            continue
        if fact := validate_create(sql, name, has_setup=has_setup):
            hint = f"Write one CREATE TABLE for {in_quotes(name)}, and its indexes and triggers if it has any."
            yield mistake_at((*loc, "create"), "bad-create", fact, hint)


def _created_otherwise(data: Data) -> Iterator[Problem]:
    """Yield each ``create`` that differs from an earlier one of the same target table."""
    required, mapped = (list(_each(data, *path)) for path in (("table", ...), ("source", ..., "table", ...)))
    first: dict[bytes, tuple[Loc, str]] = {}
    for loc, table in (*required, *mapped):
        if not isinstance(table, dict):
            continue
        sql, name = table.get("create"), table.get("into") or table.get("name")
        if not (isinstance(sql, str) and isinstance(name, str) and sql.strip()):
            continue
        stated, earlier = first.setdefault(_folded(name), (loc, sql.strip()))
        if sql.strip() != earlier and loc[0] == "source":
            fact = f"{in_quotes(name)} is created by another text in {key_path_text(stated)} already."
            hint = "Write the same text in both places, or give one of the tables another name with into."
            yield mistake_at((*loc, "create"), "created-twice", fact, hint)


def _each(data: Any, *path: str | int | EllipsisType) -> Iterator[tuple[Loc, Any]]:
    """Yield the values at ``path`` with the key path of each.

    The step ``...`` stands for every element of a list.
    """
    if not path:
        yield (), data
        return
    head, *rest = path
    inside: list[tuple[str | int, Any]] = []
    if isinstance(data, list):
        inside = list(enumerate(data)) if head is ... else [(head, data[head])] if isinstance(head, int) else []
    elif isinstance(data, dict):
        inside = [(head, data[head])] if isinstance(head, str) and head in data else []
    for step, value in inside:
        for loc, inner in _each(value, *rest):
            yield (step, *loc), inner


def _texts(data: Data, *path: str | int | EllipsisType) -> Iterator[tuple[Loc, str]]:
    """Yield the texts at ``path`` that are not empty."""
    return ((loc, text) for loc, text in _each(data, *path) if isinstance(text, str) and text)


def _repeated(
    values: Iterable[tuple[Loc, Value]], same: Callable[[Value], Hashable] = lambda value: value
) -> Iterator[tuple[Loc, Loc, Value]]:
    """Yield the repeated values, each with its key path and that of its first occurrence.

    Two values are the same if ``same`` returns equal keys for them.
    """
    first_locs: dict[Hashable, Loc] = {}
    for loc, value in values:
        first = first_locs.setdefault(same(value), loc)
        if first != loc:
            yield loc, first, value


def _folded(name: str) -> bytes:
    """Fold the case of a name as SQLite does, in ASCII letters only."""
    return name.encode().lower()
