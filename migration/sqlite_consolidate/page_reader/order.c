/* The order of keys (section 2.3, "Record Sort Order"; collations: https://www.sqlite.org/datatype3.html, section 7). */
#include "reader.h"

#include <string.h>

static int sign(int64_t left, int64_t right) {
    return (left > right) - (left < right);
}

/* Compare an integer with a real exactly. Not each 64-bit integer is a double. */
static int compare_integer_real(int64_t integer, double real) {
    if (real < -9223372036854775808.0) {
        return 1;
    }
    if (real >= 9223372036854775808.0) {
        return -1;
    }
    int64_t whole = (int64_t)real;
    if (integer != whole) {
        return sign(integer, whole);
    }
    double again = (double)whole;
    return (again > real) - (again < real);
}

static int compare_numbers(const Value *left, const Value *right) {
    if (left->type == INTEGER_VALUE && right->type == INTEGER_VALUE) {
        return sign(left->integer, right->integer);
    }
    if (left->type == INTEGER_VALUE) {
        return compare_integer_real(left->integer, right->real);
    }
    if (right->type == INTEGER_VALUE) {
        return -compare_integer_real(right->integer, left->real);
    }
    return (left->real > right->real) - (left->real < right->real);
}

static int compare_bytes(const uint8_t *left, uint32_t left_length, const uint8_t *right, uint32_t right_length) {
    uint32_t shorter = left_length < right_length ? left_length : right_length;
    int order = shorter > 0 ? memcmp(left, right, shorter) : 0;
    return order != 0 ? order : sign(left_length, right_length);
}

static int lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

/* Compare as SQLite's NOCASE, which stops at a NUL that both have at one place, and then compares the lengths. */
static int compare_without_case(const Value *left, const Value *right) {
    uint32_t shorter = left->length < right->length ? left->length : right->length;
    for (uint32_t i = 0; i < shorter; i++) {
        int order = lower(left->bytes[i]) - lower(right->bytes[i]);
        if (order != 0) {
            return order;
        }
        if (left->bytes[i] == 0) {
            break;
        }
    }
    return sign(left->length, right->length);
}

static uint32_t length_without_spaces(const Value *text) {
    uint32_t length = text->length;
    while (length > 0 && text->bytes[length - 1] == ' ') {
        length--;
    }
    return length;
}

static int compare_texts(const Value *left, const Value *right, Collation collation) {
    if (collation == NOCASE) {
        return compare_without_case(left, right);
    }
    if (collation == RTRIM) {
        return compare_bytes(left->bytes, length_without_spaces(left), right->bytes, length_without_spaces(right));
    }
    return compare_bytes(left->bytes, left->length, right->bytes, right->length);
}

static int compare_values(const Value *left, const Value *right, Collation collation) {
    static const int rank[] = {[NULL_VALUE] = 0, [INTEGER_VALUE] = 1, [REAL_VALUE] = 1, [TEXT_VALUE] = 2, [BLOB_VALUE] = 3};
    if (rank[left->type] != rank[right->type] || left->type == NULL_VALUE) {
        return rank[left->type] - rank[right->type];
    }
    if (left->type == TEXT_VALUE) {
        return compare_texts(left, right, collation);
    }
    if (left->type == BLOB_VALUE) {
        return compare_bytes(left->bytes, left->length, right->bytes, right->length);
    }
    return compare_numbers(left, right);
}

int compare_entries(const Index *index, const Value *left, const Value *right, int terms) {
    for (int i = 0; i < terms; i++) {
        int order = compare_values(&left[i], &right[i], index->terms[i].collation);
        if (order != 0) {
            return index->terms[i].descending ? -order : order;
        }
    }
    return 0;
}

/* Two keys with a NULL are never equal in a UNIQUE index. */
bool has_null_in_key(const Index *index, const Value *values) {
    for (int i = 0; i < index->key_count; i++) {
        if (values[i].type == NULL_VALUE) {
            return true;
        }
    }
    return false;
}
