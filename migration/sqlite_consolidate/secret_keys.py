"""Tell by its key or its shape whether a value is a secret."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
SECRET_WORDS = _words(
    "accesskey apikey apitoken authorization authtoken bearer cookie credential credentials passcode passphrase passwd "
    "kennwort passe password passwords passwort privatekey pw pwd salt secret secretkey secrets token tokens"
)
# Each of SECRET_WORDS has one of them, and so has each key of a secret.
_KEY_HINTS = _words("key auth pass pw seed pin kennwort bearer cookie credential salt secret token")
_NUMBERS_ARE_SECRET = _words("passcode passphrase passwd password passwords pin pwd secret secrets")
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
_SEEDS = _words("hotp mnemonic otp totp wallet")
_NO_PINS = _words("gpio led")
_FILE = re.compile(r"\.(?:cc?|cpp|cs|ex|go|h|java|js|jsx|kt|log|php|pl|py|pyi|rb|rs|scala|sh|sql|swift|ts|tsx)")
_COUNT = re.compile(r"\d{1,9} [a-z]{2,20}(?: [a-z]{2,20}){0,3}[.,;]?\s*$")  # "4 rows moved"
_PARSER_SAYS = re.compile(r"\b(?:unrecognized|unexpected|illegal)\s+$", re.IGNORECASE)  # "unrecognized token: ..."
_PARTS_OF_KEYS = SECRET_WORDS | {"auth", "pass", "pin"}
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_NO_SECRET = re.compile(
    r"(?i:true|false|null|none|nil|undefined|yes|no|on|off|ok|passed|failed)|SKIPPED|XFAIL|XPASS|ERROR|[A-Za-z_][\w.]*\("
    r"|\W{0,3}|-?\*+"
    r"|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[\w.]+\}|\$\d|\$\(.*\)?|`.*|\$?\{\{.*|\{[^{}]*\}|%\(\w+\)s|%[sdr]|%\w+%|<[\w -]+>"
)


@lru_cache(maxsize=1_000)
def is_secret_key(key: str) -> bool:
    """Return whether the value of a key with this name is a secret."""
    if key in ("PWD", "OLDPWD") or _FILE.fullmatch(key[max(0, key.rfind(".")) :]):
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT_A_SECRET:
        return False
    is_named = not SECRET_WORDS.isdisjoint(words) or any(word.endswith(("password", "passwd")) for word in words)
    has_context = len(words) > 1 or key.startswith("_")
    is_abbreviated = (has_context and "pass" in words) or (words[-1] == "auth" and (has_context or key == "AUTH"))
    is_pin = words[-1] == "pin" and (has_context or key == "PIN") and _NO_PINS.isdisjoint(words)
    return is_named or is_abbreviated or is_pin or _has_kind_of_key(words)


def may_have_secret_key(line: str) -> bool:
    """Return whether a line has the words of a key whose value is a secret."""
    words = [word.lower() for word in _WORD.findall(line)]
    is_named = not _PARTS_OF_KEYS.isdisjoint(words) or any(word.endswith(("password", "passwd")) for word in words)
    return is_named or _has_kind_of_key(words)


def _has_kind_of_key(words: Sequence[str]) -> bool:
    return any(
        (kind in _KINDS_OF_KEYS and word in ("key", "keys")) or (kind in _SEEDS and word == "seed")
        for kind, word in pairwise(words)
    )


def is_no_secret(value: str) -> bool:
    """Return whether a value is a reference, a placeholder or an outcome."""
    return _NO_SECRET.fullmatch(value) is not None


def is_secret(line: str, key: re.Match[str], value: re.Match[str]) -> bool:
    """Return whether the value that follows the key of a secret is one.

    Args:
        line: The whole line.
        key: Match of the key, as the group "key", and of what separates it from the value.
        value: Match of the value, as the group "secret".
    """
    name, text = key["key"], value["secret"]
    if is_no_secret(text):
        return False
    if ":" in line[key.end("key") : key.end()] and _COUNT.match(line, value.start("secret")):
        return False
    if name.lower() == "token" and _PARSER_SAYS.search(line[max(0, key.start() - 40) : key.start()]):
        return False
    words = {word.lower() for word in _WORD.findall(name)}
    return not _NUMBER.fullmatch(text) or "pass" in words or not words.isdisjoint(_NUMBERS_ARE_SECRET)


@dataclass(frozen=True)
class Shape:
    """Tell what a secret looks like.

    Attributes:
        hints: A line without any of them in lower case has no such secret.
        pattern: Only its group "secret" is a secret, or else all of it.
    """

    hints: frozenset[str]
    pattern: re.Pattern[str]


SHAPES = tuple(
    Shape(frozenset(hints.split()), re.compile(pattern))
    for hints, pattern in (
        (
            "gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glpat-",
            r"(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,})",
        ),  # GitHub, GitLab
        (
            "sk- sk_ pk- pk_ rk- rk_ whsec",
            r"(?<![A-Za-z0-9])(?:sk|pk|rk|whsec)[-_](?=[\w-]{0,99}\d)[\w-]{16,}",
        ),  # OpenAI, Stripe and others
        ("akia asia abia acca", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"),  # Amazon
        ("xox xapp-", r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),  # Slack
        ("hooks.slack.com", r"hooks\.slack\.com/services/(?P<secret>[\w/]+)"),
        ("aiza ya29.", r"(?<![A-Za-z0-9])(?:AIza[\w-]{30,}|ya29\.[\w-]{16,})"),  # Google
        (
            "npm_ pypi- hf_ dop_v1_",
            r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{30,}|dop_v1_[0-9a-f]{32,})",
        ),
        ("sg.", r"(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
        ("eyj", r"(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){2,4}"),  # JSON Web Token
        ("bearer basic", r"\b(?i:bearer|basic)\s+(?P<secret>(?=[\w.~+/=-]{1,99}[0-9A-Z=])[\w.~+/=-]{8,})"),
        # The password of a connection string goes on to the last @.
        (
            "://",
            (
                r"://[^\s:/@\"'<>]{0,1000}+:(?!\d{0,9}/)"
                r"(?P<secret>[^\s\"'<>@]{0,1000}+(?:@[^\s\"'<>@]{0,1000}+(?=@)){0,99}+)@"
            ),
        ),
        ("://", r"://(?P<secret>[\w-]{20,200})@"),  # a token instead of a user
        ("sig= key=", r"[?&](?:sig|key)=(?P<secret>[^\s&\"']+)"),  # Azure, SQLCipher
        (
            "pragma",
            r"(?i:\bpragma\s+(?:\w{1,80}\.)?(?:hex|text)?(?:re)?key)\s*[=(]\s*\\?[\"']?x?\\?[\"'](?P<secret>[^\"'\\]{1,400})",
        ),
        (
            "hvs. hvb. hvr. shp gocspx-",
            r"(?<![A-Za-z0-9])(?:hv[sbr]\.[\w-]{20,}|shp(?:at|ca|pa|ss)_[A-Za-z0-9]{20,}|GOCSPX-[\w-]{16,})",
        ),  # Vault
        (":aa", r"(?<!\d)\d{6,12}:AA[\w-]{30,}"),  # Telegram
        ("discord", r"discord(?:app)?\.com/api/webhooks/\d+/(?P<secret>[\w-]+)"),
        ("age-secret-key-1", r"AGE-SECRET-KEY-1[A-Za-z0-9]{20,}"),
        (
            "$1$ $2 $5$ $6$ $7$ $y$ $apr1$ $argon2",
            r"\$(?:1|2[abxy]|5|6|7|y|apr1|argon2id?)\$[\w./=,$+-]{20,}",
        ),  # hashes of passwords
        (":thin:", r":thin:[^/\s]{1,200}/(?P<secret>[^@\s]{1,200})@"),  # Oracle
        ("curl", r"\bcurl\b.{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,200}:(?P<secret>[^\s\"']+)"),
        ("login", r"\blogin\s+\S{1,200}\s+password\s+(?P<secret>\S+)"),  # .netrc
        ("identified password", r"(?i:\bidentified\s+by|\bpassword)\s+'(?P<secret>[^']+)'"),  # SQL
    )
)
# A line without any of them in lower case has no secret. Most lines have none.
_HINTS = sorted({*_KEY_HINTS, "private-lines"}.union(*(shape.hints for shape in SHAPES)))


def hints_by_line(text: str) -> dict[int, set[str]]:
    """Return the hints of each line that may have a secret, by its number."""
    text, hints = text.casefold(), defaultdict[int, set[str]](set)
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    for hint in _HINTS:
        at = text.find(hint)
        while at >= 0:
            number = bisect_right(starts, at) - 1
            hints[number].add(hint)
            at = text.find(hint, starts[number + 1])
    return hints
