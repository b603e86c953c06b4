"""Mask secrets in lines of code, configuration, logs and program output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

MASK = "***"
"""What a text has in place of a secret."""

# Each pattern is the shape of a secret. Only its group "secret" is masked, or else all of it.
_SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,})",  # GitHub, GitLab
        r"(?<![A-Za-z0-9])(?:sk|pk|rk|whsec)[-_](?=[\w-]{0,99}\d)[\w-]{16,}",  # OpenAI, Anthropic, Stripe
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",  # Amazon
        r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}",  # Slack
        r"hooks\.slack\.com/services/(?P<secret>[\w/]+)",
        r"(?<![A-Za-z0-9])(?:AIza[\w-]{30,}|ya29\.[\w-]{16,})",  # Google
        r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{30,}|dop_v1_[0-9a-f]{32,})",
        r"(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
        r"(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){2,4}",  # JSON Web Token
        r"\b(?i:bearer|basic)\s+(?P<secret>(?=[\w.~+/=-]{0,99}[0-9A-Z=])[\w.~+/=-]{8,})",
        r"://[^\s:/@\"'<>]*:(?!\d*/)(?P<secret>[^\s\"'<>]{1,1000})@",  # the password of a connection string
        r"://(?P<secret>[0-9a-f]{32})@",  # Sentry
    )
)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----")
_KEY_BLOCK_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = _words(
    "accesskey apikey apitoken authorization authtoken bearer cookie credential credentials passcode passphrase passwd "
    "password passwords privatekey pwd secret secretkey secrets token tokens"
)
_NUMBERS_ARE_SECRET = frozenset(
    {"passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets"}
)
_KINDS_OF_KEYS = _words(
    "access account admin aes api app auth cipher client consumer crypto deploy encryption fernet hmac jwt license "
    "master private root rsa secret service session shared signature signing ssh storage subscription webhook"
)
# A key that ends with one of them says something about a secret.
_ABOUT_A_SECRET = _words(
    "age algorithm at backend class column count dir domain enabled endpoint engine error errors expires expiry field "
    "file format hasher hashers header hint httponly id ids label length limit max message min name path placeholder "
    "policy prefix prompt provider required rounds samesite secure size table timeout ttl type uri url validator "
    "validators version"
)
_NO_SECRET = re.compile(
    r"(?i:true|false|null|none|nil|undefined|yes|no|on|off|-?\*+|)"
    r"|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[\w.]+\}|\$\d|\$\(.*\)?|`.*|\$?\{\{.*|\{[^{}]*\}|%\(\w+\)s|%[sdr]|%\w+%|<[\w -]+>"
)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")

_KEY = r"(?<![A-Za-z0-9_])(?P<key>[A-Za-z_][\w.-]{0,80})(?P<close>\\{0,3}[\"']?\]?)"
_QUOTED = re.compile(
    r"[rRbBuUfF@]{0,2}(?P<quote>\"\"\"|'''|\\{0,3}[\"'`])(?P<secret>(?:(?!(?P=quote))(?:\\.|.))*)(?P<end>(?P=quote))?"
)
_TO_SPACE = re.compile(r"(?P<secret>[^\s\"'-][^\s\"']*)")


@dataclass(frozen=True)
class _Place:
    """Tell where a value follows its key.

    Attributes:
        key: Pattern of the key and of what separates it from the value.
        value: Pattern of the value. It is searched only after the key of a secret, so that a line is read once.
    """

    key: re.Pattern[str]
    value: re.Pattern[str]


_IN_QUOTES = _Place(re.compile(_KEY + r"\s*(?:=>|:=|={1,3}|!==?|:(?!//)|\|\||\?\?)\s*"), _QUOTED)
_AS_DEFAULT = _Place(
    re.compile(r"(?:get|getenv|setdefault|setenv|putenv|config|env|set|define)\(\s*[\"']" + _KEY + r"\s*,\s*"), _QUOTED
)
_AS_PARAMETER = _Place(re.compile(r"(?<=[;?&])(?P<key>[\w. -]{1,80})="), re.compile(r"(?P<secret>[^\s;&\"']+)"))
_IN_CODE = (
    _IN_QUOTES,
    _AS_DEFAULT,
    _AS_PARAMETER,
    _Place(re.compile(_KEY + r"\s*:\s*[\w\[\], .|]{1,40}=\s*"), _QUOTED),  # annotated
)
_ELSEWHERE = (
    _AS_PARAMETER,
    _Place(
        re.compile(
            r"^[\s#;/+-]*(?:(?:export|set|declare -x|ENV|ARG)\s+)?(?:Environment=)?" + _KEY + r"\s*(?:=|:(?!//))\s*"
        ),
        re.compile(r"(?P<secret>(?![\"'\[{]|\\[\"']|[&!]?\w*\s*[|>])\S.*?)\s*$"),  # to the end of the line
    ),
    _IN_QUOTES,
    _AS_DEFAULT,
    _Place(re.compile(r"(?:key|name)=[\"']" + _KEY + r"\s+value="), _QUOTED),  # XML
    _Place(re.compile(r"<(?P<key>[A-Za-z_][\w.-]{0,80})(?:\s[^<>]{0,200})?>"), re.compile(r"(?P<secret>[^<]+)")),
    _Place(re.compile(r"\$\{(?P<key>\w{1,80}):?[-=]"), re.compile(r"(?P<secret>[^}]*)")),  # a default in a shell
    _Place(re.compile(r"(?<![\w-])--(?P<key>[\w-]{1,80})[ =]"), _TO_SPACE),
    _Place(
        re.compile(_KEY + r"\s*(?:=|:(?!//))\s*"),
        re.compile(r"(?P<secret>[^\s,;&\"'`<>()\[\]{}\\][^\s,;&\"'<>)\]}]*)"),
    ),
)
_PARSER_SAYS = re.compile(r"\b(?:unrecognized|unexpected|illegal)\s+$", re.IGNORECASE)  # "unrecognized token: ..."
_BLOCK = re.compile(
    r"^(?P<indent>\s*(?:- )?)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*:\s*(?:[&!][\w-]+\s+)*[|>][+-]?\d?\s*$"
)
_NAME_LINE = re.compile(r"^\s*-?\s*[\"']?name[\"']?\s*:\s*[\"']?(?P<key>[\w.-]{1,80})[\"']?,?\s*$")
_VALUE_LINE = re.compile(r"^\s*[\"']?value[\"']?\s*:\s*(?P<secret>\S.*?)\s*$")


def mask_secrets(text: str, *, in_code: bool = False) -> str:
    """Return a text with ``***`` in place of each value that looks like a secret.

    A value looks like a secret by its key, such as ``SECRET_KEY`` or ``password``, or by its shape, such as a private
    key, a token of a known service, or the password of a connection string. The number of lines stays. A masked text
    is not changed again.

    Args:
        text: Whole lines, because a secret can begin in an earlier line.
        in_code: Whether the text is of a language in which only a literal can be a value. A name or call after a key
            is then no secret.
    """
    masking = _Masking(in_code=in_code)
    return "\n".join(masking.line(line) for line in text.split("\n"))


def is_secret_key(key: str) -> bool:
    """Return whether the value of a key with this name is a secret."""
    if key in ("PWD", "OLDPWD"):
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT_A_SECRET:
        return False
    is_kind_of_key = any(kind in _KINDS_OF_KEYS and word == "key" for kind, word in pairwise(words))
    return is_kind_of_key or not _SECRET_WORDS.isdisjoint(words) or ("pass" in words and len(words) > 1)


@dataclass
class _Masking:
    """Mask one line after the other.

    Attributes:
        in_code: Whether only a literal can be a value.
        end: Pattern that ends a secret of several lines, or None outside of one.
        indent: Indentation of the key of a block of lines, or None outside of one.
        names_secret: Whether the line before names the secret whose value follows.
    """

    in_code: bool
    end: re.Pattern[str] | None = None
    indent: int | None = None
    names_secret: bool = False

    def line(self, line: str) -> str:
        """Return a line with its secrets masked."""
        text = line.rstrip("\r")
        return self._masked(text) + line[len(text) :]

    def _masked(self, line: str) -> str:
        if self.end is not None:
            if not (match := self.end.search(line)):
                return MASK if line.strip() else line
            self.end = None
            return (MASK if line[: match.start()].strip() else "") + self._by_shape_and_key(line[match.start() :])
        if self.indent is not None:
            if not line.strip():
                return line
            indent = len(line) - len(line.lstrip())
            if indent > self.indent:
                return line[:indent] + MASK
            self.indent = None
        return self._by_shape_and_key(line)

    def _by_shape_and_key(self, line: str) -> str:
        for pattern in _SHAPES:
            line = pattern.sub(_replace, line)
        if block := _KEY_BLOCK.search(line):
            line = self._without_key(line, block.end())
        if not self.in_code:
            if (block := _BLOCK.search(line)) and is_secret_key(block["key"]):
                self.indent = len(block["indent"])
                return line
            if self.names_secret and (match := _VALUE_LINE.search(line)):
                line = _replace(match) if match["secret"] else line
            named = _NAME_LINE.search(line)
            self.names_secret = named is not None and is_secret_key(named["key"])
        for place in _IN_CODE if self.in_code else _ELSEWHERE:
            line = self._by_key(line, place)
        return line

    def _without_key(self, line: str, start: int) -> str:
        """Mask the private key that begins in a line, and note whether it goes on."""
        if _KEY_BLOCK_END.search(line, start):
            return line[:start] + MASK + line[line.rindex("-----END") :]
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
            if _is_secret(line, key, value["secret"]):
                parts += [line[at : value.start("secret")], MASK]
                at = value.end("secret")
                searched = value.end()
        return "".join([*parts, line[at:]])

    def _note_open_quote(self, value: re.Match[str]) -> None:
        """Note that a value goes on in the next line, if its quotation marks do not end."""
        groups = value.groupdict()
        if "quote" in groups and groups["end"] is None and (not self.in_code or len(groups["quote"]) == len('"""')):
            self.end = re.compile(re.escape(groups["quote"]))


def _is_secret(line: str, key: re.Match[str], value: str) -> bool:
    name = key["key"]
    if _NO_SECRET.fullmatch(value):
        return False
    if name.lower() == "token" and _PARSER_SAYS.search(line, 0, key.start()):
        return False
    words = {word.lower() for word in _WORD.findall(name)}
    return not _NUMBER.fullmatch(value) or "pass" in words or not words.isdisjoint(_NUMBERS_ARE_SECRET)


def _replace(match: re.Match[str]) -> str:
    """Return a match with its secret masked."""
    if "secret" not in match.re.groupindex:
        return MASK
    if _NO_SECRET.fullmatch(match["secret"]):
        return match[0]
    start, end = (at - match.start() for at in match.span("secret"))
    return match[0][:start] + MASK + match[0][end:]
