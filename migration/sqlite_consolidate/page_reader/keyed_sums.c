/* Sums of hashes. Their key is drawn for each file and never stored, so no content of a file can have a chosen sum.

The hash is SipHash-1-3 with 128 bits (https://www.aumasson.jp/siphash/siphash.pdf). Of a page it is that of its number and of
its NH, the universal hash of UMAC (https://www.rfc-editor.org/rfc/rfc4418, section 5.2.2), with words of 64 bits. Two pages that
differ have the same NH for at most one of 2**64 keys. */
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

/* Add the hash of a message to a sum. */
void add_hash(Sum *sum, const SumKey *key, const uint8_t *message, size_t length) {
    SipState s = {key->half[0] ^ 0x736f6d6570736575u, key->half[1] ^ 0x646f72616e646f6du ^ 0xEE, key->half[0] ^ 0x6c7967656e657261u,
                  key->half[1] ^ 0x7465646279746573u};
    uint8_t last[8] = {0};
    size_t whole = length / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        s = sip_word(s, little_u64(message + i));
    }
    memcpy(last, message + whole, length - whole);
    last[7] = (uint8_t)length;
    s = sip_word(s, little_u64(last));
    s.c ^= 0xEE;
    for (int half = 0; half < 2; half++) {
        s = sip_round(sip_round(sip_round(s)));
        sum->part[half] += s.a ^ s.b ^ s.c ^ s.d;
        s.b ^= 0xDD;
    }
    sum->count++;
}

/* Fill words with numbers that follow from a key. */
void expand_key(const SumKey *key, uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i += 2) {
        uint8_t number[8];
        Sum sum = {0};
        store_little_u64(number, i);
        add_hash(&sum, key, number, sizeof number);
        words[i] = sum.part[0];
        words[i + 1] = sum.part[1];
    }
}

typedef struct Product {
    uint64_t low, high;
} Product;

static inline Product added(Product sum, uint64_t left, uint64_t right) {
#if defined(__SIZEOF_INT128__)
    unsigned __int128 total = ((unsigned __int128)sum.high << 64 | sum.low) + (unsigned __int128)left * right;
    return (Product){(uint64_t)total, (uint64_t)(total >> 64)};
#else
    uint64_t low = (left & UINT32_MAX) * (right & UINT32_MAX), high = (left >> 32) * (right >> 32);
    uint64_t first = (left >> 32) * (right & UINT32_MAX) + (low >> 32), second = (left & UINT32_MAX) * (right >> 32) + (uint32_t)first;
    low = second << 32 | (uint32_t)low;
    sum.low += low;
    sum.high += high + (first >> 32) + (second >> 32) + (sum.low < low);
    return sum;
#endif
}

/* Add the hash of a page and its number to a sum.

words: as many as the page has, of the expanded key. */
void add_page_hash(Sum *sum, const SumKey *key, const uint64_t *words, uint32_t number, const uint8_t *bytes, uint32_t length) {
    Product even = {0}, odd = {0};
    for (uint32_t i = 0; i < length / 8; i += 4) {
        const uint8_t *at = bytes + 8 * (size_t)i;
        even = added(even, little_u64(at) + words[i], little_u64(at + 8) + words[i + 1]);
        odd = added(odd, little_u64(at + 16) + words[i + 2], little_u64(at + 24) + words[i + 3]);
    }
    even.low += odd.low;
    even.high += odd.high + (even.low < odd.low);
    uint8_t message[20];
    store_little_u64(message, even.low);
    store_little_u64(message + 8, even.high);
    store_little_u32(message + 16, number);
    add_hash(sum, key, message, sizeof message);
}

bool same_sum(const Sum *left, const Sum *right) {
    return left->count == right->count && left->part[0] == right->part[0] && left->part[1] == right->part[1];
}

/* Move a sum into another one. */
void move_sum(Sum *to, Sum *from) {
    to->count += from->count;
    to->part[0] += from->part[0];
    to->part[1] += from->part[1];
    *from = (Sum){0};
}
