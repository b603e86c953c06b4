"""Mask secrets in lines of code, configuration, logs and program output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MASK = "***"
"""What a text has in place of a secret."""
_LONGEST_LINE = 10_000  # characters. A pattern that begins again at each place of a longer line would read for hours.

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
        r"\b(?i:bearer|basic)\s+(?P<secret>(?=[\w.~+/=-]{1,99}[0-9A-Z=])[\w.~+/=-]{8,})",
        # The password of a connection string goes on to the last @.
        (
            r"://[^\s:/@\"'<>]{0,1000}+:(?!\d{0,9}/)"
            r"(?P<secret>[^\s\"'<>@]{0,1000}+(?:@[^\s\"'<>@]{0,1000}+(?=@)){0,99}+)@"
        ),
        r"://(?P<secret>[\w-]{20,200})@",  # a token instead of a user
        r"[?&]sig=(?P<secret>[^\s&\"']+)",  # Azure
        r":thin:[^/\s]{1,200}/(?P<secret>[^@\s]{1,200})@",  # Oracle
        r"\bcurl\b.{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,200}:(?P<secret>[^\s\"']+)",
        r"\blogin\s+\S{1,200}\s+password\s+(?P<secret>\S+)",  # .netrc
        r"(?i:\bidentified\s+by|\bpassword)\s+'(?P<secret>[^']+)'",  # SQL
    )
)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----")
_KEY_BLOCK_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = _words(
    "accesskey apikey apitoken authorization authtoken bearer cookie credential credentials passcode passphrase passwd "
    "kennwort password passwords passwort privatekey pw pwd salt secret secretkey secrets token tokens"
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
    r"(?i:true|false|null|none|nil|undefined|yes|no|on|off)|\W{0,3}|-?\*+"
    r"|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[\w.]+\}|\$\d|\$\(.*\)?|`.*|\$?\{\{.*|\{[^{}]*\}|%\(\w+\)s|%[sdr]|%\w+%|<[\w -]+>"
)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")

_KEY = r"(?<![A-Za-z0-9_])(?P<key>[A-Za-z_][\w.-]{0,80})(?P<close>\\{0,3}[\"']?\]?)"
_QUOTED = re.compile(
    r"[rRbBuUfF@]{0,2}(?P<quote>\"\"\"|'''|\\{0,3}[\"'`])(?P<secret>(?:(?!(?P=quote))(?:\\.|.))*)(?P<end>(?P=quote))?"
)
_IN_BRACKETS = re.compile(r"(?P<open>[\[(])\s*(?P<secret>[rbuf]?[\"'][^\])]*)(?P<end>[\])])?")
_OPEN_BRACKET = re.compile(r"(?P<open>[\[(])(?P<secret>)\s*(?P<end>(?!))?$")
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
_AS_LIST = _Place(_IN_QUOTES.key, _IN_BRACKETS)
_AS_PARAMETER = _Place(re.compile(r"(?<=[;?&])(?P<key>[\w. -]{1,80})="), re.compile(r"(?P<secret>[^\s;&\"']+)"))
_IN_CODE = (
    _IN_QUOTES,
    _AS_DEFAULT,
    _AS_PARAMETER,
    _AS_LIST,
    _Place(re.compile(_KEY + r"\s*:\s*[\w\[\], .|&*<>?!']{1,40}=\s*"), _QUOTED),  # annotated
    _Place(
        re.compile(_KEY + r"\s*=\s*[^=\"']{0,99}(?:[\"'][^\"']{0,99}[\"'])?[^=\"']{0,99}(?:\bor\b|\|\||\?\?)\s*"),
        _QUOTED,
    ),
    _Place(re.compile(_KEY + r"\s*=\s*[\w.]{0,99}(?:getenv|get|env|config)\(\s*[\"'][\w.]{1,99}[\"']\s*,\s*"), _QUOTED),
    _Place(re.compile(r"(?<!\w)(?P<key>set_?\w{1,80})\(\s*"), _QUOTED),
    _Place(re.compile(r"^\s*#\s*define\s+(?P<key>\w{1,80})\s+"), _QUOTED),
    _Place(re.compile(r"^\s*(?:#|//|--|\*)\s*(?P<key>\w{1,80})\s*[:=]\s+"), re.compile(r"(?P<secret>\S+)$")),
)
_ELSEWHERE = (
    _AS_PARAMETER,
    _Place(
        re.compile(
            r"^[\s#;/+-]*(?:(?:export|set|declare -x|ENV|ARG)\s+)?(?:Environment=)?" + _KEY + r"\s*(?:=>?|:(?!//))\s*"
        ),
        re.compile(r"(?P<secret>(?![\"'\[{]|\\[\"']|[&!]?\w*\s*[|>])\S.*)$"),  # to the end of the line
    ),
    _Place(re.compile(r"^\s*(?:ENV|setx)\s+(?P<key>\w{1,80})\s+"), re.compile(r"(?P<secret>[^\s=].*)$")),
    _IN_QUOTES,
    _AS_DEFAULT,
    _AS_LIST,
    _Place(_IN_QUOTES.key, _OPEN_BRACKET),
    _Place(re.compile(r"(?:key|name)=[\"'](?P<key>[\w.-]{1,80})[\"']\s*>"), re.compile(r"(?P<secret>[^<]+)")),
    _Place(re.compile(r"(?:key|name)=[\"']" + _KEY + r"\s+value="), _QUOTED),  # XML
    _Place(re.compile(r"<(?P<key>[A-Za-z_][\w.-]{0,80})(?:\s[^<>]{0,200})?>"), re.compile(r"(?P<secret>[^<]+)")),
    _Place(re.compile(r"\$\{(?P<key>\w{1,80}):?[-=]"), re.compile(r"(?P<secret>[^}]*)")),  # a default in a shell
    _Place(re.compile(r"(?<![\w-])--(?P<key>[\w-]{1,80})[ =]"), _TO_SPACE),
    _Place(
        re.compile(_KEY + r"\s*(?:=>?|:(?!//))\s*"),
        re.compile(r"(?P<secret>[^\s,;&\"'`<>()\[\]{}\\][^\s,;&\"'<>)\]}]*)"),
    ),
)
_CLOSING = {"[": r"\]", "(": r"\)"}
_PARSER_SAYS = re.compile(r"\b(?:unrecognized|unexpected|illegal)\s+$", re.IGNORECASE)  # "unrecognized token: ..."
_BLOCK = re.compile(
    r"^(?P<indent>\s*(?:- )?)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*:\s*(?:[&!][\w-]+\s+)*[|>][+-]?\d?\s*$"
)
_NAME_LINE = re.compile(
    r"^\s*(?:-\s*)?(?:<key>|[\"']?name[\"']?\s*:)\s*[\"']?(?P<key>[\w.-]{1,80})[\"']?(?:,|</key>)?\s*$"
)
_VALUE_LINE = re.compile(r"^\s*(?:[\"']?value[\"']?\s*:\s*|<string>)(?P<secret>\S.*?)(?:</string>)?$")
_EMPTY_LINE_OF_KEY = re.compile(r"^(?P<indent>\s*(?:- )?)[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*:\s*$")
_LINE_BELOW = re.compile(r"^\s*(?:- +)?(?!\s|-\s|[\"']?[\w.-]{1,80}[\"']?\s*:(?:\s|$))(?P<secret>\S.*?),?$")
_NAMES = "secrets"  # a list of names in a Compose file
# A line without any of them has no secret. Most lines have none.
_HINT = re.compile(
    "key|auth|pass|pw|://|:thin:|sig=|curl|login|identified|basic|begin|github|glpat|gh[oprsu]_|[spr]k[-_]|whsec|a[ksbc][ic]a"
    r"|xox|xapp|slack|aiza|ya29|npm_|pypi-|hf_|dop_|sg\.|eyj|" + "|".join(sorted(_SECRET_WORDS)),
    re.IGNORECASE,
)


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
    masking = _Masking(in_code=in_code)
    return "\n".join(masking.line(line) for line in text.split("\n"))


@lru_cache(maxsize=10_000)
def is_secret_key(key: str) -> bool:
    """Return whether the value of a key with this name is a secret."""
    if key in ("PWD", "OLDPWD"):
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT_A_SECRET:
        return False
    is_kind_of_key = any(kind in _KINDS_OF_KEYS and word == "key" for kind, word in pairwise(words))
    is_named = not _SECRET_WORDS.isdisjoint(words) or any(word.endswith(("password", "passwd")) for word in words)
    is_abbreviated = (len(words) > 1 or key.startswith("_")) and ("pass" in words or words[-1] == "auth")
    return is_kind_of_key or is_named or is_abbreviated


@dataclass
class _Masking:
    """Mask one line after the other.

    Attributes:
        in_code: Whether only a literal can be a value.
        end: Pattern that ends a secret of several lines, or None outside of one.
        indent: Indentation of the key of a block of lines, or None outside of one.
        below: Indentation of the key of a secret whose values follow, or None outside of such lines.
        names_secret: Whether the line before names the secret whose value follows.
    """

    in_code: bool
    end: re.Pattern[str] | None = None
    indent: int | None = None
    below: int | None = None
    names_secret: bool = False

    def line(self, line: str) -> str:
        """Return a line with its secrets masked."""
        text = line.rstrip()
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
        if self.below is not None and line.strip():
            indent = len(line) - len(line.lstrip())
            if indent < self.below or (indent == self.below and not line.lstrip().startswith("-")):
                self.below = None
            elif value := _LINE_BELOW.search(line):
                return _replace(value)
        return self._by_shape_and_key(line)

    def _by_shape_and_key(self, line: str) -> str:
        if not _HINT.search(line) and not self.names_secret:
            return line
        if len(line) > _LONGEST_LINE:
            return self._withheld(line)
        for pattern in _SHAPES:
            line = pattern.sub(_replace, line)
        if block := _KEY_BLOCK.search(line):
            line = self._without_key(line, block.end())
        if not self.in_code:
            if (block := _BLOCK.search(line)) and is_secret_key(block["key"]):
                self.indent = len(block["indent"])
                return line
            if (empty := _EMPTY_LINE_OF_KEY.search(line)) and empty["key"] != _NAMES and is_secret_key(empty["key"]):
                self.below = len(empty["indent"])
            if self.names_secret and (match := _VALUE_LINE.search(line)):
                line = _replace(match) if match["secret"] else line
            named = _NAME_LINE.search(line)
            self.names_secret = named is not None and is_secret_key(named["key"])
        for place in _IN_CODE if self.in_code else _ELSEWHERE:
            line = self._by_key(line, place)
        return line

    def _withheld(self, line: str) -> str:
        """Say that a line is too long, and note whether a private key goes on behind it."""
        *_, begin = (-1, *(block.start() for block in _KEY_BLOCK.finditer(line)))
        if begin >= 0 and not _KEY_BLOCK_END.search(line, begin):
            self.end = _KEY_BLOCK_END
        self.names_secret = False
        return f"[{len(line):,} characters in one line are not shown, because they may have a secret]"

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
        if groups.get("end", "") is None and (not self.in_code or len(groups.get("quote", "")) == len('"""')):
            self.end = re.compile(re.escape(groups["quote"]) if "quote" in groups else _CLOSING[groups["open"]])


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
