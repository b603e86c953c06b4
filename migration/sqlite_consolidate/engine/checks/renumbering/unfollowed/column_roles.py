"""Tell by its name whether a column may refer to a row, or has amounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name, words_of_text
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

ENDS_LIKE_AN_ID = re.compile(r"(?i:.*_(id|pk|key|fk)|(.*_)?ref)|.*[a-z0-9]I[dD]", re.ASCII)
"""Name of a column that has ids."""

_RELATIONS = "by from into next of on prev previous replaces supersedes to"
_ROLES = """
    accountant admin agent artist assistant author boss captain chair chairman child client coach contact expert fk
    friend guardian guest head host husband lead nurse original owner parent partner patient person physician pilot
    president pupil recipient ref reference related relative secretary spouse student technician user who whom wife
"""
_EQUALS = "child fk original parent ref reference related relative"
_ANY_ROWS = (
    "content entity item key obj object parent pk record ref reference related resource row rowid subject target"
)
_AMOUNTS = """
    age amount angle area balance battery bit byte capacity cent charge code cost count cycle date datetime day degree
    depth discount distance duration elevation energy epoch factor fee flag floor frequency grade height hour humidity
    index kind lap lat latitude length level limit line lon longitude max min minute mode month n no nr number offset
    order page percent percentage period point port pos position pressure price priority pulse qty quantity rank rate
    rating ratio revision salary score second seq sequence size sort speed stamp star state status step stock strength
    sum tax temperature time timestamp total type ts unit valid value version volume vote wage wait week weight width x
    y year z
"""
_NO_PERSONS = """
    after answer before behavior behaviour border buffer center chapter char coffee color colour corner counter cover
    diameter door error filter finger footer gender header humor indicator integer knee layer letter lower major marker
    meter minor modifier multiplier offer other over paper parameter perimeter pointer power prior quarter register
    remainder reminder sector semester since summer three tier timer transfer tree trigger under upper water weather
    winter
"""
_SWITCHES = """
    allow allowed auto disable disabled enable enabled hidden hide notify per require required show timeout
    interval use visible
"""
_ARRANGES = """
    aggregate aggregated divide divided filter filtered group grouped increment incremented index indexed multiplied
    multiply order partition partitioned rank ranked scale scaled sort sorted split
"""
_TYPE_WORDS = frozenset({"class", "entity", "kind", "model", "table", "tbl", "type"})
_STARTS_OF_AMOUNTS = frozenset({"has", "is", "max", "min", "n", "num", "number", "sort", "total"})
_SHOWS = frozenset({"display", "list", "menu", "play", "print", "reading", "render", "show", "sort", "tab", "view"})
_LIKE_A_PERSON = re.compile(".{2,}(?:er|or|ee)")
_PAIRS = (
    frozenset({"source", "target"}),
    frozenset({"source", "destination"}),
    frozenset({"origin", "destination"}),
    frozenset({"src", "dst"}),
    frozenset({"src", "dest"}),
    frozenset({"head", "tail"}),
)
_OWN_ROWS = "child next of original parent prev previous related relative replaces supersedes to"
_PERSONS = frozenset({"individual", "people", "staff"})
_IDS = frozenset({"id", "pk", "key"})
_SHORT_ID = re.compile("[a-z]{1,2}id")
_NO_IDS = frozenset({"aid", "bid", "grid", "paid", "void"})


def _last_words(names: str) -> frozenset[str]:
    return frozenset(words_of_name(name)[-1] for name in names.split())


_RELATION_WORDS, _ROLE_WORDS, _ROW_WORDS = map(_last_words, (_RELATIONS, _ROLES, _ANY_ROWS))
_NO_PERSON_WORDS = (_RELATION_WORDS - {"by"}) | _last_words(_EQUALS)
_MEASURE_WORDS = _last_words(_AMOUNTS)
_OWN_ROW_WORDS, _KIN_WORDS = _last_words(_OWN_ROWS), frozenset({"child", "parent", "relative"})
_AMOUNT_WORDS, _SWITCH_WORDS = _last_words(_AMOUNTS + _NO_PERSONS), frozenset(_SWITCHES.split())
_ARRANGE_WORDS = frozenset(_ARRANGES.split())
_NUMBERS = _last_words("no nr num number")
_VALUES = _NUMBERS | {"value"}


def starts_like_an_amount(words: list[str]) -> bool:
    """Return whether the first of several words says that a number is no reference.

    ``num_peaks``, ``is_peak`` and ``display_order`` are no peaks and no orders.
    """
    is_sequence = words[-1] == "order" and words[0] in _SHOWS
    return len(words) > 1 and (words[0] in _STARTS_OF_AMOUNTS or is_sequence)


def is_role(column: str) -> bool:
    """Return whether a column is named like a relation to a row.

    ``written_by``, ``owner``, ``author_id`` and ``uid`` are. ``page_from`` and ``sorted_by`` are not, and ``members``
    is a number of them.
    """
    words = words_of_name(column)
    *starts, last = _without_id(words)
    is_id = last != words[-1]
    if last in _AMOUNT_WORDS or starts_like_an_amount(words):
        return False
    if last == "by" and starts and starts[-1] in _ARRANGE_WORDS:
        return False
    if last in _RELATION_WORDS:
        return is_id or not starts or starts[0] not in _AMOUNT_WORDS
    is_short_id = bool(_SHORT_ID.fullmatch(last)) and last not in _NO_IDS
    is_person = last in _ROLE_WORDS or bool(_LIKE_A_PERSON.fullmatch(last))
    return is_short_id or (is_person and (is_id or folded(column).endswith(last)))


def _without_id(words: list[str]) -> list[str]:
    return words[:-1] if len(words) > 1 and words[-1] in _IDS else words


def is_person(column: str) -> bool:
    """Return whether a column is named like a relation to a person.

    ``written_by``, ``owner`` and ``author_id`` are, and ``reply_to`` and ``parent`` may mean a row of the same table.
    """
    return is_role(column) and _without_id(words_of_name(column))[-1] not in _NO_PERSON_WORDS


def is_kin(column: str) -> bool:
    """Return whether a column may mean a person or a row of its own table, as ``child`` may."""
    return is_role(column) and _without_id(words_of_name(column))[-1] in _KIN_WORDS


def may_mean_own_table(column: str) -> bool:
    """Return whether a column is named like a relation between two rows of one table.

    ``duplicate_of``, ``reply_to`` and ``parent_id`` are.
    """
    return is_role(column) and _without_id(words_of_name(column))[-1] in _OWN_ROW_WORDS


def has_persons(forms: Iterable[str]) -> bool:
    """Return whether a table has persons, such as ``users`` and ``people``.

    Args:
        forms: The folded name of the table and its singulars.
    """
    return any(is_person(form) or words_of_name(form)[-1] in _PERSONS for form in forms)


def is_end_of_pair(column: str, columns: Iterable[str]) -> bool:
    """Return whether a column is one of two ends of an edge, such as ``src`` beside ``dst``."""
    last, lasts = words_of_name(column)[-1], {words_of_name(name)[-1] for name in columns}
    return any(last in pair and pair <= lasts for pair in _PAIRS)


def may_have_types(column: str, types: str) -> bool:
    """Return whether a column may hold the types of numbers that are not named like ids.

    ``kind`` may hold those of ``ref``, and ``owner_type`` those of ``owner``.
    """
    words, others = words_of_name(column), words_of_name(types)
    stem = others[: next((at for at, word in enumerate(others) if word in _TYPE_WORDS), 0)]
    return words[: len(stem)] == stem if stem else is_any_row(column)


def is_any_row(column: str) -> bool:
    """Return whether a column is named like a relation to any row, such as ``target``."""
    return words_of_name(column)[-1] in _ROW_WORDS


def table_of_setting(name: str, tables: Container[str]) -> str:
    """Return the name of a table whose row a setting may state.

    ``editor_person`` and ``personOnDuty`` are settings about a person, and ``people_per_page`` is none.

    Args:
        name: The name of the setting.
        tables: Folded names of tables, in the singular as well.
    """
    words = words_of_text(name)
    if starts_like_an_amount(words) or not _SWITCH_WORDS.isdisjoint(words):
        return ""
    places = [(start, end) for start in range(len(words)) for end in range(len(words), start, -1)]
    for start, end in sorted(places, key=lambda place: place[0] - place[1]):
        others = words[:start] + words[end:]
        if (table := "_".join(words[start:end])) in tables and (end == len(words) or _AMOUNT_WORDS.isdisjoint(others)):
            return table
    return ""


def is_person_of_setting(name: str, number: str) -> bool:
    """Return whether a setting is named like a person, as ``owner`` and ``admin_user`` are.

    A 1 may be a truth value, unless the last word is that of a person for certain.

    Args:
        name: The name of the setting.
        number: Its value.
    """
    words = words_of_text(name)
    is_certain = words[-1] in _ROLE_WORDS or number != "1"
    return is_certain and _SWITCH_WORDS.isdisjoint(words) and is_person("_".join(words))


def is_amount(column: str) -> bool:
    """Return whether a column is named like a number that is no reference, such as ``rating``."""
    words = words_of_name(column)
    is_measured = not _AMOUNT_WORDS.isdisjoint((words[0], words[-1]))
    return not is_role(column) and (is_measured or starts_like_an_amount(words))


def is_certain_amount(column: str) -> bool:
    """Return whether a column is named like a number that is never an id.

    ``rating`` and ``date_added`` are. ``cover`` may be an id, ``bezug_nr`` too, and ``unit_id`` is one.
    """
    words = words_of_name(column)
    if words[-1] in _NUMBERS:
        words = words[:-1] or words
    is_measured = not _MEASURE_WORDS.isdisjoint((words[0], words[-1])) or starts_like_an_amount(words)
    return is_measured and not ENDS_LIKE_AN_ID.fullmatch(column)


def names_a_value(column: str) -> bool:
    """Return whether a column may have the value of a setting, as ``number`` may."""
    return words_of_name(column)[-1] in _VALUES


def is_measure(column: str) -> bool:
    """Return whether a column is named like a measure, such as ``year``."""
    words = words_of_name(column)
    return words[-1] in _MEASURE_WORDS or starts_like_an_amount(words)
