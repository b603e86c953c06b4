"""Keep the words of a page whole that a reader may copy."""

from __future__ import annotations

import re

import pytest

from sqlite_consolidate.report.html.page import whole_words


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("from backups/db-x-20261128_094212, and on", ["db-x-20261128_094212,"]),
        ("unless --discard-changes permits", ["--discard-changes"]),
        ("no hyphen in a/b", []),
        (f"too long: {'a' * 40}-{'b' * 40}", []),
        ("<b>-a", ["&lt;b&gt;-a"]),
    ],
)
def test_word_with_a_hyphen_is_whole(text: str, whole: list[str]) -> None:
    """A part that is longer than a line may be divided."""
    assert re.findall(r'<b class="word">(.*?)</b>', whole_words(text)) == whole
