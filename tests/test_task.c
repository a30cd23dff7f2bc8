/* Tasks: each type of parameter at its bounds, in a child that looks at what arrived, and
   each type of result. */
#include "support/twin.h"
#include "support_children.h"
#include "support_native.h"

#include <float.h>
#include <limits.h>
#include <math.h>

/* The child is joined and its exit code looked at. */
static void returns(spork_call call, int expected) {
    int code = -1000;
    spork_process *child = start(call);
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, expected);
    OK(spork_process_free(child));
}

/* ---- integers ---- */

enum bound { LEAST, ZERO, MOST };

static int check_signed(int8_t a, int16_t b, int32_t c, int64_t d, int bound) {
    switch (bound) {
    case LEAST:
        EXPECT(a == INT8_MIN && b == INT16_MIN && c == INT32_MIN && d == INT64_MIN);
        return 0;
    case ZERO:
        EXPECT(a == 0 && b == 0 && c == 0 && d == 0);
        return 0;
    default:
        EXPECT(a == INT8_MAX && b == INT16_MAX && c == INT32_MAX && d == INT64_MAX);
        return 0;
    }
}
SPORK_TASK(int, check_signed, int8_t, int16_t, int32_t, int64_t, int);

TEST(signed_integers_arrive_at_their_bounds) {
    returns(check_signed_call(INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, LEAST), 0);
    returns(check_signed_call(0, 0, 0, 0, ZERO), 0);
    returns(check_signed_call(INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX, MOST), 0);
}

static int check_unsigned(uint8_t a, uint16_t b, uint32_t c, uint64_t d, int bound) {
    if (bound == ZERO) {
        EXPECT(a == 0 && b == 0 && c == 0 && d == 0);
    } else {
        EXPECT(a == UINT8_MAX && b == UINT16_MAX && c == UINT32_MAX && d == UINT64_MAX);
    }
    return 0;
}
SPORK_TASK(int, check_unsigned, uint8_t, uint16_t, uint32_t, uint64_t, int);

static int check_above_signed(uint8_t a, uint16_t b, uint32_t c, uint64_t d) {
    EXPECT(a == 0x80 && b == 0x8000 && c == 0x80000000u && d == UINT64_C(0x8000000000000000));
    return 0;
}
SPORK_TASK(int, check_above_signed, uint8_t, uint16_t, uint32_t, uint64_t);

TEST(unsigned_integers_arrive_at_their_bounds) {
    returns(check_unsigned_call(0, 0, 0, 0, ZERO), 0);
    returns(check_unsigned_call(UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX, MOST), 0);
    returns(check_above_signed_call(0x80, 0x8000, 0x80000000u, UINT64_C(0x8000000000000000)), 0);
}

static int check_plain(char a, signed char b, unsigned char c, short d, long e, unsigned long f,
                       long long g, size_t h) {
    EXPECT(a == CHAR_MIN && b == SCHAR_MIN && c == UCHAR_MAX && d == SHRT_MIN);
    EXPECT(e == LONG_MIN && f == ULONG_MAX && g == LLONG_MIN && h == SIZE_MAX);
    return 0;
}
SPORK_TASK(int, check_plain, char, signed char, unsigned char, short, long, unsigned long,
           long long, size_t);

TEST(eight_integers_of_the_types_with_plain_names_arrive) {
    returns(check_plain_call(CHAR_MIN, SCHAR_MIN, UCHAR_MAX, SHRT_MIN, LONG_MIN, ULONG_MAX,
                             LLONG_MIN, SIZE_MAX),
            0);
}

static int check_bools(bool yes, bool no) {
    EXPECT(yes == true && no == false);
    return 0;
}
SPORK_TASK(int, check_bools, bool, bool);

TEST(bools_arrive) {
    returns(check_bools_call(true, false), 0);
}

/* ---- floating point ---- */

static int check_bits(double value, uint64_t bits, float narrow, uint32_t narrow_bits) {
    EXPECT(memcmp(&value, &bits, sizeof bits) == 0);
    EXPECT(memcmp(&narrow, &narrow_bits, sizeof narrow_bits) == 0);
    return 0;
}
SPORK_TASK(int, check_bits, double, uint64_t, float, uint32_t);

static void bits_arrive(double value, float narrow) {
    uint64_t bits;
    uint32_t narrow_bits;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
    returns(check_bits_call(value, bits, narrow, narrow_bits), 0);
}

TEST(floats_and_doubles_arrive_bit_for_bit) {
    bits_arrive(0.1, 0.1f);
    bits_arrive(-0.0, -0.0f);
    bits_arrive(DBL_MAX, FLT_MAX);
    bits_arrive(-DBL_MIN, -FLT_MIN);
    bits_arrive(4.9406564584124654e-324, 1.40129846e-45f);
    bits_arrive((double)INFINITY, -INFINITY);
    bits_arrive(1.0, 1.0f);
}

static int check_nan(double value, float narrow) {
    EXPECT(value != value && narrow != narrow);
    return 0;
}
SPORK_TASK(int, check_nan, double, float);

TEST(not_a_number_arrives_as_such) {
    returns(check_nan_call((double)NAN, NAN), 0);
}

/* ---- strings ---- */

static const char every_length[] = "a\xC3\xBC\xE6\x97\xA5\xF0\x9F\x8D\xB4\xEF\xBF\xBF"
                                   "\xF4\x8F\xBF\xBF\x01\x7F\n\t";

static int check_strings(const char *none, const char *empty, const char *text) {
    EXPECT(none == NULL);
    EXPECT(empty != NULL && empty[0] == '\0');
    EXPECT(text != NULL && strcmp(text, every_length) == 0);
    return 0;
}
SPORK_TASK(int, check_strings, const char *, const char *, const char *);

TEST(strings_arrive_with_null_empty_and_every_length_of_a_character) {
    returns(check_strings_call(NULL, "", every_length), 0);
}

enum { MEGABYTE = 1 << 20 };

static int check_long_string(const char *text) {
    EXPECT(text != NULL && strlen(text) == MEGABYTE);
    for (size_t i = 0; i < MEGABYTE; i++) {
        EXPECT(text[i] == (char)('a' + i % 23));
    }
    return 0;
}
SPORK_TASK(int, check_long_string, const char *);

TEST(a_string_of_a_megabyte_arrives) {
    char *text = malloc(MEGABYTE + 1);
    assert_non_null(text);
    for (size_t i = 0; i < MEGABYTE; i++) {
        text[i] = (char)('a' + i % 23);
    }
    text[MEGABYTE] = '\0';
    returns(check_long_string_call(text), 0);
    free(text);
}

static int take_string(const char *text) {
    return text == NULL;
}
SPORK_TASK(int, take_string, const char *);

TEST(a_string_that_is_not_utf8_is_an_error_of_start_that_names_the_task) {
    static const char *const bad[] = {
        "\xFF",             /* no byte of UTF-8 */
        "ok then \x80",     /* a continuation of nothing */
        "\xC3",             /* cut off */
        "\xC0\xAF",         /* longer than needed */
        "\xE0\x80\xAF",     /* longer than needed */
        "\xED\xA0\x80",     /* half a pair of UTF-16 */
        "\xF4\x90\x80\x80", /* above the last character */
        "\xF8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        spork_process *child = NULL;
        FAILS(SPORK_EMALFORMED, spork_process_start(&child, take_string_call(bad[i]), NULL));
        assert_null(child);
        assert_non_null(strstr(spork_error_detail(), "take_string"));
        assert_non_null(strstr(spork_error_detail(), "UTF-8"));
    }
}

/* ---- bytes and values ---- */

static int check_bytes(spork_bytes data, uint64_t size) {
    EXPECT(data.size == size);
    EXPECT(size == 0 || is_pattern(data.data, data.size, size));
    return 0;
}
SPORK_TASK(int, check_bytes, spork_bytes, uint64_t);

TEST(bytes_of_every_size_arrive) {
    static const size_t sizes[] = {0, 1, 31, 255, 256, 4096, 65535, 65536, MEGABYTE};
    unsigned char *data = malloc(MEGABYTE);
    assert_non_null(data);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fill_pattern(data, sizes[i], sizes[i]);
        const spork_bytes bytes = {data, sizes[i]};
        returns(check_bytes_call(bytes, sizes[i]), 0);
    }
    const spork_bytes nothing = {NULL, 0};
    returns(check_bytes_call(nothing, 0), 0);
    free(data);
}

static int check_values(spork_value nil, spork_value list, spork_value map) {
    char text[256];
    EXPECT(nil.kind == SPORK_NIL);
    spork_value_format(&list, text, sizeof text);
    EXPECT(strcmp(text, "[42, None, 'hello', [True, -1.5], b'\\x00\\xff']") == 0);
    spork_value_format(&map, text, sizeof text);
    EXPECT(strcmp(text, "{'one': 1, 2: []}") == 0);
    return 0;
}
SPORK_TASK(int, check_values, spork_value, spork_value, spork_value);

TEST(values_arrive_with_all_that_is_in_them) {
    const spork_value inner[] = {spork_bool(true), spork_float(-1.5)};
    const spork_value items[] = {spork_int(42), spork_nil(), spork_str("hello"),
                                 spork_list(inner, 2), spork_bytes_value("\0\xFF", 2)};
    const spork_value pairs[] = {spork_str("one"), spork_int(1), spork_int(2),
                                 spork_list(NULL, 0)};
    returns(check_values_call(spork_nil(), spork_list(items, 5), spork_map(pairs, 2)), 0);
}

/* ---- structs ---- */

struct flat {
    int8_t small;
    double real;
    char name[16];
    int64_t numbers[3];
};
union either {
    uint64_t whole;
    unsigned char parts[8];
};
struct large {
    unsigned char data[SPORK_CALL_STORAGE - sizeof(struct flat) - sizeof(union either)];
};

static int check_structs(struct flat flat, int between, union either either,
                         struct large large) {
    EXPECT(flat.small == -7 && flat.real == 2.5 && strcmp(flat.name, "flat") == 0);
    EXPECT(flat.numbers[0] == INT64_MIN && flat.numbers[1] == 0 &&
           flat.numbers[2] == INT64_MAX);
    EXPECT(between == 5);
    EXPECT(either.whole == UINT64_C(0x0123456789ABCDEF));
    EXPECT(is_pattern(large.data, sizeof large.data, 9));
    return 0;
}
SPORK_TASK(int, check_structs, struct flat, int, union either, struct large);

TEST(structs_of_512_bytes_together_arrive) {
    struct flat flat = {-7, 2.5, "flat", {INT64_MIN, 0, INT64_MAX}};
    union either either = {UINT64_C(0x0123456789ABCDEF)};
    struct large large;
    fill_pattern(large.data, sizeof large.data, 9);
    returns(check_structs_call(flat, 5, either, large), 0);
}

/* ---- handles ---- */

static int use_handles(spork_queue *queue, spork_pipe *pipe, spork_lock *lock,
                       spork_semaphore *semaphore, spork_pipe *pipe_again) {
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(queue, spork_str("queue"), PATIENCE_MS) == 0);
    EXPECT(spork_pipe_send(pipe, spork_str("pipe"), PATIENCE_MS) == 0);
    EXPECT(spork_pipe_send(pipe_again, spork_str("again"), PATIENCE_MS) == 0);
    EXPECT(spork_lock_release(lock) == 0);
    EXPECT(spork_semaphore_release(semaphore, 2) == 0);
    return 0;
}
SPORK_TASK(int, use_handles, spork_queue *, spork_pipe *, spork_lock *, spork_semaphore *,
           spork_pipe *);

static void is_text(spork_value *value, const char *expected) {
    const char *text = NULL;
    OK(spork_value_get_str(value, &text));
    assert_string_equal(text, expected);
    spork_value_free(value);
}

TEST(handles_of_every_kind_arrive_and_are_the_same_objects) {
    const spork_semaphore_options none = {0};
    spork_queue *queue;
    spork_pipe *here;
    spork_pipe *there;
    spork_lock *lock;
    spork_semaphore *semaphore;
    spork_value value;
    OK(spork_queue_new(&queue, NULL));
    OK(spork_pipe_new(&here, &there, NULL));
    OK(spork_lock_new(&lock, NULL));
    OK(spork_semaphore_new(&semaphore, &none));
    returns(use_handles_call(queue, there, lock, semaphore, there), 0);
    assert_int_equal(spork_semaphore_count(semaphore), 2);
    assert_false(spork_lock_held(lock));
    OK(spork_queue_get(queue, &value, PATIENCE_MS));
    is_text(&value, "queue");
    OK(spork_pipe_recv(here, &value, PATIENCE_MS));
    is_text(&value, "pipe");
    OK(spork_pipe_recv(here, &value, PATIENCE_MS));
    is_text(&value, "again");
    spork_queue_free(queue);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_lock_free(lock);
    spork_semaphore_free(semaphore);
}

static int take_queue(spork_queue *queue) {
    return queue == NULL;
}
SPORK_TASK(int, take_queue, spork_queue *);

TEST(a_handle_that_is_null_is_an_error_of_start_that_names_the_task) {
    spork_process *child = NULL;
    FAILS(SPORK_EINVAL, spork_process_start(&child, take_queue_call(NULL), NULL));
    assert_null(child);
    assert_non_null(strstr(spork_error_detail(), "take_queue"));
    assert_non_null(strstr(spork_error_detail(), "NULL"));
}

/* ---- a call ---- */

static int nothing(void) {
    return 0;
}
SPORK_TASK(int, nothing);

TEST(a_task_without_parameters_runs) {
    returns(nothing_call(), 0);
}

static int check_mixture(int8_t a, const char *b, double c, spork_bytes d, bool e, struct flat f,
                         spork_value g, spork_queue *h) {
    int64_t number = 0;
    EXPECT(a == -1 && strcmp(b, "two") == 0 && c == 3.0);
    EXPECT(d.size == 4 && memcmp(d.data, "four", 4) == 0);
    EXPECT(e && f.small == 6);
    EXPECT(spork_value_get_int(&g, &number) == 0 && number == 7);
    EXPECT(spork_queue_put(h, spork_int(8), PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, check_mixture, int8_t, const char *, double, spork_bytes, bool, struct flat,
           spork_value, spork_queue *);

TEST(eight_parameters_of_eight_kinds_arrive) {
    spork_queue *queue;
    const spork_bytes bytes = {"four", 4};
    const struct flat flat = {.small = 6};
    OK(spork_queue_new(&queue, NULL));
    returns(check_mixture_call(-1, "two", 3.0, bytes, true, flat, spork_int(7), queue), 0);
    assert_int_equal(spork_queue_size(queue), 1);
    spork_queue_free(queue);
}

TEST(what_a_call_borrows_is_needed_only_until_the_process_is_made) {
    spork_process *child;
    spork_queue *queue;
    int code = -1;
    char *text = malloc(MEGABYTE + 1);
    OK(spork_queue_new(&queue, NULL));
    for (size_t i = 0; i < MEGABYTE; i++) {
        text[i] = (char)('a' + i % 23);
    }
    text[MEGABYTE] = '\0';
    OK(spork_process_new(&child, check_long_string_call(text), NULL));
    memset(text, 'x', MEGABYTE);
    free(text);
    OK(spork_process_launch(child));
    finish(child);

    OK(spork_process_new(&child, take_queue_call(queue), NULL));
    spork_queue_free(queue);
    OK(spork_process_launch(child));
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, 0);
    OK(spork_process_free(child));
}

TEST(a_call_serves_for_more_than_one_process) {
    struct flat flat = {-7, 2.5, "flat", {INT64_MIN, 0, INT64_MAX}};
    union either either = {UINT64_C(0x0123456789ABCDEF)};
    struct large large;
    fill_pattern(large.data, sizeof large.data, 9);
    const spork_call call = check_structs_call(flat, 5, either, large);
    spork_process *first = start(call);
    spork_process *second = start(call);
    finish(first);
    finish(second);
}

TEST(static_tasks_of_one_name_in_two_files_of_one_name_are_told_apart) {
    returns(twin_of_a(), 1);
    returns(twin_of_b(), 2);
    returns(twin_of_a(), 1);
}

static void is_refused_as_a_twin(spork_call call) {
    spork_process *child = NULL;
    FAILS(SPORK_EINVAL, spork_process_start(&child, call, NULL));
    assert_null(child);
    assert_non_null(strstr(spork_error_detail(), "shared_twin"));
    assert_non_null(strstr(spork_error_detail(), "twin_task.h"));
}

TEST(a_task_of_a_header_that_two_files_include_cannot_be_started) {
    is_refused_as_a_twin(shared_of_a());
    is_refused_as_a_twin(shared_of_b());
}

TEST(the_call_that_does_nothing_ends_well) {
    returns(spork_no_call(), 0);
}

TEST_MAIN
