"""Mask secrets in lines of code, configuration, logs and program output."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.secret_keys import (
    SHAPES,
    hints_by_line,
    is_no_secret,
    is_secret,
    is_secret_key,
    may_have_secret_key,
)
from sqlite_consolidate.secret_statements import ANNOTATION, Statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

MASK = "***"
"""What a text has in place of a secret."""
PATTERN_OF_MASK = re.escape(MASK)
"""What a regular expression has in place of a secret."""
_MOST_VALUES = 1000  # each of them is searched in each text
# Only such a value is replaced wherever it occurs, because a plain word may occur in a sentence of the report.
_UNMISTAKABLE = re.compile(r"(?=.*[^A-Za-z\s]|.*[a-z][A-Z]).{6,}", re.DOTALL)
_LONGEST_LINE = 10_000  # characters. In a longer line, a pattern that starts again at each character would take hours.

_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY ----"
)
_KEY_BLOCK_END = re.compile(
    r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- END [A-Z0-9 ]{0,40}PRIVATE KEY ----"
)
_PUTTY_BLOCK = re.compile(r"^\s*Private-Lines:\s*\d+\s*$")
_PUTTY_BLOCK_END = re.compile(r"^(?!\s*[A-Za-z0-9+/=]+\s*$)")
# Characters that colour a text or are invisible may occur within a key.
_INVISIBLE = re.compile(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)?|\x1b.?"
    r"|[^\x08]\x08|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2060\ufeff]"
)

_KEY = r"(?<![A-Za-z0-9_])(?P<key>[A-Za-z_][\w.-]{0,80}+)(?P<close>\\{0,3}[\"']?\]?)"
_SIGN = r"\s*(?:\+?=>?|:=|:(?!//))\s*"
_QUOTED = re.compile(
    r"[rRbBuUfF@]{0,2}(?P<quote>\"\"\"|'''|\\{0,3}[\"'`])(?P<secret>(?:(?!(?P=quote))(?:\\.|.))*)(?P<end>(?P=quote))?"
)
_IN_BRACKETS = re.compile(r"(?P<open>[\[(])\s*(?P<secret>[rbuf]?[\"'][^\])]*)(?P<end>[\])])?")
_OPEN_BRACKET = re.compile(r"(?P<open>[\[(])(?P<secret>)\s*(?P<end>(?!))?$")
_TO_SPACE = re.compile(r"(?P<secret>[^\s\"'-][^\s\"']*)")
_FLAG = re.compile(r"(?<![\w-])--(?P<key>[\w-]{1,80})[ =]")
_WORD_BEFORE = re.compile(r"[\"']--?(?P<key>[\w-]{1,80})[\"']\s*,\s*(?![\"']-)")  # of a list of arguments


@dataclass(frozen=True)
class _Place:
    """Tell where a value follows its key.

    Attributes:
        key: Pattern of the key and of what separates it from the value.
        value: Pattern of the value. It is searched only after the key of a secret, so that a line is read once.
    """

    key: re.Pattern[str]
    value: re.Pattern[str]


_IN_QUOTES = _Place(re.compile(_KEY + r"\s*(?:=>|:=|\+=|={1,3}|!==?|<>|:(?!//)|\|\||\?\?)\s*"), _QUOTED)
_AS_DEFAULT = _Place(
    re.compile(r"(?:get|getenv|setdefault|setenv|putenv|config|env|set|define)\(\s*[\"']" + _KEY + r"\s*,\s*"), _QUOTED
)
_AS_LIST = _Place(_IN_QUOTES.key, _IN_BRACKETS)
_AS_PARAMETER = _Place(re.compile(r"(?<=[;?&])(?P<key>[\w. -]{1,80})="), re.compile(r"(?P<secret>[^\s;&\"']+)"))
_AS_ARGUMENT = (_Place(_FLAG, _TO_SPACE), _Place(_FLAG, _QUOTED), _Place(_WORD_BEFORE, _QUOTED))
_IN_CODE = (
    *_AS_ARGUMENT,
    _IN_QUOTES,
    _AS_DEFAULT,
    _AS_PARAMETER,
    _AS_LIST,
    _Place(re.compile(_KEY + ANNOTATION + r"=\s*"), _QUOTED),  # annotated
    _Place(
        re.compile(_KEY + r"\s*=\s*[^=\"']{0,99}(?:[\"'][^\"']{0,99}[\"'])?[^=\"']{0,99}(?:\bor\b|\|\||\?\?)\s*"),
        _QUOTED,
    ),
    _Place(re.compile(_KEY + r"\s*=\s*[\w.]{0,99}(?:getenv|get|env|config)\(\s*[\"'][\w.]{1,99}[\"']\s*,\s*"), _QUOTED),
    _Place(re.compile(r"(?<!\w)(?P<key>set_?\w{1,80})\(\s*"), _QUOTED),
    _Place(re.compile(r"^\s*#\s*define\s+(?P<key>\w{1,80})\s+"), _QUOTED),
    _Place(re.compile(r"^\s*(?:#|//|--|\*)\s*(?P<key>\w{1,80})\s*[:=]\s+"), re.compile(r"(?P<secret>\S+)$")),
    _Place(
        re.compile(r"(?:(?:^|\s)(?:#|//|--)|^\s*\*\s)\s*(?:export\s+)?(?P<key>\w{1,80})\s*\+?=(?!=)\s*"),
        re.compile(r"(?P<secret>[^\s\"'(\[{]+)"),
    ),
)
_ELSEWHERE = (
    _Place(re.compile(r"(?<=;)(?P<key>[\w. -]{1,80})="), re.compile(r"(?P<secret>[^\s;&\"'][^;\"']*)")),
    _AS_PARAMETER,
    _Place(
        re.compile(r"^[\s#;/+-]*(?:(?:export|set|declare -x|ENV|ARG)\s+)?(?:Environment=)?" + _KEY + _SIGN),
        re.compile(r"(?P<secret>(?![\"'\[{]|\\[\"']|[&!]?\w*\s*[|>])\S.*)$"),  # to the end of the line
    ),
    _Place(re.compile(r"^\s*(?:ENV|setx)\s+(?P<key>\w{1,80})\s+"), re.compile(r"(?P<secret>[^\s=].*)$")),
    _IN_QUOTES,
    _AS_DEFAULT,
    _AS_LIST,
    _Place(_IN_QUOTES.key, _OPEN_BRACKET),
    _Place(re.compile(r"(?:key|name)=[\"'](?P<key>[\w.-]{1,80})[\"']\s*>"), re.compile(r"(?P<secret>[^<]+)")),
    _Place(
        re.compile(r"\bname[\"']?\s*:\s*[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*,\s*[\"']?value[\"']?\s*:\s*"),
        re.compile(r"[\"']?(?P<secret>[^\"',}\]]+)"),
    ),
    _Place(re.compile(r"(?:key|name)=[\"']" + _KEY + r"\s+value="), _QUOTED),  # XML
    _Place(re.compile(r"<(?P<key>[A-Za-z_][\w.-]{0,80})(?:\s[^<>]{0,200})?>"), re.compile(r"(?P<secret>[^<]+)")),
    _Place(re.compile(r"\$\{(?P<key>\w{1,80}):?[-=]"), re.compile(r"(?P<secret>[^}]*)")),  # a default in a shell
    *_AS_ARGUMENT,
    _Place(
        re.compile(_KEY + _SIGN),
        re.compile(r"(?![rRbBuUfF@]{1,2}[\"'])(?P<secret>[^\s,;&\"'`<>()\[\]{}\\][^\s,;&\"'<>)\]}]*)"),
    ),
)
_CLOSING = {"[": r"\]", "(": r"\)"}
_BLOCK = re.compile(
    r"^(?P<indent>\s*(?:- )?)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*:\s*(?:[&!][\w-]+\s+)*[|>][+-]?\d?\s*$"
)
_NAME_LINE = re.compile(
    r"^\s*(?:-\s*)?(?:<key>|[\"']?name[\"']?\s*:)\s*[\"']?(?P<key>[\w.-]{1,80})[\"']?(?:,|</key>)?\s*$"
)
_VALUE_LINE = re.compile(r"^\s*(?:[\"']?value[\"']?\s*:\s*|<string>)(?P<secret>\S.*?)(?:</string>)?$")
_EMPTY_LINE_OF_KEY = re.compile(r"^(?P<indent>\s*(?:- )?)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*:\s*$")
_LINE_BELOW = re.compile(r"^\s*(?:- +)?(?!\s|-\s|[\"']?[\w.-]{1,80}[\"']?\s*:(?:\s|$))(?P<secret>\S.*?),?$")
_SECTION = re.compile(r"^\s*\[{1,2}\s*[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*\]{1,2}\s*(?:[#;].*)?$")
_KEY_OF_SECTION = re.compile(r"^(?P<indent>\s*)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*+[:=]\s*+\{?\s*+$")
_SECTIONS = frozenset({"credentials", "passwords", "secret", "secrets"})
_MEMBER = re.compile(
    r"^\s*(?:- )?[\"']?(?P<key>[\w.-]{1,80})[\"']?(?P<sign>\s*(?:=|:(?=\s))\s*)"
    r"(?P<quote>[\"']?)(?P<secret>[^\s{\[].*?)(?P=quote),?$"
)
_NO_MEMBERS = frozenset(
    {"driver", "environment", "external", "file", "from_secret", "host", "key", "labels", "mode", "name", "path"}
    | {"port", "secretname", "source", "target", "type", "url", "user", "username"}
)
_BEGINS_BLOCK = re.compile(r"[|>][+-]?\d?$")
_OPEN_QUOTE = re.compile(r"(?P<quote>\"\"\"|\'\'\'|[\"'])")
_CONTINUED = re.compile(_KEY + r"\s*\+?=\s*(?P<secret>\S*)\\$")
_NAMES = "secrets"  # a list of names in a Compose file
_NO_HINT = frozenset[str]()


def mask_secrets(text: str, *, in_code: bool = False) -> str:
    """Return a text with ``***`` in place of each value that looks like a secret.

    A value looks like a secret by its key, such as ``SECRET_KEY`` or ``password``, or by its shape, such as a private
    key, a token of a known service, or the password of a connection string. The number of lines stays. A masked text
    is not changed again.

    Args:
        text: Whole lines, because a secret can begin in an earlier line.
        in_code: Whether the text is of a language in which only a literal can be a value. A name or call after a key
            is then no secret. A line of more than 10,000 characters is withheld if it has a word that may belong to a
            secret.
    """
    lines = text.split("\n")
    is_plain = text.replace("\n", " ").replace("\t", " ").isprintable()
    hints = hints_by_line(text if is_plain else "\n".join(map(_visible, lines)))
    if not hints:
        return text
    masking = _Masking(in_code=in_code)
    return "\n".join(masking.line(line, hints.get(number, _NO_HINT)) for number, line in enumerate(lines))


def _visible(line: str) -> str:
    """Return a line as a reader sees it, without spaces at its end."""
    text = line.rstrip()
    return text if text.isprintable() else _INVISIBLE.sub("", text)


@dataclass
class _Masking:
    """Mask one line after the other.

    Attributes:
        in_code: Whether only a literal can be a value.
        end: Pattern that ends a secret of several lines, or None outside of one.
        indent: Indentation of the key of a block of lines, or None outside of one.
        below: Indentation of the key of a secret whose values follow, or None outside of such lines.
        section: Indentation of the key of a section of secrets, -1 for one of an INI file, or None outside of one.
        continues: Whether the line before ends with a backslash within a secret.
        names_secret: Whether the line before names the secret whose value follows.
        hints: Why the line may have a secret.
        statements: What is known about the statement of a program that a line is in.
    """

    in_code: bool
    end: re.Pattern[str] | None = None
    indent: int | None = None
    below: int | None = None
    section: int | None = None
    continues: bool = False
    names_secret: bool = False
    hints: AbstractSet[str] = _NO_HINT
    statements: Statements = field(default_factory=Statements)

    @property
    def _is_outside(self) -> bool:
        """Return whether the next line depends on no line before it."""
        places = (self.end, self.indent, self.below, self.section, self.statements.indent)
        return places == (None,) * len(places) and not self.continues and not self.names_secret

    def line(self, line: str, hints: AbstractSet[str]) -> str:
        """Return a line with its secrets masked."""
        if not hints and self._is_outside:
            return line
        self.hints, visible = hints, _visible(line)
        masked = self._masked(visible)
        return line if masked == visible else masked + line[len(line.rstrip()) :]

    def _masked(self, line: str) -> str:
        if self.end is not None:
            if not (match := self.end.search(line)):
                return MASK if line.strip() else line
            self.end = None
            return (MASK if line[: match.start()].strip() else "") + self._by_shape_and_key(line[match.start() :])
        if self.continues:
            self.continues = line.endswith("\\")
            return MASK if line.strip() else line
        if line.strip():
            indent = len(line) - len(line.lstrip())
            if (masked := self._in_block(line, indent)) is not None:
                return masked
            if not _KEY_BLOCK.search(line):
                masked = self._in_section(line, indent) or self._below_key(line, indent)
                if masked is not None:
                    return masked
        return self._by_shape_and_key(line)

    def _in_block(self, line: str, indent: int) -> str | None:
        if self.indent is not None and indent > self.indent:
            return line[:indent] + MASK
        self.indent = None
        return None

    def _in_section(self, line: str, indent: int) -> str | None:
        """Mask a member of a section of secrets, and note where it begins and ends."""
        if self.in_code or len(line) > _LONGEST_LINE or (self.section is None and not self.hints):
            return None
        if section := _SECTION.search(line):
            self.section = -1 if section["key"].lower() in _SECTIONS else None
            return None
        if self.section is not None and indent <= self.section:
            self.section = None
        if (key := _KEY_OF_SECTION.search(line)) and key["key"].lower() in _SECTIONS:
            self.section = indent
        member = _MEMBER.search(line) if self.section is not None else None
        if member is None or member["key"].lower() in _NO_MEMBERS or member["secret"].isdecimal():
            return None
        if _BEGINS_BLOCK.match(member["secret"]):
            self.indent = indent
            return line
        if (quote := _OPEN_QUOTE.match(line, member.end("sign"))) and quote["quote"] not in line[quote.end() :]:
            self.end = re.compile(re.escape(quote["quote"]))
            return line[: quote.end()] + (MASK if line[quote.end() :] else "")
        return _replace(member)

    def _below_key(self, line: str, indent: int) -> str | None:
        if self.below is None:
            return None
        if indent < self.below or (indent == self.below and not line.lstrip().startswith("-")):
            self.below = None
        elif value := _LINE_BELOW.search(line):
            return _replace(value)
        return None

    def _by_shape_and_key(self, line: str) -> str:
        is_assigned = self.in_code and self.statements.indent is not None
        if len(line) > _LONGEST_LINE:
            return self._withheld(line) if self.hints or self.names_secret or is_assigned else line
        for shape in SHAPES:
            if not self.hints.isdisjoint(shape.hints):
                line = shape.pattern.sub(_replace, line)
        if block := _KEY_BLOCK.search(line):
            line = self._without_key(line, block.end())
        if _PUTTY_BLOCK.search(line):
            self.end = _PUTTY_BLOCK_END
        if not self.names_secret and not is_assigned and not may_have_secret_key(line):
            return line
        if not self.in_code:
            line = self._after_name(line)
            self._note_what_follows(line)
            if self.indent is not None:
                return line
        for place in _IN_CODE if self.in_code else _ELSEWHERE:
            line = self._by_key(line, place)
        return self.statements.line(line, MASK) if self.in_code and self.end is None else line

    def _after_name(self, line: str) -> str:
        if self.names_secret and (match := _VALUE_LINE.search(line)):
            return _replace(match) if match["secret"] else line
        return line

    def _note_what_follows(self, line: str) -> None:
        """Note that the next lines are the value of a key in this one."""
        named = _NAME_LINE.search(line)
        self.names_secret = named is not None and is_secret_key(named["key"])
        if line.endswith("\\") and (continued := _CONTINUED.search(line)) and is_secret_key(continued["key"]):
            self.continues = True
        if (block := _BLOCK.search(line)) and is_secret_key(block["key"]):
            self.indent = len(block["indent"])
        elif (empty := _EMPTY_LINE_OF_KEY.search(line)) and empty["key"] != _NAMES and is_secret_key(empty["key"]):
            self.below = len(empty["indent"])

    def _withheld(self, line: str) -> str:
        """Return a notice in place of a line that is too long.

        If a private key begins in the line and does not end in it, the next lines are masked.
        """
        begin = max((block.start() for block in _KEY_BLOCK.finditer(line)), default=-1)
        if begin >= 0 and not _KEY_BLOCK_END.search(line, begin):
            self.end = _KEY_BLOCK_END
        self.names_secret = False
        return f"[{len(line):,} characters in one line are not shown, because they may have a secret]"

    def _without_key(self, line: str, start: int) -> str:
        """Mask the private key that begins in a line, and note whether it continues."""
        if _KEY_BLOCK_END.search(line, start):
            end = max(match.start() for match in _KEY_BLOCK_END.finditer(line, start))
            return line[:start] + MASK + line[end:]
        self.end = _KEY_BLOCK_END
        return line[:start] + (MASK if line[start:].strip("\"' \\") else line[start:])

    def _by_key(self, line: str, place: _Place) -> str:
        parts, at, searched = [], 0, 0
        while key := place.key.search(line, searched):
            searched = key.end("key")
            value = place.value.match(line, key.end()) if is_secret_key(key["key"]) else None
            if value is None:
                continue
            self._note_open_quote(value)
            if is_secret(line, key, value):
                parts += [line[at : value.start("secret")], MASK]
                at = value.end("secret")
                searched = value.end()
        return "".join([*parts, line[at:]])

    def _note_open_quote(self, value: re.Match[str]) -> None:
        """Note that a value continues in the next line, if its quotation marks do not end."""
        groups = value.groupdict()
        if groups.get("end", "") is None and (not self.in_code or len(groups.get("quote", "")) == len('"""')):
            self.end = re.compile(re.escape(groups["quote"]) if "quote" in groups else _CLOSING[groups["open"]])


def _replace(match: re.Match[str]) -> str:
    """Return a match with its secret masked."""
    if "secret" not in match.re.groupindex:
        return MASK
    if is_no_secret(match["secret"]):
        return match[0]
    start, end = (at - match.start() for at in match.span("secret"))
    return match[0][:start] + MASK + match[0][end:]


def is_unmistakable(value: str) -> bool:
    """Return whether a value cannot be a word of a sentence."""
    return _UNMISTAKABLE.fullmatch(value) is not None


def removed_values(text: str, masked: str) -> Iterator[str]:
    """Yield each value that a masked text has replaced by ``***``."""
    first, *others = masked.replace(PATTERN_OF_MASK, MASK).split(MASK)
    start = len(first)
    if not others or not text.startswith(first) or not text.endswith(others[-1]):
        return
    for number, following in enumerate(others, 1):
        is_last = number == len(others)
        end = len(text) - len(following) if is_last else text.find(following, start + 1)
        if end <= start:
            return
        yield text[start:end]
        start = end + len(following)


def replaceable_values(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values that cannot occur in another text by chance, longest first."""
    return tuple(sorted(set(filter(is_unmistakable, values)), key=lambda value: (-len(value), value))[:_MOST_VALUES])
