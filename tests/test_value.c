/* Values as C data: made, read, grown, copied, compared. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "spork.h"
#include "value.h"

static void assert_detail(const char *words) {
    assert_string_equal(spork_error_detail(), words);
}

/* ---- Constructors and accessors ---- */

TEST_ONCE(a_made_value_says_what_it_is) {
    assert_int_equal(spork_nil().kind, SPORK_NIL);
    assert_int_equal(spork_bool(true).kind, SPORK_BOOL);
    assert_int_equal(spork_int(1).kind, SPORK_INT);
    assert_int_equal(spork_float(1).kind, SPORK_FLOAT);
    assert_int_equal(spork_str("x").kind, SPORK_STRING);
    assert_int_equal(spork_bytes_value("x", 1).kind, SPORK_BYTES);
    assert_int_equal(spork_list(NULL, 0).kind, SPORK_LIST);
    assert_int_equal(spork_map(NULL, 0).kind, SPORK_MAP);
    assert_int_equal(spork_str("x").owned, 0);
}

TEST_ONCE(a_zeroed_value_is_nil) {
    spork_value value;
    memset(&value, 0, sizeof value);
    assert_true(spork_value_equal(&value, NULL));
    spork_value_free(&value);
}

TEST_ONCE(a_constructor_given_null_makes_nil_unless_it_stands_for_emptiness) {
    assert_int_equal(spork_str(NULL).kind, SPORK_NIL);
    assert_int_equal(spork_str_size(NULL, 1).kind, SPORK_NIL);
    assert_int_equal(spork_bytes_value(NULL, 1).kind, SPORK_NIL);
    assert_int_equal(spork_list(NULL, 1).kind, SPORK_NIL);
    assert_int_equal(spork_map(NULL, 1).kind, SPORK_NIL);
    assert_int_equal(spork_queue_value(NULL).kind, SPORK_NIL);
    spork_value empty = spork_str_size(NULL, 0);
    const char *text = NULL;
    assert_int_equal(spork_value_get_str(&empty, &text), 0);
    assert_string_equal(text, "");
}

TEST_ONCE(accessors_give_back_what_went_in) {
    spork_value values[] = {spork_bool(true), spork_int(INT64_MIN), spork_float(0.5),
                            spork_str("h\xC3\xA9"), spork_bytes_value("a\0b", 3)};
    bool boolean = false;
    int64_t integer = 0;
    double real = 0;
    const char *text = NULL;
    spork_bytes bytes = {NULL, 0};
    assert_int_equal(spork_value_get_bool(&values[0], &boolean), 0);
    assert_int_equal(spork_value_get_int(&values[1], &integer), 0);
    assert_int_equal(spork_value_get_float(&values[2], &real), 0);
    assert_int_equal(spork_value_get_str(&values[3], &text), 0);
    assert_int_equal(spork_value_get_bytes(&values[4], &bytes), 0);
    assert_true(boolean);
    assert_true(integer == INT64_MIN);
    assert_true(real == 0.5);
    assert_string_equal(text, "h\xC3\xA9");
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "a\0b", 3);
}

TEST_ONCE(an_accessor_of_another_kind_names_both_and_writes_nothing) {
    spork_value text = spork_str("x");
    spork_value list = spork_list(NULL, 0);
    spork_value nil = spork_nil();
    int64_t integer = 7;
    bool boolean = true;
    const char *words = "kept";
    spork_bytes bytes = {"kept", 4};
    assert_int_equal(spork_value_get_int(&text, &integer), SPORK_ETYPE);
    assert_detail("a string where an int was asked for");
    assert_int_equal(spork_value_get_str(&list, &words), SPORK_ETYPE);
    assert_detail("a list where a string was asked for");
    assert_int_equal(spork_value_get_bytes(&text, &bytes), SPORK_ETYPE);
    assert_detail("a string where bytes was asked for");
    assert_int_equal(spork_value_get_bool(&nil, &boolean), SPORK_ETYPE);
    assert_detail("nil where a bool was asked for");
    assert_int_equal(integer, 7);
    assert_true(boolean);
    assert_string_equal(words, "kept");
    assert_int_equal(bytes.size, 4);
}

TEST_ONCE(a_bool_is_no_number_and_a_float_no_int) {
    spork_value boolean = spork_bool(true);
    spork_value real = spork_float(1);
    int64_t integer = 0;
    double number = 0;
    assert_int_equal(spork_value_get_int(&boolean, &integer), SPORK_ETYPE);
    assert_detail("a bool where an int was asked for");
    assert_int_equal(spork_value_get_float(&boolean, &number), SPORK_ETYPE);
    assert_int_equal(spork_value_get_int(&real, &integer), SPORK_ETYPE);
}

TEST_ONCE(a_missing_value_is_of_no_kind) {
    int64_t integer = 0;
    assert_int_equal(spork_value_get_int(NULL, &integer), SPORK_ETYPE);
    assert_detail("no value where an int was asked for");
}

TEST_ONCE(an_accessor_without_a_place_for_its_result_is_refused) {
    spork_value integer = spork_int(1);
    assert_int_equal(spork_value_get_int(&integer, NULL), SPORK_EINVAL);
    assert_int_equal(spork_value_get_float(&integer, NULL), SPORK_EINVAL);
    assert_int_equal(spork_value_get_lock(&integer, NULL), SPORK_EINVAL);
}

TEST_ONCE(an_int_is_a_float_only_when_it_is_exact) {
    int64_t exact[] = {0, -1, INT64_C(1) << 53, INT64_MIN, (INT64_C(1) << 62)};
    int64_t inexact[] = {(INT64_C(1) << 53) + 1, INT64_MAX, INT64_MIN + 1};
    double real = 0;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
        spork_value value = spork_int(exact[i]);
        assert_int_equal(spork_value_get_float(&value, &real), 0);
        assert_true((int64_t)real == exact[i]);
    }
    real = 7;
    for (size_t i = 0; i < sizeof inexact / sizeof inexact[0]; i++) {
        spork_value value = spork_int(inexact[i]);
        assert_int_equal(spork_value_get_float(&value, &real), SPORK_ERANGE);
        assert_true(real == 7);
    }
}

TEST_ONCE(a_handle_comes_back_as_what_it_is_and_nothing_else) {
    int object = 0;
    spork_value values[] = {spork_queue_value((spork_queue *)&object),
                            spork_pipe_value((spork_pipe *)&object),
                            spork_lock_value((spork_lock *)&object),
                            spork_semaphore_value((spork_semaphore *)&object)};
    spork_queue *queue = NULL;
    spork_pipe *pipe = NULL;
    spork_lock *lock = NULL;
    spork_semaphore *semaphore = NULL;
    int64_t integer = 0;
    for (int i = 0; i < 4; i++) {
        bool own = spork_value_get_queue(&values[i], &queue) == 0;
        assert_int_equal(own, i == 0);
        own = spork_value_get_pipe(&values[i], &pipe) == 0;
        assert_int_equal(own, i == 1);
        own = spork_value_get_lock(&values[i], &lock) == 0;
        assert_int_equal(own, i == 2);
        own = spork_value_get_semaphore(&values[i], &semaphore) == 0;
        assert_int_equal(own, i == 3);
    }
    assert_ptr_equal(queue, &object);
    assert_ptr_equal(pipe, &object);
    assert_ptr_equal(lock, &object);
    assert_ptr_equal(semaphore, &object);
    assert_int_equal(spork_value_get_queue(&values[2], &queue), SPORK_ETYPE);
    assert_detail("a lock where a queue was asked for");
    assert_int_equal(spork_value_get_int(&values[3], &integer), SPORK_ETYPE);
    assert_detail("a semaphore where an int was asked for");
}

TEST_ONCE(every_kind_has_a_name) {
    const char *names[] = {"nil",   "bool", "int", "float", "string",
                           "bytes", "list", "map", "handle"};
    for (int i = 0; i < 9; i++) {
        assert_string_equal(spork_kind_name((spork_kind)i), names[i]);
    }
    assert_string_equal(spork_kind_name((spork_kind)99), "unknown");
    assert_string_equal(value_handle_name(SPORK_HANDLE_PIPE), "pipe");
    assert_string_equal(value_handle_name(SPORK_HANDLE_NONE), "handle");
}

/* ---- Lists and maps ---- */

TEST_ONCE(a_list_in_one_expression_can_be_read) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    int64_t integer = 0;
    assert_int_equal(spork_value_count(&list), 3);
    assert_int_equal(spork_value_get_int(spork_value_at(&list, 0), &integer), 0);
    assert_int_equal(integer, 42);
    assert_int_equal(spork_value_at(&list, 2)->kind, SPORK_STRING);
    assert_null(spork_value_at(&list, 3));
    assert_null(spork_value_at(spork_value_at(&list, 0), 0));
    assert_null(spork_value_at(NULL, 0));
}

TEST_ONCE(count_counts_items_pairs_and_bytes) {
    spork_value pairs[] = {spork_str("a"), spork_int(1), spork_str("b"), spork_int(2)};
    spork_value map = spork_map(pairs, 2);
    spork_value text = spork_str("\xC3\xA9");
    spork_value bytes = spork_bytes_value("abc", 3);
    spork_value integer = spork_int(5);
    assert_int_equal(spork_value_count(&map), 2);
    assert_int_equal(spork_value_count(&text), 2);
    assert_int_equal(spork_value_count(&bytes), 3);
    assert_int_equal(spork_value_count(&integer), 0);
    assert_int_equal(spork_value_count(NULL), 0);
}

TEST_ONCE(a_pair_of_a_map_is_read_by_index) {
    spork_value pairs[] = {spork_str("a"), spork_int(1)};
    spork_value map = spork_map(pairs, 1);
    const spork_value *key = NULL;
    const spork_value *value = NULL;
    assert_int_equal(spork_value_pair(&map, 0, &key, &value), 0);
    assert_ptr_equal(key, &pairs[0]);
    assert_ptr_equal(value, &pairs[1]);
    assert_int_equal(spork_value_pair(&map, 0, NULL, NULL), 0);
    assert_int_equal(spork_value_pair(&map, 1, &key, &value), SPORK_ERANGE);
    assert_detail("pair 1 of a map that has 1");
    assert_int_equal(spork_value_pair(&pairs[1], 0, &key, &value), SPORK_ETYPE);
}

TEST_ONCE(find_takes_the_last_pair_with_that_string_key) {
    spork_value pairs[] = {spork_str("a"), spork_int(1),   spork_bytes_value("b", 1),
                           spork_int(2),   spork_str("a"), spork_int(3),
                           spork_str(""),  spork_int(4)};
    spork_value map = spork_map(pairs, 4);
    assert_ptr_equal(spork_value_find(&map, "a"), &pairs[5]);
    assert_ptr_equal(spork_value_find(&map, ""), &pairs[7]);
    assert_null(spork_value_find(&map, "b"));
    assert_null(spork_value_find(&map, "aa"));
    assert_null(spork_value_find(&map, NULL));
    assert_null(spork_value_find(&pairs[1], "a"));
    assert_null(spork_value_find(NULL, "a"));
}

TEST_ONCE(appending_to_nil_makes_a_list_that_owns) {
    char word[] = "word";
    spork_value list = spork_nil();
    spork_value item = spork_str(word);
    assert_int_equal(spork_value_append(&list, &item), 0);
    word[0] = 'l';
    const char *text = NULL;
    assert_int_equal(spork_value_get_str(spork_value_at(&list, 0), &text), 0);
    assert_string_equal(text, "word");
    assert_int_equal(list.owned, 1);
    spork_value_free(&list);
    assert_int_equal(list.kind, SPORK_NIL);
}

TEST_ONCE(a_thousand_appends_keep_all_items_in_order) {
    spork_value list = spork_nil();
    for (int64_t i = 0; i < 1000; i++) {
        spork_value item = spork_int(i);
        assert_int_equal(spork_value_append(&list, &item), 0);
    }
    assert_int_equal(spork_value_count(&list), 1000);
    for (size_t i = 0; i < 1000; i++) {
        int64_t integer = -1;
        assert_int_equal(spork_value_get_int(spork_value_at(&list, i), &integer), 0);
        assert_int_equal(integer, i);
    }
    spork_value_free(&list);
}

TEST_ONCE(appending_to_a_borrowed_list_leaves_the_lender_alone) {
    spork_value items[] = {spork_str("a"), spork_int(2)};
    spork_value list = spork_list(items, 2);
    spork_value third = spork_int(3);
    assert_int_equal(spork_value_append(&list, &third), 0);
    assert_true(list.as.items != items);
    spork_value wanted = SPORK_LIST_OF(spork_str("a"), spork_int(2), spork_int(3));
    assert_true(spork_value_equal(&list, &wanted));
    spork_value_free(&list);
    assert_int_equal(items[1].as.integer, 2);
}

TEST_ONCE(a_list_can_be_appended_to_itself) {
    spork_value list = spork_nil();
    spork_value one = spork_int(1);
    assert_int_equal(spork_value_append(&list, &one), 0);
    assert_int_equal(spork_value_append(&list, &list), 0);
    assert_int_equal(spork_value_append(&list, spork_value_at(&list, 1)), 0);
    spork_value inner = SPORK_LIST_OF(spork_int(1));
    spork_value wanted = SPORK_LIST_OF(spork_int(1), inner, inner);
    assert_true(spork_value_equal(&list, &wanted));
    spork_value_free(&list);
}

TEST_ONCE(appending_to_what_is_no_list_is_refused) {
    spork_value text = spork_str("x");
    spork_value map = spork_map(NULL, 0);
    assert_int_equal(spork_value_append(&text, &text), SPORK_ETYPE);
    assert_detail("a string where a list was asked for");
    assert_int_equal(spork_value_append(&map, &text), SPORK_ETYPE);
    assert_int_equal(spork_value_append(NULL, &text), SPORK_EINVAL);
    assert_int_equal(spork_value_append(&map, NULL), SPORK_EINVAL);
    assert_int_equal(text.kind, SPORK_STRING);
}

TEST_ONCE(set_makes_a_map_and_replaces_an_equal_key) {
    spork_value map = spork_nil();
    spork_value one = spork_int(1);
    spork_value yes = spork_bool(true);
    spork_value first = spork_str("first");
    spork_value second = spork_str("second");
    assert_int_equal(spork_value_set(&map, &one, &first), 0);
    assert_int_equal(spork_value_set(&map, &first, &map), 0);
    /* As in Python, True is 1, and the key that was there stays. */
    assert_int_equal(spork_value_set(&map, &yes, &second), 0);
    assert_int_equal(spork_value_count(&map), 2);
    assert_int_equal(map.as.items[0].kind, SPORK_INT);
    assert_true(spork_value_equal(&map.as.items[1], &second));
    spork_value_free(&map);
}

TEST_ONCE(set_in_a_borrowed_map_copies_it_first) {
    spork_value pairs[] = {spork_str("a"), spork_int(1), spork_str("b"), spork_int(2)};
    spork_value map = spork_map(pairs, 2);
    spork_value five = spork_int(5);
    assert_int_equal(spork_value_set(&map, &pairs[0], &five), 0);
    assert_int_equal(pairs[1].as.integer, 1);
    assert_int_equal(spork_value_find(&map, "a")->as.integer, 5);
    assert_int_equal(spork_value_find(&map, "b")->as.integer, 2);
    spork_value_free(&map);
}

TEST_ONCE(set_replaces_the_pair_that_find_would_find) {
    spork_value pairs[] = {spork_str("a"), spork_int(1), spork_str("a"), spork_int(2)};
    spork_value map = spork_map(pairs, 2);
    spork_value five = spork_int(5);
    assert_int_equal(spork_value_set(&map, &pairs[0], &five), 0);
    assert_int_equal(spork_value_find(&map, "a")->as.integer, 5);
    assert_int_equal(spork_value_count(&map), 2);
    spork_value_free(&map);
}

TEST_ONCE(set_in_what_is_no_map_is_refused) {
    spork_value list = spork_list(NULL, 0);
    spork_value one = spork_int(1);
    assert_int_equal(spork_value_set(&list, &one, &one), SPORK_ETYPE);
    assert_detail("a list where a map was asked for");
    assert_int_equal(spork_value_set(NULL, &one, &one), SPORK_EINVAL);
    assert_int_equal(spork_value_set(&list, NULL, &one), SPORK_EINVAL);
    assert_int_equal(spork_value_set(&list, &one, NULL), SPORK_EINVAL);
}

/* ---- Copies ---- */

TEST_ONCE(a_copy_shares_nothing_with_the_original) {
    char word[] = "word";
    spork_value pairs[] = {spork_str(word), spork_bytes_value(word, 4)};
    spork_value map = spork_map(pairs, 1);
    spork_value copy = spork_nil();
    assert_int_equal(spork_value_copy(&copy, &map), 0);
    memset(word, 'x', 4);
    pairs[1] = spork_nil();
    const char *text = NULL;
    assert_int_equal(spork_value_get_str(&copy.as.items[0], &text), 0);
    assert_string_equal(text, "word");
    assert_memory_equal(spork_value_find(&copy, "word")->as.data, "word", 5);
    spork_value_free(&copy);
}

TEST_ONCE(a_copied_string_ends_with_a_nul) {
    spork_value part = spork_str_size("abcdef", 3);
    spork_value copy = spork_nil();
    assert_int_equal(spork_value_copy(&copy, &part), 0);
    const char *text = NULL;
    assert_int_equal(spork_value_get_str(&copy, &text), 0);
    assert_string_equal(text, "abc");
    spork_value_free(&copy);
}

TEST_ONCE(a_copy_that_memory_cannot_hold_is_an_error_and_leaves_the_result_alone) {
    spork_value huge[] = {spork_str("kept"), spork_str_size("x", SIZE_MAX),
                          spork_bytes_value("x", SIZE_MAX), spork_nil(), spork_nil()};
    huge[3] = spork_list(huge, SIZE_MAX / 2);
    huge[4] = spork_map(huge, SIZE_MAX / 2 + 1);
    for (int i = 1; i < 5; i++) {
        spork_value copy = spork_int(7);
        assert_int_equal(spork_value_copy(&copy, &huge[i]), SPORK_ENOMEM);
        assert_int_equal(copy.as.integer, 7);
        spork_value both = spork_list((const spork_value[]){huge[0], huge[i]}, 2);
        assert_int_equal(spork_value_copy(&copy, &both), SPORK_ENOMEM);
        spork_value list = spork_list(huge, 1);
        assert_int_equal(spork_value_append(&list, &huge[i]), SPORK_ENOMEM);
        assert_ptr_equal(list.as.items, huge);
        spork_value map = spork_nil();
        assert_int_equal(spork_value_set(&map, &huge[0], &huge[i]), SPORK_ENOMEM);
        assert_int_equal(spork_value_set(&map, &huge[i], &huge[0]), SPORK_ENOMEM);
        assert_int_equal(map.kind, SPORK_NIL);
    }
}

/* levels lists, each in the next; the innermost is empty. */
static spork_value nest(spork_value *lists, size_t levels) {
    lists[0] = spork_list(NULL, 0);
    for (size_t i = 1; i < levels; i++) {
        lists[i] = spork_list(&lists[i - 1], 1);
    }
    return lists[levels - 1];
}

TEST_ONCE(copies_and_appends_go_as_deep_as_promised_and_no_deeper) {
    spork_value lists[SPORK_VALUE_DEPTH + 1];
    spork_value copy = spork_nil();
    spork_value deep = nest(lists, SPORK_VALUE_DEPTH);
    assert_int_equal(spork_value_copy(&copy, &deep), 0);
    assert_true(spork_value_equal(&copy, &deep));
    spork_value_free(&copy);
    spork_value outer = spork_nil();
    assert_int_equal(spork_value_append(&outer, &deep), SPORK_EMALFORMED);
    assert_int_equal(outer.kind, SPORK_NIL);
    assert_int_equal(spork_value_append(&outer, &deep.as.items[0]), 0);
    spork_value_free(&outer);
    deep = nest(lists, SPORK_VALUE_DEPTH + 1);
    assert_int_equal(spork_value_copy(&copy, &deep), SPORK_EMALFORMED);
    assert_detail("lists and maps nested deeper than 64");
}

TEST_ONCE(a_million_levels_overflow_no_stack) {
    enum { LEVELS = 1000000 };
    spork_value *lists = malloc(LEVELS * sizeof *lists);
    assert_non_null(lists);
    spork_value deep = nest(lists, LEVELS);
    spork_value other = spork_list(&deep, 1);
    spork_value copy = spork_nil();
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(spork_value_copy(&copy, &deep), SPORK_EMALFORMED);
    assert_int_equal(spork_value_encode(&deep, &data, &size), SPORK_EMALFORMED);
    assert_true(spork_value_format(&deep, NULL, 0) > SPORK_VALUE_DEPTH);
    assert_int_equal(spork_value_compare(&deep, &deep), 0);
    assert_true(spork_value_equal(&deep, &deep));
    assert_false(spork_value_equal(&deep, &other));
    assert_int_equal(spork_value_compare(&deep, &other),
                     -spork_value_compare(&other, &deep));
    spork_value_free(&deep);
    free(lists);
}

TEST_ONCE(a_value_of_an_unknown_kind_is_refused_or_passed_over) {
    spork_value odd = spork_int(1);
    odd.kind = 77;
    spork_value copy = spork_nil();
    int64_t integer = 0;
    assert_int_equal(spork_value_copy(&copy, &odd), SPORK_ETYPE);
    assert_int_equal(spork_value_count(&odd), 0);
    assert_int_equal(spork_value_get_int(&odd, &integer), SPORK_ETYPE);
    assert_detail("a value of an unknown kind where an int was asked for");
    assert_int_equal(spork_value_copy(&copy, NULL), SPORK_EINVAL);
    assert_int_equal(spork_value_copy(NULL, &odd), SPORK_EINVAL);
    spork_value_free(NULL);
}

/* ---- Handles that values own ---- */

static int holders;
static int refuse_after;

static int share(spork_handle_kind kind, void *handle) {
    assert_int_equal(kind, SPORK_HANDLE_LOCK);
    assert_ptr_equal(handle, &holders);
    if (holders == refuse_after) {
        return SPORK_ESTALE;
    }
    holders++;
    return 0;
}

static void release(spork_handle_kind kind, void *handle) {
    assert_int_equal(kind, SPORK_HANDLE_LOCK);
    assert_ptr_equal(handle, &holders);
    holders--;
}

TEST_ONCE(each_copy_of_a_handle_is_one_holder_until_it_is_freed) {
    static const struct value_handle_hooks hooks = {share, release};
    refuse_after = 3;
    value_set_handle_hooks(&hooks);
    spork_value lock = spork_lock_value((spork_lock *)&holders);
    spork_value list = SPORK_LIST_OF(lock, spork_str("x"), lock);
    spork_value copy = spork_nil();
    assert_int_equal(spork_value_copy(&copy, &list), 0);
    assert_int_equal(holders, 2);
    spork_value second = spork_nil();
    assert_int_equal(spork_value_copy(&second, &list), SPORK_ESTALE);
    assert_int_equal(holders, 2);
    spork_value_free(&copy);
    assert_int_equal(holders, 0);
    spork_value_free(&list);
    assert_int_equal(holders, 0);
}

TEST_ONCE(without_a_handle_layer_a_handle_is_copied_as_a_pointer) {
    value_set_handle_hooks(NULL);
    spork_value lock = spork_lock_value((spork_lock *)&holders);
    spork_value copy = spork_nil();
    assert_int_equal(spork_value_copy(&copy, &lock), 0);
    assert_ptr_equal(copy.as.handle, &holders);
    spork_value_free(&copy);
}

TEST_MAIN
