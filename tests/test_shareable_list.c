/* Shareable lists: items that come back as they were set, whole, whoever dies. */
#include "support/deaths.h"
#include "support_memory.h"
#include "support_workers.h"

static spork_shareable_list *new_list(spork_value items, size_t item_size) {
    spork_shareable_list *list = NULL;
    OK(spork_shareable_list_new(&list, items,
                                &(spork_shareable_list_options){.item_size = item_size}));
    return list;
}

/* Whether an item is of this value's kind, and equal. */
static bool item_is(spork_shareable_list *list, size_t index, spork_value expected) {
    spork_value item = spork_nil();
    bool same = spork_shareable_list_get(list, index, &item) == 0 &&
                item.kind == expected.kind && spork_value_equal(&item, &expected);
    if (!same) {
        fprintf(stderr, "item %zu is ", index);
        spork_value_print(&item);
    }
    spork_value_free(&item);
    return same;
}

/* ---- items ---- */

TEST_ONCE(items_of_each_kind_come_back_as_they_were_given) {
    const spork_value items[] = {
        spork_int(0),          spork_int(INT64_MIN), spork_int(INT64_MAX),
        spork_float(-0.1),     spork_float(1e300),   spork_bool(true),
        spork_bool(false),     spork_nil(),          spork_str(""),
        spork_str("word"),     spork_str("eight by"), spork_str("h\xc3\xa4ngt \xf0\x9f\x90\x8d"),
        spork_str_size("a\0b\0\0", 5),               spork_bytes_value("", 0),
        spork_bytes_value("\0\0\xff\0", 4),          spork_bytes_value("12345678\0", 9)};
    enum { COUNT = sizeof items / sizeof items[0] };
    spork_shareable_list *list = NULL;
    OK(spork_shareable_list_new(&list, spork_list(items, COUNT), NULL));
    assert_int_equal(spork_shareable_list_count(list), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(item_is(list, i, items[i]));
    }
    spork_shareable_list_free(list);
    assert_int_equal(live_bytes(), 0);
}

TEST_ONCE(a_string_has_a_nul_behind_it_and_is_the_caller_s_own) {
    spork_shareable_list *list = new_list(SPORK_LIST_OF(spork_str("12345678")), 0);
    spork_value first;
    spork_value second;
    const char *text;
    OK(spork_shareable_list_get(list, 0, &first));
    OK(spork_shareable_list_set(list, 0, spork_str("other")));
    OK(spork_shareable_list_get(list, 0, &second));
    OK(spork_value_get_str(&first, &text));
    assert_string_equal(text, "12345678");
    OK(spork_value_get_str(&second, &text));
    assert_string_equal(text, "other");
    spork_shareable_list_free(list);
    assert_string_equal(text, "other");
    spork_value_free(&first);
    spork_value_free(&second);
}

TEST_ONCE(every_item_may_become_every_other_kind_and_no_neighbour_changes) {
    const spork_value kinds[] = {spork_int(-5),
                                 spork_float(2.5),
                                 spork_bool(true),
                                 spork_nil(),
                                 spork_str_size("text\0\0", 6),
                                 spork_bytes_value("\0\0bytes\0", 8)};
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    spork_shareable_list *list = new_list(spork_list(kinds, KINDS), 0);
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t from = 0; from < KINDS; from++) {
            for (size_t to = 0; to < KINDS; to++) {
                OK(spork_shareable_list_set(list, i, kinds[from]));
                OK(spork_shareable_list_set(list, i, kinds[to]));
                assert_true(item_is(list, i, kinds[to]));
            }
        }
        OK(spork_shareable_list_set(list, i, kinds[i]));
        for (size_t k = 0; k < KINDS; k++) {
            assert_true(item_is(list, k, kinds[k]));
        }
    }
    spork_shareable_list_free(list);
}

TEST_ONCE(strings_grow_up_to_their_room_and_no_further) {
    static char text[2000];
    memset(text, 'x', sizeof text);
    for (size_t first = 0; first < 70; first += 3) {
        for (size_t room = 0; room < 70; room += 7) {
            size_t most = first > room ? first : room;
            spork_shareable_list *list = new_list(
                SPORK_LIST_OF(spork_int(1), spork_str_size(text, first), spork_int(2)), room);
            for (size_t size = 0; size <= most; size++) {
                OK(spork_shareable_list_set(list, 1, spork_bytes_value(text, size)));
                OK(spork_shareable_list_set(list, 1, spork_str_size(text, size)));
                assert_true(item_is(list, 1, spork_str_size(text, size)));
            }
            /* The room is rounded up to words. */
            FAILS(SPORK_ENOSPACE,
                  spork_shareable_list_set(list, 1, spork_str_size(text, most + 9)));
            FAILS(SPORK_ENOSPACE,
                  spork_shareable_list_set(list, 1, spork_bytes_value(text, sizeof text)));
            assert_true(item_is(list, 1, spork_str_size(text, most)));
            assert_true(item_is(list, 0, spork_int(1)) && item_is(list, 2, spork_int(2)));
            spork_shareable_list_free(list);
        }
    }
    assert_int_equal(live_bytes(), 0);
}

TEST_ONCE(the_room_counts_bytes_and_no_character_is_cut) {
    /* Four characters of three bytes each: twelve bytes, in a room of sixteen. */
    const char *four = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    const char *six = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    spork_shareable_list *list = new_list(SPORK_LIST_OF(spork_str(four)), 0);
    FAILS(SPORK_ENOSPACE, spork_shareable_list_set(list, 0, spork_str(six)));
    assert_true(item_is(list, 0, spork_str(four)));
    spork_shareable_list_free(list);
}

TEST_ONCE(a_list_may_be_empty_or_long_and_its_items_large) {
    enum { COUNT = 5000, SIZE = 3 << 20 };
    spork_shareable_list *list = new_list(spork_list(NULL, 0), 100);
    spork_value *items = calloc(COUNT, sizeof *items);
    unsigned char *data = malloc(SIZE);
    spork_value item;
    size_t index = 7;
    assert_true(items != NULL && data != NULL);
    assert_int_equal(spork_shareable_list_count(list), 0);
    FAILS(SPORK_ERANGE, spork_shareable_list_get(list, 0, &item));
    FAILS(SPORK_ENOTFOUND, spork_shareable_list_index(list, spork_nil(), &index));
    assert_int_equal(index, 7);
    spork_shareable_list_free(list);
    for (int i = 0; i < COUNT; i++) {
        items[i] = i % 2 == 0 ? spork_int(i) : spork_float(i);
    }
    list = new_list(spork_list(items, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_true(item_is(list, (size_t)i, items[i]));
    }
    spork_shareable_list_free(list);
    fill_pattern(data, SIZE, 3);
    list = new_list(SPORK_LIST_OF(spork_bytes_value(data, SIZE), spork_nil()), 0);
    assert_true(item_is(list, 0, spork_bytes_value(data, SIZE)));
    OK(spork_shareable_list_set(list, 0, spork_bytes_value(data + 1, SIZE - 1)));
    assert_true(item_is(list, 0, spork_bytes_value(data + 1, SIZE - 1)));
    spork_shareable_list_free(list);
    free(items);
    free(data);
    assert_int_equal(live_bytes(), 0);
}

TEST_ONCE(index_and_count_find_what_equals_as_in_python) {
    const spork_value items[] = {spork_str("a"), spork_int(1),   spork_bool(true),
                                 spork_float(1), spork_str("a"), spork_bytes_value("a", 1),
                                 spork_nil(),    spork_str_size("a\0", 2)};
    spork_shareable_list *list = new_list(spork_list(items, 8), 0);
    size_t found = 99;
    OK(spork_shareable_list_index(list, spork_str("a"), &found));
    assert_int_equal(found, 0);
    OK(spork_shareable_list_index(list, spork_float(1), &found));
    assert_int_equal(found, 1);
    OK(spork_shareable_list_index(list, spork_bytes_value("a", 1), &found));
    assert_int_equal(found, 5);
    OK(spork_shareable_list_index(list, spork_nil(), &found));
    assert_int_equal(found, 6);
    OK(spork_shareable_list_index(list, spork_str_size("a\0", 2), &found));
    assert_int_equal(found, 7);
    FAILS(SPORK_ENOTFOUND, spork_shareable_list_index(list, spork_str("b"), &found));
    FAILS(SPORK_ENOTFOUND, spork_shareable_list_index(list, spork_list(items, 2), &found));
    assert_int_equal(found, 7);
    OK(spork_shareable_list_count_of(list, spork_str("a"), &found));
    assert_int_equal(found, 2);
    OK(spork_shareable_list_count_of(list, spork_int(1), &found));
    assert_int_equal(found, 3);
    OK(spork_shareable_list_count_of(list, spork_str("b"), &found));
    assert_int_equal(found, 0);
    spork_shareable_list_free(list);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_shareable_list *list = NULL;
    spork_lock *lock = NULL;
    spork_value item = spork_int(3);
    size_t count = 4;
    OK(spork_lock_new(&lock, NULL));
    uint64_t before = live_bytes();
    FAILS(SPORK_EINVAL, spork_shareable_list_new(NULL, spork_list(NULL, 0), NULL));
    FAILS(SPORK_ETYPE, spork_shareable_list_new(&list, spork_nil(), NULL));
    FAILS(SPORK_ETYPE, spork_shareable_list_new(&list, spork_str("list"), NULL));
    FAILS(SPORK_ETYPE, spork_shareable_list_new(
                           &list, SPORK_LIST_OF(spork_int(1), spork_list(NULL, 0)), NULL));
    assert_non_null(strstr(spork_error_detail(), "item 1"));
    FAILS(SPORK_ETYPE, spork_shareable_list_new(&list, SPORK_LIST_OF(spork_map(NULL, 0)), NULL));
    FAILS(SPORK_ETYPE,
          spork_shareable_list_new(&list, SPORK_LIST_OF(spork_lock_value(lock)), NULL));
    const size_t huge[] = {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2, SIZE_MAX / 4, arena->size};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        FAILS(SPORK_ENOSPACE, spork_shareable_list_new(
                                  &list, SPORK_LIST_OF(spork_int(1), spork_int(2)),
                                  &(spork_shareable_list_options){.item_size = huge[i]}));
    }
    assert_null(list);
    assert_int_equal(live_bytes(), before);
    assert_int_equal(spork_shareable_list_count(NULL), 0);
    FAILS(SPORK_EINVAL, spork_shareable_list_get(NULL, 0, &item));
    FAILS(SPORK_EINVAL, spork_shareable_list_set(NULL, 0, item));
    FAILS(SPORK_EINVAL, spork_shareable_list_index(NULL, item, &count));
    FAILS(SPORK_EINVAL, spork_shareable_list_count_of(NULL, item, &count));
    spork_shareable_list_free(NULL);
    list = new_list(SPORK_LIST_OF(spork_int(1)), 0);
    FAILS(SPORK_EINVAL, spork_shareable_list_get(list, 0, NULL));
    FAILS(SPORK_EINVAL, spork_shareable_list_index(list, item, NULL));
    FAILS(SPORK_EINVAL, spork_shareable_list_count_of(list, item, NULL));
    FAILS(SPORK_ERANGE, spork_shareable_list_get(list, 1, &item));
    FAILS(SPORK_ERANGE, spork_shareable_list_set(list, SIZE_MAX, item));
    FAILS(SPORK_ETYPE, spork_shareable_list_set(list, 0, spork_lock_value(lock)));
    FAILS(SPORK_ETYPE, spork_shareable_list_set(list, 0, spork_list(NULL, 0)));
    assert_true(item_is(list, 0, spork_int(1)));
    assert_true(item.kind == SPORK_INT && item.as.integer == 3 && count == 4);
    spork_shareable_list_free(list);
    spork_lock_free(lock);
    assert_int_equal(live_bytes(), 0);
}

/* ---- travelling ---- */

static int shout(spork_shareable_list *list, spork_queue *answer) {
    EXPECT(spork_shareable_list_count(list) == 3);
    EXPECT(item_is(list, 0, spork_str("howdy")));
    EXPECT(spork_shareable_list_set(list, 0, spork_str("HOWDY")) == 0);
    EXPECT(spork_shareable_list_set(list, 1, spork_nil()) == 0);
    EXPECT(spork_queue_put(answer, spork_shareable_list_value(list), 0) == 0);
    return 0;
}
SPORK_TASK(int, shout, spork_shareable_list *, spork_queue *);

TEST(what_a_child_sets_its_parent_gets_though_the_list_was_let_go_of_and_came_back) {
    note_memory();
    spork_queue *answer = NULL;
    spork_pipe *ends[2];
    spork_value value;
    spork_shareable_list *found = NULL;
    OK(spork_queue_new(&answer, NULL));
    OK(spork_pipe_new(&ends[0], &ends[1], NULL));
    spork_shareable_list *list =
        new_list(SPORK_LIST_OF(spork_str("howdy"), spork_int(5), spork_float(0.5)), 0);
    spork_process *child = start(shout_call(list, answer));
    spork_shareable_list_free(list);
    finish(child);
    OK(spork_queue_get(answer, &value, PATIENCE_MS));
    OK(spork_pipe_send(ends[0], value, PATIENCE_MS));
    spork_value_free(&value);
    OK(spork_pipe_recv(ends[1], &value, PATIENCE_MS));
    OK(spork_value_get_shareable_list(&value, &found));
    assert_true(item_is(found, 0, spork_str("HOWDY")));
    assert_true(item_is(found, 1, spork_nil()));
    assert_true(item_is(found, 2, spork_float(0.5)));
    spork_value_free(&value);
    spork_queue_free(answer);
    spork_pipe_free(ends[0]);
    spork_pipe_free(ends[1]);
    assert_memory_is_back();
}

/* ---- readers and writers at once ---- */

enum { LARGE = 20000, KINDS = 4 };

/* Contents that tell their number, in one of the kinds and of a size that follows from it. */
static spork_value numbered(uint64_t number, unsigned char *data) {
    size_t size = 8 + number * 7919 % (LARGE - 8);
    switch (number / 2 % KINDS) {
    case 0:
        return spork_int((int64_t)(number << 32 | number));
    case 1:
        return spork_float((double)number);
    default:
        memset(data, 'a' + (int)(number % 26), size);
        memcpy(data, &number, sizeof number);
        return number / 2 % KINDS == 2 ? spork_str_size((char *)data, size)
                                   : spork_bytes_value(data, size);
    }
}

/* Whether an item is exactly what numbered made of some number. */
static bool is_numbered(const spork_value *item) {
    static _Thread_local unsigned char data[LARGE];
    uint64_t number = 0;
    if (item->kind == SPORK_INT) {
        number = (uint64_t)item->as.integer & 0xFFFFFFFFu;
    } else if (item->kind == SPORK_FLOAT) {
        number = (uint64_t)item->as.real;
    } else if (item->size >= sizeof number) {
        memcpy(&number, item->as.data, sizeof number);
    }
    spork_value expected = numbered(number, data);
    return expected.kind == item->kind && spork_value_equal(&expected, item);
}

static spork_shareable_list *new_numbered_list(void) {
    return new_list(SPORK_LIST_OF(spork_int(0), spork_int(0)), LARGE);
}

static int write_often(spork_shareable_list *list, int64_t first, int64_t times) {
    static _Thread_local unsigned char data[LARGE];
    for (int64_t i = 0; i < times; i++) {
        spork_value item = numbered((uint64_t)(first + i), data);
        EXPECT(spork_shareable_list_set(list, (size_t)(i % 2), item) == 0);
    }
    return 0;
}
SPORK_TASK(int, write_often, spork_shareable_list *, int64_t, int64_t);

static int read_often(spork_shareable_list *list, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        spork_value item;
        size_t count = 0;
        EXPECT(spork_shareable_list_get(list, (size_t)(i % 2), &item) == 0);
        EXPECT(is_numbered(&item));
        spork_value_free(&item);
        if (i % 50 == 0) {
            EXPECT(spork_shareable_list_count_of(list, spork_nil(), &count) == 0);
            EXPECT(count == 0);
        }
    }
    return 0;
}
SPORK_TASK(int, read_often, spork_shareable_list *, int64_t);

TEST_SLOW(readers_among_writers_never_see_a_mixture_and_both_get_to_their_end, 90) {
    enum { EACH = 3, TIMES = 20000 };
    note_memory();
    spork_shareable_list *list = new_numbered_list();
    spork_process *writers[EACH];
    spork_process *readers[EACH];
    for (int i = 0; i < EACH; i++) {
        writers[i] = start(write_often_call(list, i * TIMES, TIMES));
        readers[i] = start(read_often_call(list, TIMES));
    }
    for (int i = 0; i < EACH; i++) {
        finish(writers[i]);
        finish(readers[i]);
    }
    spork_shareable_list_free(list);
    assert_memory_is_back();
}

/* An item that takes as long to copy as to write: its readers are overtaken all the time. */
enum { HUGE_SIZE = 2 << 20 };

static int write_for_ever(spork_shareable_list *list) {
    unsigned char *data = malloc(HUGE_SIZE);
    EXPECT(data != NULL);
    for (uint64_t number = 1;; number++) {
        /* Which bytes are where tells the number, but not all of them take time to make. */
        data[0] = data[HUGE_SIZE / 2] = data[HUGE_SIZE - 1] = (unsigned char)number;
        EXPECT(spork_shareable_list_set(list, 0, spork_bytes_value(data, HUGE_SIZE)) == 0);
    }
}
SPORK_TASK(int, write_for_ever, spork_shareable_list *);

TEST_SLOW(a_reader_gets_its_copy_though_writers_never_pause, 60) {
    enum { WRITERS = 2, TIMES = 200 };
    needs_a_process_to_kill();
    spork_shareable_list *list = new_list(SPORK_LIST_OF(spork_nil()), HUGE_SIZE);
    spork_process *writers[WRITERS];
    spork_value item = spork_nil();
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = start_worker(write_for_ever_call(list));
    }
    while (item.kind == SPORK_NIL) {
        OK(spork_shareable_list_get(list, 0, &item));
    }
    for (int i = 0; i < TIMES; i++) {
        const unsigned char *data = item.as.data;
        assert_int_equal(item.size, HUGE_SIZE);
        assert_true(data[0] == data[HUGE_SIZE / 2] && data[0] == data[HUGE_SIZE - 1]);
        spork_value_free(&item);
        OK(spork_shareable_list_get(list, 0, &item));
    }
    spork_value_free(&item);
    for (int i = 0; i < WRITERS; i++) {
        kill_and_free(writers[i]);
    }
    spork_shareable_list_free(list);
}

/* ---- deaths ---- */

static spork_shareable_list *shared;

static int make_and_free_a_list(void) {
    spork_shareable_list *made = NULL;
    EXPECT(spork_shareable_list_new(&made, SPORK_LIST_OF(spork_int(1), spork_str("word")),
                                    NULL) == 0);
    EXPECT(spork_shareable_list_set(made, 1, spork_int(7)) == 0);
    spork_shareable_list_free(made);
    return 0;
}

static int nothing_more(void) {
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_list_is_made_and_freed_leaves_nothing_of_it, 90) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "shareable list made and freed",
                                   .work = make_and_free_a_list,
                                   .verify = nothing_more,
                                   .burier_stride = 101});
}

#define OLD_TEXT "the old text, of some words\n and two lines"
#define NEW_TEXT "a new text that is shorter"

static int set_twice(void) {
    EXPECT(spork_shareable_list_set(shared, 0, spork_str(NEW_TEXT)) == 0);
    return spork_shareable_list_set(shared, 0, spork_float(0.25));
}

static int item_is_old_or_new(void) {
    spork_value item;
    EXPECT(spork_shareable_list_get(shared, 0, &item) == 0);
    spork_value possible[] = {spork_str(OLD_TEXT), spork_str(NEW_TEXT), spork_float(0.25)};
    EXPECT(spork_value_equal(&item, &possible[0]) || spork_value_equal(&item, &possible[1]) ||
           spork_value_equal(&item, &possible[2]));
    spork_value_free(&item);
    return 0;
}

/* The next writers find the dead one's claim. */
static int set_and_get(void) {
    EXPECT(item_is_old_or_new() == 0);
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_shareable_list_set(shared, 0, spork_int(i)) == 0);
        EXPECT(item_is(shared, 0, spork_int(i)));
        EXPECT(item_is(shared, 1, spork_int(2)));
    }
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_an_item_is_set_leaves_the_old_or_the_new_one, 120) {
    deaths_set_up();
    shared = new_list(SPORK_LIST_OF(spork_str(OLD_TEXT), spork_int(2)), 0);
    die_everywhere(&(struct death){.name = "item set",
                                   .work = set_twice,
                                   .early = item_is_old_or_new,
                                   .verify = set_and_get,
                                   .burier_stride = 9});
    spork_shareable_list_free(shared);
}

static int set_and_get_for_ever(spork_shareable_list *list, spork_array *progress,
                                int64_t number) {
    for (int64_t i = 0;; i++) {
        EXPECT(write_often(list, number * 1000 + i % 1000, 2) == 0);
        EXPECT(read_often(list, 2) == 0);
        EXPECT(spork_array_add(progress, 0, 1, NULL) == 0);
    }
}
SPORK_TASK(int, set_and_get_for_ever, spork_shareable_list *, spork_array *, int64_t);

static spork_array *progress;

static spork_call set_and_get_in_it(int number) {
    return set_and_get_for_ever_call(shared, progress, number);
}

static bool somebody_set_and_got(void) {
    static int64_t last;
    int64_t now = 0;
    OK(SPORK_GET(progress, int64_t, 0, &now));
    bool progressed = now > last;
    last = now;
    return progressed && read_often(shared, 2) == 0;
}

TEST_SLOW(killed_writers_leave_items_that_are_whole_and_others_go_on, 90) {
    needs_a_process_to_kill();
    note_memory();
    shared = new_numbered_list();
    OK(SPORK_VALUE_NEW(&progress, int64_t, NULL));
    storm(set_and_get_in_it, somebody_set_and_got);
    assert_int_equal(read_often(shared, 2), 0);
    spork_shareable_list_free(shared);
    spork_array_free(progress);
    assert_memory_is_back();
}

TEST_MAIN
