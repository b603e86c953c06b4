"""Format text, such as printable lines, message ids, counted nouns, and JSON in pieces."""

from __future__ import annotations

import json
import re
import string
import textwrap
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_]+")
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# Some viewers end a line at line and paragraph separators. The other categories are controls, format characters (such
# as bidi overrides), surrogates, private use and unassigned code points.
_SHOWN_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_LAST_OF_FOUR_DIGITS = 0xFFFF

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


def printable(text: str) -> str:
    r"""Return ``text`` with every character that could control a terminal written as an escape.

    Newlines stay, because callers build messages of several lines. C0 and C1 controls, DEL, bidi overrides, line
    separators and lone surrogates are written as ``\x1b``, ``\u202e`` and so on. A table name therefore cannot clear
    the screen, hide a word or forge a line.
    """
    if text.isascii() and (text.isprintable() or text.replace("\n", " ").isprintable()):
        return text
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in _SHOWN_ESCAPED else _escaped(char) for char in text
    )


def escaped(text: str) -> str:
    r"""Return printable text from which the original text can be restored.

    :func:`unescaped` restores it. A backslash of the text that looks like the beginning of an escape is written as
    ``\x5c``.
    """
    return printable(_ESCAPE.sub(lambda match: f"\\x5c{match[0][1:]}", text))


def unescaped(text: str) -> str:
    """Restore the text that ``escaped`` was given."""
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), text)


def one_line(text: str) -> str:
    r"""Return ``text`` as printable text in which newlines are escaped as well."""
    return printable(text).replace("\n", "\\n")


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii") if not char.isascii() else f"\\x{ord(char):02x}"


def toml_string(text: str) -> str:
    """Return a text as a TOML string that a terminal and an editor show as it is.

    JSON's escapes are valid in TOML. Characters that ``printable`` escapes are escaped as well.
    """
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isascii() and quoted.isprintable() else "".join(map(_toml_character, quoted))


def _toml_character(char: str) -> str:
    category = unicodedata.category(char)
    if category not in _SHOWN_ESCAPED or category == "Cs":  # TOML has no surrogates
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= _LAST_OF_FOUR_DIGITS else f"\\U{ord(char):08x}"


def literal_pattern(name: str) -> str:
    """Return the ``fnmatch`` pattern that matches exactly this name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def lower_ascii(name: str) -> str:
    """Return a name in the form in which SQLite compares names."""
    return name.translate(_ASCII_LOWER)


def fits_name(pattern: str, name: str) -> bool:
    """Return whether a pattern fits a name. Like SQLite, it ignores the case of ASCII letters."""
    return fnmatchcase(lower_ascii(name), lower_ascii(pattern))


_NAMED = 3


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 row`` or ``3 rows``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


_IRREGULAR = {
    "addenda": "addendum",
    "analyses": "analysis",
    "appendices": "appendix",
    "axes": "axis",
    "bacteria": "bacterium",
    "buses": "bus",
    "children": "child",
    "corpora": "corpus",
    "crises": "crisis",
    "criteria": "criterion",
    "curricula": "curriculum",
    "data": "datum",
    "diagnoses": "diagnosis",
    "feet": "foot",
    "geese": "goose",
    "genera": "genus",
    "halves": "half",
    "hypotheses": "hypothesis",
    "indices": "index",
    "knives": "knife",
    "leaves": "leaf",
    "lives": "life",
    "loci": "locus",
    "matrices": "matrix",
    "media": "medium",
    "men": "man",
    "mice": "mouse",
    "movies": "movie",
    "people": "person",
    "phenomena": "phenomenon",
    "schemata": "schema",
    "shelves": "shelf",
    "spectra": "spectrum",
    "statuses": "status",
    "strata": "stratum",
    "syntheses": "synthesis",
    "taxa": "taxon",
    "teeth": "tooth",
    "theses": "thesis",
    "vertices": "vertex",
    "viruses": "virus",
    "wives": "wife",
    "women": "woman",
}
_SINGULARS = frozenset(_IRREGULAR.values())


def singular_of(noun: str) -> str:
    """Return what may be the singular of a noun in lower case.

    A regular singular that ends in ``s`` loses it, so that only two results can be compared.
    """
    if noun in _SINGULARS:
        return noun
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    return re.sub(r"(?<=[^s])s$", "", re.sub(r"(?<=ss|ch|sh)es$|(?<=x)es$", "", re.sub(r"ies$", "y", noun)))


def name_words(name: str) -> list[str]:
    """Return the words of a name in lower case, the last of them in the singular.

    ``BlogPost`` and ``blog_posts`` have the same words.
    """
    *words, last = [lower_ascii(word) for word in _WORDS.findall(name)] or [lower_ascii(name)]
    return [*words, singular_of(last)]


def list_names(names: Sequence[str], most: int = _NAMED) -> str:
    """Return the first names and the number of the others, as in ``a, b, c and 17 more``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def join_names(names: Sequence[str]) -> str:
    """Return all names in words, as in ``a``, ``a and b`` or ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def join_first_names(names: Sequence[str], most: int = _NAMED) -> str:
    """Return all names in words, or the first and the number of the others.

    Examples are ``a, b and c`` and ``a, b, c and 17 more``.
    """
    return join_names(names) if len(names) <= most else list_names(names, most)


def with_message_id(*parts: str, id: str) -> str:
    """Return the non-empty parts as one text that ends with the id of the message.

    An example is ``is locked. Stop it. [in-use]``.
    """
    return " ".join([*filter(None, parts), f"[{id}]"])


def fold(sentence: str, width: int | None) -> list[str]:
    """Return a sentence as indented lines, of which each but the first is indented further.

    A word is never divided, so that names and paths can be copied.

    Args:
        sentence: Text without line ends.
        width: Most characters of a line, or None for one line.
    """
    if width is None:
        return [f"  {sentence}"]
    folder = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="      ")
    folder.break_long_words = folder.break_on_hyphens = False
    return folder.wrap(sentence)


_PIECE = 1 << 16


def json_pieces(document: Mapping[str, Any], text_of_item: Callable[[str, Any], str]) -> Iterator[bytes]:
    """Yield the bytes of a document as indented JSON in ASCII.

    Args:
        document: The document. Each of its lists may be an iterator, which is read when it is written.
        text_of_item: Returns the JSON of an item, from the name of its list and the item.
    """
    texts, size = list[str](), 0
    for text in _texts(document, text_of_item):
        texts.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(texts).encode("ascii")
            texts, size = [], 0
    yield "".join(texts).encode("ascii")


_json = json.JSONEncoder().encode


def indented_json(value: Any, margin: str = "\n") -> str:
    """Return a value as indented JSON in ASCII, whose objects have texts as names.

    Python's encoder makes some thirty objects for each value that it indents. They refer to each other, so they stay in
    memory until Python looks for such objects.

    Args:
        value: The value.
        margin: Line end with the indentation of the value.
    """
    inner = f"{margin}  "
    if value and isinstance(value, dict):
        items = [f"{_json(name)}: {indented_json(item, inner)}" for name, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(items)}{margin}}}"
    if value and isinstance(value, (list, tuple)):
        items = [indented_json(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{margin}]"
    return _json(value)


def _texts(document: Mapping[str, Any], text_of_item: Callable[[str, Any], str]) -> Iterator[str]:
    yield "{"
    for number, (name, value) in enumerate(document.items()):
        yield f"{',' if number else ''}\n  {json.dumps(name)}: "
        if not isinstance(value, (list, tuple, Iterator)):
            yield indented_json(value, "\n  ")
            continue
        is_empty = True
        for item in value:
            yield "[\n    " if is_empty else ",\n    "
            is_empty = False
            yield text_of_item(name, item).replace("\n", "\n    ")  # no text in it has a line feed
        yield "[]" if is_empty else "\n  ]"
    yield "\n}\n"
