"""Report and refuse each opening of a live workspace file by a program on a copy.

Python imports this module before the program starts. It runs in the application's interpreter. So it uses the standard
library only and nothing of this project.
"""

from __future__ import annotations

import os
import sys

_EVENTS = frozenset(
    {"open", "sqlite3.connect", "os.remove", "os.rename", "os.truncate"}
)  # docs.python.org: Audit events
_LIBRARIES = frozenset({"site-packages", "dist-packages", "node_modules"})
_ENVIRONMENT_MARKERS = ("pyvenv.cfg", "conda-meta")


def _live_file(path: object, live: str, copy: str) -> str | None:
    """Return the resolved path of a file in the live workspace, or None.

    Files of an interpreter or a virtual environment do not count.
    """
    if not isinstance(path, (str, bytes)):
        return None
    name = os.fsdecode(path)
    if name.startswith("file:"):  # SQLite's URI form
        name = _of_uri(name)
    if name.startswith("<") and not os.path.lexists(
        name
    ):  # "<string>": Python 3.13 looks for its source in a traceback
        return None
    real = os.path.realpath(name)
    python = os.path.dirname(os.__file__)
    if not real.startswith(live + os.sep) or real.startswith((copy + os.sep, python + os.sep)):
        return None
    parts = real[len(live) :].split(os.sep)[1:-1]
    folders = [os.path.join(live, *parts[: end + 1]) for end in range(len(parts))]
    if _LIBRARIES.intersection(parts) or any(
        os.path.exists(os.path.join(folder, marker)) for folder in folders for marker in _ENVIRONMENT_MARKERS
    ):
        return None
    return real


def _of_uri(uri: str) -> str:
    from urllib.parse import unquote

    path = unquote(uri.partition("?")[0][len("file:") :])
    return path[len("//localhost") :] if path.startswith("//localhost/") else path.replace("///", "/", 1)


def _watch(live: str, copy: str, report: int) -> None:
    def _hook(event: str, args: tuple[object, ...]) -> None:
        if event not in _EVENTS:
            return
        for path in args[: 2 if event == "os.rename" else 1]:
            live_path = _live_file(path, live, copy)
            if live_path is not None:
                if (
                    os.sep + "__pycache__" + os.sep not in live_path
                ):  # refused, so its source is opened next, and reported
                    os.write(report, os.fsencode(os.path.relpath(live_path, live)) + b"\0")
                raise PermissionError(f"{live_path} is in the workspace itself: this program runs on a copy of it")

    sys.addaudithook(_hook)


def _import_own_sitecustomize() -> None:
    """Import the environment's own sitecustomize, which this one precedes on the path."""
    hook_folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != hook_folder]
    hook = sys.modules.pop(__name__)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401 -- the environment's, for what it does
    except ImportError:
        sys.modules[__name__] = hook


if hasattr(sys, "addaudithook") and "CONSOLIDATION_LIVE" in os.environ:  # the first: Python 3.8
    _watch(
        os.environ["CONSOLIDATION_LIVE"],
        os.environ["CONSOLIDATION_COPY"],
        os.open(os.environ["CONSOLIDATION_REPORT"], os.O_WRONLY | os.O_APPEND),
    )
    _import_own_sitecustomize()
