"""The plan file: TOML text of format 1 becomes a plan, or a refusal that names every mistake and its line."""

from __future__ import annotations

import hashlib
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from migration.plan.checks import mistakes
from migration.plan.mistake import short, spoken
from migration.plan.places import line_of
from migration.plan.printable import one_line
from migration.plan.problem import Problem, Refused
from migration.plan.shape import validated

if TYPE_CHECKING:
    from pathlib import Path

    from migration.plan.mistake import Mistake
    from migration.plan.model import Plan

_LARGEST = 4 * 1024 * 1024  # bytes; a plan of a thousand tables with their DDL stays below one


def load(path: Path) -> Plan:
    """Return the plan in a TOML file of format 1; it has no mistake that can be seen without looking at the databases.

    Args:
        path: The plan file.

    Raises:
        Refused: The file is not there, cannot be read, is not TOML, or is not a plan: every mistake is a problem of
            the criterion ``plan-valid``, with its line, in the order of the file.
    """
    text = _text(path)
    try:
        data = _parsed(path, text)
        plan, found = validated(data)
        found += mistakes(data)
        problems = _located(path, text, found)
    except RecursionError:
        _refuse(path.name, "brackets are nested too deep.", "A plan needs three levels at most.")
    if plan is None or problems:
        raise Refused(problems)
    return plan


def sha256(path: Path) -> str:
    """Return the digest of the file's bytes: 64 hex digits.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(path: Path) -> str:
    content = _content(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        _refuse(f"{path.name}:{line}", f"the byte {byte} is not UTF-8.", "Save the file in UTF-8, as TOML demands.")


def _content(path: Path) -> bytes:
    elsewhere = "Name the plan file with --plan FILE."
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            _refuse(str(path), "this is not a file.", elsewhere)
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        todo = 'Run "pytest -m inventory --workspace DIR" to have one proposed, or name another with --plan FILE.'
        _refuse(str(path), "there is no plan file here.", todo)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        _refuse(str(path), f"the plan file cannot be read: {reason}.", f"Make it readable. {elsewhere}")
    if len(content) > _LARGEST:
        _refuse(str(path), f"this is larger than a plan can be ({_LARGEST} bytes).", elsewhere)
    return content


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        sentence = str(error)[: at.start()] if at else str(error)
        line = at.group(1) if at and at.group(1) else text.count("\n") + 1
        column = f" at column {at.group(2)}" if at and at.group(2) else ""
        what = f"not valid TOML{column}: {short(sentence)}."
        _refuse(f"{path.name}:{line}", what, "Correct this line; a text in quotes or a bracket may be open before it.")
    except ValueError:  # Python's own limit; tomllib lets it through, without a place
        _refuse(path.name, "a number has thousands of digits.", "Correct it.")


def _located(path: Path, text: str, found: list[Mistake]) -> tuple[Problem, ...]:
    lines = [(line_of(text, mistake.loc), mistake) for mistake in found]
    lines.sort(key=lambda one: one[0] or 0)
    return tuple(
        Problem(
            "plan-valid",
            f"{one_line(path.name)}{f':{line}' if line else ''} ({spoken(mistake.loc)})",
            mistake.what,
            mistake.todo,
        )
        for line, mistake in lines
    )


def _refuse(subject: str, what: str, todo: str) -> NoReturn:
    raise Refused((Problem("plan-valid", one_line(subject), what, todo),))
