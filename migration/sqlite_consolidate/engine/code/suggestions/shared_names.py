"""Find the places that have the file name of the target and can mean an old database."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.remaining import in_original_lines
from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE, OldNames, distinguishing_name
from sqlite_consolidate.engine.code.scanning.scan import find_mentions, text_of
from sqlite_consolidate.engine.code.source_files import LINE_END, CodeFile, is_python, read_code_file
from sqlite_consolidate.engine.code.suggestions.suggest_python import python_changes, text_changes
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import join_first_names, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.rewrite import Rewrite
    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

_OPENS_SEVERAL = (
    "If it does, let it open {target} only, and change its queries, because each one then reads the rows of all."
)
_PATTERN = re.compile(r"\*[^\s\"'`*]*/[\w.]|\brglob\(")


class SharedName(NamedTuple):
    """Hold a place that names the target or an old database of the same file name.

    It states no folder that tells which one it means.

    Attributes:
        mention: The place.
        files: The old databases that it can mean.
        is_beside: Whether its path leads from the folder of its own file to an old database.
        opens_several: Whether its line has a pattern of folders.
    """

    mention: Mention
    files: tuple[str, ...]
    is_beside: bool
    opens_several: bool

    @property
    def place(self) -> str:
        """Return the file and the line."""
        return f"{self.mention.file}:{self.mention.line}"


def find_shared_names(scope: ScanScope, rewrites: Sequence[Rewrite] = ()) -> list[SharedName]:
    """Return the places that can mean an old database with the file name of the target.

    A path that leads from the folder of its own file to the target means the target. A file below a temporary folder
    is none of them.

    Args:
        scope: What to scan.
        rewrites: The planned rewrites.
    """
    target = posixpath.normpath(scope.target)
    name = posixpath.basename(target)
    alike = [file for file in map(posixpath.normpath, scope.databases) if posixpath.basename(file) == name]
    if not alike or target in alike:
        return []
    planned = {rewrite.file: rewrite.after for rewrite in rewrites}
    longest = max(alike, key=lambda file: distinguishing_name(target, file).count("/"))
    has_folder = "/" in distinguishing_name(target, longest)
    stated = _places(replace(scope, databases=alike), planned)
    of_target = _places(replace(scope, databases=[target], target=longest), planned)
    shared = []
    for place, mention in _places(replace(scope, databases=[*alike, target], target=""), planned).items():
        line = _line(scope.root, mention, planned)
        beside = [file for file in (target, *alike) if _is_beside(file, mention.file, line)]
        names_target = target in beside or (place in of_target and (has_folder or not beside))
        if mention.path or mention.use == "temporary" or place in stated or names_target:
            continue
        shared.append(SharedName(mention, tuple(beside or alike), bool(beside), bool(_PATTERN.search(line))))
    originals = in_original_lines([each.mention for each in shared], rewrites)
    return [each._replace(mention=mention) for each, mention in zip(shared, originals, strict=True)]


def with_shared_names(
    uses: Mapping[str, Sequence[Mention]], shared: Sequence[SharedName]
) -> dict[str, tuple[Mention, ...]]:
    """Return the places that name each old database, with those that can mean it.

    Args:
        uses: Each old database to the places that name it.
        shared: The places that have the file name of the target.
    """
    return {
        file: (*mentions, *(each.mention for each in shared if posixpath.normpath(file) in each.files))
        for file, mentions in uses.items()
    }


def _places(scope: ScanScope, planned: Mapping[str, bytes]) -> dict[tuple[str, int], Mention]:
    mentions = find_mentions(scope, planned).mentions
    return {(each.file, each.line): each for each in mentions if each.kind in KINDS_IN_USE and not each.pattern}


def _line(root: Path, mention: Mention, planned: Mapping[str, bytes]) -> str:
    lines = LINE_END.split(text_of(os.fspath(root), mention.file, planned) or "")
    return lines[mention.line - 1] if mention.line <= len(lines) else ""


def _is_beside(database: str, file: str, line: str) -> bool:
    """Return whether the path in a line leads from the folder of its file to a database."""
    folder = posixpath.dirname(file)
    is_below = not folder or database.startswith(f"{folder}/")
    return is_below and posixpath.relpath(database, folder or ".") in line


def shared_name_findings(root: Path, target: str, shared: Sequence[SharedName]) -> Iterator[Finding]:
    """Yield a finding for each place.

    It has the reference that replaces the path, if that is known.

    Args:
        root: The workspace.
        target: Path of the target.
        shared: The places.
    """
    for each in shared:
        files = join_first_names(each.files)
        fact = f"names {posixpath.basename(target)} without a folder that tells {target} from {files}."
        if each.is_beside:
            fact += f" {files} is in the folder of this file."
        advice = f"If it opens {files}, {_advice(root, target, each)}. If it opens {target}, there is nothing to do."
        if each.opens_several:
            advice = f"Its pattern can open all of them. {_OPENS_SEVERAL.format(target=target)} {advice}"
        yield Finding.of("name-shared", each.place, f"{fact} {advice}")


def _advice(root: Path, target: str, shared: SharedName) -> str:
    code = read_code_file(root, shared.mention.file)
    if len(shared.files) == 1 and isinstance(code, CodeFile):
        changes_of = python_changes if is_python(code.file) else text_changes
        for change in changes_of(code, OldNames(shared.files), posixpath.normpath(target)):
            if change.line == shared.mention.line and change.find == mask_secrets(change.find) != "":
                keys = {"file": code.file, "find": change.find, "replace": change.replace}
                lines = ", ".join(f"`{key} = {toml_string(value)}`" for key, value in keys.items())
                places = f", `places = {change.places}`" if change.places > 1 else ""
                return f"add a [[reference]] with {lines}{places}"
    return "change it by a [[reference]]"
