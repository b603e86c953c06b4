"""Let SQL tell -0.0 from 0.0, which SQLite takes for one value and prints alike."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_FUNCTION = "consolidation_real_bits"


def add_real_bits(con: sqlite3.Connection) -> None:
    """Let a connection execute the SQL of ``exact_kind``."""
    con.create_function(_FUNCTION, 1, _bits, deterministic=True)


def exact_kind(expression: str) -> str:
    """Return the SQL of what two equal values must have in common to be the same.

    It is the storage class, and the bits of a REAL.
    """
    return f"CASE typeof({expression}) WHEN 'real' THEN {_FUNCTION}({expression}) ELSE typeof({expression}) END"


def _bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else value
