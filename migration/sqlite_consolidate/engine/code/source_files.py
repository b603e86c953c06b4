"""Read code files of the workspace as text, with the encoding that restores their bytes."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

LINE_END = re.compile(r"\r\n|\r|\n")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PYTHON = frozenset({".py", ".pyi"})
# In these languages a value without quotation marks is a name or an expression.
_ONLY_LITERALS = _PYTHON | _words(
    ".c .cc .cjs .cpp .cs .cts .dart .ex .exs .go .h .hpp .java .js .jsx .kt .lua .m .mjs .mts .php .pl .pm .pyx .r "
    ".rb .rs .scala .svelte .swift .ts .tsx .vue"
)
_OTHER_PROGRAMS = _words(
    ".adoc .bash .bat .cmd .css .fish .htm .html .j2 .jinja .ksh .md .ps1 .rst .scss .sh .sql .txt .zsh"
)
# Archived sources keep their database suffix in the middle of the name: "task_queue.db.archived_20250131_120000".
_DATABASE = re.compile(rf"\.(db|db3|sqlite|sqlite3)({SIDECAR_PATTERN})?(\.archived_.*)?$", re.IGNORECASE)


class Span(NamedTuple):
    """Hold a range of text as offsets in characters, without the character at ``end``."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Return whether the two ranges share a character."""
        return self.start < other.end and other.start < self.end

    def inside(self, other: Span) -> bool:
        """Return whether this range is within ``other`` or equal to it."""
        return other.start <= self.start and self.end <= other.end


@dataclass(frozen=True)
class CodeFile:
    """Hold a code file that was read.

    Attributes:
        file: Its real path, relative to the workspace, "/"-separated.
        data: Its bytes.
        text: Its text with the original line endings, without a byte order mark.
        encoding: The encoding that converts bytes to text and back without loss.
    """

    file: str
    data: bytes
    text: str
    encoding: str


def is_python(file: str) -> bool:
    """Return whether a file is Python source, by its name."""
    return posixpath.splitext(file)[1].lower() in _PYTHON


def has_only_literals(file: str) -> bool:
    """Return whether each text value in a file is a literal, by the name of the file.

    In a shell script and in configuration, a word is a value as well.
    """
    return posixpath.splitext(file)[1].lower() in _ONLY_LITERALS


def is_program_source(file: str) -> bool:
    """Return whether a file is program source or documentation, by its name.

    Every other file is configuration, whose lines may hold secrets.
    """
    return posixpath.splitext(file)[1].lower() in _ONLY_LITERALS | _OTHER_PROGRAMS


def is_database(file: str) -> bool:
    """Return whether a file is a database, a sidecar or an archive, by its name.

    By name, because to open such a file and close it again drops the locks that SQLite holds on it in this process.
    """
    return bool(_DATABASE.search(file))


def find_line(text: str, offset: int) -> int:
    """Return the number of the line, from 1, that holds the character at ``offset``."""
    return len(LINE_END.findall(text, 0, offset)) + 1


def line_starts(text: str) -> list[int]:
    """Return the offset at which each line begins, the first at 0."""
    return [0, *(match.end() for match in LINE_END.finditer(text))]


def first_line_ending(text: str) -> str:
    """Return the first line ending of the text, or a line feed if it has none."""
    match = LINE_END.search(text)
    return match.group() if match else "\n"


def read_code_file(root: Path, file: str) -> CodeFile | Problem:
    """Return a code file, or the problem that prevents its rewrite.

    Args:
        root: The workspace.
        file: Path relative to it.
    """
    try:
        if problem := _misplaced(root, file):
            return problem
        where = (root / file).resolve()
        data = where.read_bytes()
    except OSError as error:
        return _problem(
            file, f"it cannot be read: {error.strerror}.", "Make it readable for this user.", id="code-unreadable"
        )
    encoding = encoding_of(file, data)
    if isinstance(encoding, Problem):
        return encoding
    return CodeFile(where.relative_to(root.resolve()).as_posix(), data, data.decode(encoding), encoding)


def encoding_of(file: str, data: bytes) -> str | Problem:
    """Return the encoding that restores the bytes exactly, or the problem."""
    if not is_python(file):
        return "utf-8" if _survives(data, "utf-8") else "latin-1"
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        return _problem(file, f"its encoding is unclear: {error.msg}.", "Correct its coding line.", id="code-encoding")
    if not _survives(data, encoding):
        fact = f"its bytes are not {encoding}, which it says it is."
        return _problem(file, fact, "Correct its coding line, or save it again.", id="code-encoding")
    return encoding


def _misplaced(root: Path, file: str) -> Problem | None:
    path = root / file
    if path.is_symlink():
        return _problem(
            file,
            "it is a symbolic link.",
            "Name the file that it points at, inside the workspace.",
            id="code-file-unfit",
        )
    if not path.exists():
        return _problem(
            file, "there is no such file.", "Correct `file`, or take the entry out of the plan.", id="no-code-file"
        )
    if not path.resolve().is_relative_to(root.resolve()):
        return _problem(
            file,
            "a link leads it outside the workspace.",
            "Only files inside the workspace are changed.",
            id="code-file-unfit",
        )
    if is_database(path.name):
        return _problem(file, "it is a database, not code.", "Name the code that opens it.", id="code-file-unfit")
    if not stat.S_ISREG(path.stat().st_mode):
        return _problem(file, "it is not a regular file.", "Name a file that holds code.", id="code-file-unfit")
    return None


def _survives(data: bytes, encoding: str) -> bool:
    try:
        return data.decode(encoding).encode(encoding) == data
    except (UnicodeError, LookupError):
        return False


def _problem(file: str, fact: str, hint: str, *, id: str) -> Problem:
    return Problem(id, file, fact, hint, criterion="references-found")
