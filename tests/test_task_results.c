/* What becomes of a task's result, and kinds of processes. */
#include "support_children.h"
#include "support_native.h"

static int code_of(spork_call call) {
    int code = -1000;
    spork_process *child = start(call);
    OK(spork_process_join(child, PATIENCE_MS, &code));
    OK(spork_process_free(child));
    return code;
}

#define RESULT_TASK(type, name)    \
    static type name(type value) { \
        return value;              \
    }                              \
    SPORK_TASK(type, name, type)

RESULT_TASK(int, as_int);
RESULT_TASK(int8_t, as_int8);
RESULT_TASK(uint8_t, as_uint8);
RESULT_TASK(short, as_short);
RESULT_TASK(int64_t, as_int64);
RESULT_TASK(uint64_t, as_uint64);
RESULT_TASK(bool, as_bool);
RESULT_TASK(double, as_double);
RESULT_TASK(float, as_float);
RESULT_TASK(spork_value, as_value);

TEST(an_integer_result_is_the_exit_code) {
    assert_int_equal(code_of(as_int_call(8)), 8);
    assert_int_equal(code_of(as_int_call(0)), 0);
    assert_int_equal(code_of(as_int_call(1)), 1);
    assert_int_equal(code_of(as_int_call(255)), 255);
    assert_int_equal(code_of(as_int8_call(127)), 127);
    assert_int_equal(code_of(as_uint8_call(255)), 255);
    assert_int_equal(code_of(as_short_call(200)), 200);
    assert_int_equal(code_of(as_int64_call(42)), 42);
    assert_int_equal(code_of(as_uint64_call(43)), 43);
}

TEST(an_exit_code_is_cut_to_what_the_system_has) {
    bool windows = native_is_windows();
    assert_int_equal(code_of(as_int_call(256 + 7)), windows ? 256 + 7 : 7);
    assert_int_equal(code_of(as_int_call(-1)), windows ? -1 : 255);
    assert_int_equal(code_of(as_int64_call(1000)), windows ? 1000 : 1000 - 3 * 256);
}

TEST(a_bool_result_is_0_or_1) {
    assert_int_equal(code_of(as_bool_call(true)), 1);
    assert_int_equal(code_of(as_bool_call(false)), 0);
}

TEST(a_floating_result_is_a_good_end) {
    assert_int_equal(code_of(as_double_call(3.5)), 0);
    assert_int_equal(code_of(as_float_call(-1.5f)), 0);
}

TEST(a_value_that_is_a_number_is_the_exit_code_and_others_are_a_good_end) {
    assert_int_equal(code_of(as_value_call(spork_int(9))), 9);
    assert_int_equal(code_of(as_value_call(spork_bool(true))), 1);
    assert_int_equal(code_of(as_value_call(spork_str("done"))), 0);
    assert_int_equal(code_of(as_value_call(spork_nil())), 0);
}

static spork_value make_list(int64_t count) {
    spork_value list = spork_nil();
    for (int64_t i = 0; i < count; i++) {
        const spork_value item = spork_int(i);
        if (spork_value_append(&list, &item) != 0) {
            return spork_int(1);
        }
    }
    return list;
}
SPORK_TASK(spork_value, make_list, int64_t);

TEST(a_value_that_a_task_made_is_freed_by_the_library) {
    assert_int_equal(code_of(make_list_call(1000)), 0);
}

/* ---- kinds of processes ---- */

struct counter {
    int64_t from;
    int64_t to;
};

static int count(struct counter self) {
    int64_t sum = 0;
    for (int64_t i = self.from; i < self.to; i++) {
        sum += i;
    }
    return (int)sum;
}
SPORK_PROCESS_KIND(counter, struct counter, count);

TEST(a_kind_of_process_starts_with_its_state) {
    const struct counter state = {10, 13};
    spork_process *process;
    int code = -1;
    OK(counter_start(&process, state, NULL));
    OK(spork_process_join(process, PATIENCE_MS, &code));
    assert_int_equal(code, 33);
    OK(spork_process_free(process));
}

TEST(a_kind_of_process_is_made_with_options_and_started_later) {
    const spork_process_options options = {.name = "the counter"};
    struct counter state = {0, 4};
    spork_process *process;
    int code = -1;
    OK(counter_new(&process, state, &options));
    state.to = 100;
    assert_string_equal(spork_process_name(process), "the counter");
    OK(spork_process_launch(process));
    OK(spork_process_join(process, PATIENCE_MS, &code));
    assert_int_equal(code, 6);
    OK(spork_process_free(process));
}

TEST_MAIN
