"""Write the reference pages that follow from the code.

``python -m tests.support.documents.reference_pages`` writes them into the documentation. A test compares them.
"""

from __future__ import annotations

import inspect
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlite_consolidate
from sqlite_consolidate.engine.run.criteria import CAN_FAIL, CRITERIA, SMOKE, criterion_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FOLDER = Path(__file__).parents[3] / "docs" / "reference"

_CRITERIA = """\
# Criteria

Each criterion is a sentence that has to hold for acceptance. The page of a run lists them by stage, and
`evidence.json` by id. A criterion that a workspace does not need is
*not required*. `pytest -m verify --originals DIR` judges a consolidation of another tool by the criteria of the
third column.

| criterion | holds if | judges other tools |
| --- | --- | --- |
"""

_EVIDENCE = """\
# The evidence

`evidence.json` is the record of a run, as JSON in UTF-8. Its schema is `report/evidence.schema.json` of the package
(schema 2). {description}
A path is relative to the workspace. A moment is ISO 8601 in UTC.

The document is a [record](#record). The other sections describe its parts.
"""

_PLAN = """\
# All keys of a plan

Every key of `consolidation.toml`, as `plan/consolidation.schema.json` of the package describes it. A plan must have
the keys that are required. [Keys of the plan](plan.md) shows with examples what most of them do.
"""

_PYTHON = """\
# The library

The names that `sqlite_consolidate` exports. [From Python](../how-to/python.md) shows how they are used together.
`help(sqlite_consolidate.verify)` shows the same text.
"""


def reference_pages() -> dict[str, str]:
    """Return the pages, by file name."""
    return {
        "criteria.md": _criteria(),
        "evidence.md": _evidence(),
        "library.md": _library(),
        "plan-keys.md": _plan(),
    }


def _criteria() -> str:
    rows = [
        *CRITERIA.values(),
        criterion_named(f"{SMOKE}NAME"),
    ]
    lines = [f"| `{row.id}` ({row.stage.id}) | {row.sentence} | {'yes' if row.by_originals else ''} |" for row in rows]
    family = criterion_named(f"{CAN_FAIL}plan-valid")
    told = family.sentence.removesuffix(criterion_named("plan-valid").sentence).strip().removesuffix(":")
    lines.append(f"| `{CAN_FAIL}CRITERION` ({family.stage.id}) | {told}. |  |")
    return _CRITERIA + "\n".join(lines) + "\n"


def _evidence() -> str:
    schema = json.loads(files("sqlite_consolidate.report").joinpath("evidence.schema.json").read_text("utf-8"))
    parts = {name: part for name, part in schema["$defs"].items() if "properties" in part}
    links = {name: f"[{name}](#{name})" for name in parts}
    sections = [f"\n## {name}\n\n{_sentence(part)}{_keys(part, links)}" for name, part in parts.items()]
    return _EVIDENCE.format(description=schema["description"]) + "".join(sections)


def _sentence(part: dict[str, Any]) -> str:
    return f"{part['description']}\n\n" if "description" in part and "$schema" not in part else ""


def _keys(part: dict[str, Any], links: Mapping[str, str]) -> str:
    needed = part.get("required", ())
    lines = ["| name | type | means |", "| --- | --- | --- |"]
    for key, value in part["properties"].items():
        optional = "" if key in needed else ", optional"
        lines.append(f"| `{key}` | {_type(value, links)}{optional} | {value.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _plan() -> str:
    schema = json.loads(files("sqlite_consolidate.plan").joinpath("consolidation.schema.json").read_text("utf-8"))
    parts = schema["$defs"]
    headings = {name: heading for heading, name in _plan_parts("", schema, parts)}
    links = {name: f"[`{heading}`](#{re.sub('[^a-z]', '', heading)})" for name, heading in headings.items()}
    sections = [
        f"\n## `{heading}`\n\n{parts[name]['description']}\n\n{_plan_keys(parts[name], links, parts)}"
        for name, heading in headings.items()
    ]
    return f"{_PLAN}\n{_plan_keys(schema, links, parts)}" + "".join(sections)


def _plan_parts(path: str, part: dict[str, Any], parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headings of TOML below a part of a plan, each with the name of its model."""
    for key, value in part["properties"].items():
        values = [value, *value.get("anyOf", ())]
        items = [choice.get("items", {}) for choice in values]
        for choice, form in [(item, "[[{}]]") for item in items] + [(choice, "[{}]") for choice in values]:
            name = choice.get("$ref", "").rpartition("/")[2]
            if name in parts:
                yield form.format(path + key), name
                yield from _plan_parts(f"{path}{key}.", parts[name], parts)


def _plan_keys(part: dict[str, Any], links: Mapping[str, str], parts: Mapping[str, Any]) -> str:
    lines = ["| name | type | default | means |", "| --- | --- | --- | --- |"]
    for key, value in part["properties"].items():
        default = value.get("default")
        stated = "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"
        needed = "required" if key in part.get("required", ()) else stated
        kind = _type(value, links).removesuffix(" or null")  # TOML has no null
        meaning = value.get("description") or _sentence_of_part(value, links, parts)
        cells = (f"`{key}`", kind, needed, meaning.replace("<", "&lt;"))
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _sentence_of_part(value: dict[str, Any], links: Mapping[str, str], parts: Mapping[str, Any]) -> str:
    """Return the first sentence on the part of a plan that a key holds, or an empty text."""
    names = re.findall(r"#/\$defs/(\w+)", json.dumps(value))
    texts = [parts[name]["description"] for name in names if name in links]
    return re.split(r"(?<=\.) ", texts[0])[0] if texts else ""


def _type(value: dict[str, Any], links: Mapping[str, str]) -> str:
    """Return the type of a value in words, with a link to the section of a part."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return links.get(name, name.replace("_", " "))
    if "enum" in value or "const" in value:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in value.get("enum", [value.get("const")]))
    if options := value.get("anyOf") or value.get("oneOf"):
        return " or ".join(_type(option, links) for option in options)
    given = value.get("type", "any value")
    name = " or ".join(given) if isinstance(given, list) else str(given)
    items = value.get("items") or value.get("additionalProperties")
    return f"{name} of {_type(items, links)}" if isinstance(items, dict) and items else name


def _library() -> str:
    return _PYTHON + "".join(f"\n{section}" for section in _sections())


def _sections() -> Iterator[str]:
    for name in sqlite_consolidate.__all__:
        public = getattr(sqlite_consolidate, name)
        call = _call(public) if inspect.isfunction(public) else ""
        heading = f"## {name}\n\n"
        yield heading + (f"```python\n{call}\n```\n\n" if call else "") + _markdown(inspect.getdoc(public) or "") + "\n"


def _call(function: Callable[..., object]) -> str:
    arguments = inspect.signature(function)
    text = ", ".join(str(argument).replace("'", "") for argument in _with_star(arguments))
    return f"{function.__name__}({text}) -> {str(arguments.return_annotation).strip(chr(39))}"


def _with_star(signature: inspect.Signature) -> Iterator[object]:
    """Yield the parameters, and a star before the first that is named only."""
    is_named = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not is_named:
            is_named = True
            yield "*"
        yield parameter


def _markdown(docstring: str) -> str:
    """Return a docstring of Google's style as Markdown."""
    lines, section = [], ""
    for line in docstring.splitlines():
        if match := re.fullmatch(r"(Attributes|Args|Returns|Raises|Yields|Example)s?:+", line):
            section = match[1]
            lines += [
                f"**{section.replace('Args', 'Arguments')}**",
                *([""] if section != "Example" else ["", "```python"]),
            ]
        elif not line.strip() and section == "Example" and lines[-1] not in ("```python", ""):
            lines += ["```", ""]
            section = ""
        elif section == "Example":
            lines += [line[4:]] if line.strip() else []
        elif section and (item := re.match(r" {4}(\w+): (.*)", line)):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif section and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line.strip())
    text = "\n".join([*lines, *(["```"] if section == "Example" else [])])
    return re.sub(r":(?:func|class|data|meth|attr):`~?([\w.]+)`", r"`\1`", text).replace("``", "`").replace("``", "```")


if __name__ == "__main__":
    for name, text in reference_pages().items():
        (FOLDER / name).write_text(text, "utf-8")
