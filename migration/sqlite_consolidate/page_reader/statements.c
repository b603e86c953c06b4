/* The rows of a table as INSERT statements, as engine/content/dump.py writes them. */
#include "bytes.h"

#include <inttypes.h>

static void append_integer_literal(Bytes *text, int64_t integer) {
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (integer < 0) {
        append_byte(text, '-');
    }
    append(text, digits + first, sizeof digits - first);
}

static void append_blob_literal(Bytes *text, const uint8_t *at, size_t length, bool is_quote) {
    const char *digits = is_quote ? "0123456789ABCDEF" : "0123456789abcdef"; /* SQLite's quote() writes capitals */
    append(text, is_quote ? "X'" : "x'", 2);
    reserve(text, 2 * length);
    for (size_t i = 0; i < length; i++) {
        text->at[text->length++] = (uint8_t)digits[at[i] >> 4];
        text->at[text->length++] = (uint8_t)digits[at[i] & 15];
    }
    append_byte(text, '\'');
}

/* Return whether a sequence is U+FFFE or U+FFFF, which SQLite replaces when it converts UTF-8 to UTF-16. */
static bool is_no_character(const uint8_t *sequence) {
    return sequence[0] == 0xEF && sequence[1] == 0xBF && sequence[2] >= 0xBE;
}

/* Append a text in quotes. Returns false if it has a character that a shell or a line reader treats differently. */
static bool append_quoted(Bytes *text, const uint8_t *at, size_t length) {
    reserve(text, 2 * length + 2);
    uint8_t *to = text->at + text->length;
    *to++ = '\'';
    for (size_t i = 0; i < length;) {
        if (at[i] < 0x20 || at[i] == 0x7F) {
            return false;
        }
        size_t sequence = at[i] < 0x80 ? 1 : sequence_length(at + i, length - i);
        if (sequence == 0 || is_no_character(at + i)) {
            return false;
        }
        if (at[i] == '\'') {
            *to++ = '\'';
        }
        for (size_t end = i + sequence; i < end; i++) {
            *to++ = at[i];
        }
    }
    *to++ = '\'';
    text->length = (size_t)(to - text->at);
    return true;
}

/* Append a text as a literal, or as its stored bytes where not all of them can stand in a statement. */
static void append_text_literal(Reader *reader, Bytes *text, const Value *value) {
    bool is_quoted;
    if (reader->file.encoding == 1) {
        is_quoted = append_quoted(text, value->bytes, value->length);
    } else {
        is_quoted = convert_text(&reader->text, value, reader->file.encoding == 3) && append_quoted(text, reader->text.at, reader->text.length);
    }
    if (!is_quoted) {
        append(text, "CAST(", 5);
        append_blob_literal(text, value->bytes, value->length, false);
        append(text, " AS TEXT)", 9);
    }
}

static void append_literal(Reader *reader, Bytes *text, const Column *column, const Value *value) {
    switch (value->type) {
    case NULL_VALUE:
        append(text, "NULL", 4);
        break;
    case INTEGER_VALUE:
        if (column->affinity == 'E') { /* SQLite stores a whole real as an integer */
            append_real_literal(text, (double)value->integer);
        } else {
            append_integer_literal(text, value->integer);
        }
        break;
    case REAL_VALUE:
        append_real_literal(text, value->real);
        break;
    case TEXT_VALUE:
        append_text_literal(reader, text, value);
        break;
    case BLOB_VALUE:
        append_blob_literal(text, value->bytes, value->length, reader->file.encoding != 1);
        break;
    }
}

static uint64_t count_characters(const uint8_t *at, size_t length) {
    uint64_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += (at[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Print the statement of the rows since the last one, if there are any. */
void end_statement(Statement *statement) {
    Bytes *text = &statement->text;
    if (statement->rows == 0) {
        return;
    }
    append(text, ";\n", 2);
    printf("rows %" PRIu64 " %zu\n", statement->rows, text->length);
    fwrite(text->at, 1, text->length, stdout);
    fflush(stdout);
    statement->rows = 0;
    statement->characters = 0;
}

void add_row_to_statement(Reader *reader, Table *table, const Value *values, int64_t rowid) {
    Statement *statement = &table->statement;
    Bytes *text = &statement->text;
    if (statement->column_count == 0) {
        return;
    }
    if (statement->rows == 0) {
        text->length = 0;
        append(text, statement->head.at, statement->head.length);
    } else {
        append_byte(text, ',');
    }
    size_t begin = text->length;
    for (int i = 0; i < statement->column_count; i++) {
        int column = statement->columns[i];
        append_byte(text, i == 0 ? '(' : ',');
        if (column == ROWID_TERM) {
            append_integer_literal(text, rowid);
        } else {
            append_literal(reader, text, &table->columns[column], &values[column]);
        }
    }
    append_byte(text, ')');
    statement->rows++;
    statement->characters += count_characters(text->at + begin, text->length - begin);
    if (statement->rows >= statement->most_rows || statement->characters >= statement->most_characters) {
        end_statement(statement);
    }
}
