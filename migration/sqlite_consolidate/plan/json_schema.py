"""Generate the JSON Schema with which editors complete and check a plan file.

``python -m sqlite_consolidate.plan.json_schema`` writes it to its file. A test keeps the file equal to the models.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.plan.values import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_FILE = Path(__file__).with_name("consolidation.schema.json")

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of a plan of format 1 as text.

    The keys have their TOML names.
    """
    schema = Plan.model_json_schema(by_alias=True)
    parts = {model.__name__: model for model in _models(Part)}
    for name, part in (("Plan", schema), *schema["$defs"].items()):
        _describe(part, parts[name])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sqlite-consolidate: plan, format 1"}
    return json.dumps(head | {key: value for key, value in schema.items() if key != "title"}, indent=2) + "\n"


def _models(base: type[Part]) -> Iterator[type[Part]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _describe(part: dict[str, Any], model: type[Part]) -> None:
    """Copy the description of each key from the docstring of its model."""
    text = inspect.cleandoc(model.__doc__ or "")
    sentence, _, attributes = text.partition("\n\nAttributes:\n")
    part["description"] = _unmarked(sentence)
    part.pop("title", None)
    descriptions = dict(_ATTRIBUTE.findall(attributes))
    for name, field in model.model_fields.items():
        key = part["properties"][field.alias or name]
        key.pop("title", None)
        if name in descriptions:
            key["description"] = _unmarked(descriptions[name].removeprefix(f"TOML key ``{field.alias}``. "))


def _unmarked(text: str) -> str:
    return " ".join(text.replace("``", "").split())


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json_schema(), "utf-8")
