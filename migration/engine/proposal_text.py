"""One answer: what a text that names an old database says when it names the target, and which piece of it changes."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from migration.engine.code_files import line_of, line_starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.engine.mention import OldNames

SIDECAR = re.compile(r"-(wal|shm|journal)\b")

_PATH_BEFORE = re.compile(r"[\w./\\-]*\Z")
_SCHEME = re.compile(r"\b[a-z][a-z0-9+]*:\Z")
_CLIMBING = re.compile(r"(?:\.{1,2}/)*")
_END_OF_VARIABLE = tuple("}])\"'%")


class Place(NamedTuple):
    """Where an old database is, and where its rows go: paths relative to the workspace."""

    old: str
    target: str

    def folder(self, written: str) -> str | None:
        """Return the folder from which a path leads to the old database, "." for the workspace; None if none does."""
        if written != self.old and not self.old.endswith(f"/{written}"):
            return None
        return self.old[: len(self.old) - len(written)].rstrip("/") or "."

    def way(self, folder: str) -> str:
        """Return the path that leads from a folder of the workspace to the target."""
        return posixpath.relpath(self.target, folder)


class Change(NamedTuple):
    """What becomes of one mention.

    Attributes:
        line: Of the mention, from 1.
        name: Of the database, as it is recognised.
        find: Text, or expression, to be replaced; empty where it is not understood.
        replace: What takes its place.
        why: What it rests on, or why it is not understood.
    """

    line: int
    name: str
    find: str
    replace: str
    why: str


def text_changes(text: str, names: OldNames, places: Mapping[str, Place]) -> list[Change]:
    """Return a change for every mention in a text that is no Python; each finds its place just once."""
    found: list[tuple[int, str, Moved | None]] = []
    for offset, name in names.find(text):
        end = offset + len(name)
        found.append((end, name, None if SIDECAR.match(text, end) else moved(text[:end], places[name])))
    pieces = [_Piece(end - len(made.old), end, made.new) for end, _, made in found if made]
    changes = []
    for end, name, made in found:
        find = new = ""
        why = f"it does not lead to {places[name].old} for certain."
        if made:
            find, new = _unique(text, _Piece(end - len(made.old), end, made.new), pieces)
            why = made.why if find else "the same text stands in several places."
        changes.append(Change(line_of(text, end - 1), name, find, new, why))
    return changes


class Moved(NamedTuple):
    """A piece of text and what takes its place: ``old`` is how the text given ends."""

    old: str
    new: str
    why: str


def moved(text: str, place: Place) -> Moved | None:
    """Return how a text that ends with the path of an old database is to end; None if it may be another path.

    What stands before the path that is written out, a variable or the folder a program runs in, must then be the
    folder from which that path leads to the old database. The new path leads from the same folder to the target.

    Args:
        text: Such as ``sqlite:///logs/tasks.db``; the end counts.
        place: Of the database that is named.
    """
    path = _written_out(text)
    climbing = _CLIMBING.match(path)
    ups = climbing.group() if climbing else ""
    written = path[len(ups) :]
    folder = place.folder(written)
    if folder is None:
        return None
    return Moved(path, ups + place.way(folder), f"{written} leads to {place.old}, from {_said(folder)}.")


def _said(folder: str) -> str:
    return "the workspace" if folder == "." else folder


def _written_out(text: str) -> str:
    """Return the relative path at the end of a text: what is behind a variable, or behind the slashes of a URL."""
    found = _PATH_BEFORE.search(text)
    path = found.group() if found else ""
    before = text[: len(text) - len(path)]
    if path.startswith("///") and _SCHEME.search(before):
        return path[3:]  # sqlite:///relative, and sqlite:////absolute
    if before.endswith("$"):
        return path.partition("/")[2]
    return path[1:] if before.endswith(_END_OF_VARIABLE) and path.startswith("/") else path


class _Piece(NamedTuple):
    start: int
    end: int
    new: str


def _unique(text: str, piece: _Piece, others: Sequence[_Piece]) -> tuple[str, str]:
    """Return text that stands there and nowhere else, and its replacement: the path, or its line with all its paths."""
    starts = [*line_starts(text), len(text)]
    number = line_of(text, piece.start)
    first, last = starts[number - 1], starts[number]
    here = [other for other in others if first <= other.start < last]
    if all(text.count(text[other.start : other.end]) == 1 for other in here):
        return text[piece.start : piece.end], piece.new
    line = new = text[first:last].rstrip("\r\n")
    for other in sorted(here, reverse=True):
        new = new[: other.start - first] + other.new + new[other.end - first :]
    return (line, new) if text.count(line) == 1 else ("", "")
