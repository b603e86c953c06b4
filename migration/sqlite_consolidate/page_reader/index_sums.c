/* Each index against its rows.

An index holds what its table holds if it has as many entries as the table has rows, and if the entries have the sum of
the rows. The summand is SipHash-1-3 with 128 bits (https://www.aumasson.jp/siphash/siphash.pdf) of the key and the
rowid. Its key is drawn for each run and never stored, so no content of a file can have a chosen sum. */
#include "bytes.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

bool draw_key(SumKey *key) {
    return getentropy(key, sizeof *key) == 0;
}

static inline uint64_t rotated(uint64_t word, unsigned bits) {
    return word << bits | word >> (64 - bits);
}

typedef struct SipState {
    uint64_t a, b, c, d;
} SipState;

static inline SipState sip_round(SipState s) {
    s.a += s.b;
    s.c += s.d;
    s.b = rotated(s.b, 13) ^ s.a;
    s.d = rotated(s.d, 16) ^ s.c;
    s.a = rotated(s.a, 32);
    s.c += s.b;
    s.a += s.d;
    s.b = rotated(s.b, 17) ^ s.c;
    s.d = rotated(s.d, 21) ^ s.a;
    s.c = rotated(s.c, 32);
    return s;
}

static inline SipState sip_word(SipState s, uint64_t word) {
    s.d ^= word;
    s = sip_round(s);
    s.a ^= word;
    return s;
}

static void add_hash(Sum *sum, const SumKey *key, const Bytes *bytes) {
    SipState s = {key->half[0] ^ 0x736f6d6570736575u, key->half[1] ^ 0x646f72616e646f6du ^ 0xEE, key->half[0] ^ 0x6c7967656e657261u,
                  key->half[1] ^ 0x7465646279746573u};
    uint8_t last[8] = {0};
    size_t whole = bytes->length / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        s = sip_word(s, little_u64(bytes->at + i));
    }
    memcpy(last, bytes->at + whole, bytes->length - whole);
    last[7] = (uint8_t)bytes->length;
    s = sip_word(s, little_u64(last));
    s.c ^= 0xEE;
    for (int half = 0; half < 2; half++) {
        s = sip_round(sip_round(sip_round(s)));
        sum->part[half] += s.a ^ s.b ^ s.c ^ s.d;
        s.b ^= 0xDD;
    }
    sum->count++;
}

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
    add_hash(&index->of_entries, &reader->key, &reader->hashed);
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
        add_hash(&index->of_rows, &reader->key, &reader->hashed);
    }
}

bool same_sum(const Sum *left, const Sum *right) {
    return left->count == right->count && left->part[0] == right->part[0] && left->part[1] == right->part[1];
}
