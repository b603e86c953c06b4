/* Each index against its rows.

An index holds what its table holds if it has as many entries as the table has rows, and if the entries have the sum of
the rows. The summand is a keyed hash of the key and the rowid. */
#include "bytes.h"

/* Append a value so that a row and its entry have equal bytes. SQLite stores a whole real of a REAL column as an integer.
In other columns 1 and 1.0, and 0.0 and -0.0 everywhere, are other values, although SQLite takes them as equal keys. */
static void append_value(Bytes *bytes, const Value *value, bool is_real) {
    uint64_t bits;
    if (value->type == TEXT_VALUE || value->type == BLOB_VALUE) {
        append_byte(bytes, (uint8_t)value->type);
        append_u32(bytes, value->length);
        append(bytes, value->bytes, value->length);
    } else if (value->type == NULL_VALUE) {
        append_byte(bytes, NULL_VALUE);
    } else if (value->type == INTEGER_VALUE && !is_real) {
        append_byte(bytes, INTEGER_VALUE);
        append_u64(bytes, (uint64_t)value->integer);
    } else {
        double real = value->type == INTEGER_VALUE ? (double)value->integer : value->real;
        memcpy(&bits, &real, sizeof bits);
        append_byte(bytes, REAL_VALUE);
        append_u64(bytes, bits);
    }
}

void add_entry(Reader *reader, Index *index, const Value *values) {
    reader->hashed.length = 0;
    for (int i = 0; i < index->term_count; i++) {
        append_value(&reader->hashed, &values[i], index->terms[i].is_real);
    }
    add_hash(&index->of_entries, &reader->key, reader->hashed.at, reader->hashed.length);
}

/* Add the entry that each index of a table must have for a row. */
void add_row_to_indexes(Reader *reader, Table *table, const Value *values, int64_t rowid) {
    const Value rowid_value = {.type = INTEGER_VALUE, .integer = rowid};
    for (int i = 0; i < table->index_count; i++) {
        Index *index = &table->indexes[i];
        reader->hashed.length = 0;
        for (int j = 0; j < index->term_count; j++) {
            int column = index->terms[j].column;
            append_value(&reader->hashed, column == ROWID_TERM ? &rowid_value : &values[column], index->terms[j].is_real);
        }
        add_hash(&index->of_rows, &reader->key, reader->hashed.at, reader->hashed.length);
    }
}
