"""Read the elements and texts of a page, and list everything that could act."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from html.parser import HTMLParser

OUTSIDE = "outside of the record"
_LOADING = frozenset({"src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "xlink:href"})
_LINKS = re.compile(r"#|https://pypi\.python\.org/pypi/pytest-html$|$")
_FOREIGN = frozenset({"iframe", "frame", "object", "embed", "applet", "base", "form", "link", "portal"})


class PageReader(HTMLParser):
    """Read the parts of a page, section by section.

    Attributes:
        sections: Id of each section of the record to its tags, comments and texts, in order. The empty id is for parts
            between sections, and :data:`OUTSIDE` for what pytest-html writes.
        order: Ids of the sections, in order.
        scripts: Text of each script.
        active: Handlers, foreign elements, and addresses that the page loads or links to.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: defaultdict[str, list[str]] = defaultdict(list)
        self.order: list[str] = []
        self.scripts: list[str] = []
        self.active: list[str] = []
        self._inside, self._divisions, self._section = "", 0, OUTSIDE
        self._is_comment_open = False
        self.feed(text)
        self.close()

    def texts(self, section: str) -> list[str]:
        """Return the texts of a section without its elements."""
        return [part for part in self.sections.get(section, []) if not part.startswith("<")]

    def updatepos(self, i: int, j: int) -> int:
        """Return the end of a part without counting its lines.

        No place in the page is ever named.
        """
        del i
        return j

    def parse_comment(self, i: int, report: int = 1) -> int:
        """Return the end of a comment, or -1 if it has none.

        A comment behind one without an end has none either. The parser would search the rest of the page each time.
        """
        end = -1 if self._is_comment_open else super().parse_comment(i, bool(report))
        self._is_comment_open = end < 0
        return end

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Read the beginning of a section of XML as text, as no page has one."""
        del i, report
        return -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record what could act, and the section that the following text is in."""
        self._inside = tag if tag in ("script", "style") else ""
        if tag == "script":
            self.scripts.append("")
        if tag in _FOREIGN:
            self.active.append(f"<{tag}>")
        for name, value in attrs:
            self._note(tag, name, (value or "").strip())
        if self._divisions:
            self._divisions += tag == "div"
            if tag in ("section", "nav"):
                self._section = dict(attrs).get("aria-labelledby") or "?"
        elif tag == "div" and ("class", "record") in attrs:
            self._divisions, self._section = 1, ""
        self._keep(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a section, and the record with its last division."""
        self._inside = ""
        self._keep(f"</{tag}>")
        if self._divisions:
            self._divisions -= tag == "div"
            if not self._divisions:
                self._section = OUTSIDE
            elif tag in ("section", "nav"):
                self._section = ""

    def handle_data(self, data: str) -> None:
        """Keep a text, escaped so that it does not look like an element."""
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style":
            self._note_style(data)
        self._keep(escape(data, quote=False))

    def handle_comment(self, data: str) -> None:
        """Keep a comment."""
        self._keep(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """Keep a declaration."""
        self._keep(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        """Keep a processing instruction."""
        self._keep(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        """Keep a declaration that HTML does not know."""
        self._keep(f"<![{data}]>")

    def _keep(self, part: str) -> None:
        if words := " ".join(part.split()):
            self.sections[self._section].append(words)
            if self.order[-1:] != [self._section]:
                self.order.append(self._section)

    def _note(self, tag: str, name: str, value: str) -> None:
        loads = name in _LOADING and value and not value.startswith(("data:", "#"))
        leads = name == "href" and not _LINKS.match(value)
        refreshes = name == "http-equiv" and value.lower() != "content-security-policy"
        if name.startswith("on") or name == "srcdoc" or loads or leads or refreshes:
            self.active.append(f"<{tag} {name}={value[:60]}>")
        if name == "style":
            self._note_style(value)

    def _note_style(self, text: str) -> None:
        if re.search(r"@import|url\(\s*['\"]?(?!data:|#)", text, re.IGNORECASE):
            self.active.append("a style that loads something")
