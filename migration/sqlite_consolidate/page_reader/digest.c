/* Digest format 1, as engine/content/digest.py documents it. */
#include "bytes.h"


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

static bool continues(const uint8_t *at, size_t index, size_t length) {
    return index < length && (at[index] & 0xC0) == 0x80;
}

/* Return the length of the UTF-8 sequence at a place, 0 if there is none (Unicode, table 3-7). */
static size_t sequence_length(const uint8_t *at, size_t length) {
    uint8_t first = at[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4 || !continues(at, 1, length)) {
        return 0;
    }
    if (first < 0xE0) {
        return 2;
    }
    if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F) || !continues(at, 2, length)) {
        return 0;
    }
    if (first < 0xF0) {
        return 3;
    }
    if ((first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F) || !continues(at, 3, length)) {
        return 0;
    }
    return 4;
}

/* Return the length of the part that is UTF-8. */
static size_t valid_length(const uint8_t *at, size_t length) {
    size_t i = 0;
    while (i < length) {
        while (i + 8 <= length && (little_u64(at + i) & 0x8080808080808080u) == 0) {
            i += 8;
        }
        if (i < length) {
            size_t sequence = sequence_length(at + i, length - i);
            if (sequence == 0) {
                break;
            }
            i += sequence;
        }
    }
    return i;
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

static void append_code_point(Bytes *text, uint32_t code) {
    if (code < 0x80) {
        append_byte(text, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        append_byte(text, (uint8_t)(0xC0 | code >> 6));
    } else if (code < 0x10000) {
        append_byte(text, (uint8_t)(0xE0 | code >> 12));
        append_byte(text, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    } else {
        append_byte(text, (uint8_t)(0xF0 | code >> 18));
        append_byte(text, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
        append_byte(text, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    }
    append_byte(text, (uint8_t)(0x80 | (code & 0x3F)));
}

static uint32_t unit_at(const Value *value, uint32_t at, bool is_big) {
    return is_big ? big_u16(value->bytes + at) : (uint32_t)value->bytes[at + 1] << 8 | value->bytes[at];
}

/* Convert a text from UTF-16. Returns false where it is not UTF-16, which each SQLite converts in its way. */
static bool convert_text(Bytes *text, const Value *value, bool is_big) {
    text->length = 0;
    if (value->length % 2 != 0) {
        return false;
    }
    for (uint32_t i = 0; i < value->length; i += 2) {
        uint32_t code = unit_at(value, i, is_big);
        if (code >= 0xD800 && code < 0xE000) {
            i += 2;
            uint32_t low = i < value->length ? unit_at(value, i, is_big) : 0;
            if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
                return false;
            }
            code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
        }
        append_code_point(text, code);
    }
    return true;
}

static bool append_text_value(Reader *reader, const Value *value) {
    if (reader->file.encoding == 1) {
        append_text(&reader->message, value->bytes, value->length);
        return true;
    }
    if (!convert_text(&reader->text, value, reader->file.encoding == 3)) {
        return add_reason(&reader->verdict.unreadable, "a text is not UTF-16");
    }
    append_text(&reader->message, reader->text.at, reader->text.length);
    return true;
}

static bool append_value(Reader *reader, const Column *column, const Value *value) {
    Bytes *message = &reader->message;
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
        return append_text_value(reader, value);
    case BLOB_VALUE:
        append_byte(message, 's');
        append_u32(message, value->length);
        append(message, value->bytes, value->length);
        break;
    }
    return true;
}

bool add_row_to_digest(Reader *reader, Table *table, const Value *values, int64_t rowid) {
    Bytes *message = &reader->message;
    if (table->digest_count == 0) {
        return true;
    }
    message->length = 0;
    append_byte(message, '(');
    append_u32(message, (uint32_t)table->digest_count + table->counts_rowid);
    if (table->counts_rowid) {
        append_integer(message, rowid);
    }
    for (int i = 0; i < table->digest_count; i++) {
        int column = table->digest_columns[i];
        if (!append_value(reader, &table->columns[column], &values[column])) {
            return false;
        }
    }
    hash_and_add(message, table->digest);
    return true;
}
