"""Compile a tokenizer that only an application has, as an extension of SQLite."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

NAME = "hyphen"
"""Name of the tokenizer. A hyphen belongs to a word, and nothing else but letters and digits does."""

SETUP = """
from pathlib import Path

def register(db):
    db.load_extension(Path(__file__).with_name("hyphen.so"))
"""
"""Python file with a function that loads the extension beside it."""

_HEADER = Path("/usr/include/sqlite3ext.h")
_CODE = r"""
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1
#include <string.h>
#include <ctype.h>

static int create(void *context, const char **arguments, int count, Fts5Tokenizer **tokenizer) {
  static int none;
  *tokenizer = (Fts5Tokenizer *)&none;
  return SQLITE_OK;
}
static void delete(Fts5Tokenizer *tokenizer) {}
static int in_word(char c) { return isalnum((unsigned char)c) || c == '-'; }
static int tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int length,
                    int (*token)(void *, int, const char *, int, int, int)) {
  int start = 0, end, at, code;
  char word[256];
  while (start < length) {
    while (start < length && !in_word(text[start])) start++;
    for (end = start; end < length && in_word(text[end]) && end - start < 255; end++)
      word[end - start] = tolower(text[end]);
    if (end > start && (code = token(context, 0, word, end - start, start, end)) != SQLITE_OK) return code;
    start = end;
  }
  return SQLITE_OK;
}
int sqlite3_hyphen_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  fts5_tokenizer functions = {create, delete, tokenize};
  fts5_api *fts5 = 0;
  sqlite3_stmt *statement = 0;
  SQLITE_EXTENSION_INIT2(api);
  if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, 0) != SQLITE_OK) return SQLITE_ERROR;
  sqlite3_bind_pointer(statement, 1, (void *)&fts5, "fts5_api_ptr", 0);
  sqlite3_step(statement);
  sqlite3_finalize(statement);
  return fts5 ? fts5->xCreateTokenizer(fts5, "hyphen", 0, &functions, 0) : SQLITE_ERROR;
}
"""


@cache
def lacks_compiler() -> str:
    """Return why no extension can be compiled here, or an empty text."""
    if not hasattr(sqlite3.Connection, "load_extension"):
        return "this Python cannot load extensions of SQLite"
    if shutil.which("gcc") is None:
        return "gcc is not installed"
    return "" if _HEADER.is_file() else "the header sqlite3ext.h is not installed"


def write_extension(folder: Path) -> Path:
    """Compile the extension, and return the Python file beside it that loads it."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "hyphen.c"
    source.write_text(_CODE, "utf-8")
    command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", str(folder / "hyphen.so"), str(source)]
    subprocess.run(command, check=True, timeout=120)
    source.unlink()
    setup = folder / "sqlite_setup.py"
    setup.write_text(SETUP, "utf-8")
    return setup
