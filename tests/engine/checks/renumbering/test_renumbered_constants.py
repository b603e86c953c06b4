"""Specify new keys that are unique only together with constants of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from tests.support.databases import TARGET, Bench, failed_subjects, source

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

REPORT = "CREATE TABLE report(id INTEGER PRIMARY KEY, n)"
PLACE = "CREATE TABLE place(id INTEGER PRIMARY KEY, report INTEGER REFERENCES report(id), v)"
REPORT_OF_DEVICE = "CREATE TABLE report(device TEXT, id INTEGER, n, PRIMARY KEY (device, id))"
PLACE_OF_DEVICE = (
    "CREATE TABLE place(device TEXT, id INTEGER, report INTEGER, v, PRIMARY KEY (device, id),"
    " FOREIGN KEY (device, report) REFERENCES report(device, id))"
)


@pytest.fixture
def devices(bench: Bench) -> Bench:
    """Return a bench with two devices and a target that tells the rows of devices apart."""
    bench.database(
        TARGET, REPORT_OF_DEVICE, PLACE_OF_DEVICE, "INSERT INTO report VALUES ('t', 1, 't1'), ('t', 2, 't2')"
    )
    for name in "ab":
        reports, places = f"(1, '{name}1'), (3, '{name}3')", f"(1, 3, '{name}v'), (2, 1, '{name}w'), (3, NULL, 'x')"
        rows = (f"INSERT INTO report VALUES {reports}", f"INSERT INTO place VALUES {places}")
        bench.database(f"{name}.db", REPORT, PLACE, *rows)
    return bench


def device(name: str, keys: str = "renumber") -> Source:
    """Return the source of a device."""
    return source(f"{name}.db", "report", "place", keys=keys, constants={"device": "{name}"})


def test_reference_with_a_constant_column_follows(devices: Bench) -> None:
    """Each column of the reference is mapped separately."""
    copied = devices.copied(device("a"), device("b"))

    assert copied.rows("SELECT device, id FROM report WHERE device <> 't'") == [("a", 3), ("a", 5), ("b", 6), ("b", 8)]
    assert copied.rows("SELECT id, report FROM place WHERE device = 'b'") == [(4, 8), (5, 6), (6, None)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


@pytest.mark.parametrize("change", ["report = report - 1", "device = 'a', report = report - 3"])
def test_child_at_another_parent_is_noticed_by_content(devices: Bench, change: str) -> None:
    """The row of another device, too."""
    copied = devices.copied(device("a"), device("b"))
    copied.con.execute(f"UPDATE place SET {change} WHERE device = 'b' AND report IS NOT NULL")

    assert "target: place (report) -> report" in failed_subjects(references_kept(copied.compared))


def test_equal_keys_of_another_device_do_not_count(devices: Bench) -> None:
    """A later source may keep its keys, because the constant tells its rows apart."""
    copied = devices.copied(device("a"), device("b", keys="keep"))

    assert copied.rows("SELECT count(*), count(DISTINCT id) FROM report WHERE device <> 't'") == [(4, 3)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []
