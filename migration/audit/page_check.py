"""Check that the page of a bundle says what the evidence says, and runs and loads nothing of others."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from itertools import zip_longest
from typing import TYPE_CHECKING

from migration.audit.answers import counts
from migration.audit.bundle_check import PAGE, agreement
from migration.audit.evidence_file import SCHEMA, UNTIL_SCHEMA_2
from migration.audit.page import STYLES, page
from migration.audit.page_scripts import is_guarded, known_scripts, script_digest
from migration.audit.records import about_source, asked_of
from migration.plan.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.audit.evidence import Record
    from migration.audit.told import BundleContents
    from migration.engine.observation import Observation

_ELSEWHERE = frozenset({"contents", "smoke", "code", "sql", "attempts", "unchecked"})
"""Sections of the page that say what the evidence does not hold, or holds cut short."""

_OF_MOVES = frozenset({"tables", "pictures"})
"""Sections that say what was to be moved, which the evidence of a run that moved nothing does not hold."""

_MOVED = ("Moved", "To be moved", "Moved, on copies")  # of a run that moved nothing, its evidence does not say it
_LOADING = frozenset({"src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "xlink:href"})
_LINKS = re.compile(r"#|https://pypi\.python\.org/pypi/pytest-html$|$")
_FOREIGN = frozenset({"iframe", "frame", "object", "embed", "applet", "base", "form", "link", "portal"})
_SHOWN = 300
_STYLES = 2  # the running head of printed pages; and those of pytest-html, of the operator and of the record


def faithful(told: BundleContents) -> list[Observation]:
    """Observe that the page, if the bundle has it, has the numbers of the evidence, and no script but the known one."""
    if PAGE not in told.bundle.files or told.record is None:  # --html may have sent it elsewhere
        return []
    text = told.bundle.text(PAGE)
    reader = _PageReader(text)
    numbers = _sections(told, told.record, reader) if told.of_this_release else _counts(told, told.record, reader)
    styles = _styles(reader) if told.of_this_release and "<html" in text.lower() else ()
    return [*numbers, *_active(text, reader), *styles]


def _sections(told: BundleContents, record: Record, reader: _PageReader) -> Iterator[Observation]:
    """Yield for each section whether it says what the page says that is drawn from the evidence now."""
    expected = _PageReader(page(_completed(told, record))).sections
    elsewhere = _ELSEWHERE if record.moves or not record.mode.is_consolidation else _ELSEWHERE | _OF_MOVES
    for section in dict.fromkeys([*expected, *reader.sections]):
        if section not in elsewhere:
            pair = (_comparable(sections.get(section, []), record) for sections in (expected, reader.sections))
            yield agreement(f"{PAGE}: {section or 'outside of its sections'}", *_first_difference(*pair))


def _completed(told: BundleContents, record: Record) -> Record:
    """Add to a record what the page takes from the plan."""
    if told.plan is None:
        return record
    by_name = {source.name: source for source in told.plan.sources}
    sources = tuple(
        replace(source, about=about_source(by_name[source.name]) if source.name in by_name else {})
        for source in record.sources
    )
    return replace(record, sources=sources, asked=asked_of(told.plan))


def _comparable(texts: list[str], record: Record) -> list[str]:
    """Leave out what was to be moved where nothing was: only the run knew it."""
    if record.moves:
        return texts
    return [text for before, text in zip(["", *texts], texts, strict=False) if not {before, text} & {*_MOVED}]


def _first_difference(expected: list[str], observed: list[str]) -> tuple[str, str]:
    """Return the texts around the first difference; the number of texts, twice, where there is none."""
    for place, (one, other) in enumerate(zip_longest(expected, observed)):
        if one != other:
            around = slice(max(0, place - 2), place + 3)
            return _quoted(expected[around]), _quoted(observed[around])
    same = f"{len(expected)} texts as in the evidence"
    return same, same


def _quoted(texts: list[str]) -> str:
    return one_line(" / ".join(texts))[:_SHOWN] or "nothing"


def _counts(told: BundleContents, record: Record, reader: _PageReader) -> Iterator[Observation]:
    """Yield the counts on page one; how other releases drew the rest is not known."""
    number: dict[str, int] = {str(outcome): count for outcome, count in counts(record).items()}
    if told.schema != SCHEMA:
        number = {word: number[outcome] for word, outcome in UNTIL_SCHEMA_2.items()}
    expected = ", ".join(f"{count} criteria {word}" for word, count in number.items())
    texts = reader.sections.get("verdict", [])
    observed = [
        f"{count} criteria {word}"
        for count, noun, word in zip(texts, texts[1:], texts[2:], strict=False)
        if noun == "criteria"
    ]
    yield agreement(f"{PAGE}: counts", expected, ", ".join(observed) or "none")


def _active(text: str, reader: _PageReader) -> Iterator[Observation]:
    """Yield whatever of a page could act, where it is not what a run leaves."""
    known = known_scripts()
    digests = [script_digest(script) for script in reader.scripts]
    foreign = [f"script sha256-{digest}" for digest in digests if digest not in known] + reader.active
    if len(digests) > 1:
        foreign.append(f"{len(digests)} scripts")
    yield agreement(
        f"{PAGE}: scripts", "none but that of pytest-html", _named(foreign) or "none but that of pytest-html"
    )
    if "<html" in text.lower() or digests:
        allowed = any(is_guarded(text, digest) for digest in known)
        guarded = "it begins with the policy that lets no other script run"
        yield agreement(f"{PAGE}: content policy", guarded, guarded if allowed else "it does not begin with it")


def _styles(reader: _PageReader) -> Iterator[Observation]:
    """Yield whether the only styles are those of the head, ours last: another one could hide what the page says."""
    ours = " ".join(" ".join(style.read_text("utf-8") for style in STYLES).split())
    last = " ".join(reader.styles[-1].split()) if reader.styles else ""
    expected = f"{_STYLES} in the head, the last one ends with that of the record"
    foreign = [f"{len(reader.styles)} in the head"] if len(reader.styles) != _STYLES else []
    foreign += [f"{reader.styles_of_body} in the body"] if reader.styles_of_body else []
    foreign += [] if last.endswith(ours) else ["the last one does not end with that of the record"]
    yield agreement(f"{PAGE}: styles", expected, ", ".join(foreign) or expected)


def _named(foreign: list[str]) -> str:
    return one_line("; ".join(dict.fromkeys(foreign)))[:_SHOWN]


class _PageReader(HTMLParser):
    """Reads the texts of each section of a record's page, and whatever in the whole file could act.

    Attributes:
        sections: Id of each section of the record to its texts, in order.
        scripts: Text of each script.
        active: Handlers, foreign elements, and addresses that something is loaded from or leads to.
        styles: Text of each style in the head.
        styles_of_body: How many styles are in the body, as elements or as attributes.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: defaultdict[str, list[str]] = defaultdict(list)
        self.scripts: list[str] = []
        self.active: list[str] = []
        self.styles: list[str] = []
        self.styles_of_body = 0
        self._inside, self._divisions, self._section, self._in_head = "", 0, "", True
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what could act, and in which section of the record the text goes on."""
        self._inside = tag if tag in ("script", "style") else ""
        self._in_head = self._in_head and tag != "body"
        if tag == "script":
            self.scripts.append("")
        if tag == "style" and self._in_head:
            self.styles.append("")
        elif tag == "style":
            self.styles_of_body += 1
        if tag in _FOREIGN:
            self.active.append(f"<{tag}>")
        for name, value in attrs:
            self._note(tag, name, (value or "").strip())
        if self._divisions:
            self._divisions += tag == "div"
            if tag in ("section", "nav"):
                self._section = dict(attrs).get("aria-labelledby") or "?"
        elif tag == "div" and ("class", "record") in attrs:
            self._divisions = 1

    def _note(self, tag: str, name: str, value: str) -> None:
        loads = name in _LOADING and value and not value.startswith(("data:", "#"))
        leads = name == "href" and not _LINKS.match(value)
        refreshes = name == "http-equiv" and value.lower() != "content-security-policy"
        if name.startswith("on") or name == "srcdoc" or loads or leads or refreshes:
            self.active.append(f"<{tag} {name}={value[:60]}>")
        if name == "style":
            self.styles_of_body += 1
            self._note_style(value)

    def _note_style(self, text: str) -> None:
        if re.search(r"@import|url\(\s*['\"]?(?!data:|#)", text, re.IGNORECASE):
            self.active.append("a style that loads something")

    def handle_endtag(self, tag: str) -> None:
        """Leave a section, and the record with its last division."""
        self._inside = ""
        if self._divisions:
            self._divisions -= tag == "div"
            self._section = "" if tag in ("section", "nav") else self._section

    def handle_data(self, data: str) -> None:
        """Keep a text of the record, or of a script."""
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style":
            self._note_style(data)
            if self._in_head:
                self.styles[-1] += data
        elif self._divisions and (words := " ".join(data.split())):
            self.sections[self._section].append(words)
