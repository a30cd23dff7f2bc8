/* Floats in words, as Python's repr writes them: the shortest number that reads back as the
   same float, found by the free-format algorithm of Steele and White in exact integers.

   Trying printf and strtod with more and more digits would be shorter, but not true everywhere:
   mingw-w64's strtod rounds twice, and both depend on the locale. */
#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value_parts.h"

/* Seventeen digits tell any double from any other. */
enum { DIGITS_MAX = 17, EXPONENT_LEAST = -4, EXPONENT_END = 16 };

/* The number d1.d2d3... times 10 to the exponent. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent;
};

/* ---- Integers of up to 1,280 bits, the least significant limb first ---- */

/* The largest number in use is 40 times 2 to the 1,076th. */
enum { LIMBS = 40, LIMB_BITS = 32 };

struct big {
    uint32_t limb[LIMBS];
};

static struct big big_of(uint64_t number, int shift) {
    struct big big;
    memset(&big, 0, sizeof big);
    int at = shift / LIMB_BITS;
    int bits = shift % LIMB_BITS;
    uint64_t low = (number & UINT32_MAX) << bits;
    uint64_t high = ((number >> LIMB_BITS) << bits) + (low >> LIMB_BITS);
    big.limb[at] = (uint32_t)low;
    big.limb[at + 1] = (uint32_t)high;
    big.limb[at + 2] = (uint32_t)(high >> LIMB_BITS);
    return big;
}

static void times(struct big *big, uint32_t factor) {
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
}

static struct big sum(const struct big *left, const struct big *right) {
    struct big result;
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)left->limb[i] + right->limb[i];
        result.limb[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
    return result;
}

static int order(const struct big *left, const struct big *right) {
    for (int i = LIMBS - 1; i >= 0; i--) {
        if (left->limb[i] != right->limb[i]) {
            return left->limb[i] < right->limb[i] ? -1 : 1;
        }
    }
    return 0;
}

static void subtract(struct big *left, const struct big *right) {
    uint64_t borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t taken = (uint64_t)right->limb[i] + borrow;
        borrow = left->limb[i] < taken;
        left->limb[i] = (uint32_t)(left->limb[i] - taken);
    }
}

/* ---- The shortest decimal ---- */

/* The float is rest / scale; what lies less than below / scale under it, or less than
   above / scale over it, reads back as the same float, and the borders themselves do when the
   float's mantissa is even. */
struct search {
    struct big rest;
    struct big scale;
    struct big below;
    struct big above;
    bool borders;
};

static void begin_search(struct search *search, double positive) {
    enum { MANTISSA_BITS = 52, EXPONENT_OF_LEAST = -1074 };
    uint64_t bits = 0;
    memcpy(&bits, &positive, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int biased = (int)(bits >> MANTISSA_BITS);
    /* Above a power of two floats lie twice as far apart as below it. */
    int wider = mantissa == 0 && biased > 1;
    int exponent = EXPONENT_OF_LEAST;
    if (biased > 0) {
        mantissa |= UINT64_C(1) << MANTISSA_BITS;
        exponent += biased - 1;
    }
    int up = exponent > 0 ? exponent : 0;
    int down = exponent < 0 ? -exponent : 0;
    search->rest = big_of(mantissa, up + 1 + wider);
    search->scale = big_of(1, down + 1 + wider);
    search->below = big_of(1, up);
    search->above = big_of(1, up + wider);
    search->borders = mantissa % 2 == 0;
}

static void times_ten(struct search *search) {
    times(&search->rest, 10);
    times(&search->below, 10);
    times(&search->above, 10);
}

/* Whether the next number up, of the digits until now, still reads back as the float. */
static bool reaches_up(const struct search *search) {
    struct big reach = sum(&search->rest, &search->above);
    int side = order(&reach, &search->scale);
    return search->borders ? side >= 0 : side > 0;
}

static bool reaches_down(const struct search *search) {
    int side = order(&search->rest, &search->below);
    return search->borders ? side <= 0 : side < 0;
}

/* Scales until the float, and all that reads back as it, is below 1 and not below 0.1.
   Returns the power of ten that was taken off. */
static int to_first_digit(struct search *search) {
    int power = 0;
    while (reaches_up(search)) {
        times(&search->scale, 10);
        power++;
    }
    for (;;) {
        struct search next = *search;
        times_ten(&next);
        if (reaches_up(&next)) {
            return power;
        }
        *search = next;
        power--;
    }
}

static char take_digit(struct search *search) {
    char digit = '0';
    times_ten(search);
    while (order(&search->rest, &search->scale) >= 0) {
        subtract(&search->rest, &search->scale);
        digit++;
    }
    return digit;
}

/* Where the last digit and the one above it would both do, the nearer one does. */
static bool rounds_up(const struct search *search, char digit, bool down, bool up) {
    if (down != up) {
        return up;
    }
    struct big twice = sum(&search->rest, &search->rest);
    int side = order(&twice, &search->scale);
    return side > 0 || (side == 0 && digit % 2 != 0);
}

static void to_shortest(double positive, struct decimal *out) {
    struct search search;
    begin_search(&search, positive);
    out->exponent = to_first_digit(&search) - 1;
    out->count = 0;
    bool down = false;
    bool up = false;
    while (!down && !up && out->count < DIGITS_MAX) {
        char digit = take_digit(&search);
        down = reaches_down(&search);
        up = reaches_up(&search);
        bool last = down || up;
        digit = (char)(digit + (last && rounds_up(&search, digit, down, up)));
        out->digits[out->count++] = digit;
    }
}

/* ---- The text ---- */

static char *put_digits(char *at, const char *digits, int count) {
    memcpy(at, digits, (size_t)count);
    return at + count;
}

static char *put_zeros(char *at, int count) {
    for (int i = 0; i < count; i++) {
        *at++ = '0';
    }
    return at;
}

static void put_scientific(char *at, const struct decimal *decimal) {
    *at++ = decimal->digits[0];
    if (decimal->count > 1) {
        *at++ = '.';
        at = put_digits(at, decimal->digits + 1, decimal->count - 1);
    }
    snprintf(at, 16, "e%c%02d", decimal->exponent < 0 ? '-' : '+',
             abs(decimal->exponent));
}

static void put_plain(char *at, const struct decimal *decimal) {
    int whole = decimal->exponent + 1;
    if (whole <= 0) {
        at = put_digits(at, "0.", 2);
        at = put_zeros(at, -whole);
        at = put_digits(at, decimal->digits, decimal->count);
    } else if (whole >= decimal->count) {
        at = put_digits(at, decimal->digits, decimal->count);
        at = put_zeros(at, whole - decimal->count);
        at = put_digits(at, ".0", 2);
    } else {
        at = put_digits(at, decimal->digits, whole);
        *at++ = '.';
        at = put_digits(at, decimal->digits + whole, decimal->count - whole);
    }
    *at = '\0';
}

void value_float_text(double real, char text[VALUE_FLOAT_TEXT]) {
    if (real != real) {
        memcpy(text, "nan", sizeof "nan");
        return;
    }
    /* The zero that is negative has no other sign than its sign bit. */
    uint64_t bits = 0;
    memcpy(&bits, &real, sizeof bits);
    bool negative = bits >> 63 != 0;
    if (negative) {
        *text++ = '-';
    }
    double positive = negative ? -real : real;
    if (positive > DBL_MAX) {
        memcpy(text, "inf", sizeof "inf");
        return;
    }
    struct decimal decimal = {"0", 1, 0};
    if (positive > 0) {
        to_shortest(positive, &decimal);
    }
    if (decimal.exponent >= EXPONENT_LEAST && decimal.exponent < EXPONENT_END) {
        put_plain(text, &decimal);
    } else {
        put_scientific(text, &decimal);
    }
}
