/* SHA-256 (FIPS 180-4), with the instructions of the processor where it has them. */
#include "bytes.h"

#include <string.h>

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t initial_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

typedef void Compress(uint32_t state[8], const uint8_t *blocks, size_t count);

static uint32_t rotated(uint32_t word, unsigned bits) {
    return word >> bits | word << (32 - bits);
}

static void extend_schedule(uint32_t schedule[64], const uint8_t *block) {
    for (unsigned i = 0; i < 16; i++) {
        schedule[i] = big_u32(block + 4 * i);
    }
    for (unsigned i = 16; i < 64; i++) {
        uint32_t early = schedule[i - 15], late = schedule[i - 2];
        schedule[i] = schedule[i - 16] + schedule[i - 7] + (rotated(early, 7) ^ rotated(early, 18) ^ early >> 3) +
                      (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10);
    }
}

static void compress_portably(uint32_t state[8], const uint8_t *blocks, size_t count) {
    for (; count > 0; count--, blocks += 64) {
        uint32_t schedule[64], s[8];
        extend_schedule(schedule, blocks);
        memcpy(s, state, sizeof s);
        for (unsigned i = 0; i < 64; i++) {
            uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            uint32_t first = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + choice + constants[i] + schedule[i];
            uint32_t second = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + majority;
            memmove(s + 1, s, 7 * sizeof s[0]);
            s[4] += first;
            s[0] = first + second;
        }
        for (unsigned i = 0; i < 8; i++) {
            state[i] += s[i];
        }
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* Intel SHA Extensions (https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sha-extensions.html).
The instructions keep the state as the words ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,sse4.1"))) static void compress_by_instructions(uint32_t state[8], const uint8_t *blocks, size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);
    for (; count > 0; count--, blocks += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh, words[4];
        for (int i = 0; i < 4; i++) {
            words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)), big_endian);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i sum = _mm_add_epi32(words[i & 3], _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            if (i < 12) {
                __m128i middle = _mm_alignr_epi8(words[(i + 3) & 3], words[(i + 2) & 3], 4);
                __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(words[i & 3], words[(i + 1) & 3]), middle);
                words[i & 3] = _mm_sha256msg2_epu32(next, words[(i + 3) & 3]);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static Compress *fastest(void) {
    unsigned a, b, c, d;
    bool has_instructions = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
    return has_instructions && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) ? compress_by_instructions : compress_portably;
}
#else
static Compress *fastest(void) {
    return compress_portably;
}
#endif

/* Add the SHA-256 of a message, as a little-endian number, to a sum modulo 2**256. The message is padded in place. */
void hash_and_add(Bytes *message, uint64_t sum[4]) {
    static Compress *compress;
    if (compress == NULL) {
        compress = fastest();
    }
    uint64_t bits = (uint64_t)message->length * 8;
    size_t padding = 64 - (message->length + 9) % 64;
    padding = padding == 64 ? 0 : padding;
    reserve(message, 9 + padding);
    message->at[message->length] = 0x80;
    memset(message->at + message->length + 1, 0, padding);
    store_big_u32(message->at + message->length + 1 + padding, (uint32_t)(bits >> 32));
    store_big_u32(message->at + message->length + 1 + padding + 4, (uint32_t)bits);
    uint32_t state[8];
    memcpy(state, initial_state, sizeof state);
    compress(state, message->at, (message->length + 9 + padding) / 64);
    uint64_t carry = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t word[8];
        store_big_u32(word, state[2 * i]);
        store_big_u32(word + 4, state[2 * i + 1]);
        uint64_t before = sum[i];
        sum[i] = before + little_u64(word) + carry;
        carry = carry ? sum[i] <= before : sum[i] < before;
    }
}
