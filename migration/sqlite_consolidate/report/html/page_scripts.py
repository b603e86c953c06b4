"""Write the policy that lets a page run known scripts and nothing else."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

_KNOWN_DIGESTS = frozenset({"EPMSGdNJsrcfXqAnDr/8DiA3oCECiEKAkgmmRJpXcaQ="})
"""Digests of the scripts of pytest-html, which is the one of release 4.2."""

_PAGE_START = '<!DOCTYPE html>\n<html lang="en">\n  <head>\n    <meta charset="utf-8"/>\n    '


def script_digest(script: str) -> str:
    """Return the SHA-256 of a script or style in base64, as a content policy names it."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8", "replace")).digest()).decode("ascii")


@cache
def own_script() -> str:
    """Return the text of the script that filters the page."""
    script = Path(__file__).with_name("templates") / "page.js"
    return script.read_text("utf-8")


@cache
def table_script() -> str:
    """Return the text of the script that searches a table with groups."""
    return (Path(__file__).with_name("templates") / "grouped_table.js").read_text("utf-8")


def table_policy(style: str) -> str:
    """Return the policy of a page with one style and the script of its table."""
    script = script_digest(table_script())
    return (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{script_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def policy_element(*digests: str) -> str:
    """Return the element that lets a browser run these scripts and load nothing."""
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    content = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{content}"/>'


def has_policy(text: str, *digests: str) -> bool:
    """Return whether a page begins with the policy for these scripts.

    A browser then obeys it, whatever follows in the page.
    """
    return text.startswith(_PAGE_START + policy_element(*digests))


@cache
def known_scripts() -> frozenset[str]:
    """Return the digests of the scripts of pytest-html that a page may have.

    These are the known ones, and that of the installed version.
    """
    spec = importlib.util.find_spec("pytest_html")
    if spec is None or spec.origin is None:
        return _KNOWN_DIGESTS
    try:
        script = (Path(spec.origin).parent / "resources" / "app.js").read_text("utf-8")
    except OSError:
        return _KNOWN_DIGESTS
    return _KNOWN_DIGESTS | {script_digest(f"\n      {script.removesuffix(chr(10))}\n    ")}
