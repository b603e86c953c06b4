"""Find the mentions of old databases in a text other than Python."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE, Mention, MentionKind, OldNames, excerpt
from sqlite_consolidate.engine.code.scanning.text_patterns import computed_texts
from sqlite_consolidate.engine.code.scanning.text_places import kinds_at
from sqlite_consolidate.engine.code.source_files import line_starts

if TYPE_CHECKING:
    from collections.abc import Iterator


def text_mentions(file: str, text: str, kind: MentionKind, names: OldNames) -> list[Mention]:
    """Return each mention in a text, once for each line and name, ordered by line.

    Names are found regardless of the syntax. Comments count as documentation, in the languages whose comments are
    known. Computed names are found in shell, JavaScript, YAML and environment files.
    """
    lines = _Lines(text)
    kind_at = kinds_at(file, text, kind)
    mentions: dict[tuple[int, str, str], Mention] = {}
    for offset, name in names.find(text):
        number, line = lines.at(offset)
        mention = Mention(file, number, excerpt(line, name, file), name, kind_at(offset, name))
        known = mentions.setdefault((number, "", name), mention)
        if mention.kind in KINDS_IN_USE and known.kind not in KINDS_IN_USE:
            mentions[number, "", name] = mention
    for offset, mention in _computed_mentions(file, text, kind, names) if kind != "documentation" else ():
        number, line = lines.at(offset)
        placed = Mention(file, number, excerpt(line, "", file), mention.database, mention.kind, pattern=mention.pattern)
        mentions.setdefault((number, mention.pattern, mention.database), placed)
    return sorted(mentions.values(), key=lambda mention: mention.line)


def _computed_mentions(file: str, text: str, kind: MentionKind, names: OldNames) -> Iterator[tuple[int, Mention]]:
    """Yield the offset of each computed name, with a mention that has no place yet."""
    for place in computed_texts(file, text, names.patterns.is_end_of):
        written = {name for _, name in names.find(text[place.offset : place.offset + place.length])}
        named = {name for computed in place.texts for _, name in names.find(computed)}
        for name in sorted(named - written):
            yield place.offset, Mention(file, 0, "", name, kind)
        for pattern in (pattern for computed in place.texts for pattern in names.patterns.find(computed, named=named)):
            for database in pattern.databases:
                yield place.offset, Mention(file, 0, "", database, kind, pattern=pattern.shown)
            if not pattern.databases:
                yield place.offset, Mention(file, 0, "", "", "open pattern", pattern=pattern.shown)


class _Lines:
    """Find the line at an offset of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [*line_starts(text), len(text)]

    def at(self, offset: int) -> tuple[int, str]:
        """Return the number and the text of the line at an offset."""
        number = bisect.bisect_right(self._starts, offset, hi=len(self._starts) - 1)
        start = self._starts[number - 1]
        return number, self._text[start : self._starts[number]]
