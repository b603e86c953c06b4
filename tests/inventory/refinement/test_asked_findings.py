"""Test that a proposal asks about findings of its rehearsal that only a person can judge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.session import InventorySession, inventory_data
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

SENSORS = "CREATE TABLE sensor(id INTEGER PRIMARY KEY, name); INSERT INTO sensor VALUES (1, '{0}a'), (2, '{0}b');"
READINGS = "CREATE TABLE {0}(id INTEGER PRIMARY KEY, sensor_id INTEGER); INSERT INTO {0} VALUES (1, 1), (2, 2);"


def test_number_that_may_mean_another_row_is_a_decision(tmp_path: Path) -> None:
    """The rows of the sensors get new keys, and the file with the readings is another one."""
    refined = proposal_of(
        tmp_path, main=SENSORS.format("x"), station=SENSORS.format("y"), log=READINGS.format("reading")
    )

    sources = {source.file: source for source in refined.proposal.sources}
    assert [(each.id, each.subject) for each in refined.findings] == [("id-unfollowed", "log.db:reading")]
    assert (refined.objections, refined.proposal.decisions) == ((), 1)
    assert sources["station.db"].keys == "renumber"
    [question] = sources["log.db"].decide
    assert question.startswith("log.db:reading: 2 rows ")
    assert question.endswith("[id-unfollowed]")
    assert render_plan(refined.proposal, "2026-11-28").count("# decide: log.db:reading: ") == 1


def test_finding_about_the_target_is_a_decision(tmp_path: Path) -> None:
    """No source has the table, so that it is a decision about the plan as a whole."""
    refined = proposal_of(
        tmp_path, main=READINGS.format("reading"), north=SENSORS.format("x"), south=SENSORS.format("y")
    )

    assert [(each.id, each.subject) for each in refined.findings] == [("id-unfollowed", "main.db:reading")]
    [question] = refined.proposal.decide
    assert question.startswith("main.db:reading: 2 rows ")
    assert question.endswith("[id-unfollowed]")


def test_findings_of_one_kind_are_one_decision(tmp_path: Path) -> None:
    """It states the first, and has a line for each of the others, up to a limit."""
    names = [f"alarm{number}" for number in range(63)]
    readings = READINGS.format("reading") + "".join(
        READINGS.format(name).replace("sensor_id", f"{name}_sensor_id") for name in names
    )
    refined = proposal_of(tmp_path, main=SENSORS.format("x"), station=SENSORS.format("y"), log=readings)

    [question] = [text for source in refined.proposal.sources for text in source.decide]
    lines = re.findall(r"(?m)^# +(\w+)\.\1_sensor_id$", render_plan(refined.proposal, "2026-11-28"))
    assert (len(refined.findings), lines) == (64, names[:60])
    assert "3 more" in question


def test_further_columns_of_a_decision_state_their_key(tmp_path: Path) -> None:
    """Each column is named after a table with new keys."""
    units = "CREATE TABLE unit(id INTEGER PRIMARY KEY, name); INSERT INTO unit VALUES (1, '{0}c'), (2, '{0}d');"
    notes = "CREATE TABLE note(id INTEGER PRIMARY KEY, main_sensor INTEGER, main_unit INTEGER);"
    rows = "INSERT INTO note VALUES (1, 2, 2);"
    both = SENSORS + units
    refined = proposal_of(tmp_path, main=both.format("x") + notes, station=both.format("y") + notes + rows)

    [source] = refined.proposal.sources
    [question] = source.decide
    assert re.findall(r'\bto = "(.+?)"', question) == ["sensor.id", "unit.id"]


def test_column_of_known_keys_is_another_decision(tmp_path: Path) -> None:
    """A column of JSON is another one."""
    notes = "CREATE TABLE note(id INTEGER PRIMARY KEY, tags TEXT, main_sensor INTEGER);"
    rows = "INSERT INTO note VALUES (1, '[1, 2]', {0}), (2, '[2, 1]', {0});"
    main, station = (SENSORS.format(name) + notes + rows.format(key) for name, key in (("x", 1), ("y", 2)))
    refined = proposal_of(tmp_path, main=main, station=station)

    [source] = refined.proposal.sources
    questions = [text for text in source.decide if text.endswith("[id-unfollowed]")]
    assert sorted("tags" in text for text in questions) == [False, True]


def test_decision_about_columns_names_them_all(tmp_path: Path) -> None:
    """Nothing states to which tables they refer."""
    columns = [f"unit{letter}_id" for letter in "abcdef"]
    notes = f"CREATE TABLE note(id INTEGER PRIMARY KEY, {' INTEGER, '.join(columns)} INTEGER);"
    rows = "INSERT INTO note VALUES (1, 77, 78, 79, 80, 81, 82);"
    refined = proposal_of(tmp_path, main=SENSORS.format("x") + notes, station=SENSORS.format("y") + notes + rows)

    [source] = refined.proposal.sources
    [question] = source.decide
    assert source.loose == tuple(f"note.{column}" for column in columns)
    assert [column for column in source.loose if column not in question] == []
    assert re.findall("`(.+?)`", question) == ["constants", "into"]


def test_column_is_asked_about_once(tmp_path: Path) -> None:
    """The finding states the table after which the column is named."""
    notes = "CREATE TABLE note(id INTEGER PRIMARY KEY, sensor_id INTEGER, unit_id INTEGER);"
    rows = "INSERT INTO note VALUES (1, 77, 5);"
    refined = proposal_of(tmp_path, main=SENSORS.format("x") + notes, station=SENSORS.format("y") + notes + rows)

    [source] = refined.proposal.sources
    assert (source.loose, len(source.decide)) == (("note.unit_id",), 2)


def test_inventory_names_findings_that_are_no_decision(tmp_path: Path) -> None:
    """No foreign key leads the entries of a view to the persons."""
    person = "CREATE TABLE person(id INTEGER PRIMARY KEY, name); INSERT INTO person VALUES ({0}, '{0}');"
    entry = "CREATE TABLE entry(id INTEGER PRIMARY KEY, person_id); INSERT INTO entry VALUES (1, 1);"
    view = "CREATE VIEW each_entry AS SELECT name FROM person JOIN entry ON person.id = person_id"
    execute(tmp_path / "main.db", person.format(1) + entry + view)
    execute(tmp_path / "notes.db", person.format(2))
    session = InventorySession(tmp_path, tmp_path / "plan.toml", lambda _words: None)
    session.inspect_workspace()
    session.write_plan()

    data = inventory_data(session)

    assert (data["decisions"], data["objections"], data["to_review"]) == (0, [], ["view-shared"])
    assert [finding.id for finding in session.findings] == ["view-shared"]


def test_numbers_that_stay_are_one_decision(tmp_path: Path) -> None:
    """A column named like an id has a decision already."""
    notes = "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, qa INTEGER, cover INTEGER, unit_id INTEGER);"
    rows = "INSERT INTO note VALUES (1, 'x', 2, 2, 2), (2, 'y', NULL, 2, 2);"
    refined = proposal_of(tmp_path, main=SENSORS.format("x") + notes, station=SENSORS.format("y") + notes + rows)

    [source] = refined.proposal.sources
    [question] = [text for text in source.decide if text.endswith("[numbers-kept]")]
    assert source.loose == ("note.unit_id",)
    assert [name for name in ("note.qa", "note.cover", "note.unit_id") if name in question] == ["note.qa", "note.cover"]
