"""Describe the mistakes that pydantic finds within the parts of a plan or fleet."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sqlite_consolidate.plan.mistakes import in_quotes, mistake_at, toml_header

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from sqlite_consolidate.problem import Loc, Problem

Whole = TypeVar("Whole", bound=BaseModel)

# Type of a pydantic error to the expected value and to the hint
_WRONG_TYPE = {
    "string_type": ("text", "Write it in quotes."),
    "bool_type": ("true or false", "Write true or false, small and without quotes."),
    "int_type": ("a whole number", "Write digits only, without quotes."),
    "float_type": ("a duration", 'Write it like "30s", "15m" or "1h30m", or as a number of seconds.'),
    "finite_number": ("a duration that ends", 'Write it like "30s", "15m" or "1h30m", or as a number of seconds.'),
    "list_type": ("a list", 'Write it in square brackets: ["...", "..."].'),
    "tuple_type": ("a list", 'Write it in square brackets: ["...", "..."].'),
    "dict_type": ("pairs", 'Write them in braces: { old = "new" }.'),
}

_SAME_MEANING = {"command": "run", "cmd": "run", "database": "file", "db": "file", "destination": "target"}
"""Keys of other tools, and the key of a plan that means the same."""


def validate_data(whole: type[Whole], data: dict[str, Any]) -> tuple[Whole | None, list[Problem]]:
    """Return the validated model of a file, or None and every mistake within its parts.

    Args:
        whole: Model of the file, that of a plan or of a fleet.
        data: Data that tomllib read.
    """
    try:
        # Without by_name=False the model would also accept its Python names, such as "sources".
        return whole.model_validate(data, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    meant = {
        (*detail["loc"][:-1], _nearest(whole, detail["loc"]))
        for detail in errors
        if detail["type"] == "extra_forbidden"
    }
    # A required key that is misspelt is one mistake, not two.
    return None, [
        _mistake(whole, detail) for detail in errors if detail["type"] != "missing" or detail["loc"] not in meant
    ]


def _mistake(whole: type[BaseModel], error: ErrorDetails) -> Problem:
    loc, kind = error["loc"], error["type"]
    if kind == "missing":
        return _missing(whole, loc)
    if kind == "extra_forbidden":
        return _unknown(whole, loc)
    if kind == "model_type" or (kind == "list_type" and _model_at(whole, loc)):
        return _wrong_part(loc, several=kind == "list_type" or isinstance(loc[-1], int))
    if kind in _WRONG_TYPE:
        wanted, hint = _WRONG_TYPE[kind]
        return mistake_at(loc, "wrong-type", f"{_key(loc)} needs {wanted}, not {_shown(error['input'])}.", hint)
    if kind == "value_error":
        return _refused_by_model(loc, error["input"], *error["ctx"]["error"].args)
    fact, hint = _bad_value(kind, loc, error)
    return mistake_at(loc, "bad-value", fact, hint)


def _bad_value(kind: str, loc: Loc, error: ErrorDetails) -> tuple[str, str]:
    """Describe a value that is wrong although it has the right type, with a hint."""
    value, context = _shown(error["input"]), error.get("ctx", {})
    match kind:
        case "literal_error":
            return f"{_key(loc)} cannot be {value}.", f"Write {context['expected'].replace(chr(39), chr(34))}."
        case "greater_than_equal":
            return f"{_key(loc)} cannot be {value}.", f"Write a number that is at least {context['ge']}."
        case "less_than_equal":
            return f"{_key(loc)} cannot be {value}.", f"Write a number that is at most {context['le']}."
        case "string_too_short":
            return f"{_key(loc)} is empty.", "Write at least one character."
        case "string_too_long":
            return f"{value} is too long.", f"Write at most {context['max_length']} characters."
        case "string_pattern_mismatch":
            hint = 'Begin with a letter or a digit (A-Z, a-z, 0-9). After it ".", "_" and "-" are allowed as well.'
            return f"{value} cannot be used in the name of a file.", hint
        case "too_short":
            return "no database is to be moved.", f"Add a {toml_header((*loc, 0))} for each database to move from."
    return f"{_key(loc)} cannot be {value}: {error['msg']}.", "Correct it."


def _missing(whole: type[BaseModel], loc: Loc) -> Problem:
    part = toml_header(loc[:-1], _noun(whole))
    if _model_at(whole, loc):
        return mistake_at(
            loc,
            "missing-key",
            f"{part} has no {toml_header((*loc, 0))}.",
            f"Add {toml_header((*loc, 0))} and its keys.",
        )
    where = f"below {part}" if len(loc) > 1 else "at the top of the file, before the first [part]"
    return mistake_at(loc, "missing-key", f"{_key(loc)} is missing in {part}.", f"Add {loc[-1]} = ... {where}.")


def _unknown(whole: type[BaseModel], loc: Loc) -> Problem:
    nearest = _nearest(whole, loc)
    known = ", ".join(map(in_quotes, _known(whole, loc[:-1])))
    hint = f"Did you mean {in_quotes(nearest)}?" if nearest else f"Remove it, or use one of these: {known}."
    return mistake_at(
        loc, "unknown-key", f"{in_quotes(str(loc[-1]))} is not a key of {toml_header(loc[:-1], _noun(whole))}.", hint
    )


def _wrong_part(loc: Loc, *, several: bool) -> Problem:
    head = toml_header((*loc, 0) if several and not isinstance(loc[-1], int) else loc)
    brackets = "double" if several else "single"
    fact = f"{_key(loc)} is not written as {'a list of parts' if several else 'one part'}."
    return mistake_at(
        loc,
        "wrong-brackets",
        fact,
        f"Write {head}, with {brackets} brackets, on a line of its own, and its keys below.",
    )


def _refused_by_model(loc: Loc, value: object, sentence: str, hint: str = "Correct it.") -> Problem:
    fact = f"{in_quotes(value)}: {sentence}." if isinstance(value, str) else f"{sentence}."
    return mistake_at(loc, "bad-value", fact, hint)


def _noun(whole: type[BaseModel]) -> str:
    return f"a {whole.__name__.lower()}"


def _nearest(whole: type[BaseModel], loc: Loc) -> str:
    """Return the known key that means, or resembles, the last step of ``loc``, or empty."""
    known = _known(whole, loc[:-1])
    meant = _SAME_MEANING.get(str(loc[-1]), "")
    return meant if meant in known else next(iter(get_close_matches(str(loc[-1]), known, n=1)), "")


def _known(whole: type[BaseModel], loc: Loc) -> list[str]:
    """Return the TOML names of the keys of the part at ``loc``."""
    model = _model_at(whole, loc)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(whole: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """Return the model of the part, or of the list of parts, at ``loc``.

    Return None for any other value.
    """
    model: type[BaseModel] | None = whole
    for step in loc:
        if isinstance(step, str) and model:
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(fields[step].annotation) if step in fields else None
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)


def _key(loc: Loc) -> str:
    """Return the last key of ``loc`` in quotes.

    An index belongs to the list before it.
    """
    return in_quotes(next((step for step in reversed(loc) if isinstance(step, str)), "plan"))


def _shown(value: object) -> str:
    """Return a short value as text, or the kind of a long one."""
    if isinstance(value, str):
        return f"the text {in_quotes(value)}" if value else "an empty text"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < _LARGE else "a very large number"
    if isinstance(value, list | tuple):
        return "a list"
    return "a part with keys" if isinstance(value, dict) else "a date or time"


_LARGE = 10**18  # Python raises an error when it prints an integer of thousands of digits
