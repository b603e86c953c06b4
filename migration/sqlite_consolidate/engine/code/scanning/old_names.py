"""Find the names of old databases in any text."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlite_consolidate.engine.code.scanning.languages.own_folders import stated_paths
from sqlite_consolidate.engine.code.scanning.name_patterns import TEMPORARY, WORKSPACE, NamePatterns
from sqlite_consolidate.engine.code.scanning.text_patterns import is_shell
from sqlite_consolidate.engine.code.source_files import has_only_literals
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN
from sqlite_consolidate.secret_masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MentionKind = Literal[
    "code", "config", "sentence", "open pattern", "documentation", "exempt", "not scanned", "link outside", "unreadable"
]

KINDS_IN_USE = frozenset({"code", "config"})
"""Kinds of mentions that may not remain."""

MentionUse = Literal["any", "copied", "temporary"]
"""What a place does with a file: a command that only copies or archives it, or a file below a temporary folder."""

COPY_PROGRAMS = frozenset({"cp", "gzip", "mv", "rsync", "scp", "tar", "zip"})
"""Programs that copy, move or archive a file and read no row of it."""

EXCERPT_LENGTH = 120
_READ_AROUND = 2000  # characters on both sides of a name in which secrets are looked for

_SEPARATOR = r"[/\\]+"
_ELSEWHERE = re.compile(r"\b(?:https?|ftps?|wss?)://[^\s\"'`<>()]*\Z|[\w.+-]@\Z")
_LONGEST_URL = 500
_MOST_BRANCHES = 30  # nested groups of a regular expression
_BELOW_TEMPORARY = re.compile(rf"{TEMPORARY}/(?:(?!\.\.)[^\s\"'`;,<>|&])*\Z")
_BETWEEN_PIECES = b"\"'+ \t\r\n\\()"


@dataclass(frozen=True)
class Mention:
    """Hold a place that names an old database, or a file that was not scanned.

    Attributes:
        file: Path relative to the workspace.
        line: From 1; 0 when it is about the whole file.
        text: The line without secrets and the space around it, at most 120 characters; or the reason for not looking.
        database: File name of the database; empty when it is about the whole file, or may be any.
        kind: ``code`` and ``config`` are still in use; ``sentence`` is a text for people in code, and an ``open
            pattern`` can produce the name of any database, so both have to be judged; ``documentation`` (prose,
            comments, docstrings) is only listed, and so are ``exempt`` (the plan says why) and ``not scanned`` (too
            large) or ``link outside`` (of the workspace); ``unreadable`` could not be looked at though it had to be.
        reason: Why the plan exempts it.
        pattern: Pattern of the computed name that can be that of the database; empty if the database is named.
        path: Path of the database, if the code states it by the path of its own module; else empty.
        use: What the place does with the file.
    """

    file: str
    line: int
    text: str
    database: str
    kind: MentionKind
    reason: str = ""
    pattern: str = ""
    path: str = ""
    use: MentionUse = "any"

    @property
    def subject(self) -> str:
        """Return the database or the pattern, as it is shown and exempted."""
        return self.pattern or self.database


class NamedPlace(NamedTuple):
    """Hold a place of a text that names an old database.

    Attributes:
        start: Its offset.
        end: The offset of its end.
        name: Name by which the database is recognised.
        path: Path of the database, if the place states it; else empty.
    """

    start: int
    end: int
    name: str
    path: str = ""

    def has(self, other: NamedPlace) -> bool:
        """Return whether another place is a part of this one."""
        return self.start <= other.start < self.end


class OldNames:
    """Recognise the file names of the old databases.

    A name counts as a whole, or with a sidecar's ending: ``tasks.db-wal``; not ``old_tasks.db``, not ``tasks.db.bak``.
    In an address of the web or of mail it is no file of the workspace.
    Where the target has the same file name, as much of the path counts as tells the two apart: ``logs/tasks.db``.

    Args:
        databases: Paths of the old databases.
        target: Path of the new one.
    """

    def __init__(self, databases: Iterable[str], target: str = "") -> None:
        files_by_name = [(distinguishing_name(database, target), database) for database in databases]
        paths: dict[str, list[str]] = {}
        for name, database in files_by_name:
            paths.setdefault(name, []).append(database)
        self.paths = paths
        self.names = tuple(paths)
        self.patterns = NamePatterns(files_by_name)
        names = any_of(self.names).replace("/", _SEPARATOR)
        self._pattern = re.compile(rf"(?<![\w.-])({names})(?:{SIDECAR_PATTERN})?(?![\w~]|[.-]\w)")
        files = [PurePosixPath(name) for name in self.names]
        self._in_bytes = _bytes_pattern([file.name for file in files])
        self._ends = {os.fsencode(file.suffix.removeprefix(".") or file.name) for file in files}
        stems: dict[str, list[str]] = {}
        for file in files:
            stems.setdefault(file.suffix.removeprefix("."), []).append(file.stem)
        self._parts = [(_suffix_pattern(suffix), _bytes_pattern(of_suffix)) for suffix, of_suffix in stems.items()]

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the offset and the name of every mention in the text."""
        for match in self._pattern.finditer(text):
            if not _ELSEWHERE.search(text, max(0, match.start() - _LONGEST_URL), match.start()):
                yield match.start(), re.sub(_SEPARATOR, "/", match.group(1))

    def find_in_file(self, file: str, text: str) -> Iterator[NamedPlace]:
        """Yield every mention in the text of a file.

        It has a path if the file states that from its own folder.
        """
        by_path = {posixpath.normpath(path): name for name, paths in self.paths.items() for path in paths}
        stated = stated_paths(file, text, is_shell=is_shell(file, text))
        known = [NamedPlace(at, end, by_path[path], path) for at, end, path in stated if path in by_path]
        others = (NamedPlace(at, at + len(name), name) for at, name in self.find(text))
        yield from sorted([*known, *(each for each in others if not any(it.has(each) for it in known))])

    def path_in(self, texts: Iterable[str], name: str) -> str:
        """Return the path of the old database that the texts name from the workspace, or nothing.

        Args:
            texts: Possible texts of one expression.
            name: Name by which the database is recognised.
        """
        ends = [text[: at + len(name)] for text in texts for at, other in self.find(text) if other == name]
        written = {end.rpartition(f"{WORKSPACE}/")[2] for end in ends if WORKSPACE in end}
        paths = [path for path in map(posixpath.normpath, self.paths[name]) if path in written]
        return paths[0] if len(paths) == 1 else ""

    def is_temporary(self, texts: Iterable[str], name: str) -> bool:
        """Return whether each text with a name has it below a temporary folder."""
        fronts = [text[:at] for text in texts for at, other in self.find(text) if other == name]
        return bool(fronts) and all(map(_BELOW_TEMPORARY.search, fronts))

    def may_occur_in(self, data: bytes) -> bool:
        """Return quickly whether a file may contain one of the names in one piece."""
        return self._has_an_end(data) and bool(self._in_bytes.search(data))

    def may_be_assembled_in(self, data: bytes) -> bool:
        """Return quickly whether a program may assemble one of the names from pieces."""
        if not self._has_an_end(data):
            return False
        if self.patterns.may_be_built_in(data):
            return True
        stems = [stem for ending, stem in self._parts if ending.search(data)]
        squeezed = data.translate(None, _BETWEEN_PIECES) if stems else b""
        return any(stem.search(squeezed) for stem in stems)

    def _has_an_end(self, data: bytes) -> bool:
        """Return whether the file has the suffix of a database, or the whole name of one without.

        Most files have none, and hundreds of names are not looked for in them.
        """
        return any(end in data for end in self._ends)


def any_of(names: Iterable[str]) -> str:
    """Return a regular expression for any of the names, which takes the longest.

    Names that begin alike are one branch, so that the time of a search hardly grows with their number.
    """
    return _branch(sorted(set(names)), _MOST_BRANCHES) or "(?!)"


def _branch(names: list[str], depth: int) -> str:
    prefix = os.path.commonprefix(names)  # noqa: RUF071 -- of characters, not of folders
    ends = [name[len(prefix) :] for name in names]
    further = [end for end in ends if end]
    if not further:
        return re.escape(prefix)
    if depth:
        branches = [_branch(list(alike), depth - 1) for _, alike in groupby(further, itemgetter(0))]
    else:
        branches = [re.escape(end) for end in sorted(further, key=len, reverse=True)]
    return f"{re.escape(prefix)}(?:{'|'.join(branches)}){'?' if len(further) < len(ends) else ''}"


def _bytes_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(any_of(os.fsencode(name).decode("latin-1") for name in names).encode("latin-1"))


def _suffix_pattern(suffix: str) -> re.Pattern[bytes]:
    """Return the pattern of a suffix in a program, such as ``.db`` or ``"db"``."""
    end = re.escape(os.fsencode(suffix))
    return re.compile(rb"\." + end + rb"(?!\w)|[\"']" + end + rb"[\"']" if end else b"")


def distinguishing_name(database: str, target: str) -> str:
    """Return the shortest end of the path that is no end of the target's path."""
    parts, others = PurePosixPath(database).parts, PurePosixPath(target).parts
    for count in range(1, len(parts) + 1):
        if parts[-count:] != others[-count:]:
            return "/".join(parts[-count:])
    return parts[-1]


def excerpt(line: str, name: str, file: str) -> str:
    """Return the stripped line without secrets, or 120 characters around the name.

    Args:
        line: The line.
        name: What is to be in the excerpt.
        file: File of the line, whose name tells the language.
    """
    around = max(0, line.find(name) - _READ_AROUND)
    line = mask_secrets(line[around : around + 2 * _READ_AROUND].strip(), in_code=has_only_literals(file))
    if len(line) <= EXCERPT_LENGTH:
        return line
    start = max(0, min(line.find(name) - EXCERPT_LENGTH // 4, len(line) - EXCERPT_LENGTH))
    return line[start : start + EXCERPT_LENGTH]
