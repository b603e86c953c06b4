/* Digest format 1, as engine/content/digest.py documents it. */
#include "bytes.h"

#include <stdlib.h>

/* A message above this size does not wait for another one, so that memory has a limit. */
enum { LARGE_MESSAGE = 4 << 20 };

static void append_integer(Bytes *message, int64_t integer) {
    if (integer >= INT32_MIN && integer <= INT32_MAX) {
        append_byte(message, 'i');
        append_u32(message, (uint32_t)integer);
        return;
    }
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    uint8_t digits[10];
    uint32_t count = 0;
    for (; rest != 0; rest >>= 15, count++) {
        digits[2 * count] = (uint8_t)rest;
        digits[2 * count + 1] = (uint8_t)(rest >> 8 & 0x7F);
    }
    append_byte(message, 'l');
    append_u32(message, integer < 0 ? 0 - count : count);
    append(message, digits, 2 * count);
}

static void append_real(Bytes *message, double real) {
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    append_byte(message, 'g');
    append_u64(message, bits);
}

static void append_text(Bytes *message, const uint8_t *at, size_t length) {
    append_byte(message, 'u');
    size_t length_at = message->length;
    append_u32(message, (uint32_t)length);
    size_t valid = valid_length(at, length);
    append(message, at, valid);
    if (valid == length) {
        return;
    }
    while (valid < length) {
        size_t sequence = sequence_length(at + valid, length - valid);
        if (sequence > 0) {
            append(message, at + valid, sequence);
            valid += sequence;
        } else {
            uint32_t code = 0xDC00u + at[valid++];
            append_byte(message, 0xED);
            append_byte(message, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
            append_byte(message, (uint8_t)(0x80 | (code & 0x3F)));
        }
    }
    uint32_t written = (uint32_t)(message->length - length_at - 4);
    for (int i = 0; i < 4; i++) {
        message->at[length_at + (size_t)i] = (uint8_t)(written >> 8 * i);
    }
}

static bool append_text_value(Reader *reader, Bytes *message, const Value *value) {
    if (reader->file.encoding == 1) {
        append_text(message, value->bytes, value->length);
        return true;
    }
    if (!convert_text(&reader->text, value, reader->file.encoding == 3)) {
        return add_reason(&reader->verdict.unreadable, "a text is not UTF-16");
    }
    append_text(message, reader->text.at, reader->text.length);
    return true;
}

static bool append_value(Reader *reader, Bytes *message, const Column *column, const Value *value) {
    switch (value->type) {
    case NULL_VALUE:
        append_byte(message, 'N');
        break;
    case INTEGER_VALUE:
        if (column->affinity == 'E') { /* SQLite stores a whole real as an integer */
            append_real(message, (double)value->integer);
        } else {
            append_integer(message, value->integer);
        }
        break;
    case REAL_VALUE:
        append_real(message, value->real);
        break;
    case TEXT_VALUE:
        return append_text_value(reader, message, value);
    case BLOB_VALUE:
        append_byte(message, 's');
        append_u32(message, value->length);
        append(message, value->bytes, value->length);
        break;
    }
    return true;
}

/* Add the offset of a new key to an integer. Any other value but NULL is left to SQLite. */
static bool shift(Reader *reader, const Column *column, const Digested *digested, Value *value) {
    if (value->type == NULL_VALUE) {
        return true;
    }
    if (value->type != INTEGER_VALUE || column->affinity == 'E') {
        return add_reason(&reader->verdict.unreadable, "a value with an offset is no integer");
    }
    if (value->integer >= digested->least && __builtin_add_overflow(value->integer, digested->offset, &value->integer)) {
        return add_reason(&reader->verdict.unreadable, "an integer is too large for its offset");
    }
    return true;
}

static bool append_digested(Reader *reader, Bytes *message, const Table *table, const Digested *digested, const Value *values, int64_t rowid) {
    static const Column rowid_column = {.affinity = 'D'};
    const Column *column = digested->column == ROWID_TERM ? &rowid_column : &table->columns[digested->column];
    Value value = {.type = INTEGER_VALUE, .integer = rowid};
    if (digested->column != ROWID_TERM) {
        value = values[digested->column];
    }
    return (digested->offset == 0 || shift(reader, column, digested, &value)) && append_value(reader, message, column, &value);
}

/* Add the rows that wait for another one to be hashed with. */
static void end_digest(Digest *digest) {
    if (digest->waiting > 0) {
        hash_and_add(digest->messages, digest->waiting, digest->sum);
    }
    digest->waiting = 0;
}

static bool add_row_to_digest(Reader *reader, const Table *table, Digest *digest, const Value *values, int64_t rowid) {
    Bytes *message = &digest->messages[digest->waiting];
    if (digest->value_count == 0) {
        return true;
    }
    message->length = 0;
    append_byte(message, '(');
    append_u32(message, (uint32_t)digest->value_count);
    for (int i = 0; i < digest->value_count; i++) {
        if (!append_digested(reader, message, table, &digest->values[i], values, rowid)) {
            return false;
        }
    }
    if (++digest->waiting == MOST_MESSAGES || message->length > LARGE_MESSAGE) {
        end_digest(digest);
    }
    return true;
}

/* Add a row to each digest of its table. */
bool add_row_to_digests(Reader *reader, Table *table, const Value *values, int64_t rowid) {
    for (int i = 0; i < table->digest_count; i++) {
        if (!add_row_to_digest(reader, table, &table->digests[i], values, rowid)) {
            return false;
        }
    }
    return true;
}

/* Add the last rows of a table to its digests. */
void end_digests(Table *table) {
    for (int i = 0; i < table->digest_count; i++) {
        end_digest(&table->digests[i]);
    }
}

/* Return digests of the same values without a row. */
Digest *empty_digests(const Table *table) {
    Digest *digests = allocate((size_t)table->digest_count, sizeof(Digest));
    for (int i = 0; i < table->digest_count; i++) {
        digests[i] = (Digest){.value_count = table->digests[i].value_count, .values = table->digests[i].values};
    }
    return digests;
}

/* Add digests of other rows of the same table. */
void add_digests(Table *table, const Table *other) {
    for (int i = 0; i < table->digest_count; i++) {
        add_to_sum(table->digests[i].sum, other->digests[i].sum);
    }
}

/* Free the digests of a table, and not what they are about. */
void free_digests(Table *table) {
    for (int i = 0; i < table->digest_count; i++) {
        for (int j = 0; j < MOST_MESSAGES; j++) {
            free(table->digests[i].messages[j].at);
        }
    }
    free(table->digests);
}
