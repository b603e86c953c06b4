/* Text in UTF-8, and in UTF-16, which is converted. */
#include "bytes.h"

static bool continues(const uint8_t *at, size_t index, size_t length) {
    return index < length && (at[index] & 0xC0) == 0x80;
}

/* Return the length of the UTF-8 sequence at a place, 0 if there is none (Unicode, table 3-7). */
size_t sequence_length(const uint8_t *at, size_t length) {
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

/* Return how many of the next bytes are ASCII, at most 8. */
static size_t ascii_bytes(const uint8_t *at, size_t length) {
    if (length >= 8) {
        uint64_t others = little_u64(at) & 0x8080808080808080u;
        return others ? (size_t)__builtin_ctzll(others) / 8 : 8;
    }
    size_t count = 0;
    while (count < length && at[count] < 0x80) {
        count++;
    }
    return count;
}

/* Return the length of the part that is UTF-8. */
size_t valid_length(const uint8_t *at, size_t length) {
    size_t i = 0;
    while (i < length) {
        size_t step = ascii_bytes(at + i, length - i);
        if (step == 0) {
            step = sequence_length(at + i, length - i);
        }
        if (step == 0) {
            break;
        }
        i += step;
    }
    return i;
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
bool convert_text(Bytes *text, const Value *value, bool is_big) {
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
