"""Specify that text of unknown origin is shown without an effect on the terminal."""

from __future__ import annotations

import gc
import json
import tomllib
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import (
    escaped,
    fold,
    indented_json,
    one_line,
    printable,
    singular_of,
    toml_string,
    unescaped,
)

# Every code point there is, surrogates included; small ones often. No examples are kept on disk.
ANY_TEXT = st.lists(st.integers(0, 0x10FFFF) | st.integers(0, 0xFF)).map(lambda points: "".join(map(chr, points)))
PLAIN = "abcXYZ 0189 äöü ß é Ω Ж 漢字 ∑ € \U0001f600 .,;:-_/\\'\"`[](){}<>&%$#@!?*+=|~^"
quick = settings(max_examples=100, deadline=None, database=None)


@quick
@given(ANY_TEXT)
def test_no_control_character_but_newline_comes_out(text: str) -> None:
    """The output contains no character that controls a terminal.

    It can always be encoded.
    """
    shown = printable(text)

    assert {unicodedata.category(char) for char in shown if char != "\n"}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert shown.count("\n") == text.count("\n")


@quick
@given(st.lists(st.sampled_from(PLAIN + "\n")).map("".join))
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Letters of any language, signs and newlines are unchanged."""
    assert printable(text) == text


@quick
@given(ANY_TEXT)
def test_one_line_is_one_line(text: str) -> None:
    """No viewer breaks it into two lines."""
    assert len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb\tc\0", "a\\x0db\\x09c\\x00"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028\ufeff\ud800", "\\u2028\\ufeff\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_escapes_look_like_those_of_python(text: str, shown: str) -> None:
    """A reader can see which character it was."""
    assert printable(text) == shown


def test_problem_is_printed_without_control_characters() -> None:
    """Every message of a refusal is escaped."""
    problem = Problem("name-taken", "a.db:\x1b]0;t\x07", "The name is taken.", "", criterion="names-free")

    assert str(problem) == "a.db:\\x1b]0;t\\x07: The name is taken. [name-taken]"


@quick
@given(ANY_TEXT | st.text("\\\x1b\tx0641cuU").map(lambda text: f"C:\\x64 {text}"))
def test_escaping_can_be_undone(text: str) -> None:
    """Text that looks like an escape is restored, also beside escaped characters."""
    shown = escaped(text)

    assert unescaped(shown) == text
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(derandomize=True)
def test_toml_string_is_printable_and_restored(text: str) -> None:
    """A proposed plan clears no screen, and names the same file."""
    string = toml_string(text)

    assert printable(string) == string
    assert tomllib.loads(f"a = {string}") == {"a": text}


def test_toml_string_keeps_readable_text() -> None:
    """Letters and pictures are not escaped, and a byte order mark is."""
    assert toml_string("größe \U0001f4a3 \ufeff\U000e0001\x9b") == '"größe \U0001f4a3 \\ufeff\\U000e0001\\u009b"'


def test_sentence_is_folded_with_a_hanging_indent() -> None:
    """A path that is longer than the line stays whole. Without a terminal nothing is folded."""
    sentence = "a.db:tasks: 2 rows would be left /behind-in/a-long/folder [rows-left]"

    assert fold(sentence, 32) == [
        "  a.db:tasks: 2 rows would be",
        "      left",
        "      /behind-in/a-long/folder",
        "      [rows-left]",
    ]
    assert fold(sentence, None) == [f"  {sentence}"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(ANY_TEXT, values, max_size=3),
    max_leaves=10,
)


@quick
@given(ANY_JSON)
def test_indented_json_is_that_of_python(value: object) -> None:
    """Readers of earlier reports find the same form."""
    assert indented_json(value) == json.dumps(value, indent=2)


def test_indented_json_leaves_no_unreachable_objects() -> None:
    """A manifest has an item of each file, of which there may be thousands."""
    gc.freeze()  # what other tests have left

    indented_json({"tables": {"person": [1, "a"]}, "marks": {}})

    assert gc.collect() == 0


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("users", "user"),
        ("categories", "category"),
        ("boxes", "box"),
        ("addresses", "address"),
        ("people", "person"),
        ("children", "child"),
        ("women", "woman"),
        ("mice", "mouse"),
        ("data", "datum"),
        ("media", "medium"),
        ("indices", "index"),
        ("analyses", "analysis"),
        ("analysis", "analysis"),
        ("criteria", "criterion"),
        ("statuses", "status"),
    ],
)
def test_singular_of_a_noun_may_be_irregular(noun: str, expected: str) -> None:
    """The singular of a singular is itself."""
    assert singular_of(noun) == expected
    assert singular_of(expected) == expected
