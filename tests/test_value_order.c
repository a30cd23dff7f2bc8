/* The order of values, and what is equal. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "spork.h"

static const int64_t two_to_53 = INT64_C(1) << 53;

TEST_ONCE(values_of_all_kinds_stand_in_one_total_order) {
    spork_value small[] = {spork_int(1)};
    spork_value large[] = {spork_int(1), spork_int(0)};
    spork_value larger[] = {spork_int(1), spork_int(1)};
    int objects[2];
    spork_value ordered[] = {
        spork_nil(),
        spork_float(NAN),
        spork_float(-INFINITY),
        spork_int(INT64_MIN),
        spork_float(-1.5),
        spork_int(-1),
        spork_bool(false),
        spork_float(0.5),
        spork_bool(true),
        spork_int(2),
        spork_float((double)two_to_53),
        spork_int(two_to_53 + 1),
        spork_int(INT64_MAX),
        spork_float(0x1p63),
        spork_float(INFINITY),
        spork_str(""),
        spork_str("a"),
        spork_str_size("a\0", 2),
        spork_str("ab"),
        spork_str("b"),
        spork_str("\xC3\xA9"),
        spork_bytes_value("", 0),
        spork_bytes_value("\0", 1),
        spork_bytes_value("\xFF", 1),
        spork_list(NULL, 0),
        spork_list(small, 1),
        spork_list(large, 2),
        spork_list(larger, 2),
        spork_map(NULL, 0),
        spork_map(large, 1),
        spork_queue_value((spork_queue *)&objects[1]),
        spork_lock_value((spork_lock *)&objects[0]),
        spork_lock_value((spork_lock *)&objects[1]),
    };
    int count = sizeof ordered / sizeof ordered[0];
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            assert_int_equal(spork_value_compare(&ordered[i], &ordered[j]),
                             (i > j) - (i < j));
            assert_int_equal(spork_value_equal(&ordered[i], &ordered[j]), i == j);
        }
    }
}

TEST_ONCE(bool_int_and_float_compare_as_numbers) {
    spork_value same[] = {spork_bool(true), spork_int(1), spork_float(1)};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            assert_int_equal(spork_value_compare(&same[i], &same[j]), 0);
            assert_true(spork_value_equal(&same[i], &same[j]));
        }
    }
    spork_value zero = spork_float(0.0);
    spork_value minus = spork_float(-0.0);
    spork_value no = spork_bool(false);
    assert_true(spork_value_equal(&zero, &minus));
    assert_true(spork_value_equal(&no, &minus));
}

static int compare_mixed(int64_t integer, double real) {
    spork_value left = spork_int(integer);
    spork_value right = spork_float(real);
    int order = spork_value_compare(&left, &right);
    assert_int_equal(spork_value_compare(&right, &left), -order);
    assert_int_equal(spork_value_equal(&left, &right), order == 0);
    return order;
}

TEST_ONCE(ints_and_floats_compare_exactly_beyond_2_to_the_53rd) {
    double real = (double)two_to_53;
    assert_int_equal(compare_mixed(two_to_53, real), 0);
    assert_int_equal(compare_mixed(two_to_53 + 1, real), 1);
    assert_int_equal(compare_mixed(-two_to_53 - 1, -real), -1);
    assert_int_equal(compare_mixed(INT64_MAX, 0x1p63), -1);
    assert_int_equal(compare_mixed(INT64_MIN, -0x1p63), 0);
    assert_int_equal(compare_mixed(INT64_MIN + 1, -0x1p63), 1);
    assert_int_equal(compare_mixed(INT64_MIN, -0x1.0000000000001p63), 1);
    assert_int_equal(compare_mixed(INT64_MAX, INFINITY), -1);
    assert_int_equal(compare_mixed(INT64_MIN, -INFINITY), 1);
    assert_int_equal(compare_mixed(INT64_MIN, NAN), 1);
    assert_int_equal(compare_mixed(1, 1.5), -1);
    assert_int_equal(compare_mixed(-1, -1.5), 1);
    assert_int_equal(compare_mixed(0, 5e-324), -1);
    assert_int_equal(compare_mixed(0, -5e-324), 1);
}

TEST_ONCE(null_compares_as_nil) {
    spork_value nil = spork_nil();
    spork_value one = spork_int(1);
    assert_int_equal(spork_value_compare(NULL, &nil), 0);
    assert_int_equal(spork_value_compare(NULL, &one), -1);
    assert_true(spork_value_equal(NULL, NULL));
}

TEST_ONCE(maps_are_ordered_pair_by_pair_and_equal_in_any_order) {
    spork_value one[] = {spork_str("a"), spork_int(1),   spork_str("b"),
                         spork_int(2),   spork_str("c"), spork_int(3)};
    spork_value two[] = {spork_str("a"), spork_int(1),   spork_str("c"),
                         spork_int(3),   spork_str("b"), spork_float(2)};
    spork_value left = spork_map(one, 3);
    spork_value right = spork_map(two, 3);
    assert_int_equal(spork_value_compare(&left, &right), -1);
    assert_true(spork_value_equal(&left, &right));
    assert_true(spork_value_equal(&right, &left));
    two[5] = spork_int(4);
    assert_false(spork_value_equal(&left, &right));
    two[4] = spork_str("d");
    assert_false(spork_value_equal(&left, &right));
    right = spork_map(one, 2);
    assert_false(spork_value_equal(&left, &right));
    assert_int_equal(spork_value_compare(&left, &right), 1);
}

TEST_ONCE(a_key_that_is_there_twice_has_to_be_so_in_both_maps) {
    spork_value one[] = {spork_int(1),   spork_str("a"), spork_int(1),
                         spork_str("b"), spork_int(2),   spork_nil()};
    spork_value moved[] = {spork_int(2),   spork_nil(),  spork_int(1),
                           spork_str("a"), spork_int(1), spork_str("b")};
    spork_value swapped[] = {spork_int(2),   spork_nil(),  spork_int(1),
                             spork_str("b"), spork_int(1), spork_str("a")};
    spork_value other[] = {spork_int(2),   spork_nil(),  spork_int(1),
                           spork_str("a"), spork_int(2), spork_nil()};
    spork_value left = spork_map(one, 3);
    spork_value right = spork_map(moved, 3);
    assert_true(spork_value_equal(&left, &right));
    assert_true(spork_value_equal(&right, &left));
    right = spork_map(swapped, 3);
    assert_false(spork_value_equal(&left, &right));
    assert_false(spork_value_equal(&right, &left));
    right = spork_map(other, 3);
    assert_false(spork_value_equal(&left, &right));
    assert_false(spork_value_equal(&right, &left));
}

TEST_ONCE(telling_deeply_nested_maps_apart_takes_no_exponential_time) {
    /* Each map is the first key of the next, so that both differ from the first key on. */
    spork_value one[SPORK_VALUE_DEPTH][4];
    spork_value two[SPORK_VALUE_DEPTH][4];
    for (int i = 0; i < SPORK_VALUE_DEPTH; i++) {
        one[i][0] = i > 0 ? spork_map(one[i - 1], 2) : spork_int(1);
        two[i][0] = i > 0 ? spork_map(two[i - 1], 2) : spork_int(2);
        one[i][1] = two[i][1] = spork_nil();
        one[i][2] = two[i][2] = spork_str("same");
        one[i][3] = two[i][3] = spork_nil();
    }
    spork_value left = spork_map(one[SPORK_VALUE_DEPTH - 1], 2);
    spork_value right = spork_map(two[SPORK_VALUE_DEPTH - 1], 2);
    assert_false(spork_value_equal(&left, &right));
    two[0][0] = spork_int(1);
    assert_true(spork_value_equal(&left, &right));
}

TEST_ONCE(big_maps_in_the_same_order_are_compared_in_one_pass) {
    enum { PAIRS = 300000 };
    spork_value *one = malloc(2 * PAIRS * sizeof *one);
    spork_value *two = malloc(2 * PAIRS * sizeof *two);
    assert_non_null(one);
    assert_non_null(two);
    for (int64_t i = 0; i < 2 * PAIRS; i++) {
        one[i] = two[i] = spork_int(i);
    }
    spork_value left = spork_map(one, PAIRS);
    spork_value right = spork_map(two, PAIRS);
    assert_true(spork_value_equal(&left, &right));
    two[2 * PAIRS - 1] = spork_nil();
    assert_false(spork_value_equal(&left, &right));
    free(one);
    free(two);
}

TEST_MAIN
