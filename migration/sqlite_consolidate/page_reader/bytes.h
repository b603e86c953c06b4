/* Numbers as the file and the digests store them. They are inline, because most of the time is spent with them. */
#ifndef BYTES_H
#define BYTES_H

#include "reader.h"

#include <string.h>

static inline uint32_t big_u16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t big_u32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t big_u64(const uint8_t *at) {
    return (uint64_t)big_u32(at) << 32 | big_u32(at + 4);
}

static inline uint32_t little_u32(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t little_u64(const uint8_t *at) {
    return little_u32(at) | (uint64_t)little_u32(at + 4) << 32;
}

static inline void store_big_u32(uint8_t *at, uint32_t number) {
    at[0] = (uint8_t)(number >> 24);
    at[1] = (uint8_t)(number >> 16);
    at[2] = (uint8_t)(number >> 8);
    at[3] = (uint8_t)number;
}

static inline void store_little_u32(uint8_t *at, uint32_t number) {
    at[0] = (uint8_t)number;
    at[1] = (uint8_t)(number >> 8);
    at[2] = (uint8_t)(number >> 16);
    at[3] = (uint8_t)(number >> 24);
}

static inline void store_little_u64(uint8_t *at, uint64_t number) {
    store_little_u32(at, (uint32_t)number);
    store_little_u32(at + 4, (uint32_t)(number >> 32));
}

/* Read a variable-length integer (section 1.6). Returns its number of bytes, 0 if it goes beyond the end. */
static inline unsigned read_varint(const uint8_t *at, const uint8_t *end, uint64_t *number) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (at + i >= end) {
            return 0;
        }
        value = value << 7 | (at[i] & 0x7F);
        if (at[i] < 0x80) {
            *number = value;
            return i + 1;
        }
    }
    if (at + 8 >= end) {
        return 0;
    }
    *number = value << 8 | at[8];
    return 9;
}

static inline void reserve(Bytes *bytes, size_t more) {
    if (bytes->room - bytes->length < more) {
        grow_bytes(bytes, more);
    }
}

static inline void append(Bytes *bytes, const void *from, size_t length) {
    reserve(bytes, length);
    if (length > 0) {
        memcpy(bytes->at + bytes->length, from, length);
    }
    bytes->length += length;
}

static inline void append_byte(Bytes *bytes, uint8_t byte) {
    reserve(bytes, 1);
    bytes->at[bytes->length++] = byte;
}

static inline void append_u32(Bytes *bytes, uint32_t number) {
    reserve(bytes, 4);
    store_little_u32(bytes->at + bytes->length, number);
    bytes->length += 4;
}

static inline void append_u64(Bytes *bytes, uint64_t number) {
    append_u32(bytes, (uint32_t)number);
    append_u32(bytes, (uint32_t)(number >> 32));
}

#endif
