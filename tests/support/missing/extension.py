"""Build an extension that has a virtual-table module and an FTS5 tokenizer."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SETUP = """
from pathlib import Path

def register(db):
    db.load_extension(str(Path(__file__).with_name("application.so")))
"""

_CODE = r"""
#include <sqlite3ext.h>
#include <string.h>
SQLITE_EXTENSION_INIT1

typedef struct { sqlite3_vtab base; sqlite3 *db; char *name; } Table;
typedef struct { sqlite3_vtab_cursor base; sqlite3_stmt *rows; int eof; } Cursor;

static int connect_table(sqlite3 *db, int create, const char *const *argv, sqlite3_vtab **out) {
  Table *table = sqlite3_malloc(sizeof(Table));
  char *sql = create ? sqlite3_mprintf("CREATE TABLE \"%w\".\"%w_rows\"(value)", argv[1], argv[2]) : 0;
  int rc = create ? sqlite3_exec(db, sql, 0, 0, 0) : SQLITE_OK;
  sqlite3_free(sql);
  memset(table, 0, sizeof(Table));
  table->db = db;
  table->name = sqlite3_mprintf("\"%w\".\"%w_rows\"", argv[1], argv[2]);
  *out = &table->base;
  return rc ? rc : sqlite3_declare_vtab(db, "CREATE TABLE x(value)");
}
static int create(sqlite3 *db, void *aux, int n, const char *const *argv, sqlite3_vtab **out, char **error) {
  return connect_table(db, 1, argv, out);
}
static int connect(sqlite3 *db, void *aux, int n, const char *const *argv, sqlite3_vtab **out, char **error) {
  return connect_table(db, 0, argv, out);
}
static int disconnect(sqlite3_vtab *vtab) {
  sqlite3_free(((Table *)vtab)->name);
  sqlite3_free(vtab);
  return SQLITE_OK;
}
static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info) { return SQLITE_OK; }
static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out) {
  Cursor *cursor = sqlite3_malloc(sizeof(Cursor));
  memset(cursor, 0, sizeof(Cursor));
  *out = &cursor->base;
  return SQLITE_OK;
}
static int close_cursor(sqlite3_vtab_cursor *base) {
  sqlite3_finalize(((Cursor *)base)->rows);
  sqlite3_free(base);
  return SQLITE_OK;
}
static int next(sqlite3_vtab_cursor *base) {
  Cursor *cursor = (Cursor *)base;
  cursor->eof = sqlite3_step(cursor->rows) != SQLITE_ROW;
  return SQLITE_OK;
}
static int filter(sqlite3_vtab_cursor *base, int index, const char *text, int n, sqlite3_value **values) {
  Table *table = (Table *)base->pVtab;
  char *sql = sqlite3_mprintf("SELECT rowid, value FROM %s", table->name);
  int rc = sqlite3_prepare_v2(table->db, sql, -1, &((Cursor *)base)->rows, 0);
  sqlite3_free(sql);
  return rc ? rc : next(base);
}
static int eof(sqlite3_vtab_cursor *base) { return ((Cursor *)base)->eof; }
static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int n) {
  sqlite3_result_value(context, sqlite3_column_value(((Cursor *)base)->rows, 1));
  return SQLITE_OK;
}
static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = sqlite3_column_int64(((Cursor *)base)->rows, 0);
  return SQLITE_OK;
}
static int shadow_name(const char *name) { return !strcmp(name, "rows"); }
static sqlite3_module module = {3, create, connect, best_index, disconnect, disconnect, open_cursor, close_cursor,
  filter, next, eof, column, rowid, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, shadow_name};

static int create_tokenizer(void *aux, const char **args, int n, Fts5Tokenizer **out) {
  *out = (Fts5Tokenizer *)&module;
  return SQLITE_OK;
}
static void delete_tokenizer(Fts5Tokenizer *tokenizer) {}
static int tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int size,
                    int (*token)(void *, int, const char *, int, int, int)) {
  for (int i = 0; i < size; i++) {
    int rc = token(context, 0, text + i, 1, i, i + 1);
    if (rc) return rc;
  }
  return SQLITE_OK;
}

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api)
  fts5_api *fts5 = 0;
  fts5_tokenizer tokenizer = {create_tokenizer, delete_tokenizer, tokenize};
  sqlite3_stmt *statement = 0;
  sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, 0);
  sqlite3_bind_pointer(statement, 1, &fts5, "fts5_api_ptr", 0);
  sqlite3_step(statement);
  sqlite3_finalize(statement);
  fts5->xCreateTokenizer(fts5, "letters", 0, &tokenizer, 0);
  return sqlite3_create_module_v2(db, "application", &module, 0, 0);
}
"""


def build_extension(folder: Path) -> Path:
    """Compile the extension into ``application.so`` of a folder.

    A machine without a C compiler or without the header of SQLite skips the test.
    """
    (folder / "application.c").write_text(_CODE)
    library = folder / "application.so"
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(folder / "application.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "sqlite3ext.h: No such file" in done.stderr:
        pytest.skip("there is no sqlite3ext.h")
    assert done.returncode == 0, done.stderr
    return library
