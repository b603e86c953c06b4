"""Read a TOML file, and return its text and data or raise a problem."""

from __future__ import annotations

import re
import stat
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from sqlite_consolidate.plan.mistakes import shortened
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024  # bytes; a plan of a thousand tables with their DDL has less than 1 MiB


@dataclass(frozen=True)
class TomlFileKind:
    """Hold the words that describe a kind of file in its problems.

    Attributes:
        criterion: Id of the criterion of its problems.
        noun: ``plan`` or ``fleet``.
        elsewhere: Hint for a path that names another file than the operator meant.
        absent: Hint for a file that does not exist.
    """

    criterion: str
    noun: str
    elsewhere: str
    absent: str


def read_toml(path: Path, kind: TomlFileKind) -> tuple[str, dict[str, Any]]:
    """Return the text of the file and the data that it contains.

    Raises:
        ProblemError: The file does not exist, cannot be read, or is not TOML. It is a problem of ``kind.criterion``
            with its line.
    """
    text = _text(path, kind)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        sentence = str(error)[: position.start()] if position else str(error)
        line = position.group(1) if position and position.group(1) else text.count("\n") + 1
        column = f" at column {position.group(2)}" if position and position.group(2) else ""
        fact = f"not valid TOML{column}: {shortened(sentence)}."
        hint = "Correct this line. A quote or bracket before it may not be closed."
        _refuse(kind, f"{path.name}:{line}", fact, hint, id="not-toml")
    except ValueError:  # limit of Python, which tomllib passes on without a position
        _refuse(kind, path.name, "a number has thousands of digits.", "Correct it.", id="not-toml")


@contextmanager
def limit_nesting(path: Path, kind: TomlFileKind) -> Iterator[None]:
    """Raise a problem if brackets are nested too deep while the file is read and checked.

    Raises:
        ProblemError: The brackets are nested too deep, as a problem of ``kind.criterion``.
    """
    try:
        yield
    except RecursionError:
        _refuse(
            kind,
            path.name,
            "brackets are nested too deep.",
            f"Use at most three levels in a {kind.noun}.",
            id="nested-too-deep",
        )


def _text(path: Path, kind: TomlFileKind) -> str:
    content = _content(path, kind)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        hint = "Save the file in UTF-8, as TOML demands."
        _refuse(kind, f"{path.name}:{line}", f"the byte {byte} is not UTF-8.", hint, id="not-utf-8")


def _content(path: Path, kind: TomlFileKind) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait forever
            _refuse(kind, str(path), "the path is not a file.", kind.elsewhere, id="no-plan-file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(kind, str(path), f"there is no {kind.noun} file of this name.", kind.absent, id="no-plan-file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        fact = f"the {kind.noun} file cannot be read: {reason}."
        _refuse(kind, str(path), fact, f"Make it readable. {kind.elsewhere}", id="plan-unreadable")
    if len(content) > MAX_BYTES:
        _refuse(
            kind,
            str(path),
            f"the file is larger than the limit for a {kind.noun} ({MAX_BYTES} bytes).",
            kind.elsewhere,
            id="no-plan-file",
        )
    return content


def _refuse(kind: TomlFileKind, subject: str, fact: str, hint: str, *, id: str) -> NoReturn:
    raise ProblemError(Problem(id, one_line(subject), fact, hint, criterion=kind.criterion))
