"""How a file of a report is written: whole or not at all, and for its owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Leave ``path`` with exactly ``data`` and mode 0600, also where another file was there before.

    Whoever reads meanwhile, or after a crash, finds the old content or the new one. A link at ``path`` is replaced,
    not followed.

    Raises:
        OSError: The folder cannot be written, or the disk is full; ``path`` is as before.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp creates it with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
