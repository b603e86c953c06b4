/* The request: what SQLite says about the schema, as numbers only.

    file DEVICE INODE
    transaction PAGES
    pages KEY KEY COUNT SUM SUM
    table ROOT WITHOUT_ROWID COLUMNS ALIAS
    column AFFINITY STRICT NOT_NULL DEFAULT_IS_NULL
    digest
    value COLUMN OFFSET LEAST
    key ROOT UNIQUE KEY_TERMS TERMS
    index ROOT UNIQUE KEY_TERMS TERMS
    term COLUMN DESCENDING COLLATION
    opaque ROOT
    part
    insert COLUMN
    most ROWS CHARACTERS
    head HEX
    end

A line belongs to the table, a term to the key or index, and a value to the digest, before it. A value is a column, or
-1 for the rowid, whose integers from LEAST on get an offset. With "transaction" the file is that of an open
transaction, of which SQLite has written all pages but page 1. "pages" is the line that was the answer about all tables before. The
tables are those whose pages are not among them. With "part" other tables have pages as well. "insert" is a
column of INSERT statements of the rows, or -1 for the rowid, with at most so many rows and about so many characters, each
behind a head. Further lines of a head are appended to it. */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 32767 };

/* What the next line belongs to, and how many of its lines are missing. */
typedef struct Place {
    Table *table;
    Index *index;
    int columns_missing, terms_missing;
} Place;

static void *grow(void *array, int count, size_t size) {
    if ((count & (count - 1)) != 0) { /* the room is a power of two */
        return array;
    }
    void *grown = allocate((size_t)(count ? 2 * count : 1), size);
    if (count > 0) {
        memcpy(grown, array, (size_t)count * size);
    }
    free(array);
    return grown;
}

static bool read_table(const char *line, Request *request, Place *place) {
    int without_rowid;
    if (place->columns_missing + place->terms_missing > 0) {
        return false;
    }
    request->tables = grow(request->tables, request->table_count, sizeof(Table));
    Table *table = &request->tables[request->table_count++];
    memset(table, 0, sizeof *table);
    if (sscanf(line, "table %u %d %d %d", &table->root, &without_rowid, &table->column_count, &table->alias) != 4 ||
        table->column_count < 1 || table->column_count > MOST_COLUMNS || table->alias < -1 || table->alias >= table->column_count) {
        table->column_count = 0;
        return false;
    }
    table->without_rowid = without_rowid != 0;
    table->columns = allocate((size_t)table->column_count, sizeof(Column));
    *place = (Place){.table = table, .columns_missing = table->column_count};
    return true;
}

static bool read_column(const char *line, Place *place) {
    int not_null, default_is_null;
    if (place->columns_missing == 0) {
        return false;
    }
    Column *column = &place->table->columns[place->table->column_count - place->columns_missing--];
    if (sscanf(line, "column %c %c %d %d", &column->affinity, &column->strict, &not_null, &default_is_null) != 4) {
        return false;
    }
    column->not_null = not_null != 0;
    column->default_is_null = default_is_null != 0;
    return strchr("ABCDE", column->affinity) != NULL && strchr("-IRTBA", column->strict) != NULL;
}

static bool read_digest(const Place *place) {
    Table *table = place->table;
    if (table == NULL) {
        return false;
    }
    table->digests = grow(table->digests, table->digest_count, sizeof(Digest));
    table->digests[table->digest_count++] = (Digest){0};
    return true;
}

static bool read_value(const char *line, const Place *place) {
    int column;
    long long offset, least;
    if (place->table == NULL || place->table->digest_count == 0 || sscanf(line, "value %d %lld %lld", &column, &offset, &least) != 3 ||
        column < ROWID_TERM || column >= place->table->column_count || (column == ROWID_TERM && place->table->without_rowid)) {
        return false;
    }
    Digest *digest = &place->table->digests[place->table->digest_count - 1];
    digest->values = grow(digest->values, digest->value_count, sizeof(Digested));
    digest->values[digest->value_count++] = (Digested){.column = column, .offset = offset, .least = least};
    return true;
}

static bool read_index(const char *line, Place *place) {
    int unique;
    Table *table = place->table;
    if (table == NULL || place->columns_missing + place->terms_missing > 0 || (line[0] == 'k' && table->key.terms != NULL)) {
        return false;
    }
    Index *index = &table->key;
    if (line[0] == 'i') {
        table->indexes = grow(table->indexes, table->index_count, sizeof(Index));
        index = &table->indexes[table->index_count++];
    }
    memset(index, 0, sizeof *index);
    if (sscanf(strchr(line, ' '), "%u %d %d %d", &index->root, &unique, &index->key_count, &index->term_count) != 4 || index->term_count < 1 ||
        index->term_count > MOST_COLUMNS || index->key_count < 1 || index->key_count > index->term_count) {
        return false;
    }
    index->unique = unique != 0;
    index->terms = allocate((size_t)index->term_count, sizeof(Term));
    place->index = index;
    place->terms_missing = index->term_count;
    return true;
}

static bool read_term(const char *line, Place *place) {
    int column, descending, collation;
    if (place->terms_missing == 0 || sscanf(line, "term %d %d %d", &column, &descending, &collation) != 3 || column < ROWID_TERM || column >= place->table->column_count ||
        collation < BINARY || collation > RTRIM) {
        return false;
    }
    place->index->terms[place->index->term_count - place->terms_missing--] = (Term){
        .column = column,
        .descending = descending != 0,
        .is_real = column != ROWID_TERM && place->table->columns[column].affinity == 'E',
        .collation = (Collation)collation,
    };
    return true;
}

static bool read_inserted_column(const char *line, const Place *place) {
    int column;
    if (place->table == NULL || sscanf(line, "insert %d", &column) != 1 || column < ROWID_TERM || column >= place->table->column_count) {
        return false;
    }
    Statement *statement = &place->table->statement;
    statement->columns = grow(statement->columns, statement->column_count, sizeof(int));
    statement->columns[statement->column_count++] = column;
    return true;
}

static bool read_most(const char *line, const Place *place) {
    unsigned long long rows, characters;
    if (place->table == NULL || sscanf(line, "most %llu %llu", &rows, &characters) != 2) {
        return false;
    }
    place->table->statement.most_rows = rows;
    place->table->statement.most_characters = characters;
    return true;
}

static bool read_head(const char *line, const Place *place) {
    unsigned byte;
    if (place->table == NULL) {
        return false;
    }
    for (line += strlen("head "); sscanf(line, "%2x", &byte) == 1; line += 2) {
        append_byte(&place->table->statement.head, (uint8_t)byte);
    }
    return line[0] == '\n';
}

static bool read_opaque(const char *line, Request *request) {
    request->opaque = grow(request->opaque, request->opaque_count, sizeof(uint32_t));
    return sscanf(line, "opaque %u", &request->opaque[request->opaque_count++]) == 1;
}

static bool read_line(const char *line, Request *request, Place *place) {
    if (strncmp(line, "file ", 5) == 0) {
        unsigned long long device, inode;
        bool is_complete = sscanf(line, "file %llu %llu", &device, &inode) == 2;
        request->device = is_complete ? device : 0;
        request->inode = is_complete ? inode : 0;
        return is_complete;
    }
    if (strncmp(line, "transaction ", 12) == 0) {
        return sscanf(line, "transaction %u", &request->page_count) == 1 && request->page_count > 0;
    }
    if (strncmp(line, "pages ", 6) == 0) {
        request->has_pages = true;
        return read_page_sum(line, &request->pages);
    }
    if (strncmp(line, "table ", 6) == 0) {
        return read_table(line, request, place);
    }
    if (strncmp(line, "column ", 7) == 0) {
        return read_column(line, place);
    }
    if (strcmp(line, "digest\n") == 0) {
        return read_digest(place);
    }
    if (strncmp(line, "value ", 6) == 0) {
        return read_value(line, place);
    }
    if (strncmp(line, "key ", 4) == 0 || strncmp(line, "index ", 6) == 0) {
        return read_index(line, place);
    }
    if (strncmp(line, "term ", 5) == 0) {
        return read_term(line, place);
    }
    if (strncmp(line, "insert ", 7) == 0) {
        return read_inserted_column(line, place);
    }
    if (strncmp(line, "most ", 5) == 0) {
        return read_most(line, place);
    }
    if (strncmp(line, "head ", 5) == 0) {
        return read_head(line, place);
    }
    if (strcmp(line, "part\n") == 0) {
        request->is_part = true;
        return true;
    }
    return strncmp(line, "opaque ", 7) == 0 && read_opaque(line, request);
}

static bool is_complete(const Request *request, const Place *place) {
    for (int i = 0; i < request->table_count; i++) {
        const Table *table = &request->tables[i];
        if (table->without_rowid && table->key.term_count != table->column_count) {
            return false;
        }
    }
    if (request->has_pages && (request->page_count > 0 || request->is_part)) {
        return false;
    }
    return request->table_count > 0 && place->columns_missing + place->terms_missing == 0;
}

/* Read a request up to its end. Returns false if it is malformed. */
bool read_request(FILE *input, Request *request) {
    Place place = {0};
    char line[128];
    while (fgets(line, sizeof line, input) != NULL && strchr(line, '\n') != NULL) {
        if (strcmp(line, "end\n") == 0) {
            return is_complete(request, &place);
        }
        if (!read_line(line, request, &place)) {
            return false;
        }
    }
    return false;
}

/* Return whether all pages are summed but those of the schema and the free list. */
bool sums_pages(const Request *request) {
    return !request->is_part && !request->has_pages;
}

void free_request(Request *request) {
    for (int i = 0; i < request->table_count; i++) {
        Table *table = &request->tables[i];
        for (int j = 0; j < table->index_count; j++) {
            free(table->indexes[j].terms);
        }
        free(table->indexes);
        free(table->key.terms);
        free(table->columns);
        for (int j = 0; j < table->digest_count; j++) {
            free(table->digests[j].values);
        }
        free_digests(table);
        free(table->statement.columns);
        free(table->statement.head.at);
        free(table->statement.text.at);
    }
    free(request->tables);
    free(request->opaque);
}
