"""Mask the secrets of a plan where a report or the terminal shows it.

A plan starts programs, and their arguments may be passwords. The run itself uses the plan as it is.
"""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.plan.positions import TOKEN
from sqlite_consolidate.plan.toml_file import MAX_BYTES
from sqlite_consolidate.secret_keys import is_no_secret, is_secret_key
from sqlite_consolidate.secret_masking import (
    MASK,
    PATTERN_OF_MASK,
    is_unmistakable,
    mask_secrets,
    removed_values,
    replaceable_values,
)
from sqlite_consolidate.text import toml_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_consolidate.plan.parts.programs import Smoke

_TOO_LONG = f"# Not shown: the file is larger than the limit for a plan ({MAX_BYTES} bytes).\n".encode()
_OPTION = re.compile(r"(?P<shown>-{0,2}(?P<key>[A-Za-z_][\w.-]{0,80})=)(?P<secret>.+)", re.DOTALL)
_FLAG = re.compile(r"--?(?P<key>[A-Za-z_][\w.-]{0,80})")
_SINGLE_STRING = re.compile(r""""(?:\\.|[^"\\\n])*+"|'[^'\n]*'""")
_USER = re.compile(r"(?P<shown>[^\s:/]{1,200}:).+", re.DOTALL)
_USER_FLAGS = frozenset({"-u", "--user", "-U", "--proxy-user"})
_SHORT_FLAG = "-p"  # before a password, in the programs below
_WITH_SHORT_FLAG = re.compile(r"(?:.*/)?(?:sshpass|mysql\w*|mariadb[\w-]*)")

_COMMAND = "run"
_CONSTANTS = "constants"
_CODE = frozenset({"code", "create", "find", "from", "import", "replace", "set", "when", "where"})
_PROSE = frozenset({"answers", "approved_by", "id", "reason", "requested_by", "risk"})
_PATTERNS = frozenset({"errors", "stdout"})


def masked_smoke(test: Smoke) -> Smoke:
    """Return a smoke test as it may be shown, without secrets in its command and its pattern."""
    shown = test.expect.model_copy(update={"stdout": _mask_pattern(test.expect.stdout)})
    masked = {"run": mask_arguments(test.run), "python": _mask_code(test.python), "expect": shown}
    return test.model_copy(update=masked)


def mask_arguments(words: Sequence[str]) -> list[str]:
    """Return the words of a command with ``***`` in place of each secret."""
    before = ["", *words]
    return [_mask_argument(word, before[at], before[1]) for at, word in enumerate(words)]


def _mask_argument(word: str, before: str, program: str) -> str:
    if (flag := _FLAG.fullmatch(before)) and is_secret_key(flag["key"]) and not word.startswith("-"):
        return word if is_no_secret(word) else MASK
    if before in _USER_FLAGS and (user := _USER.fullmatch(word)):
        return user["shown"] + MASK
    if _WITH_SHORT_FLAG.fullmatch(program):
        if before == _SHORT_FLAG and word:
            return MASK
        if word.startswith(_SHORT_FLAG) and word != _SHORT_FLAG:
            return _SHORT_FLAG + MASK
    if (option := _OPTION.fullmatch(word)) and is_secret_key(option["key"]):
        return word if is_no_secret(option["secret"]) else option["shown"] + MASK
    return _mask_code(mask_secrets(word))


@lru_cache(maxsize=2)  # the report of one run shows the plan several times
def mask_plan(plan: bytes) -> bytes:
    """Return the bytes of a plan without its secrets.

    ``***`` replaces each secret in texts, commands and comments. A valid plan stays valid. Names, paths and
    everything else that identifies an object are unchanged.
    """
    if len(plan) > MAX_BYTES:
        return _TOO_LONG
    text = _decoded(plan)
    masked = _mask_toml(text) if _is_toml(text) else mask_secrets(_SINGLE_STRING.sub(_mask_option, text))
    if masked == text:
        return plan
    return mask_plan(masked.encode("utf-8", "surrogateescape"))  # masking can make invalid TOML valid


def _decoded(plan: bytes) -> str:
    return plan.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _mask_option(string: re.Match[str]) -> str:
    """Mask an argument of a plan with mistakes, up to its quotation mark."""
    option = _OPTION.fullmatch(string[0][1:-1])
    if option is None or not is_secret_key(option["key"]) or is_no_secret(option["secret"]):
        return string[0]
    return string[0][0] + option["shown"] + MASK + string[0][-1]


def _mask_toml(text: str) -> str:
    return _with_tokens(text, _masked_tokens(text))


def _with_tokens(text: str, tokens: Iterable[_MaskedToken]) -> str:
    parts, at = [], 0
    for token in tokens:
        parts += [text[at : token.start], token.text]
        at = token.end
    return "".join([*parts, text[at:]])


@lru_cache(maxsize=2)
def hidden_values(plan: bytes) -> tuple[str, ...]:
    """Return the secrets of a plan that cannot occur in another text by chance, longest first."""
    if len(plan) > MAX_BYTES:
        return ()
    text, masked = _decoded(plan), _decoded(mask_plan(plan))
    if masked == text or not _is_toml(text):
        return ()
    return tuple(value for value in _replaceable(_masked_tokens(text)) if value not in masked)


def _replaceable(tokens: Iterable[_MaskedToken]) -> tuple[str, ...]:
    return replaceable_values(value for token in tokens for value in removed_values(token.value, token.masked))


def _mask_code(text: str) -> str:
    return mask_secrets(text, in_code=True)


def _mask_pattern(text: str) -> str:
    """Mask a regular expression so that it still is one."""
    masked = mask_secrets(text)
    return text if masked == text else masked.replace(MASK, PATTERN_OF_MASK)


def _mask_if_unmistakable(text: str, masked: str) -> str:
    """Return the masked text if the report can replace each masked value wherever it occurs."""
    removed = tuple(removed_values(text, masked))
    return masked if removed and all(map(is_unmistakable, removed)) else text


class _MaskedToken(NamedTuple):
    """Hold a string or comment of the text, and what is shown in its place."""

    start: int
    end: int
    text: str
    value: str
    masked: str


@lru_cache(maxsize=2)
def _masked_tokens(text: str) -> tuple[_MaskedToken, ...]:
    """Return the tokens with a secret, and those that repeat one.

    A secret that the plan would still state elsewhere, such as in a name, stays in the tokens that repeat it.
    """
    secrets = _replaceable(_MaskedTokens(text).read())
    masked = _with_tokens(text, _MaskedTokens(text, secrets).read())
    return tuple(_MaskedTokens(text, tuple(value for value in secrets if value not in masked)).read())


@dataclass
class _MaskedTokens:
    """Read the strings and comments of a plan that have a secret.

    Attributes:
        text: Valid TOML.
        secrets: Secrets that are masked in commands, patterns, prose and comments as well.
        key: The key whose value is read.
        table: The innermost table that has it.
        words: Strings of the array so far.
        depth: Number of brackets that are open within the value.
        in_value: Whether a value is read, and not a key or the head of a table.
    """

    text: str
    secrets: tuple[str, ...] = ()
    key: str = ""
    table: str = ""
    words: list[str] = field(default_factory=list)
    depth: int = 0
    in_value: bool = False

    def read(self) -> Iterator[_MaskedToken]:
        """Yield each token that is shown in another form."""
        matches = list(TOKEN.finditer(self.text))
        for match, following in zip(matches, [*matches[1:], None], strict=False):
            kind = match.lastgroup
            if kind == "mark":
                self._step(match[0])
                continue
            is_key = following is not None and following[0] in ("=", ".") and kind != "comment"
            if kind == "comment":
                value = match[0]
                masked = shown = self._without_secrets(mask_secrets(value), MASK)
            elif self.in_value and not is_key and kind == "string":
                value = _value_of(match[0])
                masked = self._mask(value)
                shown = match[0] if masked == value else _string(match[0], masked)
                self.words.append(value)
            else:
                self._name(_value_of(match[0]) if kind == "string" else match[0])
                continue
            if masked != value:
                yield _MaskedToken(match.start(), match.end(), shown, value, masked)

    def _name(self, name: str) -> None:
        if not self.in_value or self.depth:  # the last part of the head of a table, until a key follows
            self.key = name

    def _step(self, mark: str) -> None:
        if mark == "=":
            self.in_value, self.words = True, []
        elif not self.in_value:
            self.table = self.key if mark == "]" else self.table
        elif mark == "\n":
            self.in_value = self.depth > 0
        elif mark in "[{":
            self.depth += 1
            self.table = self.key if mark == "{" else self.table
            self.words = []
        elif mark in "]}":
            self.depth -= 1

    def _mask(self, value: str) -> str:
        if self.key == _COMMAND:
            before, program = (self.words[-1], self.words[0]) if self.words else ("", value)
            return self._without_secrets(_mask_argument(value, before, program), MASK)
        if self.key == "python":
            return self._without_secrets(_mask_code(value), MASK)
        if self.key in _PATTERNS:
            return self._without_secrets(_mask_pattern(value), PATTERN_OF_MASK)
        if self.table == _CONSTANTS and is_secret_key(self.key):
            return _mask_if_unmistakable(value, MASK)
        if self.key in _CODE:
            return _mask_if_unmistakable(value, _mask_code(value))
        if self.key in _PROSE:
            return self._without_secrets(_mask_if_unmistakable(value, mask_secrets(value)), MASK)
        return value

    def _without_secrets(self, text: str, mask: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, mask)
        return text


def _value_of(token: str) -> str:
    if _SINGLE_STRING.fullmatch(token) and "\\" not in token:
        return token[1:-1]
    value = tomllib.loads(f"value = {token}")["value"]
    return value if isinstance(value, str) else ""


def _string(token: str, value: str) -> str:
    """Return a value as a string of TOML with as many lines as the token that it replaces."""
    if "\n" not in token:
        return toml_string(value)
    lines = "\n".join(toml_string(line)[1:-1] for line in value.split("\n"))
    if '"""' not in value and not value.endswith('"'):
        lines = lines.replace('\\"', '"')
    return f'"""\n{lines}"""'
