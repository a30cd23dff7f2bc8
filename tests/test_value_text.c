/* Values in words: what Python would print. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spork.h"

static void assert_printed(spork_value value, const char *wanted) {
    char text[1024];
    memset(text, 'X', sizeof text);
    size_t length = spork_value_format(&value, text, sizeof text);
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
}

TEST_ONCE(single_values_print_as_python_prints_them) {
    int object = 0;
    assert_printed(spork_nil(), "None");
    assert_printed(spork_bool(true), "True");
    assert_printed(spork_bool(false), "False");
    assert_printed(spork_int(0), "0");
    assert_printed(spork_int(INT64_MIN), "-9223372036854775808");
    assert_printed(spork_int(INT64_MAX), "9223372036854775807");
    assert_printed(spork_queue_value((spork_queue *)&object), "<queue>");
    assert_printed(spork_pipe_value((spork_pipe *)&object), "<pipe>");
    assert_printed(spork_lock_value((spork_lock *)&object), "<lock>");
    assert_printed(spork_semaphore_value((spork_semaphore *)&object), "<semaphore>");
}

TEST_ONCE(a_float_prints_as_the_shortest_number_that_reads_back) {
    static const struct {
        double real;
        const char *text;
    } samples[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0, "100.0"},
        {123456789.125, "123456789.125"},
        {1e15, "1000000000000000.0"},
        {1234567890123456.0, "1234567890123456.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.5e16, "1.5e+16"},
        {12345678901234567890.0, "1.2345678901234567e+19"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1e100, "1e+100"},
        {0.0001, "0.0001"},
        {0.00012, "0.00012"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992.0"},
        /* Powers of two, where the nearest short number would read back as a neighbour. */
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-24, "5.960464477539063e-08"},
        /* The library of one platform reads this back wrongly. */
        {3.8392238435728152e-239, "3.8392238435728152e-239"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        assert_printed(spork_float(samples[i].real), samples[i].text);
    }
}

TEST_ONCE(strings_are_quoted_by_pythons_rules) {
    assert_printed(spork_str(""), "''");
    assert_printed(spork_str("hello"), "'hello'");
    assert_printed(spork_str("it's"), "\"it's\"");
    assert_printed(spork_str("say \"x\""), "'say \"x\"'");
    assert_printed(spork_str("it's \"x\""), "'it\\'s \"x\"'");
    assert_printed(spork_str("a\\b"), "'a\\\\b'");
}

TEST_ONCE(control_characters_are_escaped) {
    assert_printed(spork_str("a\nb\tc\rd"), "'a\\nb\\tc\\rd'");
    assert_printed(spork_str_size("\0\x01\x1F\x7F", 4), "'\\x00\\x01\\x1f\\x7f'");
    assert_printed(spork_str("\xC2\x85\xC2\xA0\xC2\xAD"), "'\\x85\\xa0\\xad'");
    assert_printed(spork_str("\xE2\x80\xA8\xEF\xBB\xBF"), "'\\u2028\\ufeff'");
    assert_printed(spork_str("\xEE\x80\x80\xF4\x8F\xBF\xBF"), "'\\ue000\\U0010ffff'");
}

TEST_ONCE(printable_characters_are_kept) {
    const char *kept[] = {"\xC2\xA1", "\xC3\xA9", "\xE2\x82\xAC", "\xE4\xB8\xAD",
                          "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "'%s'", kept[i]);
        assert_printed(spork_str(kept[i]), wanted);
    }
}

TEST_ONCE(what_is_not_utf8_is_printed_byte_by_byte) {
    assert_printed(spork_str("a\xFF\xC3z"), "'a\\xff\\xc3z'");
    assert_printed(spork_str("\xC0\xAF"), "'\\xc0\\xaf'");
    assert_printed(spork_str("\xED\xA0\x80"), "'\\xed\\xa0\\x80'");
    assert_printed(spork_str("\xE2\x82"), "'\\xe2\\x82'");
}

TEST_ONCE(bytes_print_as_python_prints_them) {
    assert_printed(spork_bytes_value("", 0), "b''");
    assert_printed(spork_bytes_value("a\0\xFF\n\\", 5), "b'a\\x00\\xff\\n\\\\'");
    assert_printed(spork_bytes_value("it's", 4), "b\"it's\"");
    assert_printed(spork_bytes_value("'\"", 2), "b'\\'\"'");
    assert_printed(spork_bytes_value("\xC3\xA9", 2), "b'\\xc3\\xa9'");
}

TEST_ONCE(lists_and_maps_print_as_python_prints_them) {
    spork_value items[] = {spork_int(42), spork_nil(), spork_str("hello")};
    spork_value pairs[] = {spork_str("a"), spork_float(1.5), spork_int(2),
                           spork_list(items, 3)};
    assert_printed(spork_list(NULL, 0), "[]");
    assert_printed(spork_map(NULL, 0), "{}");
    assert_printed(spork_list(items, 3), "[42, None, 'hello']");
    assert_printed(spork_map(pairs, 2), "{'a': 1.5, 2: [42, None, 'hello']}");
}

TEST_ONCE(what_is_nested_too_deeply_prints_as_dots) {
    spork_value lists[SPORK_VALUE_DEPTH + 1];
    lists[0] = spork_list(NULL, 0);
    for (int i = 1; i <= SPORK_VALUE_DEPTH; i++) {
        lists[i] = spork_list(&lists[i - 1], 1);
    }
    char wanted[2 * SPORK_VALUE_DEPTH + 4];
    memset(wanted, '[', SPORK_VALUE_DEPTH);
    memset(wanted + SPORK_VALUE_DEPTH, ']', SPORK_VALUE_DEPTH);
    wanted[2 * SPORK_VALUE_DEPTH] = '\0';
    assert_printed(lists[SPORK_VALUE_DEPTH - 1], wanted);
    memcpy(wanted + SPORK_VALUE_DEPTH, "...", 3);
    memset(wanted + SPORK_VALUE_DEPTH + 3, ']', SPORK_VALUE_DEPTH);
    wanted[2 * SPORK_VALUE_DEPTH + 3] = '\0';
    assert_printed(lists[SPORK_VALUE_DEPTH], wanted);
}

TEST_ONCE(a_text_that_is_too_long_is_cut_and_its_length_told) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil());
    const char *whole = "[42, None]";
    for (size_t size = 0; size <= 12; size++) {
        char text[16];
        memset(text, 'X', sizeof text);
        assert_int_equal(spork_value_format(&list, text, size), 10);
        size_t shown = size == 0 ? 0 : size - 1 < 10 ? size - 1 : 10;
        assert_memory_equal(text, whole, shown);
        if (size > 0) {
            assert_int_equal(text[shown], '\0');
        }
        assert_int_equal(text[size > 0 ? shown + 1 : 0], 'X');
    }
    assert_int_equal(spork_value_format(&list, NULL, 0), 10);
    assert_int_equal(spork_value_format(NULL, NULL, 0), 4);
}

TEST_ONCE(a_cut_text_does_not_end_in_half_a_character) {
    spork_value text = spork_str("\xE2\x82\xAC"
                                 "z");
    char room[5];
    assert_int_equal(spork_value_format(&text, room, 4), 6);
    assert_string_equal(room, "'");
    assert_int_equal(spork_value_format(&text, room, 5), 6);
    assert_string_equal(room, "'\xE2\x82\xAC");
}

TEST_ONCE(print_writes_short_and_long_values_to_the_standard_output) {
    char many[1000];
    memset(many, 'x', sizeof many);
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    spork_value text = spork_str_size(many, sizeof many);
    assert_int_equal(spork_value_print(&list), 0);
    assert_int_equal(spork_value_print(&text), 0);
    assert_int_equal(spork_value_print(NULL), 0);
    assert_int_equal(fflush(stdout), 0);
}

TEST_MAIN
