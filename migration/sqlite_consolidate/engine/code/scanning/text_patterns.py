"""Read the texts that files other than Python compute."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from itertools import islice, product
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.languages.javascript import script_expressions, script_tokens
from sqlite_consolidate.engine.code.scanning.languages.joined_strings import joined_strings
from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN
from sqlite_consolidate.engine.code.scanning.prose import comment_finder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHELL = frozenset({".sh", ".bash", ".zsh", ".ksh"})
_YAML = frozenset({".yaml", ".yml"})
_JAVASCRIPT = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"})
_SHEBANG = re.compile(r"#!.*\b(?:ba|z|k|da)?sh\b")
_SHEBANG_OF_JAVASCRIPT = re.compile(r"#!.*\b(?:node|nodejs|deno|bun|tsx|ts-node|zx)\b")

_LISTING = re.compile(rb"\b(?:readdir|opendir)")
_TESTS = frozenset({"endsWith", "extname"})
_ENDING_EXPRESSION = re.compile(r"/.*\\\.(?:\((?:\?:)?)?(?P<endings>[\w|]+)\)?\$/\w*")

_MOST_TEXTS = 50
_MOST_STEPS = 5
"""Number of variables that are followed from one to the next."""

# Compose takes "$$" for "$", which the shell of the container sees.
_EXPANSION = r"<%=[^%\n]*%>|\$\{\{[^{}]*\}\}|"
_EXPANSION += r"\{\{[^{}]*\}\}|\$\((?:[^()]|\([^()]*\))*\)|\$?\$\{[^{}]*\}|\$?\$\w+|\$[@*#?!$-]|`[^`]*`"
_BRACES = r"\{[^{}\s]*\}"
_SHELL_WORD = re.compile(rf"(?:{_EXPANSION}|{_BRACES}|\\.|[\w./~%+@^*?!\[\]\"'-])+")
_COMMAND = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)")
_SHELL_TOKEN = re.compile(rf"({_EXPANSION})|({_BRACES})|\\(.)|[\"']")
_ASSIGNMENT = re.compile(
    rf"(?:^|(?<=[\s;]))(?:export\s+)?(\w+)=(\"[^\"$`\n]*\"|'[^'\n]*'|{_SHELL_WORD.pattern})", re.MULTILINE
)
_ARRAY = re.compile(r"\b(\w+)=\(([^()]*)\)")
_LOOP = re.compile(r"\bfor\s+(\w+)\s+in\s+((?:\\\n|[^;\n])+)")
_INPUT = re.compile(r"\bread\s+(?:-\w+\s+)*(\w+)")
_SETTING = re.compile(rf"^\s*(\w+):\s+({_SHELL_WORD.pattern})\s*(?:#.*)?$", re.MULTILINE)
_VARIABLE = re.compile(r"\$?\$\{?(\w+)(?:\[[@*\d]+\])?\}?")
_DEFAULT = re.compile(r"\$\{(\w+):?[-=](.*)\}", re.DOTALL)


class ComputedText(NamedTuple):
    """Hold the possible texts of one place of a file.

    Attributes:
        offset: Where the place begins.
        length: How long it is.
        texts: Its possible texts, with ``UNKNOWN`` for each part that is computed.
    """

    offset: int
    length: int
    texts: tuple[str, ...]


def is_javascript(file: str, text: str) -> bool:
    """Return whether a file is in JavaScript, by its name or else by its first line."""
    suffix = posixpath.splitext(file)[1].lower()
    return suffix in _JAVASCRIPT or (not suffix and bool(_SHEBANG_OF_JAVASCRIPT.match(text)))


def is_yaml(file: str) -> bool:
    """Return whether a file is YAML, by its name."""
    return posixpath.splitext(file)[1].lower() in _YAML


def is_shell(file: str, text: str) -> bool:
    """Return whether a file is a script of a shell, by its name, or else by its first line."""
    suffix = posixpath.splitext(file)[1].lower()
    return suffix in _SHELL or (not suffix and bool(_SHEBANG.match(text)))


def computed_texts(
    file: str, text: str, is_wanted: Callable[[str], bool], environment: str = "", *, is_code: bool = True
) -> Iterator[ComputedText]:
    """Return the computed texts of a file.

    Only the strings of a program are read if its language is not known.

    Args:
        file: Its path.
        text: Its text, whose first line tells a script without a suffix.
        is_wanted: Whether a word as it is written is of interest.
        environment: Text of the settings that a file of YAML has beside it.
        is_code: Whether it is a program. Other settings than YAML and environment files have no computed texts.
    """
    path = PurePosixPath(file)
    suffix = path.suffix.lower()
    if is_javascript(file, text):
        return _javascript_texts(text, is_wanted)
    is_environment = suffix == ".env" or path.name.startswith(".env")
    if is_environment or is_shell(file, text):
        return read_shell(text, is_wanted)
    if is_yaml(file):
        return read_shell(text, is_wanted, _yaml_variables(f"{text}\n{environment}") if "$" in text else {})
    return _texts_of_strings(file, text, is_wanted) if is_code else iter(())


def _texts_of_strings(file: str, text: str, is_wanted: Callable[[str], bool]) -> Iterator[ComputedText]:
    for string in joined_strings(file, text, is_wanted):
        yield ComputedText(string.start, string.end - string.start, (string.text,))


def lists_a_folder(data: bytes) -> bool:
    """Return quickly whether a program in JavaScript may list a folder."""
    return bool(_LISTING.search(data))


def _javascript_texts(text: str, is_wanted: Callable[[str], bool]) -> Iterator[ComputedText]:
    for made in script_expressions(text, is_wanted):
        yield ComputedText(made.start, made.end - made.start, made.texts)
    for place in _tested_endings(text) if lists_a_folder(text.encode()) else ():
        if any(map(is_wanted, place.texts)):
            yield place


def _tested_endings(text: str) -> Iterator[ComputedText]:
    r"""Yield the ends of names for which a program in JavaScript tests.

    These are the argument of ``endsWith``, a regular expression such as ``/\.db$/``, and a suffix beside ``extname``.
    """
    tokens = [token for token in script_tokens(text) if token.kind != "comment"]
    words = {token.text for token in tokens if token.kind == "name"}
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        endings: list[str] = []
        if match := _ENDING_EXPRESSION.fullmatch(token.text):
            endings = [f".{ending}" for ending in match["endings"].split("|")]
        elif token.kind == "string" and words & _TESTS and "+" not in {before.text, after.text}:
            endings = [token.text[1:-1]] if token.text[1:2] == "." or before.text == "(" else []
        if endings:
            yield ComputedText(token.start, len(token.text), tuple(UNKNOWN + ending for ending in endings))


def read_shell(
    text: str, is_wanted: Callable[[str], bool], variables: dict[str, list[str]] | None = None
) -> Iterator[ComputedText]:
    """Yield each wanted word with its variables replaced.

    The text is a script, an environment file or YAML. A variable has the values that are given, or else those that the
    same file assigns. Any other variable, a command and a range are unknown.
    """
    variables = _shell_variables(text) if variables is None else variables
    endings = [name for name, words in variables.items() if any(_is_ending(word, is_wanted) for word in words)]
    has_ending = re.compile(rf"\$\{{?(?:{'|'.join(map(re.escape, endings)) or '(?!)'})\b")
    find_comment = comment_finder(".env")
    offset = 0
    for line in text.splitlines(keepends=True):
        code = line[: find_comment(line)]
        for start, word in _shell_words(code) if is_wanted(code) or has_ending.search(code) else ():
            texts = tuple(_expand(word.removeprefix("+"), variables))
            yield ComputedText(offset + start, len(word), texts)
        offset += len(line)


def _shell_words(code: str, offset: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the place and the text of each word.

    A command whose output is a part of a word has words as well.
    """
    for match in _SHELL_WORD.finditer(code):
        yield offset + match.start(), match.group()
        for command in _COMMAND.finditer(match.group()):
            yield from _shell_words(command[1], offset + match.start() + command.start(1))


def _shell_variables(text: str) -> dict[str, list[str]]:
    variables: defaultdict[str, list[str]] = defaultdict(list)
    for match in _ASSIGNMENT.finditer(text):
        variables[match[1]].append(match[2])
    for match in _ARRAY.finditer(text):
        variables[match[1]] += [word.group() for word in _SHELL_WORD.finditer(match[2])]
    for match in _INPUT.finditer(text):
        variables[match[1]].append(UNKNOWN)
    for match in _LOOP.finditer(text):
        for word in _SHELL_WORD.finditer(match[2]):
            variables[match[1]] += [part for known in _expand(word.group(), variables) for part in known.split()]
    return variables


def _yaml_variables(text: str) -> dict[str, list[str]]:
    """Return values of the variables of YAML, each of which can have any other."""
    settings = [*_ASSIGNMENT.finditer(text), *_SETTING.finditer(text)]
    variables: defaultdict[str, list[str]] = defaultdict(lambda: [UNKNOWN])
    for match in settings:
        variables[match[1]].append(match[2])
    return variables


def _is_ending(word: str, is_wanted: Callable[[str], bool]) -> bool:
    """Return whether a value is the suffix of a database, with or without the dot."""
    ending = word.strip("\"'")
    return bool(ending) and is_wanted(f"a.{ending.removeprefix('.')}")


def _expand(word: str, variables: dict[str, list[str]], steps: int = _MOST_STEPS) -> Iterator[str]:
    """Yield the possible texts of a word of a shell."""
    parts: list[list[str]] = []
    end = 0
    for match in _SHELL_TOKEN.finditer(word):
        parts.append([word[end : match.start()]])
        end = match.end()
        expansion, braces, escaped = match.groups()
        if expansion:
            parts.append(_values(expansion, variables, steps))
        elif braces:
            alternatives = braces[1:-1].split(",")
            parts.append(alternatives if len(alternatives) > 1 else [UNKNOWN])
        elif escaped:
            parts.append([escaped])
    parts.append([word[end:]])
    return map("".join, islice(product(*parts), _MOST_TEXTS))


def _values(expansion: str, variables: dict[str, list[str]], steps: int) -> list[str]:
    """Return the possible values of a variable, or unknown for any other expansion."""
    default = _DEFAULT.fullmatch(expansion)
    match = default or _VARIABLE.fullmatch(expansion)
    words = variables.get(match[1], []) if match and steps else []
    values = [text for word in words for text in _expand(word, variables, steps - 1)] or [UNKNOWN]
    return list(dict.fromkeys([*values, *([default[2]] if default else [])]))
