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

/* One message while it is hashed: its state, and the blocks that are left. */
typedef struct Lane {
    uint32_t state[8];
    const uint8_t *blocks;
    size_t count;
} Lane;

typedef void Compress(Lane *lane, size_t count);

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

static void compress_portably(Lane *lane, size_t count) {
    for (; count > 0; count--, lane->count--, lane->blocks += 64) {
        uint32_t schedule[64], s[8];
        extend_schedule(schedule, lane->blocks);
        memcpy(s, lane->state, sizeof s);
        for (unsigned i = 0; i < 64; i++) {
            uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            uint32_t first = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + choice + constants[i] + schedule[i];
            uint32_t second = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + majority;
            memmove(s + 1, s, 7 * sizeof s[0]);
            s[4] += first;
            s[0] = first + second;
        }
        for (unsigned i = 0; i < 8; i++) {
            lane->state[i] += s[i];
        }
    }
}

static void compress_two_portably(Lane lanes[2], size_t count) {
    compress_portably(&lanes[0], count);
    compress_portably(&lanes[1], count);
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* Intel SHA Extensions (https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sha-extensions.html).
The instructions keep the state as the words ABEF and CDGH, and do two rounds each. Each waits for the one before, so that
the instructions of a second message take hardly more time. */
#define WITH_INSTRUCTIONS __attribute__((target("sha,sse4.1")))

typedef struct Words {
    __m128i abef, cdgh, schedule[4];
} Words;

WITH_INSTRUCTIONS static inline __m128i load(const void *at) {
    return _mm_loadu_si128((const __m128i *)at);
}

/* Compress so many blocks of each lane. It is inline, so that the number of lanes is a constant. */
WITH_INSTRUCTIONS __attribute__((always_inline)) static inline void compress_lanes(Lane *lanes, unsigned lane_count, size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    Words words[2];
    for (unsigned n = 0; n < lane_count; n++) {
        __m128i abcd = _mm_shuffle_epi32(load(lanes[n].state), 0xB1), efgh = _mm_shuffle_epi32(load(lanes[n].state + 4), 0x1B);
        words[n].abef = _mm_alignr_epi8(abcd, efgh, 8);
        words[n].cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);
    }
    for (; count > 0; count--) {
        __m128i abef_before[2], cdgh_before[2];
        for (unsigned n = 0; n < lane_count; n++) {
            abef_before[n] = words[n].abef;
            cdgh_before[n] = words[n].cdgh;
            for (int i = 0; i < 4; i++) {
                words[n].schedule[i] = _mm_shuffle_epi8(load(lanes[n].blocks + 16 * i), big_endian);
            }
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
#pragma GCC unroll 2
            for (unsigned n = 0; n < lane_count; n++) {
                Words *w = &words[n];
                __m128i sum = _mm_add_epi32(w->schedule[i & 3], load(constants + 4 * i));
                w->cdgh = _mm_sha256rnds2_epu32(w->cdgh, w->abef, sum);
                w->abef = _mm_sha256rnds2_epu32(w->abef, w->cdgh, _mm_shuffle_epi32(sum, 0x0E));
                if (i < 12) {
                    __m128i middle = _mm_alignr_epi8(w->schedule[(i + 3) & 3], w->schedule[(i + 2) & 3], 4);
                    __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w->schedule[i & 3], w->schedule[(i + 1) & 3]), middle);
                    w->schedule[i & 3] = _mm_sha256msg2_epu32(next, w->schedule[(i + 3) & 3]);
                }
            }
        }
        for (unsigned n = 0; n < lane_count; n++) {
            words[n].abef = _mm_add_epi32(words[n].abef, abef_before[n]);
            words[n].cdgh = _mm_add_epi32(words[n].cdgh, cdgh_before[n]);
            lanes[n].blocks += 64;
            lanes[n].count--;
        }
    }
    for (unsigned n = 0; n < lane_count; n++) {
        __m128i feba = _mm_shuffle_epi32(words[n].abef, 0x1B), dchg = _mm_shuffle_epi32(words[n].cdgh, 0xB1);
        _mm_storeu_si128((__m128i *)(void *)lanes[n].state, _mm_blend_epi16(feba, dchg, 0xF0));
        _mm_storeu_si128((__m128i *)(void *)(lanes[n].state + 4), _mm_alignr_epi8(dchg, feba, 8));
    }
}

WITH_INSTRUCTIONS static void compress_by_instructions(Lane *lane, size_t count) {
    compress_lanes(lane, 1, count);
}

WITH_INSTRUCTIONS static void compress_two_by_instructions(Lane lanes[2], size_t count) {
    compress_lanes(lanes, 2, count);
}

static bool has_instructions(void) {
    unsigned a, b, c, d;
    bool has_sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
    return has_sha && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1);
}
#else
#define compress_by_instructions compress_portably
#define compress_two_by_instructions compress_two_portably
static bool has_instructions(void) {
    return false;
}
#endif

/* Pad a message in place, and start to hash it. */
static Lane begin(Bytes *message) {
    uint64_t bits = (uint64_t)message->length * 8;
    size_t padding = 64 - (message->length + 9) % 64;
    padding = padding == 64 ? 0 : padding;
    reserve(message, 9 + padding);
    message->at[message->length] = 0x80;
    memset(message->at + message->length + 1, 0, padding);
    store_big_u32(message->at + message->length + 1 + padding, (uint32_t)(bits >> 32));
    store_big_u32(message->at + message->length + 1 + padding + 4, (uint32_t)bits);
    Lane lane = {.blocks = message->at, .count = (message->length + 9 + padding) / 64};
    memcpy(lane.state, initial_state, sizeof lane.state);
    return lane;
}

/* Add a number to a sum modulo 2**256. Both begin with their lowest word. */
void add_to_sum(uint64_t sum[4], const uint64_t number[4]) {
    uint64_t carry = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = sum[i];
        sum[i] = before + number[i] + carry;
        carry = carry ? sum[i] <= before : sum[i] < before;
    }
}

/* Add a hash, as a little-endian number, to a sum. */
static void add_state(const uint32_t state[8], uint64_t sum[4]) {
    uint64_t number[4];
    for (unsigned i = 0; i < 4; i++) {
        uint8_t word[8];
        store_big_u32(word, state[2 * i]);
        store_big_u32(word + 4, state[2 * i + 1]);
        number[i] = little_u64(word);
    }
    add_to_sum(sum, number);
}

static Compress *compress = compress_portably, *compress_two = compress_two_portably;

/* Use the instructions of the processor. Two threads hash afterwards. */
void prepare_hashes(void) {
    if (has_instructions()) {
        compress = compress_by_instructions;
        compress_two = compress_two_by_instructions;
    }
}

/* Add the SHA-256 of one or two messages to a sum. The messages are padded in place. */
void hash_and_add(Bytes *messages, int message_count, uint64_t sum[4]) {
    Lane lanes[MOST_MESSAGES] = {begin(&messages[0])};
    if (message_count == MOST_MESSAGES) {
        lanes[1] = begin(&messages[1]);
        compress_two(lanes, lanes[0].count < lanes[1].count ? lanes[0].count : lanes[1].count);
    }
    for (int i = 0; i < message_count; i++) {
        compress(&lanes[i], lanes[i].count);
        add_state(lanes[i].state, sum);
    }
}
