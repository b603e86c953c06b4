/* Reals as SQL that every SQLite since 3.35 reads as exactly these reals, as engine/content/literals.py writes them. */
#include "bytes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* SQLite computes a decimal number from two exact ones in a rounded step. Powers of ten up to this exponent are exact. */
enum { EXACT_EXPONENT = 22, MOST_DIGITS = 16, LIMBS = 8, LONGEST_STEP = 20 };
#define EXACT_MANTISSA ((uint64_t)1 << 53)

/* The shortest decimal digits that are read as a real. The point is after so many of them. */
typedef struct Decimal {
    char digits[MOST_DIGITS + 1];
    int count, point;
} Decimal;

static bool bit_of(const uint32_t *number, int bit) {
    return number[bit / 32] >> (bit % 32) & 1;
}

/* Set a number to digits times ten to the scale, cut off below and times two to some power. */
static void set_scaled(uint32_t *number, uint64_t digits, int scale) {
    int first = scale < 0 ? LIMBS - 2 : 2;
    memset(number, 0, LIMBS * sizeof number[0]);
    number[first] = (uint32_t)digits;
    number[first + 1] = (uint32_t)(digits >> 32);
    for (int i = 0; i < scale; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < LIMBS; j++) {
            carry += (uint64_t)number[j] * 10;
            number[j] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    for (int i = 0; i > scale; i--) {
        uint64_t rest = 0;
        for (int j = LIMBS - 1; j >= 0; j--) {
            rest = rest << 32 | number[j];
            number[j] = (uint32_t)(rest / 10);
            rest %= 10;
        }
    }
}

/* Return whether every SQLite reads digits times ten to the scale as the nearest real.

Some round to 64 bits and then to 53. That is wrong only if the first result is half-way between two reals. */
static bool is_read_exactly(uint64_t digits, int scale) {
    uint32_t number[LIMBS];
    if (digits >= EXACT_MANTISSA || abs(scale) > EXACT_EXPONENT) {
        return false;
    }
    set_scaled(number, digits, scale);
    int length = 32 * LIMBS, dropped = 0;
    while (!bit_of(number, length - 1)) {
        length--;
    }
    for (int i = 1; i <= 11; i++) { /* the 11 bits of 64 that the second rounding drops */
        dropped = dropped << 1 | bit_of(number, length - 53 - i);
    }
    if (dropped != 1025) {
        return dropped < 1023 || dropped > 1025;
    }
    for (int i = 0; i < length - 64; i++) {
        if (bit_of(number, i)) {
            return true;
        }
    }
    return false;
}

/* Read the output of %e. Returns false if the digits are read as another real. */
static bool read_decimal(const char *text, double real, Decimal *decimal) {
    decimal->count = 0;
    for (; *text != 'e'; text++) {
        if (*text != '.') {
            decimal->digits[decimal->count++] = *text;
        }
    }
    decimal->point = atoi(text + 1) + 1;
    char copy[MOST_DIGITS + 16];
    snprintf(copy, sizeof copy, "0.%.*se%d", decimal->count, decimal->digits, decimal->point);
    if (strtod(copy, NULL) != real) {
        return false;
    }
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
    }
    return true;
}

/* Find the shortest digits of a positive real. Returns false if they are more than 16, which is inexact. */
static bool find_shortest(double real, Decimal *decimal) {
    char text[MOST_DIGITS + 16];
    for (int count = MOST_DIGITS - 1; count <= MOST_DIGITS; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, real);
        if (read_decimal(text, real, decimal)) {
            return true;
        }
    }
    int exponent;
    if (frexp(real, &exponent) != 0.5) {
        return false;
    }
    /* Below a power of two the reals are closer than above, so the next decimal can be read as it. */
    int last = MOST_DIGITS;
    while (last > 0 && (text[last] == '9' || text[last] == '.')) {
        text[last] = text[last] == '9' ? '0' : '.';
        last--;
    }
    text[last]++;
    return read_decimal(text, real, decimal);
}

static void append_repeated(Bytes *text, char character, int count) {
    for (int i = 0; i < count; i++) {
        append_byte(text, (uint8_t)character);
    }
}

/* Append digits as Python's repr does. */
static void append_decimal(Bytes *text, const Decimal *decimal) {
    int count = decimal->count, point = decimal->point;
    if (point <= -4 || point > 16) {
        char exponent[8];
        append(text, decimal->digits, 1);
        if (count > 1) {
            append_byte(text, '.');
            append(text, decimal->digits + 1, (size_t)count - 1);
        }
        append(text, exponent, (size_t)snprintf(exponent, sizeof exponent, "e%+03d", point - 1));
    } else if (point <= 0) {
        append(text, "0.", 2);
        append_repeated(text, '0', -point);
        append(text, decimal->digits, (size_t)count);
    } else if (point < count) {
        append(text, decimal->digits, (size_t)point);
        append_byte(text, '.');
        append(text, decimal->digits + point, (size_t)(count - point));
    } else {
        append(text, decimal->digits, (size_t)count);
        append_repeated(text, '0', point - count);
        append(text, ".0", 2);
    }
}

static bool is_decimal_exact(const Decimal *decimal) {
    uint64_t digits = 0;
    int scale = decimal->point - decimal->count;
    for (int i = 0; i < decimal->count; i++) {
        digits = 10 * digits + (uint64_t)(decimal->digits[i] - '0');
    }
    if (decimal->point <= 16 && scale >= 0) { /* it ends in .0 */
        for (; scale > -1; scale--) {
            digits *= 10;
        }
    }
    return is_read_exactly(digits, scale);
}

/* Append a product of an odd integer and powers of two. Each factor and each partial product is exact. */
static void append_product(Bytes *text, double real) {
    char factor[32];
    int exponent;
    int64_t whole = (int64_t)(frexp(real, &exponent) * (double)EXACT_MANTISSA);
    exponent -= 53;
    for (; whole % 2 == 0; whole /= 2) {
        exponent++;
    }
    append(text, factor, (size_t)snprintf(factor, sizeof factor, "(%" PRId64 ".0", whole));
    while (exponent != 0) {
        int step = exponent < -LONGEST_STEP ? -LONGEST_STEP : exponent > LONGEST_STEP ? LONGEST_STEP : exponent;
        int length = snprintf(factor, sizeof factor, step > 0 ? "*%.1f" : "*%.20f", ldexp(1, step));
        while (step < 0 && factor[length - 1] == '0') {
            length--;
        }
        append(text, factor, (size_t)length);
        exponent -= step;
    }
    append_byte(text, ')');
}

void append_real_literal(Bytes *text, double real) {
    double size = fabs(real);
    Decimal decimal;
    if (isinf(real)) {
        append(text, real > 0 ? "9e999" : "-9e999", real > 0 ? 5 : 6);
    } else if (real == 0) {
        append(text, signbit(real) ? "(-1*0.0)" : "0.0", signbit(real) ? 8 : 3);
    } else if (size < 1e-22 || size > 1e38 || !find_shortest(size, &decimal) || !is_decimal_exact(&decimal)) {
        append_product(text, real);
    } else {
        append_repeated(text, '-', real < 0);
        append_decimal(text, &decimal);
    }
}
