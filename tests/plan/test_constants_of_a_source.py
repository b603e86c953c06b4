"""Specify the constants of a source in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan

HEAD = (
    'format = 1\nname = "p"\ntarget = "t.db"\n'
    '[[source]]\nname = "one"\nfile = "./phones/a.b.db"\nconstants = {constants}\n'
)
TABLE = '[[source.table]]\nname = "t"\n'


def loaded(folder: Path, constants: str, table: str = TABLE) -> Plan:
    """Return the plan with these constants, whose line is the seventh of the file."""
    path = folder / "plan.toml"
    path.write_text(HEAD.replace("{constants}", constants) + table, "utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'{stem}'", "a.b"),
        ("'{name}'", "one"),
        ("'{file}'", "phones/a.b.db"),
        ("'{name}-{stem}'", "one-a.b"),
        ("'{{stem}}'", "{stem}"),
        ("'{{{stem}}}'", "{a.b}"),
        ("''", ""),
        ('"it\'s\\n"', "it's\n"),
        ("7", 7),
        ("-9223372036854775808", -(1 << 63)),
        ("7.5", 7.5),
        ("inf", float("inf")),
    ],
)
def test_constant_has_its_value_for_the_file(tmp_path: Path, written: str, value: object) -> None:
    """The path is the one that SQLite opens, without a step that leads nowhere."""
    (source,) = loaded(tmp_path, f"{{ device = {written} }}").sources

    assert source.constant_values == {"device": value}
    assert type(source.constant_values["device"]) is type(value)


@pytest.mark.parametrize(("written", "value"), [("true", 1), ("false", 0)])
def test_boolean_constant_is_a_number(tmp_path: Path, written: str, value: int) -> None:
    """SQLite has no boolean."""
    (source,) = loaded(tmp_path, f"{{ device = {written} }}").sources

    assert repr(source.constant_values["device"]) == repr(value)


@pytest.mark.parametrize(
    ("constants", "id", "place"),
    [
        ("{ device = '{steam}' }", "bad-value", "device"),
        ("{ device = '{}' }", "bad-value", "device"),
        ("{ device = '{ stem }' }", "bad-value", "device"),
        ("{ device = 'a{' }", "bad-value", "device"),
        ("{ device = '}' }", "bad-value", "device"),
        ('{ device = "a\\u0000" }', "bad-value", "device"),
        ("{ device = 9223372036854775808 }", "bad-value", "device"),
        ("{ device = nan }", "bad-value", "device"),
        ("{ device = [1] }", "bad-value", "device"),
        ("{ device = 2026-01-01 }", "bad-value", "device"),
        ("7", "wrong-type", "constants"),
        ("{ device = 1, DEVICE = 2 }", "name-twice", "DEVICE"),
    ],
)
def test_constant_that_cannot_be_is_a_mistake(tmp_path: Path, constants: str, id: str, place: str) -> None:
    """The mistake names its line and its key."""
    with pytest.raises(ProblemError) as caught:
        loaded(tmp_path, constants)

    (problem,) = caught.value.problems
    assert (problem.id, problem.criterion, problem.loc[:3]) == (id, "plan-valid", ("source", 0, "constants"))
    assert problem.subject.startswith("plan.toml:7 ")
    assert problem.loc[-1] == place


def test_rename_to_a_constant_column_is_a_mistake(tmp_path: Path) -> None:
    """The source would feed the column."""
    with pytest.raises(ProblemError) as caught:
        loaded(tmp_path, "{ device = 1 }", TABLE + 'columns = { old = "Device" }\n')

    (problem,) = caught.value.problems
    assert (problem.id, problem.loc) == ("two-columns-in-one", ("source", 0, "constants", "device"))
    assert '"old"' in problem.what


def test_source_with_constants_alone_is_idle(tmp_path: Path) -> None:
    """Constants move nothing."""
    with pytest.raises(ProblemError) as caught:
        loaded(tmp_path, "{ device = 1 }", "")

    assert caught.value.ids == ("idle-source",)
