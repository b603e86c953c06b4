/* The values of a record (section 2.1, "Record Format"). */
#include "bytes.h"

#include <math.h>
#include <string.h>

/* Read an integer of 1 to 8 bytes in two's complement. */
static int64_t read_integer(const uint8_t *at, unsigned bytes) {
    uint64_t number = at[0] & 0x80 ? UINT64_MAX : 0;
    for (unsigned i = 0; i < bytes; i++) {
        number = number << 8 | at[i];
    }
    return (int64_t)number;
}

/* Read a value of fixed length. Returns false for a serial type that does not exist, and for a real that is no number,
which SQLite never writes. */
static bool read_number(uint64_t serial_type, const uint8_t *at, Value *value) {
    static const uint8_t bytes[] = {0, 1, 2, 3, 4, 6, 8};
    if (serial_type == 0) {
        value->type = NULL_VALUE;
        return true;
    }
    if (serial_type == 7) {
        uint64_t bits = big_u64(at);
        memcpy(&value->real, &bits, sizeof value->real);
        value->type = REAL_VALUE;
        return !isnan(value->real);
    }
    value->type = INTEGER_VALUE;
    value->integer = serial_type >= 8 ? (int64_t)serial_type - 8 : read_integer(at, bytes[serial_type]);
    return true;
}

/* Read the values of a record. Returns their number, -1 if the record is malformed or has more than the most. */
int read_record(const uint8_t *record, size_t length, Value *values, int most) {
    static const uint8_t bytes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    const uint8_t *end = record + length;
    uint64_t header_bytes;
    unsigned read = read_varint(record, end, &header_bytes);
    if (read == 0 || header_bytes > length || header_bytes < read) {
        return -1;
    }
    const uint8_t *type_at = record + read, *body = record + header_bytes, *header_end = body;
    int count = 0;
    while (type_at < header_end) {
        uint64_t serial_type;
        read = read_varint(type_at, header_end, &serial_type);
        if (read == 0 || count >= most || serial_type == 10 || serial_type == 11) {
            return -1;
        }
        type_at += read;
        Value *value = &values[count++];
        uint64_t value_bytes = serial_type >= 12 ? (serial_type - 12) / 2 : bytes[serial_type];
        if (value_bytes > (uint64_t)(end - body)) {
            return -1;
        }
        if (serial_type >= 12) {
            value->type = serial_type % 2 ? TEXT_VALUE : BLOB_VALUE;
            value->bytes = body;
            value->length = (uint32_t)value_bytes;
        } else if (!read_number(serial_type, body, value)) {
            return -1;
        }
        body += value_bytes;
    }
    return body == end ? count : -1;
}
