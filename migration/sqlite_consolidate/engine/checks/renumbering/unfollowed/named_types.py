"""Tell whether a text names a table, as the value of a column of types does."""

from __future__ import annotations

import re
from functools import cache

from sqlite_consolidate.text import name_words

CONTENT_TYPES = "django_content_type"
"""Table of Django with a row for each model, to whose ids columns of types refer."""

LABEL = (
    "CASE app_label || '.' || model WHEN 'admin.logentry' THEN 'django_admin_log'"
    " WHEN 'contenttypes.contenttype' THEN 'django_content_type' WHEN 'sites.site' THEN 'django_site'"
    " ELSE app_label || '_' || model END"
)
"""SQL of the name that a row of that table stands for.

Three models of Django have tables that are not named after them.
"""

_MEDIA_TYPE = re.compile(r"(?:application|audio|font|image|message|model|multipart|text|video)/[\w.+-]+(?:;.*)?")


_LONGEST_NAME = 200
"""Characters of the longest text of a row that is compared with names of tables."""


@cache
def words_of_name(name: str) -> list[str]:
    """Return the words of a name of the schema, folded, the last of them in the singular."""
    return name_words(name)


def words_of_text(text: str) -> list[str]:
    """Return the words of a text that may be a name, such as ``shop.Order``.

    They are not kept, because a database has many texts.
    """
    return name_words("_".join(re.findall(r"\w+", text)))


def names_table(text: str, table: str) -> bool:
    """Return whether a text names a table, as ``Post`` names ``posts``.

    The last part of ``Blog::Post`` names ``forum_posts`` as well. A media type, such as ``image/png``, or a long
    text names none.
    """
    if len(text) > _LONGEST_NAME or is_media_type(text):
        return False
    *_, last = ("", *re.findall(r"\w+", text))
    return any(_is_end(words, words_of_name(table)) for words in (words_of_text(text), name_words(last)))


def is_media_type(text: str) -> bool:
    """Return whether a text is a media type."""
    return bool(_MEDIA_TYPE.fullmatch(text))


def _is_end(words: list[str], others: list[str]) -> bool:
    """Return whether the shorter name is the end of the longer one."""
    shorter, longer = sorted((words, others), key=len)
    return bool(shorter[0]) and longer[-len(shorter) :] == shorter
