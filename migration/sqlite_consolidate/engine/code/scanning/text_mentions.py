"""Find the mentions of old databases in a text other than Python."""

from __future__ import annotations

import bisect
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.languages.javascript import script_tokens
from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN
from sqlite_consolidate.engine.code.scanning.old_names import (
    COPY_PROGRAMS,
    KINDS_IN_USE,
    Mention,
    MentionKind,
    OldNames,
    excerpt,
)
from sqlite_consolidate.engine.code.scanning.prose import comment_finder, is_sentence, text_finder
from sqlite_consolidate.engine.code.scanning.text_patterns import computed_texts, is_javascript, is_shell, is_yaml
from sqlite_consolidate.engine.code.source_files import line_starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    KindAt = Callable[[int, str], MentionKind]
    """Return the kind of the mention of a name at an offset."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXECUTES = _words(
    "$ all each eval exec execFile execFileSync execSync execa execute fork get prepare query run spawn spawnSync sql"
)
_PLACE = re.compile(r"\$\{[^{}]*\}")
_MOST_LINES_BACK = 200
_ONLY_COPIES = re.compile(rf"[\s@-]*(?:sudo\s+)?(?:{'|'.join(sorted(COPY_PROGRAMS))})\s+(?![\s=])[^;|&()`]*\Z")

_SAYS = (
    r"(?:^|[;&|({]|\b(?:then|else|do)\b)\s*(?:echo|printf|logger|say|die|fail|fatal|abort|warn|warning|err|error|log|info"
    r"|debug|msg|notice|usage)\b(?![-=/.])"
)
_SPEAKS = re.compile(rf"{_SAYS}(?P<words>[^;|>&]*)(?P<rest>.*)")
_TO_A_TERMINAL = re.compile(r"\s*(?:$|;|\|\||&&|\d?>\s*(?:&\d|/dev/stderr|/dev/stdout)\s*(?:$|;|\|\||&&))")
_SHOWN_TEXT = re.compile(r"(?:^|[;&|]\s*)\s*cat\s*(?:\d?>&\d\s*)?<<-?\s*(['\"]?)(?P<end>\w+)\1\s*(?:\d?>&\d)?\s*$")

_YAML_LINE = re.compile(
    r"(?P<before>\s*(?:-\s+)*)(?:(?P<key>[\"']?[\w.$/ -]+[\"']?)\s*:(?:\s+|$))?(?P<value>.*)", re.DOTALL
)
_YAML_COMMANDS = _words(
    "after_script args before_install before_script build cmd command commands entrypoint exec install program raw run "
    "script scripts shell start steps stop test"
)


def text_mentions(file: str, text: str, kind: MentionKind, names: OldNames, environment: str = "") -> list[Mention]:
    """Return each mention in a text, once for each line and name, ordered by line.

    Names are found regardless of the syntax. Comments count as documentation, in the languages whose comments are
    known. Computed names are found in code, YAML and environment files.

    Args:
        file: Path of the file.
        text: Its text.
        kind: What a mention in it is.
        names: Names to look for.
        environment: Text of the settings that a file of YAML has beside it.
    """
    lines = _Lines(text)
    named = list(names.find_in_file(file, text))
    kind_at = _kinds_at(file, text, kind if named else "documentation")
    mentions: dict[tuple[int, str, str], Mention] = {}
    for offset, _, name, path in named:
        number = lines.number(offset)
        line = lines[number]
        mention = Mention(file, number + 1, excerpt(line, name, file), name, kind_at(offset, name), path=path)
        if _ONLY_COPIES.match(line):
            mention = replace(mention, use="copied")
        known = mentions.setdefault((number, "", name), mention)
        if mention.kind in KINDS_IN_USE and known.kind not in KINDS_IN_USE:
            mentions[number, "", name] = mention
    for offset, mention in _computed_mentions(file, text, kind, names, environment) if kind != "documentation" else ():
        number = lines.number(offset)
        line = lines[number]
        placed = Mention(
            file, number + 1, excerpt(line, "", file), mention.database, mention.kind, pattern=mention.pattern
        )
        mentions.setdefault((number, mention.pattern, mention.database), placed)
    return sorted(mentions.values(), key=lambda mention: mention.line)


def _computed_mentions(
    file: str, text: str, kind: MentionKind, names: OldNames, environment: str
) -> Iterator[tuple[int, Mention]]:
    """Yield the offset of each computed name, with a mention that has no place yet."""
    for place in computed_texts(file, text, names.patterns.is_end_of, environment, is_code=kind == "code"):
        written = {name for _, name in names.find(text[place.offset : place.offset + place.length])}
        named = {name for computed in place.texts for _, name in names.find(computed)}
        for name in sorted(named - written):
            yield place.offset, Mention(file, 0, "", name, kind)
        for pattern in (pattern for computed in place.texts for pattern in names.patterns.find(computed, named=named)):
            for database in pattern.databases:
                yield place.offset, Mention(file, 0, "", database, kind, pattern=pattern.shown)
            if not pattern.databases:
                yield place.offset, Mention(file, 0, "", "", "open pattern", pattern=pattern.shown)


def _kinds_at(file: str, text: str, kind: MentionKind) -> KindAt:
    """Return a function that tells what the mention of a name at an offset is.

    Comments are documentation. A string of JavaScript, a value of YAML and what a script of a shell says are sentences
    if the name is a word among others.

    Args:
        file: Path of the file.
        text: Its text.
        kind: What other mentions in it are.
    """
    if kind == "documentation":
        return lambda _offset, _name: kind
    if is_javascript(file, text):
        return _in_javascript(text, kind)
    lines = _Lines(text)
    find_comment, is_for_people = comment_finder(file, text), text_finder(file, text)
    is_said = _is_yaml_sentence if is_yaml(file) else _is_said_by_shell if is_shell(file, text) else None

    def _kind_at(offset: int, name: str) -> MentionKind:
        number = lines.number(offset)
        comment = find_comment(lines[number])
        if offset - lines.starts[number] >= comment or is_for_people(offset):
            return "documentation"
        return "sentence" if is_said and is_said(lines, number, name) else kind

    return _kind_at


def _in_javascript(text: str, kind: MentionKind) -> KindAt:
    tokens = script_tokens(text)
    starts = [token.start for token in tokens]

    def _kind_at(offset: int, name: str) -> MentionKind:
        place = bisect.bisect_right(starts, offset) - 1
        token = tokens[place] if place >= 0 else None
        if token is None or offset >= token.end:
            return kind
        if token.kind == "comment":
            return "documentation"
        is_executed = place > 1 and tokens[place - 1].text == "(" and tokens[place - 2].text in _EXECUTES
        words = _PLACE.sub(UNKNOWN, token.text[1:-1])
        is_text = token.kind in {"string", "template"} and not is_executed
        return "sentence" if is_text and is_sentence(words, name) else kind

    return _kind_at


class _Lines:
    """Hold the lines of a text, numbered from 0."""

    def __init__(self, text: str) -> None:
        self.starts = line_starts(text)
        self._text = text
        self._ends = [*self.starts[1:], len(text)]

    def __getitem__(self, number: int) -> str:
        return self._text[self.starts[number] : self._ends[number]]

    def number(self, offset: int) -> int:
        """Return the number of the line at an offset."""
        return min(bisect.bisect_right(self.starts, offset), len(self.starts)) - 1


def _is_yaml_sentence(lines: _Lines, number: int, name: str) -> bool:
    """Return whether a value is a text for people, and no command."""
    match = _YAML_LINE.match(lines[number])
    if match is None:
        return False
    value = match["value"].strip()
    key = match["key"] or _key_above(lines, number, len(match["before"].replace("-", " ").rstrip("\n")))
    is_list = value.startswith(("[", "{", "&", "*", "!"))
    is_command = key.strip("\"' ").lower() in _YAML_COMMANDS
    return not is_list and not is_command and is_sentence(_unquoted(value), name)


def _unquoted(value: str) -> str:
    quoted = re.match(r"\"([^\"]*)\"|'([^']*)'", value)
    return (quoted[1] or quoted[2] or "") if quoted else re.split(r"\s#", value)[0]


def _key_above(lines: _Lines, number: int, indent: int) -> str:
    """Return the key to which a line without one belongs, or nothing."""
    for above in range(number - 1, max(-1, number - _MOST_LINES_BACK), -1):
        match = _YAML_LINE.match(lines[above])
        if match and match["key"] and len(match["before"].replace("-", " ")) <= indent:
            return str(match["key"])
    return "command"  # what it belongs to is not known


def _is_said_by_shell(lines: _Lines, number: int, name: str) -> bool:
    """Return whether a line of a script shows a name to people, and writes it to no file."""
    for match in _SPEAKS.finditer(lines[number]):
        words = match["words"].strip().strip("\"'")
        if name in words and _TO_A_TERMINAL.match(match["rest"]) and is_sentence(words, name):
            return True
    return is_sentence(lines[number], name) and _is_shown_text(lines, number)


def _is_shown_text(lines: _Lines, number: int) -> bool:
    """Return whether a line belongs to a text that ``cat`` shows."""
    for above in range(number - 1, max(-1, number - _MOST_LINES_BACK), -1):
        if "<<" in lines[above]:
            match = _SHOWN_TEXT.search(lines[above].rstrip())
            ends = match and match["end"] in {lines[line].strip() for line in range(above + 1, number)}
            return bool(match) and not ends
    return False
