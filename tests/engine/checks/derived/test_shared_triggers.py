"""Specify that a trigger which acts on rows of other databases is a finding."""

from __future__ import annotations

import pytest

from sqlite_consolidate.plan.model import Leave
from tests.support.databases import TARGET, Bench, source, table

M = "CREATE TABLE m(id INTEGER PRIMARY KEY, b TEXT)"
SES = "CREATE TABLE ses(id INTEGER PRIMARY KEY, b TEXT)"
TRIGGER = "CREATE TRIGGER d AFTER DELETE ON m BEGIN DELETE FROM ses WHERE b = old.b; END"
ON_ITS_TABLE = "CREATE TRIGGER d AFTER UPDATE ON m BEGIN SELECT 1; END"
BOTH = ("m", "ses")


def shop(bench: Bench, file: str, first: int, *triggers: str, rows: int = 1) -> None:
    """Create a database with rows in m and one row in ses."""
    inserts = [f"INSERT INTO m VALUES({first + n}, 'x')" for n in range(rows)]
    bench.database(file, M, SES, *triggers, *inserts, f"INSERT INTO ses VALUES({first}, 'x')")


def shared(bench: Bench, *sources: object) -> list[tuple[str, str, int]]:
    """Return level, subject and count of each finding about a trigger of other rows."""
    inspected = bench.survey(*sources)  # type: ignore[arg-type]
    assert inspected.problems == []
    chosen = [finding for finding in inspected.findings if finding.id == "trigger-shared"]
    return [(finding.level, finding.subject, finding.count) for finding in chosen]


@pytest.mark.parametrize(("trigger", "count"), [(ON_ITS_TABLE, 3), (TRIGGER, 4)], ids=["table", "other table"])
def test_trigger_of_one_source_acts_on_rows_of_another(bench: Bench, trigger: str, count: int) -> None:
    """Rows of the other source had no such trigger."""
    shop(bench, "a.db", 1, rows=3)
    shop(bench, "b.db", 11, trigger)

    assert shared(bench, source("a.db", *BOTH), source("b.db", *BOTH)) == [("attention", "target.db:m", count)]


def test_trigger_of_a_source_acts_on_rows_of_target(bench: Bench) -> None:
    """The application of the target deletes rows without such a trigger today."""
    shop(bench, TARGET, 1)
    shop(bench, "b.db", 11, TRIGGER)

    assert shared(bench, source("b.db", *BOTH)) == [("attention", "target.db:m", 2)]


def test_finding_names_trigger_tables_and_databases(bench: Bench) -> None:
    """A reader has to find the trigger, who brings it, and whose rows it uses."""
    shop(bench, TARGET, 1)
    shop(bench, "b.db", 11, TRIGGER)
    inspected = bench.survey(source("b.db", *BOTH))

    (text,) = [finding.text for finding in inspected.findings if finding.id == "trigger-shared"]
    assert all(word in text for word in ("trigger d", "b.db", "of m", "of ses", TARGET))


def test_used_rows_alone_are_rows_of_others(bench: Bench) -> None:
    """The target has the table of the trigger, without rows."""
    bench.database(TARGET, M, SES, "INSERT INTO ses VALUES(1, 'x')")
    shop(bench, "b.db", 11, TRIGGER)

    assert shared(bench, source("b.db", *BOTH)) == [("attention", "target.db:m", 1)]


@pytest.mark.parametrize(
    ("of_target", "of_source"),
    [((TRIGGER,), (TRIGGER,)), ((TRIGGER,), ()), ((), ())],
    ids=["both have it", "the target has it", "none has it"],
)
def test_trigger_of_the_target_is_no_finding(
    bench: Bench, of_target: tuple[str, ...], of_source: tuple[str, ...]
) -> None:
    """It acts on all rows of its table, as its owner expects."""
    shop(bench, TARGET, 1, *of_target)
    shop(bench, "b.db", 11, *of_source)

    assert shared(bench, source("b.db", *BOTH)) == []


def test_trigger_that_each_source_brings_is_no_finding(bench: Bench) -> None:
    """It acted on the rows of each before."""
    shop(bench, "a.db", 1, TRIGGER)
    shop(bench, "b.db", 11, TRIGGER)

    assert shared(bench, source("a.db", *BOTH), source("b.db", *BOTH)) == []


def test_trigger_without_rows_of_others_is_no_finding(bench: Bench) -> None:
    """The tables of the other databases are empty, or have other names."""
    bench.database(TARGET, M, SES)
    shop(bench, "a.db", 1)
    shop(bench, "b.db", 11, TRIGGER)
    apart = source("a.db", table("m", into="a_m"), table("ses", into="a_ses"))

    assert shared(bench, apart, source("b.db", *BOTH)) == []


def test_trigger_that_stays_behind_is_no_finding(bench: Bench) -> None:
    """The plan states why."""
    shop(bench, "a.db", 1)
    shop(bench, "b.db", 11, TRIGGER)
    left = source("b.db", *BOTH).model_copy(update={"leave": [Leave(triggers=("d",), reason="not used")]})

    assert shared(bench, source("a.db", *BOTH), left) == []


def test_trigger_of_a_create_text_is_no_finding(bench: Bench) -> None:
    """The operator has written it for the rows of all."""
    shop(bench, "a.db", 1)
    shop(bench, "b.db", 11, TRIGGER)
    written = table("m", create=f"{M}; {TRIGGER}")

    assert shared(bench, source("a.db", *BOTH), source("b.db", written, "ses")) == []


def test_identical_rows_that_are_skipped_are_not_counted(bench: Bench) -> None:
    """They are rows of the source that brings the trigger."""
    shop(bench, "b.db", 1, TRIGGER)
    shop(bench, "c.db", 1)
    maps = [table(name, on_conflict="skip-identical") for name in BOTH]

    assert shared(bench, source("b.db", *BOTH), source("c.db", *maps)) == []


LOGGED = "CREATE TRIGGER {} AFTER DELETE ON m BEGIN INSERT INTO ses(b) VALUES (old.b); END"


@pytest.mark.parametrize("first", [TARGET, "a.db"], ids=["target", "other source"])
def test_triggers_of_one_text_are_one_finding(bench: Bench, first: str) -> None:
    """Each deleted row would be logged twice."""
    shop(bench, first, 1, LOGGED.format("one"))
    shop(bench, "b.db", 11, LOGGED.format("two"))
    sources = [source(file, *BOTH) for file in (first, "b.db") if file != TARGET]

    assert shared(bench, *sources) == [("attention", "target.db:m", 2)]


def test_triggers_that_each_source_repeats_are_no_finding(bench: Bench) -> None:
    """Each database logs a deleted row twice today."""
    both = (LOGGED.format("one"), LOGGED.format("two"))
    shop(bench, "a.db", 1, *both)
    shop(bench, "b.db", 11, *both)

    assert shared(bench, source("a.db", *BOTH), source("b.db", *BOTH)) == []
