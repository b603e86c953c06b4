"""Tell by its key whether a value is a secret."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
SECRET_WORDS = _words(
    "accesskey apikey apitoken authorization authtoken bearer cookie credential credentials passcode passphrase passwd "
    "kennwort passe password passwords passwort privatekey pw pwd salt secret secretkey secrets token tokens"
)
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
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_NO_SECRET = re.compile(
    r"(?i:true|false|null|none|nil|undefined|yes|no|on|off|ok|passed|failed)|SKIPPED|XFAIL|XPASS|ERROR|[A-Za-z_][\w.]*\("
    r"|\W{0,3}|-?\*+"
    r"|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[\w.]+\}|\$\d|\$\(.*\)?|`.*|\$?\{\{.*|\{[^{}]*\}|%\(\w+\)s|%[sdr]|%\w+%|<[\w -]+>"
)


@lru_cache(maxsize=10_000)
def is_secret_key(key: str) -> bool:
    """Return whether the value of a key with this name is a secret."""
    if key in ("PWD", "OLDPWD") or _FILE.fullmatch(key[max(0, key.rfind(".")) :]):
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT_A_SECRET:
        return False
    is_kind_of_key = any(kind in _KINDS_OF_KEYS and word in ("key", "keys") for kind, word in pairwise(words))
    is_named = not SECRET_WORDS.isdisjoint(words) or any(word.endswith(("password", "passwd")) for word in words)
    has_context = len(words) > 1 or key.startswith("_")
    is_abbreviated = (has_context and "pass" in words) or (words[-1] == "auth" and (has_context or key == "AUTH"))
    is_pin = words[-1] == "pin" and (has_context or key == "PIN") and _NO_PINS.isdisjoint(words)
    is_seed = any(kind in _SEEDS and word == "seed" for kind, word in pairwise(words))
    return is_kind_of_key or is_named or is_abbreviated or is_pin or is_seed


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
