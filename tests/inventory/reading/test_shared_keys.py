"""Test that a number which is the key of a table in another file keeps its meaning."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import consolidate, load_plan
from sqlite_consolidate.inventory.plan_writer import render_plan
from tests.support.thorough import sampled
from tests.support.workspaces.inventory_folder import proposal_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.inventory.proposed_parts import ProposedMap
else:
    from sqlite_utils.utils import sqlite3

SENSORS = "CREATE TABLE sensor(id INTEGER PRIMARY KEY, name); INSERT INTO sensor VALUES (1, '{0}a'), (2, '{0}b');"
STATION = SENSORS.format("") + "CREATE TABLE site(a); INSERT INTO site VALUES (1), (2), (3), (4), (5)"
READINGS = (
    "CREATE TABLE calibration({1} INTEGER PRIMARY KEY{2}, factor);"
    "CREATE TABLE reading(id INTEGER PRIMARY KEY, value);"
    "INSERT INTO calibration VALUES (1, 1.{0}), (2, 2.{0}); INSERT INTO reading VALUES (1, 1.{0});"
)


def readings(number: int, key: str = "sensor_id", words: str = "") -> str:
    """Return the statements of a file with readings."""
    return READINGS.format(number, key, words)


def by_name(maps: tuple[ProposedMap, ...]) -> dict[str, ProposedMap]:
    """Return the mappings by the names of their tables."""
    return {each.name: each for each in maps}


@pytest.mark.thorough
def test_key_of_another_file_tells_the_files_apart(tmp_path: Path) -> None:
    """Calibrations stay with their sensors, under a key that has the file as well.

    The first file has none.
    """
    files = {f"log_{number}": readings(number) for number in (0, 1, 2, 3)}
    files["log_0"] += "DELETE FROM calibration"

    refined = proposal_of(tmp_path, station=STATION, **files)

    [source] = refined.proposal.sources
    maps = by_name(source.maps)
    assert (refined.proposal.target, source.constants) == ("station.db", (("file", "{stem}"),))
    assert (maps["calibration"].keys, maps["calibration"].key_of) == ("keep", "sensor in station.db")
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    file = tmp_path / "plan.toml"
    file.write_text(render_plan(refined.proposal, "2026-11-28"), "utf-8")
    assert consolidate(load_plan(file), tmp_path).accepted
    with closing(sqlite3.connect(tmp_path / "station.db")) as con:
        keys = con.execute("SELECT file, sensor_id FROM calibration ORDER BY 1, 2").fetchall()
        assert keys == [(f"log_{number}", key) for number in (1, 2, 3) for key in (1, 2)]
        assert con.execute("SELECT id FROM reading").fetchall() == [(1,), (2,), (3,), (4,)]


def test_key_of_another_file_keeps_tables_apart(tmp_path: Path) -> None:
    """Two files are no pattern, and only a person knows which calibration is right."""
    refined = proposal_of(tmp_path, station=STATION, a=readings(1), b=readings(2))

    maps = by_name(refined.proposal.sources[1].maps)
    assert (maps["calibration"].into, maps["calibration"].keys, maps["reading"].into) == (
        "b_calibration",
        "keep",
        "reading",
    )
    assert (refined.objections, refined.proposal.decisions) == ((), 1)


def test_key_of_the_same_file_follows_its_new_key(tmp_path: Path) -> None:
    """Sensors of two stations have equal numbers."""
    refined = proposal_of(tmp_path, a=SENSORS.format("x") + readings(1), b=SENSORS.format("y") + readings(2))

    [source] = refined.proposal.sources
    [reference] = by_name(source.maps)["calibration"].refers
    assert (source.keys, reference.column, reference.to) == ("renumber", "sensor_id", "sensor.id")
    assert (refined.objections, refined.proposal.decisions) == ((), 0)


@pytest.mark.parametrize(
    ("key", "words", "sensors"),
    sampled(
        [
            ("sensor_id", "", SENSORS.replace("(2,", "(3,")),
            ("sensor_id", " AUTOINCREMENT", SENSORS),
            ("calibration_id", "", SENSORS),
            ("id", "", SENSORS),
        ],
        0,
        2,
    ),
)
def test_number_of_its_own_is_no_shared_key(tmp_path: Path, key: str, words: str, sensors: str) -> None:
    """Name, values and AUTOINCREMENT say so."""
    refined = proposal_of(tmp_path, station=sensors, a=readings(1, key, words), b=readings(2, key, words))

    assert {each.key_of for source in refined.proposal.sources for each in source.maps} == {""}
    assert "renumber" in {source.keys for source in refined.proposal.sources}
    assert refined.objections == ()


LOG = (
    "CREATE TABLE reading(id INTEGER PRIMARY KEY, sensor_id INTEGER, value);"
    "INSERT INTO reading VALUES (1, 0, '{0}'), (2, {1}, '{0}');"
)


@pytest.mark.parametrize(("key", "loose"), [(2, ()), (77, ("reading.sensor_id",))])
def test_number_of_a_row_elsewhere_is_no_question(tmp_path: Path, key: int, loose: tuple[str, ...]) -> None:
    """The readings get new keys, and a number of no sensor is a question."""
    refined = proposal_of(tmp_path, station=STATION, a=LOG.format("a", 1), b=LOG.format("b", key))

    first, second = refined.proposal.sources
    assert (refined.proposal.target, first.keys, second.keys) == ("station.db", "", "renumber")
    assert (second.loose, refined.proposal.decisions, refined.objections) == (loose, len(loose), ())


def test_key_is_shared_by_a_later_version(tmp_path: Path) -> None:
    """The first file of the pattern lacks the table."""
    gaps = "CREATE TABLE gap(at); INSERT INTO gap VALUES ('{0}');"
    files = {f"log_{number}": readings(number) + gaps.format(number) for number in (0, 1, 2, 3)}

    refined = proposal_of(tmp_path, station=STATION, **files | {"log_0": f"{files['log_0']} DROP TABLE calibration"})

    [maps] = [by_name(source.maps) for source in refined.proposal.sources if source.files]
    assert (maps["calibration"].keys, maps["calibration"].key_of) == ("keep", "sensor in station.db")
    assert refined.objections == ()
