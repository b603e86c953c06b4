"""Specify which texts name a table."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import names_table


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("Post", "posts"),
        ("posts", "blog_posts"),
        ("BlogPost", "posts"),
        ("blog.Post", "blog_posts"),
        ("Blog::Post", "forum_posts"),
        ("'App\\Models\\Person'", "app_people"),
    ],
)
def test_text_names_a_table(text: str, table: str) -> None:
    """The shorter name is the end of the longer one."""
    assert names_table(text, table)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("outpost", "posts"),
        ("post office", "posts"),
        ("", "posts"),
        ("::", "posts"),
        ("image/post", "posts"),
        (f"{'a ' * 100}.post", "posts"),
    ],
)
def test_other_texts_name_no_table(text: str, table: str) -> None:
    """Neither a media type nor a long text names one."""
    assert not names_table(text, table)
