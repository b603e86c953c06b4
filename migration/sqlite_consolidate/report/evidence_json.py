"""Write the record of a run as ``evidence.json``, and read it again.

Other programs may rely on the format, which is schema 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache, partial
from operator import is_
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.long_sequences import Remade
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import Evidence, StageRecord
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.observation import Outcome, Relation
from sqlite_consolidate.report.evidence import (
    Attempt,
    Change,
    Comparison,
    DatabaseRecord,
    DerivedRecord,
    Finding,
    KeyMapRecord,
    MoveRecord,
    Record,
    SchemaDifference,
    SmokeRecord,
    TableContent,
)
from sqlite_consolidate.report.folded_files import FilesOfPatterns, dump, fold_document, unfold_document
from sqlite_consolidate.row_differences import RowDifferences, row_differences_from
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCHEMA = 2
LEFT_OUT: dict[type, tuple[str, ...]] = {
    Record: ("asked", "diff", "limits", "sql"),
    DatabaseRecord: ("about",),
    Evidence: ("repeats",),
    MoveRecord: ("subject",),
    Finding: ("noun", "column", "keys", "item"),
    Attempt: ("plan", "workspace", "workspace_id"),
}
"""Fields that ``evidence.json`` does not hold, because another file of the bundle has them.

A record that was read lacks them. Only the subject of a move is known, because it follows from the source. Planned
tables are listed only if no table was moved. The mode of an earlier check by originals, or of a bundle, is that of its
run id.
"""

SCHEMA_1_OUTCOMES = {"shown": Outcome.PASSED, "failed": Outcome.FAILED, "not shown": Outcome.NOT_EXAMINED}
"""The words for an outcome in schema 1 and in summaries of its time."""

SCHEMA_1_FINDING = "finding"
"""Id of the findings of schema 1, which are only sentences."""

_UNCHANGED = (
    "run", "verdict", "headline", "exit_code", "already", "started", "finished", "host", "user", "versions", "plan",
    "change", "unanswerable", "backup_set", "archive", "rollback", "put_back",
)  # fmt: skip
_LISTS: dict[str, type] = {
    "moves": MoveRecord,
    "differences": SchemaDifference,
    "stages": StageRecord,
    "criteria": Evidence,
    "smoke": SmokeRecord,
    "key_maps": KeyMapRecord,
    "derived": DerivedRecord,
    "findings": Finding,
    "attempts": Attempt,
}
_OTHER_KEYS = ("schema", "mode", "workspace", "sources", "target", "not_shown", "planned", "last_run", "next_command")
_IF_KNOWN = ("rows", "read", "written", "has_failed_criterion")
_KEYS = {"criterion": "id", "aspect": "what"}
_ENUMS: dict[type, dict[str, Callable[[str], StrEnum]]] = {
    Evidence: {"outcome": Outcome, "relation": Relation},
    Attempt: {"mode": Mode.named},
}


def to_json(record: Record) -> str:
    """Return the record as indented JSON in ASCII."""
    return b"".join(evidence_pieces(record)).decode("ascii")


def evidence_pieces(record: Record) -> Iterator[bytes]:
    """Yield the bytes of ``evidence.json`` in pieces.

    What it has of each file becomes text when it is written, because there may be very many files.
    """
    names = ((source.name, source.file, source.digest) for source in record.sources)
    files = FilesOfPatterns([printable_texts(texts) for texts in names])
    document = {
        "schema": SCHEMA,
        "mode": record.mode.in_evidence,
        **{name: getattr(record, name) for name in _UNCHANGED},
        "workspace": {"name": record.workspace, "id": record.workspace_id},
        "sources": map(_database, record.sources),
        "target": _database(record.target) if record.target else None,
        **{name: _objects(kind, getattr(record, name)) for name, kind in _LISTS.items()},
        "not_shown": list(record.not_shown),
        **({} if record.moves else {"planned": _objects(MoveRecord, record.planned)}),
        **({"last_run": asdict(record.last_run)} if record.last_run else {}),
        **({"next_command": record.next_command} if record.next_command else {}),
        **record.extra,
    }
    return dump(fold_document(printable_texts(document), files))


def record_from_json(document: dict[str, Any]) -> Record:
    """Return the record in a document of schema 1 or 2, without what ``LEFT_OUT`` names.

    Raises:
        ValueError: An item that stands for many files is not one of this release.
    """
    document = unfold_document(document)
    values: dict[str, Any] = {name: document[name] for name in _UNCHANGED}
    for name, kind in _LISTS.items():
        values[name] = tuple(_read(kind, item) for item in _items(document, name))
    return Record(
        **values,
        mode=_mode(document),
        workspace=document["workspace"]["name"],
        workspace_id=document["workspace"]["id"],
        planned=tuple(_read(MoveRecord, item) for item in _items(document, "planned")),
        sources=tuple(map(_database_from, document["sources"])),
        target=_database_from(document["target"]) if document["target"] else None,
        last_run=_comparison_from(document.get("last_run")),
        next_command=document.get("next_command", ""),
        extra={key: value for key, value in document.items() if key not in (*_UNCHANGED, *_LISTS, *_OTHER_KEYS)},
    )


def entries_to_json(entries: Iterable[Evidence]) -> Iterator[dict[str, Any]]:
    """Return entries as the objects of ``evidence.json``, one by one."""
    return _objects(Evidence, entries)


def entries_from_json(items: Iterable[dict[str, Any]]) -> list[Evidence]:
    """Return the entries in objects of ``evidence.json``."""
    return [_read(Evidence, item) for item in items]


def moves_to_json(moves: Iterable[MoveRecord]) -> Iterator[dict[str, Any]]:
    """Return moves as the objects of ``evidence.json``, one by one."""
    return _objects(MoveRecord, moves)


def moves_from_json(items: Iterable[dict[str, Any]]) -> list[MoveRecord]:
    """Return the moves in objects of ``evidence.json``, without their subjects."""
    return [_read(MoveRecord, {**item, "subject": ""}) for item in items]


def printable_texts(value: Any) -> Any:
    """Return a JSON value with every text printable.

    Not all readers accept a lone surrogate in JSON, and none should show an ESC.
    """
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        pairs = {printable(str(key)): printable_texts(item) for key, item in value.items()}
        return value if _is_same(pairs, value) else pairs
    if isinstance(value, (list, tuple)):
        items = [printable_texts(item) for item in value]
        return value if all(map(is_, items, value)) else type(value)(items)
    return map(printable_texts, value) if isinstance(value, Iterator) else value


def printable_record(record: Record, shown: Callable[[str], str] = str) -> Record:
    """Return a record with every text as ``evidence.json`` has it.

    What is drawn from either is then the same. Only the diff stays unchanged, because its surrogates stand for bytes of
    files.

    Args:
        record: The record of a run.
        shown: Returns a text as reports may show it.
    """
    texts = {field.name: _printable_fields(getattr(record, field.name), shown) for field in fields(record)}
    return replace(record, **texts | {"diff": shown(record.diff)})


def _printable_fields(value: Any, shown: Callable[[str], str]) -> Any:
    """Return a value with every text printable, those in dataclasses included.

    Nearly all texts are printable, and a value of such texts is returned as it is.
    """
    if isinstance(value, str):
        return value if isinstance(value, StrEnum) else printable(shown(value))
    if isinstance(value, Remade):
        return value.each(partial(_printable_fields, shown=shown))
    if isinstance(value, (tuple, list)):
        items = [_printable_fields(item, shown) for item in value]
        return value if all(map(is_, items, value)) else type(value)(items)
    if isinstance(value, dict):
        pairs = {printable(shown(str(key))): _printable_fields(item, shown) for key, item in value.items()}
        return value if _is_same(pairs, value) else pairs
    kind: Any = type(value)
    changed = {}
    for name in _field_names(kind):
        before = getattr(value, name)
        if (after := _printable_fields(before, shown)) is not before:
            changed[name] = after
    return replace(value, **changed) if changed else value


def _is_same(pairs: dict[Any, Any], before: dict[Any, Any]) -> bool:
    """Return whether two dictionaries have the same objects in the same order."""
    return len(pairs) == len(before) and all(map(is_, pairs, before)) and all(map(is_, pairs.values(), before.values()))


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass, none for another type."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _objects(kind: type, items: Iterable[Any]) -> Iterator[dict[str, Any]]:
    names = [field.name for field in fields(kind) if field.name not in LEFT_OUT.get(kind, ())]
    return (_object(item, names) for item in items)


def _object(item: Any, names: list[str]) -> dict[str, Any]:
    """Return an item as a JSON object, without what was not compared or counted."""
    values = {_KEYS.get(name, name): _value(getattr(item, name)) for name in names}
    return {key: value for key, value in values.items() if key not in _IF_KNOWN or value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, Mode):
        return value.in_evidence
    if isinstance(value, RowDifferences):
        return {**asdict(value), "rest": value.rest}
    return value


def _read(kind: type, item: dict[str, Any]) -> Any:
    keys = {field.name: _KEYS.get(field.name, field.name) for field in fields(kind)}
    values = {name: item[key] for name, key in keys.items() if key in item}
    if kind is Evidence and "rows" in values:
        values["rows"] = row_differences_from(values["rows"])
    if kind is Attempt:
        values["mode"] = _mode_of_attempt(values["run"], values["mode"])
    enums = {name: enum for name, enum in _ENUMS.get(kind, {}).items() if values.get(name) is not None}
    return kind(**values | {name: enum(values[name]) for name, enum in enums.items()})


def _items(document: dict[str, Any], name: str) -> Iterable[dict[str, Any]]:
    """Return the items of a list in the form of schema 2.

    A key that was added to a schema later may be missing.
    """
    items: Iterable[Any] = document.get(name, [])
    if name in ("moves", "planned"):
        files = {source["name"]: source["file"] for source in document["sources"]}
        return ({**item, "subject": f"{files.get(item['source'], '')}:{item['table']}"} for item in items)
    if document["schema"] == SCHEMA:
        return items
    if name == "findings":
        return [
            {"id": SCHEMA_1_FINDING, "level": "note", "subject": "", "count": count, "text": text}
            for text, count in Counter(items).items()
        ]
    return [_criterion_of_schema_1(item) for item in items] if name == "criteria" else items


def _criterion_of_schema_1(item: dict[str, str]) -> dict[str, Any]:
    outcome = SCHEMA_1_OUTCOMES[item["verdict"]]
    return {**item, "outcome": outcome, "examined": 0 if outcome is Outcome.NOT_EXAMINED else 1}


def _mode(document: dict[str, Any]) -> Mode:
    """Return the mode of a run, which its stages tell where ``mode`` is ambiguous.

    In evidence, three modes have the same name.
    """
    stages = {stage["id"] for stage in document["stages"]}
    alike = (mode for mode in (Mode.ORIGINALS, Mode.BUNDLE) if stages_of(mode)[0].id in stages)
    return next(alike, Mode.named(document["mode"]))


def _mode_of_attempt(run: str, mode: str) -> str:
    """Return the mode that the id of a run ends with, if evidence calls it ``mode``."""
    return next((each for each in Mode if run.endswith(f"-{each}") and each.in_evidence == mode), mode)


def _comparison_from(document: dict[str, Any] | None) -> Comparison | None:
    if document is None:
        return None
    return Comparison(**document | {"changes": tuple(Change(**change) for change in document["changes"])})


def _database(database: DatabaseRecord) -> dict[str, Any]:
    return {
        "name": database.name,
        "file": database.file,
        "before": {"size": database.size, "digest": database.digest, "rows": database.rows},
        "after": {"size": database.size_after, "digest": database.digest_after, "rows": database.rows_after},
        "versions": database.versions,
        "contents": {
            place: {table: asdict(content) for table, content in tables.items()}
            for place, tables in database.contents.items()
        },
    }


def _database_from(document: dict[str, Any]) -> DatabaseRecord:
    before, after = document["before"], document["after"]
    return DatabaseRecord(
        name=document["name"],
        file=document["file"],
        size=before["size"],
        size_after=after["size"],
        digest=before["digest"],
        digest_after=after["digest"],
        rows=before["rows"],
        rows_after=after["rows"],
        versions=document["versions"],
        contents={
            place: {table: TableContent(**content) for table, content in tables.items()}
            for place, tables in document.get("contents", {}).items()
        },
    )
