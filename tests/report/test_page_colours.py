"""Text of the page is readable on its background, in light and in dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.report.html.page import STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_colours_have_enough_contrast_in_light_and_dark() -> None:
    """Each pair of text and background colour of the style has at least 4.5 to 1."""
    pairs = [
        (ink, paper)
        for paper in ("paper", "shade")
        for ink in ("ink", "quiet", "link", "good", "bad", "open")
    ] + [(ink, f"{tone}-paper") for tone in ("good", "bad", "open") for ink in (tone, "ink")]  # fmt: skip

    for palette in _palettes():
        for ink, paper in pairs:
            assert _contrast(palette[ink], palette[paper]) >= 4.5, (ink, paper, palette)


def _palettes() -> Iterator[dict[str, str]]:
    for block in re.findall(r":root \{(.*?)\}", STYLES[0].read_text("utf-8"), re.DOTALL):
        yield dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


def _contrast(colour: str, other: str) -> float:
    lighter, darker = sorted((_luminance(colour), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
