"""Read the paths that a program states from the folder of its own file."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_RAILS = "database.yml"
_RELATIVE_PATH = re.compile(r"(?<![\w./-])[\w.-][\w./-]*")
_OWN_FOLDER = re.compile(
    r"(?P<up>(?:(?:\b(?:File|path)\.|\\)?\bdirname\s*\(\s*){0,9})"
    r"(?P<own>\b__FILE__\b|\b__filename\b|\b__DIR__\b|\b__dirname\b|\b__dir__\b"
    r"|\bimport\.meta\.dirname\b)[\s)]*"
)
_OWN_FILE = frozenset({"__FILE__", "__filename"})
_BEFORE_OWN_FOLDER = re.compile(
    r"([\"'])(?P<path>\w[\w./-]*|\.[\w./-]+)\1\s*,\s*(?:__dir__|__DIR__|import\.meta\.url)\b"
)
_DIRNAME = (
    r"\$\(\s*dirname\s+(?:--\s+)?\"?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)\"?\s*\)|\$\{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}"
)
_OWN_FOLDER_OF_SHELL = (
    rf"(?:\"?(?:{_DIRNAME})\"?|\"?\$\(\s*cd\s+(?:--\s+)?\"?(?:{_DIRNAME})\"?\s*(?:&&|;)\s*pwd(?:\s+-P)?\s*\)\"?)"
)
_ASSIGNED = re.compile(rf"(?:^|(?<=[\s;]))(\w+)={_OWN_FOLDER_OF_SHELL}[ \t]*(?=$|[;&])", re.MULTILINE)
_CHANGES_FOLDER = re.compile(
    r"(?:^|(?<=[;&|{])|(?<=[^$]\())[ \t]*(?:cd|pushd)[ \t]+(?:--[ \t]+)?(?P<to>[^;&|\n]+)", re.MULTILINE
)
_FURTHER_PARTS = r"(?P<parts>(?:[\"'][\w./ -]*[\"']\s*,\s*)*)"
_REST = re.compile(rf"(?:\s*[.+,]\s*|\}})?{_FURTHER_PARTS}[\"'`]?(?P<path>/?[\w.][\w./-]*)")
_REST_OF_SHELL = re.compile(r"\"?(?P<parts>)(?P<path>/[\w./-]+)")


class StatedPath(NamedTuple):
    """Hold a place of a program that states a path.

    Attributes:
        start: Where the relative path begins.
        end: Where it ends.
        path: The path, relative to the workspace.
    """

    start: int
    end: int
    path: str


def stated_paths(file: str, text: str, *, is_shell: bool) -> Iterator[StatedPath]:
    """Yield each path that leads from the folder of a file.

    The file names that folder (``__DIR__``, ``__dirname``, ``dirname "$0"``), or it changes to it and to no other. A
    relative path in ``config/database.yml`` of Rails leads from the folder of the application.

    Args:
        file: Path of the file.
        text: Its text.
        is_shell: Whether it is a script of a shell.
    """
    folder = posixpath.dirname(file)
    if posixpath.basename(file) == _RAILS and posixpath.basename(folder) == "config":
        yield from _from_folder(posixpath.dirname(folder), text)
    elif is_shell:
        yield from _of_shell(folder, text)
    else:
        for match in _OWN_FOLDER.finditer(text):
            steps = match["up"].count("dirname") - (match["own"] in _OWN_FILE)
            yield from _after(text, match.end(), posixpath.join(folder, *[".."] * steps), _REST) if steps >= 0 else ()
        for match in _BEFORE_OWN_FOLDER.finditer(text):
            path = posixpath.normpath(posixpath.join(folder, match["path"]))
            yield StatedPath(match.start("path"), match.end("path"), path)


def _of_shell(folder: str, text: str) -> Iterator[StatedPath]:
    names = "|".join(match[1] for match in _ASSIGNED.finditer(text)) or "(?!)"
    own_folder = re.compile(rf"{_OWN_FOLDER_OF_SHELL}|\$(?:(?:{names})\b|\{{(?:{names})\}})")
    for match in own_folder.finditer(text):
        yield from _after(text, match.end(), folder, _REST_OF_SHELL)
    changes = list(_CHANGES_FOLDER.finditer(text))
    to = changes[0]["to"].strip().removeprefix('"') if len(changes) == 1 else ""
    if start := own_folder.match(to):
        further = to[start.end() :].strip('"')
        if re.fullmatch(r"(?:/[\w./-]*)?", further):
            yield from _from_folder(posixpath.join(folder, further.lstrip("/")), text, changes[0].end())


def _after(text: str, offset: int, folder: str, rest: re.Pattern[str]) -> Iterator[StatedPath]:
    """Yield the path that continues a folder at an offset, if there is one."""
    if match := rest.match(text, offset):
        parts = [part.strip(" \"'") for part in match["parts"].split(",")]
        path = posixpath.join(folder, *parts, match["path"].lstrip("/"))
        yield StatedPath(match.start("path"), match.end(), posixpath.normpath(path))


def _from_folder(folder: str, text: str, offset: int = 0) -> Iterator[StatedPath]:
    """Yield each relative path as one that leads from a folder."""
    for match in _RELATIVE_PATH.finditer(text, offset):
        yield StatedPath(match.start(), match.end(), posixpath.normpath(posixpath.join(folder, match.group())))
