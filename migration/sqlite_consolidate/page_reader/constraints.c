/* NOT NULL, the types of STRICT tables (https://www.sqlite.org/stricttables.html), and values that the affinity of their
column does not leave as they are (https://www.sqlite.org/datatype3.html, section 3). */
#include "reader.h"

#include <string.h>

/* Return whether SQLite might convert a text to a number. It is certain only for a text with any other character. */
static bool may_be_a_number(const Value *text) {
    bool has_digit = false;
    for (uint32_t i = 0; i < text->length; i++) {
        uint8_t byte = text->bytes[i];
        if (byte != 0 && strchr("0123456789+-.eE \t\n\v\f\r", byte) == NULL) {
            return false;
        }
        has_digit = has_digit || (byte >= '0' && byte <= '9');
    }
    return has_digit;
}

static bool fits_strict_type(char strict, Type type) {
    switch (strict) {
    case 'I':
        return type == INTEGER_VALUE;
    case 'R':
        return type == INTEGER_VALUE || type == REAL_VALUE;
    case 'T':
        return type == TEXT_VALUE;
    case 'B':
        return type == BLOB_VALUE;
    default:
        return true;
    }
}

/* Prove one value. Returns false for a value that SQLite would have refused or converted. */
static bool prove_value(Reader *reader, const Column *column, const Value *value) {
    if (value->type == NULL_VALUE) {
        return !column->not_null;
    }
    if (column->strict != '-') {
        return fits_strict_type(column->strict, value->type);
    }
    if (column->affinity == 'B') {
        return value->type == TEXT_VALUE || value->type == BLOB_VALUE;
    }
    if (column->affinity != 'A' && value->type == TEXT_VALUE && may_be_a_number(value)) {
        if (reader->verdict.declined.count == 0) {
            add_reason(&reader->verdict.declined, "a text in a numeric column may be a number");
        }
    }
    return true;
}

bool prove_constraints(Reader *reader, const Table *table, const Value *values, uint32_t page) {
    for (int i = 0; i < table->column_count; i++) {
        if (i != table->alias && !prove_value(reader, &table->columns[i], &values[i])) {
            return add_reason(&reader->verdict.errors, "a value on page %u is not allowed in its column", (unsigned)page);
        }
    }
    return true;
}
