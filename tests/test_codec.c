/* Values to MessagePack and back; what hostile bytes cannot do. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "spork.h"

/* The bytes of a literal, NULs and all. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)

/* ---- There ---- */

static void assert_encoded(spork_value value, const char *wanted, size_t wanted_size) {
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(spork_value_encode(&value, &data, &size), 0);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(data, wanted, wanted_size);
    spork_free(data);
}

TEST_ONCE(each_kind_is_encoded_as_messagepack_says) {
    spork_value pair[] = {spork_str("a"), spork_list(NULL, 0)};
    assert_encoded(spork_nil(), BYTES("\xC0"));
    assert_encoded(spork_bool(false), BYTES("\xC2"));
    assert_encoded(spork_bool(true), BYTES("\xC3"));
    assert_encoded(spork_int(127), BYTES("\x7F"));
    assert_encoded(spork_int(-32), BYTES("\xE0"));
    assert_encoded(spork_int(128), BYTES("\xCC\x80"));
    assert_encoded(spork_int(-33), BYTES("\xD0\xDF"));
    assert_encoded(spork_int(65536), BYTES("\xCE\x00\x01\x00\x00"));
    assert_encoded(spork_int(INT64_MIN), BYTES("\xD3\x80\x00\x00\x00\x00\x00\x00\x00"));
    assert_encoded(spork_int(INT64_MAX), BYTES("\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
    assert_encoded(spork_float(1.5), BYTES("\xCB\x3F\xF8\x00\x00\x00\x00\x00\x00"));
    assert_encoded(spork_str("hi"), BYTES("\xA2hi"));
    assert_encoded(spork_bytes_value("\0\1", 2), BYTES("\xC4\x02\x00\x01"));
    assert_encoded(spork_map(pair, 1), BYTES("\x81\xA1\x61\x90"));
}

TEST_ONCE(what_cannot_be_encoded_is_refused) {
    int object = 0;
    void *data = &object;
    size_t size = 7;
    spork_value lock = spork_lock_value((spork_lock *)&object);
    spork_value list = SPORK_LIST_OF(spork_str("x"), lock);
    spork_value odd = spork_nil();
    odd.kind = 77;
    assert_int_equal(spork_value_encode(&list, &data, &size), SPORK_ETYPE);
    assert_string_equal(spork_error_detail(), "a lock cannot leave the family");
    assert_int_equal(spork_value_encode(&odd, &data, &size), SPORK_ETYPE);
    spork_value text = spork_str("\xC3(");
    assert_int_equal(spork_value_encode(&text, &data, &size), SPORK_EMALFORMED);
    assert_int_equal(spork_value_encode(NULL, &data, &size), SPORK_EINVAL);
    assert_int_equal(spork_value_encode(&text, NULL, &size), SPORK_EINVAL);
    assert_int_equal(spork_value_encode(&text, &data, NULL), SPORK_EINVAL);
    assert_ptr_equal(data, &object);
    assert_int_equal(size, 7);
}

TEST_ONCE(what_is_larger_than_messagepack_can_say_is_refused_unread) {
#if SIZE_MAX > UINT32_MAX
    size_t large = (size_t)UINT32_MAX + 1;
    spork_value item = spork_nil();
    spork_value huge[] = {spork_str_size("x", large), spork_bytes_value("x", large),
                          spork_list(&item, large), spork_map(&item, large)};
    for (int i = 0; i < 4; i++) {
        void *data = NULL;
        size_t size = 0;
        assert_int_equal(spork_value_encode(&huge[i], &data, &size), SPORK_ERANGE);
    }
#else
    SKIP("no size is that large here");
#endif
}

/* ---- And back ---- */

static void assert_round_trip(const spork_value *value) {
    void *data = NULL;
    size_t size = 0;
    spork_value back = spork_nil();
    assert_int_equal(spork_value_encode(value, &data, &size), 0);
    assert_int_equal(spork_value_decode(&back, data, size), 0);
    assert_true(spork_value_equal(value, &back));
    assert_int_equal(back.kind, value->kind);
    spork_value_free(&back);
    spork_free(data);
}

TEST_ONCE(single_values_come_back_as_they_were) {
    spork_value values[] = {
        spork_nil(),           spork_bool(true),         spork_bool(false),
        spork_float(0.1),      spork_float(-0.0),        spork_float(NAN),
        spork_float(INFINITY), spork_float(-INFINITY),   spork_float(5e-324),
        spork_str(""),         spork_str_size("\0", 1),  spork_str("\xF0\x9F\x98\x80"),
        spork_str("a\nb"),     spork_bytes_value("", 0), spork_bytes_value("\xFF\0", 2),
        spork_list(NULL, 0),   spork_map(NULL, 0),
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_round_trip(&values[i]);
    }
    spork_value all = spork_list(values, sizeof values / sizeof values[0]);
    assert_round_trip(&all);
}

TEST_ONCE(ints_of_every_width_come_back_as_they_were) {
    for (int bits = 0; bits < 63; bits++) {
        for (int64_t off = -1; off <= 1; off++) {
            spork_value up = spork_int((INT64_C(1) << bits) + off);
            spork_value down = spork_int(-(INT64_C(1) << bits) + off);
            assert_round_trip(&up);
            assert_round_trip(&down);
        }
    }
    spork_value least = spork_int(INT64_MIN);
    spork_value most = spork_int(INT64_MAX);
    assert_round_trip(&least);
    assert_round_trip(&most);
}

TEST_ONCE(strings_bytes_lists_and_maps_of_every_size_class_come_back) {
    static const size_t sizes[] = {1,   15,  16,    31,    32,    33,     255,
                                   256, 257, 65534, 65535, 65536, 200000, 3000000};
    char *text = malloc(3000000);
    spork_value *items = calloc(2 * 65536, sizeof *items);
    assert_non_null(text);
    assert_non_null(items);
    memset(text, 'x', 3000000);
    for (int64_t i = 0; i < 2 * 65536; i++) {
        items[i] = spork_int(i);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        spork_value string = spork_str_size(text, sizes[i]);
        spork_value bytes = spork_bytes_value(text, sizes[i]);
        assert_round_trip(&string);
        assert_round_trip(&bytes);
        if (sizes[i] <= 65536) {
            spork_value list = spork_list(items, sizes[i]);
            spork_value map = spork_map(items, sizes[i]);
            assert_round_trip(&list);
            assert_round_trip(&map);
        }
    }
    free(items);
    free(text);
}

static spork_value decoded(const char *data, size_t size) {
    spork_value value = spork_nil();
    assert_int_equal(spork_value_decode(&value, data, size), 0);
    return value;
}

TEST_ONCE(decoded_strings_and_bytes_are_owned_and_end_with_a_nul) {
    char data[] = "\x92\xA3"
                  "abc\xC4\x01z";
    spork_value list = decoded(data, sizeof data - 1);
    memset(data, 0, sizeof data);
    assert_memory_equal(spork_value_at(&list, 0)->as.data, "abc", 4);
    assert_memory_equal(spork_value_at(&list, 1)->as.data, "z", 2);
    spork_value more = spork_int(1);
    assert_int_equal(spork_value_append(&list, &more), 0);
    assert_int_equal(spork_value_count(&list), 3);
    spork_value_free(&list);
}

TEST_ONCE(numbers_written_wider_than_needed_are_understood) {
    static const struct {
        const char *data;
        size_t size;
        int64_t integer;
    } samples[] = {
        {BYTES("\xCC\x05"), 5},
        {BYTES("\xCD\x00\x05"), 5},
        {BYTES("\xCE\x00\x00\x00\x05"), 5},
        {BYTES("\xCF\x00\x00\x00\x00\x00\x00\x00\x05"), 5},
        {BYTES("\xD0\xFB"), -5},
        {BYTES("\xD1\xFF\xFB"), -5},
        {BYTES("\xD2\xFF\xFF\xFF\xFB"), -5},
        {BYTES("\xD3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFB"), -5},
        {BYTES("\xCE\xFF\xFF\xFF\xFF"), UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        spork_value value = decoded(samples[i].data, samples[i].size);
        assert_int_equal(value.kind, SPORK_INT);
        assert_true(value.as.integer == samples[i].integer);
    }
    spork_value real = decoded(BYTES("\xCA\x3F\xC0\x00\x00"));
    assert_int_equal(real.kind, SPORK_FLOAT);
    assert_true(real.as.real == 1.5);
}

TEST_ONCE(sizes_written_wider_than_needed_are_understood) {
    static const struct {
        const char *data;
        size_t size;
        const char *text;
    } samples[] = {
        {BYTES("\xD9\x00"), "''"},
        {BYTES("\xDA\x00\x01x"), "'x'"},
        {BYTES("\xDB\x00\x00\x00\x01x"), "'x'"},
        {BYTES("\xDB\x00\x00\x00\x00"), "''"},
        {BYTES("\xC5\x00\x01x"), "b'x'"},
        {BYTES("\xC6\x00\x00\x00\x01x"), "b'x'"},
        {BYTES("\xC6\x00\x00\x00\x00"), "b''"},
        {BYTES("\xDC\x00\x01\x07"), "[7]"},
        {BYTES("\xDD\x00\x00\x00\x01\x07"), "[7]"},
        {BYTES("\xDD\x00\x00\x00\x00"), "[]"},
        {BYTES("\xDE\x00\x01\x07\x08"), "{7: 8}"},
        {BYTES("\xDF\x00\x00\x00\x01\x07\x08"), "{7: 8}"},
        {BYTES("\xDF\x00\x00\x00\x00"), "{}"},
        {BYTES("\x81\x81\x01\x02\x92\x90\x80"), "{{1: 2}: [[], {}]}"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char text[64];
        spork_value value = decoded(samples[i].data, samples[i].size);
        spork_value_format(&value, text, sizeof text);
        assert_string_equal(text, samples[i].text);
        spork_value_free(&value);
    }
}

/* ---- Hostile bytes ---- */

/* The bytes are copied to where a sanitizer sees a read behind their end. */
static void assert_refused(const char *data, size_t size, int wanted) {
    char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, data, size);
    spork_value value = spork_int(7);
    assert_int_equal(spork_value_decode(&value, exact, size), wanted);
    assert_int_equal(value.kind, SPORK_INT);
    assert_int_equal(value.as.integer, 7);
    free(exact);
}

TEST_ONCE(nothing_is_no_value) {
    spork_value value = spork_nil();
    assert_int_equal(spork_value_decode(&value, NULL, 0), SPORK_EMALFORMED);
    assert_int_equal(spork_value_decode(&value, "", 0), SPORK_EMALFORMED);
    assert_int_equal(spork_value_decode(&value, NULL, 1), SPORK_EINVAL);
    assert_int_equal(spork_value_decode(NULL, "\xC0", 1), SPORK_EINVAL);
}

static const char sample[] =
    "\x8B\xA4list\x93\x01\xC0\x92\xA1x\xC4\x02\x00\x01\xA1m"
    "\x82\x01\x91\xC2\x81\x90\x80\xC3\xCC\xC8\xCD\x01\x00\xCA\x3F"
    "\xC0\x00\x00\xCE\x00\x01\x00\x00\xCB\x3F\xF8\x00\x00\x00\x00"
    "\x00\x00\xCF\x00\x00\x00\x01\x00\x00\x00\x00\xD0\x80\xD1\x80"
    "\x00\xD2\x80\x00\x00\x00\xD3\x80\x00\x00\x00\x00\x00\x00\x00"
    "\xD9\x01z\xDA\x00\x01z\xDB\x00\x00\x00\x01z\xC5\x00\x01z\xC6"
    "\x00\x00\x00\x01z\xDC\x00\x01\xDD\x00\x00\x00\x01\x7F\xDE\x00"
    "\x01\xE0\xDF\x00\x00\x00\x01\x01\x02\xA1y";

TEST_ONCE(a_value_cut_off_at_any_byte_is_refused_and_leaks_nothing) {
    size_t size = sizeof sample - 1;
    spork_value whole = decoded(sample, size);
    assert_round_trip(&whole);
    spork_value_free(&whole);
    for (size_t cut = 0; cut < size; cut++) {
        assert_refused(sample, cut, SPORK_EMALFORMED);
    }
}

TEST_ONCE(a_value_with_any_byte_spoilt_crashes_and_leaks_nothing) {
    char spoilt[sizeof sample];
    for (size_t at = 0; at < sizeof sample - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(spoilt, sample, sizeof sample);
            spoilt[at] = (char)byte;
            spork_value value = spork_nil();
            if (spork_value_decode(&value, spoilt, sizeof sample - 1) == 0) {
                spork_value_free(&value);
            }
        }
    }
}

TEST_ONCE(bytes_left_over_are_refused) {
    assert_refused(BYTES("\xC0\xC0"), SPORK_EMALFORMED);
    assert_string_equal(spork_error_detail(), "1 bytes behind the value");
    assert_refused(BYTES("\x90\x00\x00"), SPORK_EMALFORMED);
    assert_refused(BYTES("\x91\xA1x\x00"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xA1xy"), SPORK_EMALFORMED);
}

TEST_ONCE(a_count_larger_than_what_follows_is_refused_before_memory_is_taken) {
    static const struct {
        const char *data;
        size_t size;
    } bombs[] = {
        {BYTES("\xDD\xFF\xFF\xFF\xFF")},
        {BYTES("\xDF\xFF\xFF\xFF\xFF")},
        {BYTES("\xDF\x80\x00\x00\x00\x00")},
        {BYTES("\xDC\xFF\xFF")},
        {BYTES("\xDE\xFF\xFF")},
        {BYTES("\xDE\x00\x01\x01")},
        {BYTES("\x9F\x01\x02")},
        {BYTES("\x8F\x01\x02")},
        {BYTES("\x91\xDD\xFF\xFF\xFF\xFF")},
        {BYTES("\x81\x01\xDF\xFF\xFF\xFF\xFF")},
        {BYTES("\x93\x01\x92\x01\x02")}, /* Each count fits, both do not. */
    };
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        assert_refused(bombs[i].data, bombs[i].size, SPORK_EMALFORMED);
        assert_non_null(
            strstr(spork_error_detail(), "is more than the bytes that follow"));
    }
}

TEST_ONCE(nested_counts_cannot_each_claim_the_same_bytes) {
    /* 60 lists that each claim 16 million items of 16 MB: refused at the second. */
    enum { SIZE = 1 << 24, LISTS = 60 };
    char *data = calloc(1, SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < LISTS; i++) {
        memcpy(data + 5 * i, "\xDD\x00\xF0\x00\x00", 5);
    }
    spork_value value = spork_nil();
    assert_int_equal(spork_value_decode(&value, data, SIZE), SPORK_EMALFORMED);
    assert_string_equal(spork_error_detail(),
                        "a count of 15728640 is more than the bytes that follow");
    free(data);
}

TEST_ONCE(a_size_larger_than_what_follows_is_refused) {
    assert_refused(BYTES("\xDB\xFF\xFF\xFF\xFFxyz"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC6\xFF\xFF\xFF\xFFxyz"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC9\xFF\xFF\xFF\xFF\x53xyz"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC9\xFF\xFF\xFF\xFE\x53xyz"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xDA\xFF\xFFxyz"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xBFxyz"), SPORK_EMALFORMED);
}

TEST_ONCE(nesting_is_accepted_as_deep_as_promised_and_no_deeper) {
    char data[100001];
    memset(data, '\x91', sizeof data);
    for (size_t levels = SPORK_VALUE_DEPTH - 1; levels <= SPORK_VALUE_DEPTH; levels++) {
        data[levels] = '\xC0';
        spork_value value = decoded(data, levels + 1);
        assert_round_trip(&value);
        spork_value_free(&value);
        data[levels] = '\x91';
    }
    data[SPORK_VALUE_DEPTH + 1] = '\xC0';
    assert_refused(data, SPORK_VALUE_DEPTH + 2, SPORK_EMALFORMED);
    assert_string_equal(spork_error_detail(), "lists and maps nested deeper than 64");
    data[SPORK_VALUE_DEPTH + 1] = '\x91';
    assert_refused(data, sizeof data, SPORK_EMALFORMED);
    memset(data, '\x81', sizeof data);
    assert_refused(data, sizeof data, SPORK_EMALFORMED);
    data[SPORK_VALUE_DEPTH] = '\x90';
    assert_refused(data, SPORK_VALUE_DEPTH + 1, SPORK_EMALFORMED);
}

TEST_ONCE(a_string_that_is_not_utf8_is_refused) {
    static const char *const spoilt[] = {
        "\x80",             /* A continuation first. */
        "\xC3",             /* Cut off. */
        "\xC3(",            /* Not continued. */
        "\xC0\x80",         /* Overlong NUL. */
        "\xC1\xBF",         /* Overlong ASCII. */
        "\xE0\x80\xAF",     /* Overlong in three bytes. */
        "\xE0\x9F\xBF",     /* The last of these. */
        "\xF0\x80\x80\xAF", /* Overlong in four bytes. */
        "\xF0\x8F\xBF\xBF", /* The last of these. */
        "\xED\xA0\x80",     /* The first surrogate. */
        "\xED\xBF\xBF",     /* The last surrogate. */
        "\xF4\x90\x80\x80", /* Above U+10FFFF. */
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xE2\x82",
        "\xF0\x9F\x98",
        "abcdefgh\xFF", /* Behind a run of ASCII. */
        "abcdefghijk\xC3",
        "\xE2\x82\xAC\xAC",
    };
    for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
        char data[32] = "\x92\xA1x";
        size_t size = strlen(spoilt[i]);
        data[3] = (char)(0xA0 | size);
        memcpy(data + 4, spoilt[i], size);
        assert_refused(data, 4 + size, SPORK_EMALFORMED);
        assert_string_equal(spork_error_detail(), "a string that is not UTF-8");
    }
}

TEST_ONCE(the_outermost_characters_of_each_length_are_utf8) {
    static const char *const good[] = {
        "\x7F",         "\xC2\x80",         "\xDF\xBF",
        "\xE0\xA0\x80", "\xED\x9F\xBF",     "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        spork_value text = spork_str(good[i]);
        assert_round_trip(&text);
    }
}

TEST_ONCE(an_integer_above_int64_max_is_out_of_range) {
    assert_refused(BYTES("\xCF\x80\x00\x00\x00\x00\x00\x00\x00"), SPORK_ERANGE);
    assert_refused(BYTES("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), SPORK_ERANGE);
    assert_refused(BYTES("\x92\xA1x\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), SPORK_ERANGE);
    assert_string_equal(spork_error_detail(),
                        "the integer 18446744073709551615 is above INT64_MAX");
}

TEST_ONCE(extensions_that_are_no_handles_are_refused) {
    assert_refused(BYTES("\xC7\x00\x01"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC7\x01\x53\x01"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xD4\x01\x00"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xD6\xFF\x00\x00\x00\x00"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC8\x00\x01\x07x"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC9\x00\x00\x00\x01\x07x"), SPORK_EMALFORMED);
    assert_refused(BYTES("\xC1"), SPORK_EMALFORMED);
    assert_string_equal(spork_error_detail(), "a byte that begins no value");
    assert_refused(BYTES("\x93\xA1x\x91\x01\xC1"), SPORK_EMALFORMED);
}

/* ---- Handles, within a family ---- */

static int object;

static int send(void *context, const spork_value *handle,
                uint8_t out[CODEC_HANDLE_SIZE]) {
    assert_ptr_equal(handle->as.handle, &object);
    memset(out, *(int *)context, CODEC_HANDLE_SIZE);
    return *(int *)context == 0 ? SPORK_ESTALE : 0;
}

static int receive(void *context, spork_handle_kind kind,
                   const uint8_t in[CODEC_HANDLE_SIZE], spork_value *out) {
    if (in[0] != *(int *)context) {
        return SPORK_ESTALE;
    }
    assert_int_equal(kind, SPORK_HANDLE_SEMAPHORE);
    *out = spork_semaphore_value((spork_semaphore *)&object);
    return 0;
}

TEST_ONCE(a_handle_travels_by_the_handle_layers_bytes) {
    int mark = 9;
    struct codec_handles handles = {send, receive, &mark};
    spork_value list =
        SPORK_LIST_OF(spork_str("x"), spork_semaphore_value((spork_semaphore *)&object));
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(codec_encode(&list, &handles, &data, &size), 0);
    assert_int_equal(size, 3 + 3 + 1 + CODEC_HANDLE_SIZE);
    spork_value back = spork_nil();
    assert_int_equal(codec_decode(&back, data, size, &handles), 0);
    assert_true(spork_value_equal(&list, &back));
    spork_value_free(&back);

    assert_int_equal(spork_value_decode(&back, data, size), SPORK_ETYPE);
    mark = 8;
    assert_int_equal(codec_decode(&back, data, size, &handles), SPORK_ESTALE);
    for (int kind = 0; kind < 256; kind++) {
        ((uint8_t *)data)[6] = (uint8_t)kind;
        bool known = kind > SPORK_HANDLE_NONE && kind < SPORK_HANDLE_END_;
        int wanted = known ? SPORK_ESTALE : SPORK_EMALFORMED;
        assert_int_equal(codec_decode(&back, data, size, &handles), wanted);
    }
    free(data);
}

TEST_ONCE(what_the_handle_layer_refuses_is_the_codecs_error) {
    int mark = 0;
    struct codec_handles handles = {send, NULL, &mark};
    spork_value lock = spork_lock_value((spork_lock *)&object);
    spork_value list = SPORK_LIST_OF(spork_str("x"), lock);
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(codec_encode(&list, &handles, &data, &size), SPORK_ESTALE);
    handles.send = NULL;
    assert_int_equal(codec_encode(&list, &handles, &data, &size), SPORK_ETYPE);
    assert_null(data);
}

TEST_MAIN
