"""Specify that the JSON Schema for editors equals the models."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sqlite_consolidate.sample
from sqlite_consolidate.plan.json_schema import SCHEMA_FILE, json_schema
from sqlite_consolidate.plan.model import Source

PLANS = (
    Path(sqlite_consolidate.sample.__file__).parent / "tree" / "consolidation.toml",
    Path(__file__).with_name("full.toml"),
)
SMALL: dict[str, Any] = {
    "format": 1,
    "name": "n",
    "target": "t.db",
    "source": [{"name": "s", "file": "s.db", "table": [{"name": "a"}]}],
}


def find_mistakes(plan: dict[str, Any]) -> list[str]:
    """Return the mistakes that an editor would underline, as paths in the plan."""
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    return sorted(error.json_path for error in validator.iter_errors(plan))


def test_shipped_schema_is_that_of_the_models() -> None:
    """After a change of a model the file must be generated again.

    The command is: python -m sqlite_consolidate.plan.json_schema.
    """
    assert SCHEMA_FILE.read_text("utf-8") == json_schema()


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_valid_plan_has_no_mistake(path: Path) -> None:
    """The plan of the sample and the plan with every key are valid."""
    assert find_mistakes(tomllib.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"taget": "t.db"}, "$"),
        ({"format": 2}, "$.format"),
        ({"source": []}, "$.source"),
        ({"index_clash": "maybe"}, "$.index_clash"),
        ({"estimates": {"backup": "a while"}}, "$.estimates.backup"),
        ({"source": [{"name": "s", "file": "s.db", "table": [{"name": "a", "on_conflict": "x"}]}]},
         "$.source[0].table[0].on_conflict"),
        ({"source": [{"name": "s", "file": "s.db", "leave": [{"tables": "a", "reason": "r"}]}]},
         "$.source[0].leave[0].tables"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_mistake_is_found_where_it_is(change: dict[str, Any], place: str) -> None:
    """Keys are named as in TOML, and durations are text or number."""
    assert find_mistakes(SMALL) == []

    assert find_mistakes(SMALL | change) == [place]


def test_schema_keys_have_toml_names_and_descriptions() -> None:
    """The editor shows what the docstring of the model says of an attribute."""
    parts = json.loads(json_schema())["$defs"]

    assert {"into", "rowids", "on_conflict"} <= set(parts["TableMap"]["properties"])
    assert "import" in parts["Reference"]["properties"]
    described = parts["Source"]["properties"]["optional"]["description"]
    assert described in " ".join((Source.__doc__ or "").split())


def part_of(key: dict[str, Any]) -> str:
    """Return the part of the plan that a key holds, once or as a list."""
    return str(key.get("$ref", "") or key.get("items", {}).get("$ref", ""))


def test_each_key_has_a_meaning() -> None:
    """A key that holds a part of the plan has the description of that part."""
    schema = json.loads(json_schema())
    keys = {
        f"{part}.{name}": key
        for part, model in ({"Plan": schema} | schema["$defs"]).items()
        for name, key in model["properties"].items()
    }

    meanings = {name: key.get("description", "") or part_of(key) for name, key in keys.items()}

    assert [name for name, meaning in meanings.items() if not meaning] == []
