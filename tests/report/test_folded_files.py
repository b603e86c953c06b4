"""Specify that evidence of many files is summed up, and that each of its facts is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.report.folded_files import dump, fold_document, sum_of_counts, unfold_document
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]


def entry(criterion: str, subject: str, expected: str, observed: str = "", **further: Any) -> Document:
    """Return an entry of the criteria."""
    values = {"id": criterion, "subject": subject, "expected": expected, "observed": observed or expected}
    return {**values, "outcome": "passed", "examined": 1, "todo": "", "relation": "equal", "limit": None, **further}


def move(source: str, rows: int, **further: Any) -> Document:
    """Return the move of a table."""
    return {"source": source, "table": "call", "into": "call", "rows": rows, "arrived": rows, **further}


def evidence(number: int) -> Document:
    """Return evidence of a pattern with a number of files, between two other sources."""
    files = [f"phones/{{{place}}}.db" for place in range(number)]
    names = ["first", *(f"phone:{file}" for file in files), "last"]
    sources = [
        {
            "name": name,
            "file": name.partition(":")[2] or f"{name}.db",
            "before": {"digest": f"{place:064x}"},
            "contents": {"live": {"call": place}, "backup": {"call": place}, "dump": {"call": 7}},
        }
        for place, name in enumerate(names)
    ]
    criteria = [entry("copied", "first.db", "one"), entry("copied", "last.db", "two")]
    for place, file in enumerate(files):
        digest = f"{place + 1:064x}"
        criteria += [
            entry("read", file, "as it was", examined=place + 1),
            entry("archived", f"{file}.archived_1", digest),
            entry("counted", f"{file}:call -> call", f"{place} rows", f"{place} rows in 0.1 s"),
            entry("dumped", f"databases/phone+{place + 1:04}.sql", f"{place} bytes"),
            entry("literal", f"{file}:{{file}}", "{digest}"),
            entry("sized", file, "at most", limit=place),
        ]
    criteria.append(entry("failed", files[0], "right", "wrong", outcome="failed"))
    moves = [move(name, 3 * place, constants={"d": name}) for place, name in enumerate(names)]
    maps = [{"source": name, "table": "call", "offset": -place, "matched": 0} for place, name in enumerate(names)]
    criteria.sort(key=lambda item: str(item["id"]))  # as a run has checked one criterion after the other
    return {"sources": sources, "criteria": criteria, "moves": moves, "key_maps": maps}


def unfolded(document: Document) -> Document:
    """Return a document with an item for each file, and with lists."""
    return {key: list(value) for key, value in unfold_document(document).items()}


def ordered(document: Document) -> Document:
    """Return a document without the order of its lists."""
    return {key: sorted(map(json.dumps, value)) for key, value in document.items()}


@pytest.mark.parametrize("number", [1, 3, 4, 50])
def test_each_fact_of_each_file_is_kept(number: int) -> None:
    """From four files on they have one item, whatever their names contain."""
    document = evidence(number)

    text = b"".join(dump(fold_document(document))).decode()

    assert ordered(unfolded(json.loads(text))) == ordered(document)
    assert ("each" in text) == (number > 3)


def test_folded_items_are_sums_of_the_files() -> None:
    """The texts name what differs, and a number of rows is that of all files."""
    folded = fold_document(evidence(50))

    assert [item["rows"] for item in folded["moves"]] == [0, sum(3 * place for place in range(1, 51)), 153]
    by_id = {item["id"]: item for item in folded["criteria"] if "each" in item}
    assert {name: item["subject"] for name, item in by_id.items()} == {
        "read": "{file}",
        "archived": "{file}.archived_1",
        "counted": "{file}:call -> call",
        "dumped": "databases/{backup}.sql",
    }
    assert by_id["archived"]["expected"] == "{digest}"
    assert by_id["counted"]["observed"] == "1225 rows in all files"
    assert by_id["read"]["examined"] == 1275


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1 row", "2 rows in 0.1 s", "0 rows"], "3 rows in all files"),
        (["2 tables, 30 rows", "1 table, 1 row"], "3 tables, 31 rows in all files"),
        (["2 tables, 30 rows"] * 50, "100 tables, 1500 rows in all files"),
        (["2 tables, 30 rows", "30 rows"], ""),
        (["30 rows", "unchanged"], ""),
        (["30 rowing"], ""),
        (["1 row (1 left behind)", "2 rows (0 left behind)"], "3 rows (1 left behind) in all files"),
        (["1 row (1 left behind)", "2 rows"], "3 rows in all files"),
        ([f"1 row, {'0' * 64}"] * 3, "3 rows in all files"),
    ],
)
def test_counts_at_the_beginning_are_added(texts: list[str], expected: str) -> None:
    """Texts that count other things have no sum."""
    assert sum_of_counts(texts) == expected


def test_order_of_unfolded_items_is_stable() -> None:
    """A page that is drawn from the evidence again has its lines in the same order."""
    once = unfolded(fold_document(evidence(9)))

    assert unfolded(fold_document(once)) == once


@pytest.mark.parametrize("files", [500, *thorough(10_000)])
def test_evidence_of_many_files_is_small(files: int) -> None:
    """An item for each file would take many times as much."""
    document = evidence(files)

    assert sum(map(len, dump(fold_document(document)))) < len(json.dumps(document)) / 2


@pytest.mark.parametrize(
    "forge",
    [
        lambda item: item["each"].update(source="stranger"),
        lambda item: item["each"].update(files=[0, 0]),
        lambda item: item["each"].update(files=[50]),
        lambda item: item["each"].update(files=[]),
        lambda item: item["each"]["rows"].pop(),
        lambda item: item["each"]["rows"].__setitem__(3, "3"),
        lambda item: item["each"]["rows"].__setitem__(3, -3),
        lambda item: item["each"]["constants"].__setitem__(3, {"d": 3}),
        lambda item: item["each"].update(rows="expected"),
    ],
)
def test_forged_values_of_files_are_refused(forge: Callable[[Document], object]) -> None:
    """A bundle may come from anywhere."""
    folded = fold_document(evidence(50))
    forge(next(item for item in folded["moves"] if "each" in item))

    with pytest.raises(ValueError, match="file"):
        unfolded(folded)
