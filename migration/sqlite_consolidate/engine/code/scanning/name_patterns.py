"""Decide whether a name that a program computes can be that of an old database."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

UNKNOWN = "\0"
"""Part of a text that is known only at run time. No file name contains this character."""

WORKSPACE = "\1"
"""Folder of the workspace, with which a path begins that a module computes from its own path (``__file__``)."""

TEMPORARY = "\2"
"""End of the path of a folder for temporary files, such as ``tmp_path`` of pytest."""

_WILDCARDS = re.compile(r"\*+|\?|\[[^\[\]/]*\]|%-?[A-Za-z]|%\(\w+\)[a-z]|\{\{[^{}]*\}\}|\{[^{}]*\}")
_SEPARATORS = re.compile(r"[/\\]+")
_WORD_BEFORE = re.compile(r"[^\s\"'`=:;,()<>|&]*\Z")
_DOT_BETWEEN_PARTS = re.compile(rb"\.\$?\{|\.%[s(]|\.\$\w|[\"']\.[\"']|\.[\"']\s*[+,)\]]")
_LONGEST = 1000  # characters of a pattern
_REMOTE = re.compile(r"\b(?:https?|ftps?|wss?):\Z")
_LITERAL = re.compile(r"[^\W_]")
_ANYWHERE = frozenset({"..", "~"})
_ANY_DEPTH = UNKNOWN * 2
"""Folder that stands for any number of folders, none included."""


class NamePattern(NamedTuple):
    """Hold a pattern of file names that a text contains.

    Attributes:
        word: The pattern with ``UNKNOWN`` for each part that is computed.
        databases: Names of the old databases that it can produce. It is empty if the pattern is so open that it can
            produce the name of any database.
    """

    word: str
    databases: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Return the pattern as a reader writes it, such as ``events-*.db``.

        Folders do not tell an open pattern from others.
        """
        shown = re.sub(f"{UNKNOWN}+", "*", self.word)
        return shown if self.databases else _SEPARATORS.split(shown)[-1]


class NamePatterns:
    """Recognise patterns that can produce the path of an old database.

    A pattern ends with the suffix of a database, and a part of its file name is computed. Folders that it states have
    to be those of the database. A pattern that states neither a letter of the name nor a folder is open.

    Args:
        paths: Name by which each old database is recognised, and its path. Several may have the same name.
    """

    def __init__(self, paths: Sequence[tuple[str, str]]) -> None:
        self._paths = [(name, PurePosixPath(path)) for name, path in paths]
        suffixes = sorted({path.suffix for _, path in self._paths if len(path.suffix) > 1})
        any_suffix = "|".join(map(re.escape, suffixes)) or "(?!)"
        self._suffixes = [suffix.encode() for suffix in suffixes]
        self._end = re.compile(rf"(?:{any_suffix})(?=(?:{SIDECAR_PATTERN})?(?![\w~]|[.-]\w))")
        self._in_bytes = re.compile(rf"[}}*\])\"'](?:{any_suffix})(?!\w)|(?:{any_suffix})[\"'`?]".encode())
        self._bare_suffixes = [
            f"{quote}{suffix.removeprefix('.')}{quote}".encode() for suffix in suffixes for quote in "\"'"
        ]
        self._quoted_ends = [end for suffix in self._bare_suffixes for end in (suffix[1:], b"." + suffix[1:])]
        bare = "|".join(re.escape(suffix.removeprefix(".")) for suffix in suffixes) or "(?!)"
        names = r"(?:(?P<dotted>\w+)(?=[^=\n]*=\s*[\"']\.)|[ \t]*(?P<bare>[A-Z_][A-Z_\d]*))[ \t]*(?::[^=\n]*)?"
        self._suffix_constant = re.compile(
            rf"^{names}=[ \t]*[\"']\.?(?:{bare})[\"'][ \t]*(?:#.*)?\r?$".encode(), re.MULTILINE
        )
        self._assigned_suffixes = [
            f"={quote}{suffix.removeprefix('.')}".encode() for suffix in suffixes for quote in ("", '"', "'")
        ]
        self._suffix_in_bytes = re.compile(rf"(?:{any_suffix})(?!\w)".encode())

    def may_occur_in(self, data: bytes) -> bool:
        """Return quickly whether a file may contain a pattern, or assign the suffix of one."""
        if self._has_a_suffix(data) and self._suffix_in_bytes.search(data):
            return True
        return any(suffix in data for suffix in self._assigned_suffixes)

    def suffix_constants(self, data: bytes) -> set[bytes]:
        """Return the names to which a Python module binds the suffix of a database.

        A word without a dot is a suffix if the name is that of a constant.
        """
        if not any(end in data for end in self._quoted_ends):
            return set()
        return {match["dotted"] or match["bare"] for match in self._suffix_constant.finditer(data)}

    def may_be_built_in(self, data: bytes) -> bool:
        """Return quickly whether a program may build a name.

        An attribute such as ``self.db`` is no suffix.
        """
        if self._has_a_suffix(data) and self._in_bytes.search(data):
            return True
        return any(suffix in data for suffix in self._bare_suffixes) and bool(_DOT_BETWEEN_PARTS.search(data))

    def _has_a_suffix(self, data: bytes) -> bool:
        return any(suffix in data for suffix in self._suffixes)

    def is_end_of(self, text: str) -> bool:
        """Return whether the text has a word that ends with the suffix of an old database."""
        return bool(self._end.search(text))

    def find(self, text: str, *, named: Collection[str] = ()) -> Iterator[NamePattern]:
        """Yield each pattern in a text that can produce the name of an old database.

        Args:
            text: A string of a program, with ``UNKNOWN`` for each part that is computed. Wildcards and placeholders
                may stand in it. A path from ``WORKSPACE`` has no pattern, because the program may run elsewhere.
            named: Names of old databases that the same place names for certain. If there is one, it is no open pattern.
        """
        text = text.replace(TEMPORARY, "")
        for match in self._end.finditer(text):
            before = _WILDCARDS.sub(_unknown, text[max(0, match.start() - _LONGEST) : match.start()])
            word = _WORD_BEFORE.search(before)
            start = word.group() if word else ""
            *folders, name = _SEPARATORS.split(start + match.group())
            in_front = before[: len(before) - len(start)]
            if UNKNOWN in name and WORKSPACE not in start and not _REMOTE.search(in_front):
                is_cut = in_front[-1:].isspace()
                yield from self._decide(start + match.group(), folders, name, named, is_cut=is_cut)

    def _decide(
        self, word: str, folders: Sequence[str], name: str, named: Collection[str], *, is_cut: bool
    ) -> Iterator[NamePattern]:
        pattern = re.compile(".*".join(map(re.escape, re.split(f"{UNKNOWN}+", name))), re.DOTALL)
        has_letters = bool(_LITERAL.search(PurePosixPath(name).stem.replace(UNKNOWN, "")))
        stated, is_open = [], False
        for known_name, path in self._paths:
            if pattern.fullmatch(path.name):
                number = _stated_folders(folders, path.parent.parts, is_cut=is_cut)
                if number is not None and (number or has_letters):
                    stated.append(known_name)
                is_open |= number is not None
        further = tuple(dict.fromkeys(known_name for known_name in stated if known_name not in named))
        if further or (is_open and not stated and not named):
            yield NamePattern(word, further)


def fits_open_pattern(shown: str, database: str) -> bool:
    """Return whether an open pattern, as it is shown, can be the file name of a database."""
    return bool(re.fullmatch(".*".join(map(re.escape, shown.split("*"))), PurePosixPath(database).name, re.DOTALL))


def _unknown(wildcard: re.Match[str]) -> str:
    return _ANY_DEPTH if wildcard.group().startswith("**") else UNKNOWN


def _stated_folders(folders: Sequence[str], parents: Sequence[str], *, is_cut: bool) -> int | None:
    """Return the number of folders of a path that the pattern states.

    None means that it states others.

    Args:
        folders: Folders of the pattern.
        parents: Folders of the path.
        is_cut: Whether the first folder of the pattern may be the end of a name with a space.
    """
    number = 0
    remaining = list(parents)
    for place, folder in reversed(list(enumerate(folders))):
        if folder == _ANY_DEPTH and place and folders[place - 1] in remaining:
            return number + 1
        if folder in _ANYWHERE or UNKNOWN in folder:
            return number
        if folder in ("", "."):
            continue
        if not remaining:
            return number if number or folders[0] == "" else None
        parent = remaining.pop()
        if folder != parent and not (is_cut and place == 0 and parent.endswith(folder)):
            return None
        number += 1
    return number
