/* The order of values, and their equality. */
#include <string.h>

#include "value_parts.h"

/* ---- Numbers ---- */

static int order_of_ints(int64_t left, int64_t right) {
    return (left > right) - (left < right);
}

/* NaN, the one that differs from itself, comes before all else. */
static int order_of_floats(double left, double right) {
    if (left != left || right != right) {
        return (left == left) - (right == right);
    }
    return (left > right) - (left < right);
}

/* Exact: a conversion to double would make 2 to the 53rd and its successor equal. */
static int order_of_int_and_float(int64_t integer, double real) {
    if (real != real || real < -0x1p63) {
        return 1;
    }
    if (real >= 0x1p63) {
        return -1;
    }
    int64_t whole = (int64_t)real;
    if (whole != integer) {
        return order_of_ints(integer, whole);
    }
    double fraction = real - (double)whole;
    return (fraction < 0) - (fraction > 0);
}

static int64_t as_int(const spork_value *value) {
    return value->kind == SPORK_BOOL ? value->as.boolean : value->as.integer;
}

static int order_of_numbers(const spork_value *left, const spork_value *right) {
    bool left_real = left->kind == SPORK_FLOAT;
    bool right_real = right->kind == SPORK_FLOAT;
    if (left_real && right_real) {
        return order_of_floats(left->as.real, right->as.real);
    }
    if (left_real) {
        return -order_of_int_and_float(as_int(right), left->as.real);
    }
    if (right_real) {
        return order_of_int_and_float(as_int(left), right->as.real);
    }
    return order_of_ints(as_int(left), as_int(right));
}

/* ---- Everything else that holds no values ---- */

static int order_of_sizes(size_t left, size_t right) {
    return (left > right) - (left < right);
}

/* For strings too: bytes of UTF-8 sort as the characters do. */
static int order_of_bytes(const spork_value *left, const spork_value *right) {
    size_t shared = left->size < right->size ? left->size : right->size;
    int order = shared > 0 ? memcmp(left->as.data, right->as.data, shared) : 0;
    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return order_of_sizes(left->size, right->size);
}

static int order_of_places(const void *left, const void *right) {
    uintptr_t left_place = (uintptr_t)left;
    uintptr_t right_place = (uintptr_t)right;
    return (left_place > right_place) - (left_place < right_place);
}

static int order_of_handles(const spork_value *left, const spork_value *right) {
    int order = order_of_ints(left->handle_kind, right->handle_kind);
    return order != 0 ? order : order_of_places(left->as.handle, right->as.handle);
}

/* bool, int and float are one kind here. */
static int rank_of(const spork_value *value) {
    bool number = value->kind == SPORK_BOOL || value->kind == SPORK_INT ||
                  value->kind == SPORK_FLOAT;
    return number ? SPORK_INT : value->kind;
}

/* Of two values of one rank that hold no values. */
static int order_of_leaves(const spork_value *left, const spork_value *right) {
    switch (rank_of(left)) {
    case SPORK_INT:
        return order_of_numbers(left, right);
    case SPORK_STRING:
    case SPORK_BYTES:
        return order_of_bytes(left, right);
    case SPORK_HANDLE:
        return order_of_handles(left, right);
    default:
        return 0;
    }
}

/* Of two lists or maps that are too deep to be looked into: those that are one thing in
   memory are equal, and no others. */
static int order_of_the_deep(const spork_value *left, const spork_value *right) {
    int order = order_of_sizes(left->size, right->size);
    return order != 0 ? order : order_of_places(left->as.items, right->as.items);
}

static bool holds_values(int rank) {
    return rank == SPORK_LIST || rank == SPORK_MAP;
}

/* ---- Order ---- */

static int compare_at(const spork_value *left, const spork_value *right, int depth) {
    int rank = rank_of(left);
    if (rank != rank_of(right)) {
        return rank < rank_of(right) ? -1 : 1;
    }
    if (!holds_values(rank)) {
        return order_of_leaves(left, right);
    }
    if (value_too_deep(depth)) {
        return order_of_the_deep(left, right);
    }
    size_t left_count = value_slots(left);
    size_t right_count = value_slots(right);
    for (size_t i = 0; i < left_count && i < right_count; i++) {
        int order = compare_at(&left->as.items[i], &right->as.items[i], depth + 1);
        if (order != 0) {
            return order;
        }
    }
    return order_of_sizes(left_count, right_count);
}

int spork_value_compare(const spork_value *left, const spork_value *right) {
    spork_value nil = spork_nil();
    return compare_at(left != NULL ? left : &nil, right != NULL ? right : &nil, 0);
}

/* ---- Equality ---- */

static bool equal_at(const spork_value *left, const spork_value *right, int depth);

static bool equal_lists(const spork_value *left, const spork_value *right, int depth) {
    for (size_t i = 0; i < left->size; i++) {
        if (!equal_at(&left->as.items[i], &right->as.items[i], depth)) {
            return false;
        }
    }
    return true;
}

/* How many pairs from start up to end have this key. */
static size_t count_of_key(const spork_value *map, const spork_value *key, size_t start,
                           size_t end, int depth) {
    size_t count = 0;
    for (size_t i = start; i < end; i++) {
        count += equal_at(&map->as.items[2 * i], key, depth);
    }
    return count;
}

/* Finds the pair of right that answers to pair `index` of left: of those with the same key,
   the one before which equally many come. Both maps agree in the keys before start, and
   differ in the keys at start. Returns the pairs of right when there is none. */
static size_t counterpart(const spork_value *left, size_t index, const spork_value *right,
                          size_t start, int depth) {
    const spork_value *key = &left->as.items[2 * index];
    size_t before = count_of_key(left, key, start, index, depth);
    for (size_t i = start; i < right->size; i++) {
        /* No two values are ever compared twice at one level, or nested maps would take a
           time exponential in their depth. */
        bool known_to_differ = index == start && i == start;
        if (!known_to_differ && equal_at(&right->as.items[2 * i], key, depth) &&
            before-- == 0) {
            return i;
        }
    }
    return right->size;
}

/* Maps in the same order, the usual case, take one pass; only what follows the first key
   that differs is searched. A key that is there more than once has to be so in both. */
static bool equal_maps(const spork_value *left, const spork_value *right, int depth) {
    const spork_value *mine = left->as.items;
    const spork_value *theirs = right->as.items;
    size_t start = 0;
    while (start < left->size && equal_at(&mine[2 * start], &theirs[2 * start], depth)) {
        if (!equal_at(&mine[2 * start + 1], &theirs[2 * start + 1], depth)) {
            return false;
        }
        start++;
    }
    for (size_t i = start; i < left->size; i++) {
        size_t found = counterpart(left, i, right, start, depth);
        if (found == right->size ||
            !equal_at(&mine[2 * i + 1], &theirs[2 * found + 1], depth)) {
            return false;
        }
    }
    return true;
}

static bool equal_at(const spork_value *left, const spork_value *right, int depth) {
    int rank = rank_of(left);
    if (rank != rank_of(right)) {
        return false;
    }
    if (!holds_values(rank)) {
        return order_of_leaves(left, right) == 0;
    }
    if (left->size != right->size) {
        return false;
    }
    if (value_too_deep(depth)) {
        return order_of_the_deep(left, right) == 0;
    }
    return rank == SPORK_MAP ? equal_maps(left, right, depth + 1)
                             : equal_lists(left, right, depth + 1);
}

bool spork_value_equal(const spork_value *left, const spork_value *right) {
    spork_value nil = spork_nil();
    return equal_at(left != NULL ? left : &nil, right != NULL ? right : &nil, 0);
}
