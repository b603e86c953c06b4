"""Find the error lines that were added to log files since a position."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Identity = tuple[int, int]

_TAIL = 4096  # bytes before a mark by which its text is known again
_MAX_LINES_SHOWN = 20  # lines
_MAX_LINE_SHOWN = 300  # characters of a line
_MAX_LINE_BYTES = 1_000_000  # bytes of a line that are read in one piece


@dataclass(frozen=True)
class LogPosition:
    """Hold the end of one log file at a moment.

    Attributes:
        path: Resolved.
        identity: Device and inode.
        size: Bytes.
        tail: SHA-256 of the up to 4096 bytes before ``size``.
    """

    path: Path
    identity: Identity
    size: int
    tail: str


@dataclass(frozen=True)
class LogPositions:
    """Hold the ends of the log files of a workspace at a moment.

    Attributes:
        problems: Log files that could not be read, and patterns that are none.
    """

    files: tuple[LogPosition, ...]
    problems: tuple[Problem, ...] = ()


def record_log_positions(
    root: Path, patterns: Sequence[str], *, never_open: frozenset[Identity] = frozenset()
) -> LogPositions:
    """Return the present end of each log file, and a problem for each unreadable one.

    Args:
        root: The workspace.
        patterns: As in the shell, relative to ``root``, ``**`` allowed; links that lead outside are not followed.
        never_open: Device and inode of files that are no logs whatever their name, because reading them would drop
            this process's locks: the databases. SQLite's sidecars are never read either.
    """
    root = root.resolve()
    paths: set[Path] = set()
    marks: list[LogPosition] = []
    problems: list[Problem] = []
    for pattern in patterns:
        try:
            paths |= _paths(root, pattern)
        except ProblemError as error:
            problems += (replace(problem, criterion="references-found") for problem in error.problems)
    for path in sorted(paths):
        try:
            for identity, size in _files([path], never_open).values():
                marks.append(LogPosition(path, identity, size, _tail(path, size)))
        except FileNotFoundError:  # removed since it was listed
            continue
        except ProblemError as error:
            problems += (
                replace(problem, subject=_name(path, root), criterion="references-found") for problem in error.problems
            )
    return LogPositions(tuple(marks), tuple(problems))


def find_new_errors(
    root: Path,
    marks: LogPositions,
    patterns: Sequence[str],
    errors: str,
    *,
    never_open: frozenset[Identity] = frozenset(),
) -> list[Observation]:
    """Return an observation for each new line that matches ``errors``.

    Without a match, one passed observation gives the number of files and lines read.

    A log that was rotated meanwhile is read on under its new name in the same folder, and its successor from the
    start. At most 20 lines are stated one by one, the others as a number.

    Raises:
        ProblemError: When a log file cannot be read.
    """
    if not patterns:
        return [not_required("logs", "the plan names no log files")]
    root = root.resolve()
    pattern = re.compile(errors)
    expected = f"no new line matches {one_line(errors)}"
    offsets, lost_logs = _new_text_offsets(root, marks, patterns, never_open)
    read = matches = 0
    failing: list[Observation] = []
    for path, start in offsets.items():
        for before, line in _lines(path, start):
            read += 1
            if pattern.search(line) and (not pattern.search(before) or pattern.search(line[len(before) :])):
                matches += 1
                if matches <= _MAX_LINES_SHOWN:
                    failing.append(
                        _failed_observation(_name(path, root), expected, "a new line matches", _shortened(line))
                    )
    if matches > _MAX_LINES_SHOWN:
        failing.append(
            _failed_observation(", ".join(patterns), expected, f"{matches - _MAX_LINES_SHOWN} more lines match")
        )
    if failing:
        return failing
    notes = [
        f"{counted(len(offsets), 'file')} and {counted(read, 'new line')} read, none matches",
        *_describe_missing(root, lost_logs, patterns),
    ]
    if not offsets and not lost_logs:
        return [not_required(", ".join(patterns), "no log file exists")]
    return [Observation(", ".join(patterns), expected, "; ".join(notes), holds=True, examined=len(offsets))]


def _new_text_offsets(
    root: Path, marks: LogPositions, patterns: Sequence[str], never_open: frozenset[Identity]
) -> tuple[dict[Path, int], list[Path]]:
    """Return the offset of the new text of each file, and the logs whose old text is lost.

    Files that were not there at the marks are new from the start.
    """
    matching = _matching(root, patterns, never_open)
    files = matching | _files_beside(marks, never_open)
    path_by_identity = {identity: path for path, (identity, _) in files.items()}
    offsets: dict[Path, int] = {}
    lost_logs = []
    for position in marks.files:
        path = path_by_identity.get(position.identity)
        if path is None or not _still_begins_with(path, position):
            path = next((copy for copy in files if _is_copy(copy, position)), None)
        if path is None:
            lost_logs.append(position.path)
        else:
            offsets[path] = position.size
    return dict.fromkeys(matching, 0) | offsets, lost_logs


def _still_begins_with(path: Path, position: LogPosition) -> bool:
    """Return whether the file still begins with the recorded text."""
    try:
        return path.stat().st_size >= position.size and _tail(path, position.size) == position.tail
    except FileNotFoundError:
        return False


def _is_copy(path: Path, position: LogPosition) -> bool:
    """Return whether a rotation has copied the recorded text to this file.

    Such a rotation copies ``app.log`` to ``app.log.1`` and truncates it.
    """
    has_rotated_name = (
        path.parent == position.path.parent and path.name.startswith(position.path.name) and path != position.path
    )
    return has_rotated_name and position.size > 0 and _still_begins_with(path, position)


def _matching(root: Path, patterns: Sequence[str], never_open: frozenset[Identity]) -> dict[Path, tuple[Identity, int]]:
    return _files((path for pattern in patterns for path in _paths(root, pattern)), never_open)


def _paths(root: Path, pattern: str) -> set[Path]:
    try:
        paths = {path.resolve() for path in root.glob(pattern)}
    except (ValueError, IndexError, NotImplementedError, RuntimeError) as error:  # what pathlib makes of bad ones
        raise ProblemError(
            Problem(
                "log-pattern",
                pattern,
                f"the log files cannot be looked for: {error}.",
                'Correct "files" in the plan\'s [logs].',
            )
        ) from error
    return {path for path in paths if path.is_relative_to(root)}


def _files_beside(marks: LogPositions, never_open: frozenset[Identity]) -> dict[Path, tuple[Identity, int]]:
    """Return all files in the folders of the recorded ones, without opening them."""
    folders = {position.path.parent for position in marks.files}
    entries = (path for folder in folders if folder.is_dir() for path in folder.iterdir() if not path.is_symlink())
    return _files(entries, never_open)


def _files(paths: Iterable[Path], never_open: frozenset[Identity]) -> dict[Path, tuple[Identity, int]]:
    """Return identity and size of each regular file that may be opened, by path.

    Raises:
        ProblemError: The system does not tell what one of them is.
    """
    files = {}
    for path in sorted(set(paths)):
        try:
            status = path.stat()
        except FileNotFoundError:  # removed since it was listed
            continue
        except OSError as error:
            raise _unreadable(path, error) from error
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and identity not in never_open and not path.name.endswith(SIDECARS):
            files[path] = (identity, status.st_size)
    return files


def _tail(path: Path, size: int) -> str:
    start = max(0, size - _TAIL)
    try:
        with path.open("rb") as file:
            file.seek(start)
            return hashlib.sha256(file.read(size - start)).hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error


def _lines(path: Path, start: int) -> Iterator[tuple[str, str]]:
    """Yield each line that ends after ``start``, with its part before ``start``.

    A log that grows meanwhile is read up to its end at the beginning.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            at = _start_of_line(file, start) if start < end else end
            file.seek(at)
            while line := file.readline(min(_MAX_LINE_BYTES, end - at)):
                yield _text(line[: max(0, start - at)]), _text(line)
                at += len(line)
    except FileNotFoundError:  # removed since it was listed
        return
    except PermissionError as error:
        raise _unreadable(path, error) from error


def _start_of_line(file: IO[bytes], at: int) -> int:
    """Return the start of the line at offset ``at``, at most 4096 bytes before it."""
    start = max(0, at - _TAIL)
    file.seek(start)
    return start + file.read(at - start).rfind(b"\n") + 1


def _text(line: bytes) -> str:
    """Decode a line as UTF-8, or else as Latin-1.

    NUL bytes are removed first, so that ASCII words of a UTF-16 log can be matched.
    """
    line = line.replace(b"\0", b"")
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        line = line.removeprefix(mark)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip("\r\n")


def _unreadable(path: Path, error: OSError) -> ProblemError:
    return ProblemError(
        Problem(
            "log-unreadable",
            str(path),
            f"the log file cannot be read: {error.strerror}. Whether it reports an error is not known.",
            'Make it readable, or take it out of "files" in the plan\'s [logs].',
        )
    )


def _describe_missing(root: Path, lost: Sequence[Path], patterns: Sequence[str]) -> list[str]:
    unmet = [pattern for pattern in patterns if not any(path.is_file() for path in root.glob(pattern))]
    replaced = "was replaced, and what it got before that is not there to be read"
    return [f"no file matches {one_line(pattern)}" for pattern in unmet] + [
        f"{_name(path, root)} {replaced if path.exists() else 'is gone'}" for path in lost
    ]


def _failed_observation(subject: str, expected: str, observed: str, heard: str = "") -> Observation:
    todo = 'Find out what caused it; if it is harmless, narrow "errors" in the plan\'s [logs].'
    return Observation(subject, expected, observed, holds=False, todo=todo, program_output=heard)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else os.fspath(path)


def _shortened(line: str) -> str:
    text = one_line(mask_secrets(line.strip()))
    return text if len(text) <= _MAX_LINE_SHOWN else text[: _MAX_LINE_SHOWN - 1] + "…"
