"""Print what reads the pages of large databases here."""

from __future__ import annotations

import sys

from sqlite_consolidate import __version__
from sqlite_consolidate.page_reader.availability import page_reader_text

if __name__ == "__main__":  # python -m sqlite_consolidate.page_reader --version
    sys.stdout.write(f"sqlite-consolidate {__version__}, {page_reader_text()}\n")
