"""Mask the literals of the statements of a program that assign a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlite_consolidate.secret_keys import is_no_secret, is_secret_key

_LITERAL = re.compile(
    r"(?<!\w)[rRbBuUfF]{0,2}(?:(?P<quote>\"\"\"|'''|[\"'`])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*+)(?P<end>(?P=quote)|\\?$))"
)
_KEY = r"(?<![\w.])(?P<key>[A-Za-z_][\w.]{0,80})"
ANNOTATION = r"\s*:\s*(?:[\w .|&*<>?!']|\[[\w\[\], .|]{0,40}\]){1,40}"
"""Pattern of the type of a variable, which stands behind its name."""
_ASSIGNED = re.compile(_KEY + rf"(?:[\"']\]|{ANNOTATION})?\s*(?:\+|:|\|\||\?\?)?=(?![=>~])\s*")
_IN_DICTIONARY = re.compile(r"(?P<quote>[\"'])(?P<key>[A-Za-z_][\w.-]{0,80})(?P=quote)\s*(?:=>|:)\s*")
_TARGETS = re.compile(
    r"^\s*(?:(?:const|let|var)\s*)?[\[(]?(?P<keys>[\w.]{1,80}(?:\s*,\s*[\w.]{1,80}){1,9})[\])]?\s*=(?!=)\s*"
)
_COMMENT = re.compile(r"(?:^|\s)(?:#|//)")
_BODY = re.compile(r"(?:=>|\)|\bfunction\b.{0,200})\s*\{\s*$")  # of a function
_BEGINS = re.compile(
    r"^\s*(?:(?:async|class|const|def|for|from|func|function|if|import|let|private|public|return|static|var|while|with)\b"
    r"|[\w.]+\s*=(?!=))"
)
_GOES_ON = re.compile(r"(?:\\|[-+.=,?&|(\[{]|=>|:|\bor|\band|\bif|\belse)$|^$")
_NAMED = re.compile(r"(?:\w\[|(?:get|getenv|env|config|environ|setting|pop)\()\s*$")
"""What precedes the name of an entry, which is no secret."""


@dataclass
class Statements:
    """Mask one line of a program after the other.

    Attributes:
        depth: Number of brackets that are open in a statement that assigns a secret.
        indent: Indentation of that statement, or None outside of one.
        ends: Characters that end the value outside of brackets.
    """

    depth: int = 0
    indent: int | None = None
    ends: str = ""

    def line(self, line: str, mask: str) -> str:
        """Return a line with each literal of a statement that assigns a secret masked."""
        if self.indent is not None:
            indent = len(line) - len(line.lstrip())
            if not (indent <= self.indent and _BEGINS.search(line)):
                return self._masked(line, 0, mask)
            self.indent = None
        start = _start(line)
        if start is None:
            return line
        self.depth, self.indent = 0, len(line) - len(line.lstrip())
        self.ends = ";" if _TARGETS.match(line) else ",;"
        return self._masked(line, start, mask)

    def _masked(self, line: str, start: int, mask: str) -> str:
        """Mask the literals from a place on, and note whether the statement goes on."""
        parts, at, code = [line[:start]], start, ""
        while at < len(line):
            literal = _LITERAL.match(line, at)
            if literal is not None:
                is_name = _NAMED.search(line[max(0, at - 20) : at]) or re.match(r"\s*:(?!:)", line[literal.end() :])
                text = literal["text"]
                hidden = mask if text and not is_name and not is_no_secret(text) else text
                parts.append(line[at : literal.start("text")] + hidden + line[literal.end("text") : literal.end()])
                at = literal.end()
                code += "_"
                continue
            character = line[at]
            if _COMMENT.match(line, at) or (self.depth == 0 and character in self.ends):
                break
            self.depth += (character in "([{") - (character in ")]}")
            if self.depth < 0:
                break
            parts.append(character)
            code += character
            at += 1
        code = code.strip()
        is_cut = at < len(line) and not _COMMENT.match(line, at)
        if self.depth < 0 or is_cut or not (self.depth or _GOES_ON.search(code)) or _BODY.search(line):
            self.indent = None
        return "".join([*parts, line[at:]])


def _start(line: str) -> int | None:
    """Return where the value of a secret begins, or None without one."""
    if (targets := _TARGETS.match(line)) and any(is_secret_key(key) for key in re.split(r"\s*,\s*", targets["keys"])):
        return targets.end()
    literals = [literal.span() for literal in _LITERAL.finditer(line) if literal["end"]]
    for pattern in (_IN_DICTIONARY, _ASSIGNED):
        for match in pattern.finditer(line):
            is_within = any(start < match.start() and match.end() <= end for start, end in literals)
            is_login = match["key"].rpartition(".")[2] == "auth" and line.startswith("(", match.end())
            if (is_secret_key(match["key"]) or is_login) and not is_within:
                return match.end()
    return None
