"""Scan code, configuration and documentation for the names of old databases."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.old_names import (
    EXCERPT_LENGTH,
    KINDS_IN_USE,
    Mention,
    MentionKind,
    OldNames,
)
from sqlite_consolidate.engine.code.scanning.python_strings import python_mentions
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope, list_scanned_files
from sqlite_consolidate.engine.code.scanning.text_mentions import text_mentions
from sqlite_consolidate.engine.code.scanning.text_patterns import is_javascript, is_shell, is_yaml, lists_a_folder
from sqlite_consolidate.engine.code.scanning.workspace_constants import WorkspaceConstants, module_path
from sqlite_consolidate.engine.code.source_files import encoding_of, is_python
from sqlite_consolidate.engine.sqlite.limits import Progress
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_first_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlite_consolidate.plan.parts.programs import Exemption

_MAX_LINES_SHOWN = 10
_FIRST_LINE = 200
_SHEBANG_OF_PYTHON = re.compile(rb"#!.*\b(?:python[\d.]*|pypy[\d.]*|uv)\b")
_HEAD_BYTES = 4096  # a NUL in the first bytes: not text
_DOCUMENTATION = frozenset({".md", ".rst", ".txt", ".adoc", ".log"})
_IGNORE_FILES = frozenset({".gitignore", ".dockerignore", ".gitattributes", ".ignore"})
_CONFIG = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".json", ".xml", ".properties"})


@dataclass(frozen=True)
class ScanResult:
    """Hold the result of a scan.

    Attributes:
        mentions: Every mention, in the order of files and lines.
        files_read: Number of text files that were read completely.
        not_scanned: Files that were not read, each with the reason as its text; ``unreadable`` ones should be read.
    """

    mentions: tuple[Mention, ...]
    files_read: int
    not_scanned: tuple[Mention, ...]


def find_mentions(
    scope: ScanScope, planned: Mapping[str, bytes] | None = None, progress: Progress | None = None
) -> ScanResult:
    """Return every mention of an old database's file name, without opening a database.

    Args:
        scope: What to read and to look for.
        planned: Content that files will have after the planned rewrites. It is scanned in place of what they have now.
        progress: Shows how many files were read.
    """
    progress = progress or Progress()
    names = scope.names
    trees = list_scanned_files(scope)
    planned, root = planned or {}, os.fspath(scope.root)
    mentions: dict[str, list[Mention]] = {}
    unread = list(trees.not_scanned)
    suffix_constants: set[tuple[str, str]] = set()
    constants = WorkspaceConstants(trees.files, lambda file: text_of(root, file, planned))
    progress.begin(len(trees.files), "files")
    for file in trees.files:
        progress.counted += 1
        try:
            data = _text_bytes(f"{root}/{file}", planned.get(file))
        except OSError as error:
            unread.append(Mention(file, 0, f"it cannot be read: {error.strerror}", "", "unreadable"))
            continue
        if data is not None:
            mentions[file] = mentions_in(file, data, names, constants)
            if is_python(file):
                module = module_path(file).rpartition("/")[2]
                suffix_constants |= {(module, name.decode()) for name in names.patterns.suffix_constants(data)}
    for file in trees.files if suffix_constants else ():
        if is_python(file) and mentions.get(file) == []:
            mentions[file] = _by_imported_suffix(file, text_of(root, file, planned), names, constants, suffix_constants)
    exempted = (_apply_exemptions(mention, scope.exempt) for of_file in mentions.values() for mention in of_file)
    return ScanResult(tuple(exempted), len(mentions), tuple(unread))


def text_of(root: str, file: str, planned: Mapping[str, bytes]) -> str | None:
    """Return the text of a file, or None if it has none."""
    try:
        data = _text_bytes(f"{root}/{file}", planned.get(file))
    except OSError:
        return None
    return None if data is None else _decoded(file, data)


def _by_imported_suffix(
    file: str, text: str | None, names: OldNames, constants: WorkspaceConstants, suffixes: Collection[tuple[str, str]]
) -> list[Mention]:
    """Return the mentions of a module that imports the suffix of a database.

    Args:
        file: Its path.
        text: Its text, or None if it has none.
        names: Names to look for.
        constants: What it can import.
        suffixes: Modules with a constant that is a suffix, and the name of the constant.
    """
    if text is None or not any(module in text and name in text for module, name in suffixes):
        return []
    try:
        return python_mentions(file, text, names, constants.of(file))
    except SyntaxError:
        return []


def stale_observations(result: ScanResult) -> list[Observation]:
    """Observe each mention in use and each place that could not be scanned.

    Without any, one passed observation gives the number of files and counts the other mentions.
    """
    hint = "Add a [[reference]] for it to the plan, change it by hand, or exempt it: [[scan.exempt]], with a reason."
    stale = failed_observations(result, lambda _mention: hint)
    if stale:
        return stale
    observed = f"{result.files_read} files read, none does"
    kinds = Counter(mention.kind for mention in result.mentions)
    if kinds["documentation"]:
        observed += f"; {kinds['documentation']} mentions in documentation"
    if kinds["exempt"]:
        observed += f"; {kinds['exempt']} mentions that the plan exempts"
    if too_large := sum(mention.kind == "not scanned" for mention in result.not_scanned):
        observed += f"; {too_large} files not read: too large"
    if not result.files_read:
        return [not_required("scanned files", f"there is no text file to scan; {observed}")]
    examined = result.files_read
    return [Observation("scanned files", "none names an old database", observed, holds=True, examined=examined)]


def failed_observations(result: ScanResult, advise: Callable[[Mention], str]) -> list[Observation]:
    """Observe each mention in use, with advice, and each place that could not be scanned.

    A pattern that can be the name of several databases is one mention.
    """
    mentions: dict[tuple[str, int, str], list[Mention]] = {}
    for mention in result.mentions:
        if mention.kind in KINDS_IN_USE:
            mentions.setdefault((mention.file, mention.line, mention.subject), []).append(mention)
    stale = [
        Observation(
            f"{first.file}:{first.line}",
            _expected([first, *others]),
            one_line(first.text)[:EXCERPT_LENGTH],
            holds=False,
            todo=advise(first),
        )
        for first, *others in mentions.values()
    ]
    return stale + [_unread_observation(file) for file in result.not_scanned if file.kind == "unreadable"]


def _expected(mentions: Sequence[Mention]) -> str:
    names = join_first_names([mention.database for mention in mentions])
    return f"no computed name that can be {names}" if mentions[0].pattern else f"no mention of {names}"


def mention_findings(result: ScanResult, exempt: Sequence[Exemption]) -> list[Finding]:
    """Return a finding for each file and database whose mentions need no judgement.

    These are documentation, exempt places, files too large to read, and exemptions that no mention needs.
    """
    lines: dict[tuple[str, str, str], list[int]] = {}
    for mention in result.mentions:
        if mention.kind in ("documentation", "exempt"):
            lines.setdefault((mention.file, mention.subject, mention.reason), []).append(mention.line)
    findings = [
        _mention_finding(f"{file}:{_format_lines(numbers)}", name, reason, len(numbers))
        for (file, name, reason), numbers in lines.items()
    ]
    findings += [
        Finding.of("not-scanned", mention.file, f"not scanned: {mention.text}.")
        for mention in result.not_scanned
        if mention.kind == "not scanned"
    ]
    needed = {mention.reason for mention in result.mentions if mention.kind == "exempt"}
    return findings + [
        Finding.of("exemption-idle", exemption.path, "exempt in [scan], and names no old database: take it out.")
        for exemption in exempt
        if exemption.reason not in needed
    ]


def attention_findings(result: ScanResult) -> list[Finding]:
    """Return a finding for each sentence that names an old database.

    Each open pattern is a finding as well, and so is a link that was not followed.
    """
    findings = []
    for mention in result.mentions:
        place = f"{mention.file}:{mention.line}"
        if mention.kind == "sentence":
            findings.append(Finding.of("mention-in-sentence", place, f"names {mention.subject} in a text for people."))
        elif mention.kind == "open pattern":
            text = f"{mention.pattern} can be the name of any database. Check that it opens no old one."
            findings.append(Finding.of("open-name-pattern", place, text))
    findings += [
        Finding.of("link-not-scanned", mention.file, f"not examined: {mention.text}.")
        for mention in result.not_scanned
        if mention.kind == "link outside"
    ]
    return list(dict.fromkeys(findings))


def _mention_finding(place: str, database: str, reason: str, lines: int) -> Finding:
    """Return a finding for the lines of one file that name one database.

    Only an exemption has a reason.
    """
    if reason:
        return Finding.of("mention-exempt", place, f"names {database}, exempt: {reason}.", count=lines)
    return Finding.of("mention-in-documentation", place, f"names {database} (documentation).", count=lines)


def _format_lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_MAX_LINES_SHOWN]))
    return shown if len(lines) <= _MAX_LINES_SHOWN else f"{shown} and {len(lines) - _MAX_LINES_SHOWN} more"


def _apply_exemptions(mention: Mention, exempt: Sequence[Exemption]) -> Mention:
    """Return the mention, marked as exempt if it is in use and the plan exempts its place."""
    for exemption in exempt if mention.kind in (*KINDS_IN_USE, "open pattern") else ():
        is_there = fnmatchcase(mention.file, exemption.path) or mention.file.startswith(
            exemption.path.rstrip("/") + "/"
        )
        if is_there and exemption.pattern in ("", mention.subject):
            return replace(mention, kind="exempt", reason=exemption.reason)
    return mention


def _unread_observation(file: Mention) -> Observation:
    hint = "Make it readable, or correct `paths` of [scan] in the plan."
    return Observation(file.file, "can be scanned", file.text, holds=False, todo=hint)


def _text_bytes(path: str, planned: bytes | None) -> bytes | None:
    """Return the file's bytes, decoded from UTF-16 if marked so, or None if it is not text.

    Planned bytes take their place.
    """
    with io.FileIO(path) if planned is None else io.BytesIO(planned) as opened:
        head = opened.read(_HEAD_BYTES)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return (head + opened.read()).decode("utf-16", "replace").encode()
        if b"\0" in head:
            return None
        return head + opened.read() if len(head) == _HEAD_BYTES else head


def mentions_in(file: str, data: bytes, names: OldNames, constants: WorkspaceConstants | None = None) -> list[Mention]:
    """Return every mention in the content of a file.

    Args:
        file: Its path.
        data: Its content.
        names: Names to look for.
        constants: What it can import from other files.
    """
    if not _is_python_program(file, data):
        if not (names.may_occur_in(data) or _may_compute(file, data, names)):
            return []
        environment = constants.environment_beside(file) if constants and is_yaml(file) else ""
        return text_mentions(file, _decoded(file, data), _kind(file), names, environment)
    if not names.may_be_assembled_in(data):
        return []
    text = _decoded(file, data)
    try:
        return python_mentions(file, text, names, constants.of(file) if constants else None)
    except SyntaxError:  # a template, or Python of another version: its text still counts
        return text_mentions(file, text, "code", names)


def _is_python_program(file: str, data: bytes) -> bool:
    """Return whether a file is in Python, by its name, or else by its first line."""
    has_suffix = bool(PurePosixPath(file).suffix)
    return is_python(file) or (not has_suffix and bool(_SHEBANG_OF_PYTHON.match(data)))


def _may_compute(file: str, data: bytes, names: OldNames) -> bool:
    """Return quickly whether a file other than Python may compute the name of a database."""
    first_line = data[:_FIRST_LINE].decode("latin-1")
    if is_javascript(file, first_line):
        return names.patterns.may_be_built_in(data) or lists_a_folder(data)
    if _kind(file) == "code" and not is_shell(file, first_line):
        return names.patterns.may_be_built_in(data)
    return names.patterns.may_occur_in(data)


def _decoded(file: str, data: bytes) -> str:
    encoding = encoding_of(file, data)
    return data.decode("latin-1" if isinstance(encoding, Problem) else encoding)


def is_documentation(file: str) -> bool:
    """Return whether a file is prose or a list of ignored files, by its name."""
    path = PurePosixPath(file)
    return path.suffix.lower() in _DOCUMENTATION or path.name in _IGNORE_FILES


def _kind(file: str) -> MentionKind:
    path = PurePosixPath(file)
    if is_documentation(file):
        return "documentation"
    return "config" if path.suffix.lower() in _CONFIG or path.name.startswith(".env") else "code"
