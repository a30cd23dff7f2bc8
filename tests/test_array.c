/* Values and arrays: their types, their locks, and what becomes of both. */
#include <wchar.h>

#include "support/deaths.h"
#include "support_memory.h"
#include "support_workers.h"

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static spork_array *new_numbers(size_t count, const spork_array_options *options) {
    spork_array *array = NULL;
    OK(SPORK_ARRAY_NEW(&array, int64_t, count, options));
    return array;
}

static int64_t number_at(spork_array *array, size_t index) {
    int64_t number = -1;
    OK(SPORK_GET(array, int64_t, index, &number));
    return number;
}

/* ---- types ---- */

/* X(letter, type): those that the listing shows, c and u as what they are in C, and those
   that Python has gained since. */
#define TYPES(X)              \
    X('b', signed char)       \
    X('B', unsigned char)     \
    X('h', short)             \
    X('H', unsigned short)    \
    X('i', int)               \
    X('I', unsigned int)      \
    X('l', long)              \
    X('L', unsigned long)     \
    X('q', long long)         \
    X('Q', unsigned long long) \
    X('f', float)             \
    X('d', double)            \
    X('?', bool)

enum lock_kind { OWN_LOCK, PLAIN_LOCK, RECURSIVE_LOCK, NO_LOCK, LOCK_KINDS };

/* The options for an array of this kind; *lock is what they are given, to be freed. */
static spork_array_options options_of(enum lock_kind kind, spork_lock **lock) {
    *lock = NULL;
    if (kind == PLAIN_LOCK || kind == RECURSIVE_LOCK) {
        OK(spork_lock_new(lock, &(spork_lock_options){.recursive = kind == RECURSIVE_LOCK}));
    }
    return (spork_array_options){.lock = *lock, .raw = kind == NO_LOCK};
}

static void check_lock_of(spork_array *array, enum lock_kind kind) {
    spork_lock *lock = spork_array_lock(array);
    assert_true((lock == NULL) == (kind == NO_LOCK));
    if (lock != NULL) {
        assert_true(spork_lock_recursive(lock) == (kind != PLAIN_LOCK));
        assert_false(spork_lock_held(lock));
    }
}

#define CHECK_TYPE(letter, T)                                                        \
    do {                                                                             \
        spork_array *array = NULL;                                                   \
        const T two[2] = {(T)1, (T)0};                                               \
        T item = (T)1;                                                               \
        spork_lock *lock;                                                            \
        spork_array_options options = options_of((enum lock_kind)kind, &lock);       \
        assert_int_equal(SPORK_TYPE(T), letter);                                     \
        OK(SPORK_ARRAY_NEW(&array, T, 3, &options));                                 \
        spork_lock_free(lock);                                                       \
        assert_int_equal(spork_array_type(array), letter);                           \
        assert_int_equal(spork_array_item_size(array), sizeof(T));                   \
        assert_int_equal(spork_array_count(array), 3);                               \
        check_lock_of(array, (enum lock_kind)kind);                                  \
        for (size_t i = 0; i < 3; i++) {                                             \
            item = (T)1;                                                             \
            OK(SPORK_GET(array, T, i, &item));                                       \
            assert_true(item == (T)0);                                               \
        }                                                                            \
        item = (T)97;                                                                \
        OK(SPORK_SET(array, T, 1, &item));                                           \
        assert_true(SPORK_ITEMS(array, T)[1] == (T)97);                              \
        assert_int_equal((uintptr_t)SPORK_ITEMS(array, T) % 64, 0);                  \
        SPORK_ITEMS(array, T)[2] = (T)98;                                            \
        OK(SPORK_GET(array, T, 2, &item));                                           \
        assert_true(item == (T)98);                                                  \
        OK(spork_array_write(array, 0, 2, two, sizeof two));                         \
        assert_true(SPORK_ITEMS(array, T)[0] == (T)1);                               \
        assert_true(SPORK_ITEMS(array, T)[1] == (T)0);                               \
        spork_array_free(array);                                                     \
    } while (0);

TEST_ONCE(items_of_each_type_begin_as_zeroes_and_are_what_was_set_with_each_kind_of_lock) {
    for (int kind = 0; kind < LOCK_KINDS; kind++) {
        TYPES(CHECK_TYPE)
        CHECK_TYPE(SPORK_TYPE(wchar_t), wchar_t)
        CHECK_TYPE(SPORK_TYPE(char), char)
    }
    assert_memory_is_back();
}

/* Sets item i of an array of whatever type to i + 1. */
static int count_up(spork_array *array) {
    for (size_t i = 0; i < spork_array_count(array); i++) {
#define SET_ITEM(letter, T)                             \
    if (spork_array_type(array) == letter) {            \
        T item = (T)(i + 1);                            \
        EXPECT(SPORK_SET(array, T, i, &item) == 0);     \
    }
        TYPES(SET_ITEM)
    }
    return 0;
}

static int count_both_up(spork_array *value, spork_array *array) {
    EXPECT(spork_array_count(value) == 1 && spork_array_count(array) == 5);
    return count_up(value) + count_up(array);
}
SPORK_TASK(int, count_both_up, spork_array *, spork_array *);

#define CHECK_IN_CHILD(letter, T)                                                    \
    do {                                                                             \
        spork_array *value = NULL;                                                   \
        spork_array *array = NULL;                                                   \
        spork_lock *lock;                                                            \
        spork_array_options options = options_of((enum lock_kind)(kind++ % LOCK_KINDS), \
                                                 &lock);                             \
        OK(SPORK_VALUE_NEW(&value, T, &options));                                    \
        OK(SPORK_ARRAY_NEW(&array, T, 5, &options));                                 \
        finish(start(count_both_up_call(value, array)));                             \
        T item = 0;                                                                  \
        OK(SPORK_GET(value, T, 0, &item));                                           \
        assert_true(item == (T)1);                                                   \
        for (size_t i = 0; i < 5; i++) {                                             \
            OK(SPORK_GET(array, T, i, &item));                                       \
            assert_true(item == (T)(i + 1));                                         \
        }                                                                            \
        spork_array_free(value);                                                     \
        spork_array_free(array);                                                     \
        spork_lock_free(lock);                                                       \
    } while (0);

/* Listing 001:150. */
TEST(a_value_and_an_array_of_each_typecode_are_seen_by_the_child_and_its_changes_by_the_parent) {
    int kind = (int)spork_get_start_method();
    TYPES(CHECK_IN_CHILD)
    CHECK_IN_CHILD(SPORK_TYPE(wchar_t), wchar_t)
    kind = 2;
    CHECK_IN_CHILD('i', int)
    CHECK_IN_CHILD('d', double)
}

static int change_items(spork_array *shared) {
    const wchar_t letter = L'\u00e4';
    EXPECT(SPORK_SET(shared, wchar_t, 2, &letter) == 0);
    return 0;
}
SPORK_TASK(int, change_items, spork_array *);

/* What 002:226 does by a manager's array. */
TEST(an_array_that_a_child_has_changed_is_changed_in_its_parent) {
    spork_array *shared = NULL;
    wchar_t text[4];
    OK(SPORK_ARRAY_NEW(&shared, wchar_t, 4, &(spork_array_options){.initial = L"abc"}));
    finish(start(change_items_call(shared)));
    OK(spork_array_read(shared, 0, 4, text, sizeof text));
    assert_memory_equal(text, L"ab\u00e4", sizeof text);
    spork_array_free(shared);
}

struct particle {
    double at[3];
    int32_t charge;
    char name[5];
};

static int move_particle(spork_array *particles, int64_t index) {
    struct particle particle;
    EXPECT(SPORK_GET(particles, struct particle, (size_t)index, &particle) == 0);
    EXPECT(particle.charge == -1 && strcmp(particle.name, "muon") == 0);
    particle.at[2] += 2.5;
    EXPECT(SPORK_SET(particles, struct particle, (size_t)index, &particle) == 0);
    return 0;
}
SPORK_TASK(int, move_particle, spork_array *, int64_t);

TEST(structs_are_items_too) {
    const struct particle initial[2] = {{{0, 0, 0}, 1, "pion"}, {{1, 2, 3}, -1, "muon"}};
    spork_array *particles = NULL;
    struct particle particle;
    OK(SPORK_ARRAY_NEW(&particles, struct particle, 2,
                       &(spork_array_options){.initial = initial}));
    assert_int_equal(spork_array_type(particles), 'S');
    finish(start(move_particle_call(particles, 1)));
    OK(SPORK_GET(particles, struct particle, 1, &particle));
    assert_true(particle.at[0] == 1 && particle.at[2] == 5.5 && particle.charge == -1);
    assert_memory_equal(&SPORK_ITEMS(particles, struct particle)[0], &initial[0],
                        sizeof initial[0]);
    spork_array_free(particles);
}

TEST_ONCE(what_is_of_another_type_or_size_is_refused) {
    spork_array *numbers = new_numbers(4, NULL);
    double real = 0;
    uint64_t unsigned_number = 0;
    int small = 0;
    assert_null(SPORK_ITEMS(numbers, double));
    assert_non_null(strstr(spork_error_detail(), "'d'"));
    assert_null(SPORK_ITEMS(numbers, struct particle));
    assert_null(spork_array_items(numbers, SPORK_TYPE(int64_t), 4));
    FAILS(SPORK_ETYPE, SPORK_GET(numbers, double, 0, &real));
    FAILS(SPORK_ETYPE, SPORK_SET(numbers, double, 0, &real));
    FAILS(SPORK_ETYPE, SPORK_GET(numbers, uint64_t, 0, &unsigned_number));
    FAILS(SPORK_ETYPE, SPORK_SET(numbers, int, 0, &small));
    spork_array_free(numbers);
}

/* ---- reading and writing ---- */

#define CHECK_RANGES(letter, T)                                                        \
    do {                                                                               \
        spork_array *array = NULL;                                                     \
        T model[40] = {(T)0};                                                          \
        T piece[40];                                                                   \
        OK(SPORK_ARRAY_NEW(&array, T, 40, NULL));                                      \
        for (size_t i = 0; i < 40; i++) {                                              \
            for (size_t count = 0; i + count <= 40; count += 3) {                      \
                for (size_t k = 0; k < count; k++) {                                   \
                    piece[k] = model[i + k] = (T)(i + count + k);                      \
                }                                                                      \
                OK(spork_array_write(array, i, count, piece, count * sizeof(T)));      \
                assert_memory_equal(SPORK_ITEMS(array, T), model, sizeof model);       \
                memset(piece, 0, sizeof piece);                                        \
                OK(spork_array_read(array, i, count, piece, count * sizeof(T)));       \
                for (size_t k = 0; k < count; k++) {                                   \
                    assert_true(piece[k] == model[i + k]);                             \
                }                                                                      \
                assert_true(count == 40 || piece[count] == (T)0);                      \
            }                                                                          \
        }                                                                              \
        spork_array_free(array);                                                       \
    } while (0);

TEST_ONCE(any_range_of_items_of_each_type_is_read_and_written_and_nothing_beside_it) {
    TYPES(CHECK_RANGES)
}

TEST_ONCE(a_range_that_is_not_in_the_array_is_refused_and_nothing_is_copied) {
    const int64_t initial[3] = {1, 2, 3};
    int64_t items[4] = {7, 7, 7, 7};
    spork_array *numbers = new_numbers(3, &(spork_array_options){.initial = initial});
    FAILS(SPORK_ERANGE, spork_array_read(numbers, 0, 4, items, sizeof items));
    FAILS(SPORK_ERANGE, spork_array_read(numbers, 4, 0, items, 0));
    FAILS(SPORK_ERANGE, spork_array_write(numbers, 3, 1, items, sizeof items[0]));
    FAILS(SPORK_ERANGE, spork_array_write(numbers, 2, SIZE_MAX, items, SIZE_MAX));
    FAILS(SPORK_ERANGE, spork_array_write(numbers, SIZE_MAX, 2, items, sizeof items[0]));
    FAILS(SPORK_EINVAL, spork_array_read(numbers, 0, 3, items, sizeof items));
    FAILS(SPORK_EINVAL, spork_array_write(numbers, 0, 1, items, 4));
    FAILS(SPORK_EINVAL, spork_array_read(numbers, 0, 1, NULL, sizeof items[0]));
    FAILS(SPORK_ERANGE, SPORK_GET(numbers, int64_t, 3, &items[0]));
    FAILS(SPORK_ERANGE, SPORK_SET(numbers, int64_t, 3, &items[0]));
    OK(spork_array_read(numbers, 3, 0, NULL, 0));
    assert_true(items[0] == 7 && number_at(numbers, 0) == 1 && number_at(numbers, 2) == 3);
    spork_array_free(numbers);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_array *array = NULL;
    spork_lock *lock = NULL;
    int64_t number = 0;
    OK(spork_lock_new(&lock, NULL));
    FAILS(SPORK_EINVAL, SPORK_VALUE_NEW(NULL, int, NULL));
    FAILS(SPORK_EINVAL, SPORK_ARRAY_NEW(&array, int, 0, NULL));
    FAILS(SPORK_EINVAL, spork_array_new(&array, 'x', 8, 1, NULL));
    FAILS(SPORK_EINVAL, spork_array_new(&array, '\0', 8, 1, NULL));
    FAILS(SPORK_EINVAL, spork_array_new(&array, 'd', 4, 1, NULL));
    FAILS(SPORK_EINVAL, spork_array_new(&array, 'S', 0, 1, NULL));
    FAILS(SPORK_EINVAL,
          SPORK_VALUE_NEW(&array, int, (&(spork_array_options){.lock = lock, .raw = true})));
    assert_null(array);
    assert_null(spork_array_items(NULL, 'i', sizeof(int)));
    assert_null(spork_array_lock(NULL));
    assert_int_equal(spork_array_count(NULL), 0);
    assert_int_equal(spork_array_item_size(NULL), 0);
    assert_int_equal(spork_array_type(NULL), '\0');
    FAILS(SPORK_EINVAL, spork_array_read(NULL, 0, 1, &number, sizeof number));
    FAILS(SPORK_EINVAL, spork_array_write(NULL, 0, 1, &number, sizeof number));
    FAILS(SPORK_EINVAL, SPORK_GET(NULL, int64_t, 0, &number));
    FAILS(SPORK_EINVAL, SPORK_SET(NULL, int64_t, 0, &number));
    FAILS(SPORK_EINVAL, spork_array_add(NULL, 0, 1, &number));
    spork_array_free(NULL);
    spork_lock_free(lock);
    assert_memory_is_back();
}

TEST_ONCE(what_is_no_lock_is_not_taken_for_one) {
    spork_array *array = NULL;
    spork_queue *queue = new_queue();
    uint64_t before = live_bytes();
    spork_array_options options = {.lock = (spork_lock *)(void *)queue};
    FAILS(SPORK_EINVAL, SPORK_VALUE_NEW(&array, int, &options));
    assert_int_equal(live_bytes(), before);
    spork_queue_free(queue);
}

TEST_ONCE(an_array_larger_than_all_memory_is_refused_and_nothing_is_lost) {
    spork_array *array = NULL;
    spork_array *small = new_numbers(1, NULL);
    uint64_t before = live_bytes();
    uint64_t top = atomic_load(&arena->top);
    FAILS(SPORK_ENOSPACE, SPORK_ARRAY_NEW(&array, double, SIZE_MAX / 8, NULL));
    FAILS(SPORK_ENOSPACE, SPORK_ARRAY_NEW(&array, double, SIZE_MAX, NULL));
    FAILS(SPORK_ENOSPACE, SPORK_ARRAY_NEW(&array, double, (SIZE_MAX >> 3) + 2, NULL));
    FAILS(SPORK_ENOSPACE, SPORK_ARRAY_NEW(&array, char, arena->size, NULL));
    FAILS(SPORK_ENOSPACE, SPORK_ARRAY_NEW(&array, char, arena->size - top, NULL));
    assert_null(array);
    assert_int_equal(live_bytes(), before);
    assert_int_equal(atomic_load(&arena->handles_live), 2);
    assert_null(arena_flaw());
    OK(SPORK_ARRAY_NEW(&array, char, 1000, NULL));
    spork_array_free(array);
    spork_array_free(small);
    assert_memory_is_back();
}

TEST_ONCE(an_array_of_many_mebibytes_is_there_and_gives_its_memory_back) {
    enum { COUNT = 8 << 20 };
    for (int round = 0; round < 3; round++) {
        spork_array *numbers = new_numbers(COUNT, NULL);
        int64_t *items = SPORK_ITEMS(numbers, int64_t);
        for (size_t i = 0; i < COUNT; i += 64) {
            assert_int_equal(items[i], 0);
            items[i] = (int64_t)i + 1;
        }
        assert_int_equal(number_at(numbers, COUNT - 64), COUNT - 63);
        spork_array_free(numbers);
        assert_memory_is_back();
    }
}

/* ---- counting together ---- */

enum { COUNTERS = 8, TIMES = 10000 };

static int count_locked(spork_array *total) {
    spork_lock *lock = spork_array_lock(total);
    for (int i = 0; i < TIMES; i++) {
        int64_t number = 0;
        EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
        EXPECT(SPORK_GET(total, int64_t, 0, &number) == 0);
        number++;
        EXPECT(SPORK_SET(total, int64_t, 0, &number) == 0);
        EXPECT(spork_lock_release(lock) == 0);
    }
    return 0;
}
SPORK_TASK(int, count_locked, spork_array *);

static int count_by_adding(spork_array *total) {
    for (int i = 0; i < TIMES; i++) {
        EXPECT(spork_array_add(total, 0, 1, NULL) == 0);
    }
    return 0;
}
SPORK_TASK(int, count_by_adding, spork_array *);

static int count_carelessly(spork_array *total) {
    for (int i = 0; i < TIMES; i++) {
        int64_t number = 0;
        EXPECT(SPORK_GET(total, int64_t, 0, &number) == 0);
        number++;
        EXPECT(SPORK_SET(total, int64_t, 0, &number) == 0);
    }
    return 0;
}
SPORK_TASK(int, count_carelessly, spork_array *);

static int64_t count_together(spork_array *total, spork_call call) {
    spork_process *counters[COUNTERS];
    for (int i = 0; i < COUNTERS; i++) {
        counters[i] = start(call);
    }
    for (int i = 0; i < COUNTERS; i++) {
        finish(counters[i]);
    }
    int64_t counted = number_at(total, 0);
    spork_array_free(total);
    assert_memory_is_back();
    return counted;
}

TEST_SLOW(eight_who_count_under_the_array_s_lock_count_exactly, 90) {
    note_memory();
    spork_array *total = new_numbers(1, NULL);
    assert_int_equal(count_together(total, count_locked_call(total)), COUNTERS * TIMES);
}

TEST_SLOW(eight_who_count_under_a_plain_lock_that_was_given_count_exactly, 90) {
    note_memory();
    spork_lock *lock;
    spork_array_options options = options_of(PLAIN_LOCK, &lock);
    spork_array *total = new_numbers(1, &options);
    spork_lock_free(lock);
    assert_int_equal(count_together(total, count_locked_call(total)), COUNTERS * TIMES);
}

TEST_SLOW(eight_who_count_by_adding_count_exactly, 60) {
    note_memory();
    spork_array *total = new_numbers(1, NULL);
    assert_int_equal(count_together(total, count_by_adding_call(total)), COUNTERS * TIMES);
}

TEST_SLOW(eight_who_count_without_a_lock_get_to_their_end, 60) {
    note_memory();
    spork_array *total = new_numbers(1, &(spork_array_options){.raw = true});
    int64_t counted = count_together(total, count_carelessly_call(total));
    assert_true(counted >= 1 && counted <= COUNTERS * TIMES);
}

/* ---- adding ---- */

#define CHECK_ADDING(letter, T)                                                         \
    do {                                                                                \
        spork_array *array = NULL;                                                      \
        int64_t before = 0;                                                             \
        if (letter == 'f' || letter == 'd' || letter == '?') {                          \
            break;                                                                      \
        }                                                                               \
        OK(SPORK_ARRAY_NEW(&array, T, 3, NULL));                                        \
        OK(spork_array_add(array, 1, 5, &before));                                      \
        assert_int_equal(before, 0);                                                    \
        OK(spork_array_add(array, 1, -7, &before));                                     \
        assert_int_equal(before, 5);                                                    \
        OK(spork_array_add(array, 1, 0, &before));                                      \
        assert_int_equal(before, (int64_t)(T)-2);                                       \
        assert_true(SPORK_ITEMS(array, T)[1] == (T)-2);                                 \
        assert_true(SPORK_ITEMS(array, T)[0] == 0 && SPORK_ITEMS(array, T)[2] == 0);    \
        OK(spork_array_add(array, 1, 2, NULL));                                         \
        const int64_t highest = (int64_t)((uint64_t)1 << (8 * sizeof(T) - 1));          \
        OK(spork_array_add(array, 1, highest, NULL));                                   \
        OK(spork_array_add(array, 1, highest, NULL));                                   \
        assert_true(SPORK_ITEMS(array, T)[1] == 0);                                     \
        assert_true(SPORK_ITEMS(array, T)[0] == 0 && SPORK_ITEMS(array, T)[2] == 0);    \
        FAILS(SPORK_ERANGE, spork_array_add(array, 3, 1, NULL));                        \
        spork_array_free(array);                                                        \
    } while (0);

TEST_ONCE(adding_is_exact_wraps_around_and_touches_no_neighbour) {
    TYPES(CHECK_ADDING)
}

TEST_ONCE(only_integers_are_added_to) {
    spork_array *array = NULL;
    int64_t before = 3;
    OK(SPORK_VALUE_NEW(&array, double, NULL));
    FAILS(SPORK_ETYPE, spork_array_add(array, 0, 1, &before));
    spork_array_free(array);
    OK(SPORK_VALUE_NEW(&array, bool, NULL));
    FAILS(SPORK_ETYPE, spork_array_add(array, 0, 1, &before));
    spork_array_free(array);
    OK(SPORK_VALUE_NEW(&array, struct particle, NULL));
    FAILS(SPORK_ETYPE, spork_array_add(array, 0, 1, &before));
    spork_array_free(array);
    OK(SPORK_VALUE_NEW(&array, float, NULL));
    FAILS(SPORK_ETYPE, spork_array_add(array, 0, 1, &before));
    spork_array_free(array);
    assert_int_equal(before, 3);
}

/* ---- the lock ---- */

TEST_ONCE(who_holds_the_lock_reads_and_writes_though_it_is_a_plain_one) {
    for (int kind = 0; kind < NO_LOCK; kind++) {
        spork_lock *given;
        spork_array_options options = options_of((enum lock_kind)kind, &given);
        spork_array *numbers = new_numbers(2, &options);
        spork_lock *lock = spork_array_lock(numbers);
        assert_true(given == NULL || given == lock);
        int64_t number = 4;
        OK(spork_lock_acquire(lock, 0));
        OK(SPORK_SET(numbers, int64_t, 0, &number));
        assert_int_equal(number_at(numbers, 0), 4);
        assert_true(spork_lock_held(lock));
        OK(spork_lock_release(lock));
        assert_false(spork_lock_held(lock));
        OK(SPORK_SET(numbers, int64_t, 1, &number));
        assert_false(spork_lock_held(lock));
        spork_lock_free(given);
        spork_array_free(numbers);
    }
}

static int read_late(spork_array *numbers, spork_queue *told) {
    int64_t number = 0;
    EXPECT(spork_queue_put(told, spork_str("begins"), 0) == 0);
    EXPECT(SPORK_GET(numbers, int64_t, 0, &number) == 0);
    EXPECT(spork_queue_put(told, spork_int(number), 0) == 0);
    return 0;
}
SPORK_TASK(int, read_late, spork_array *, spork_queue *);

TEST(while_one_holds_the_lock_another_s_read_waits) {
    spork_array *numbers = new_numbers(1, NULL);
    spork_queue *told = new_queue();
    spork_value item;
    int64_t number = 1;
    OK(spork_lock_acquire(spork_array_lock(numbers), 0));
    spork_process *reader = start(read_late_call(numbers, told));
    assert_true(wait_for_items(told, 1));
    OK(SPORK_SET(numbers, int64_t, 0, &number));
    OK(spork_queue_get(told, &item, PATIENCE_MS));
    spork_value_free(&item);
    /* A reader that does not wait has told us by then. */
    FAILS(SPORK_ETIMEDOUT, spork_process_join(reader, 50, NULL));
    number = 2;
    OK(SPORK_SET(numbers, int64_t, 0, &number));
    OK(spork_lock_release(spork_array_lock(numbers)));
    finish(reader);
    OK(spork_queue_get(told, &item, 0));
    OK(spork_value_get_int(&item, &number));
    assert_int_equal(number, 2);
    spork_array_free(numbers);
    spork_queue_free(told);
}

static int hold_and_wait(spork_array *numbers, spork_queue *ready) {
    int64_t half[2] = {1, 1};
    EXPECT(spork_lock_acquire(spork_array_lock(numbers), PATIENCE_MS) == 0);
    EXPECT(spork_array_write(numbers, 0, 2, half, sizeof half) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, hold_and_wait, spork_array *, spork_queue *);

TEST(after_a_holder_was_killed_the_next_call_is_done_and_says_so_once) {
    needs_a_process_to_kill();
    note_memory();
    for (int kind = 0; kind < NO_LOCK; kind++) {
        spork_lock *lock;
        spork_array_options options = options_of((enum lock_kind)kind, &lock);
        spork_array *numbers = new_numbers(4, &options);
        spork_queue *ready = new_queue();
        int64_t items[4] = {9, 9, 9, 9};
        for (int round = 0; round < 2; round++) {
            spork_process *holder = start(hold_and_wait_call(numbers, ready));
            assert_true(wait_for_items(ready, round + 1));
            OK(spork_process_kill(holder));
            if (round == 0) {
                FAILS(SPORK_EOWNERDIED, spork_array_read(numbers, 0, 4, items, sizeof items));
                assert_true(items[0] == 1 && items[1] == 1 && items[2] == 0 && items[3] == 0);
            } else {
                items[3] = 5;
                FAILS(SPORK_EOWNERDIED, SPORK_SET(numbers, int64_t, 3, &items[3]));
            }
            assert_non_null(strstr(spork_error_detail(), "half changed"));
            assert_false(spork_lock_held(spork_array_lock(numbers)));
            OK(spork_array_read(numbers, 0, 4, items, sizeof items));
            assert_int_equal(items[3], round == 0 ? 0 : 5);
            OK(spork_array_write(numbers, 0, 4, items, sizeof items));
            OK(spork_process_join(holder, PATIENCE_MS, NULL));
            OK(spork_process_free(holder));
        }
        spork_array_free(numbers);
        spork_queue_free(ready);
        spork_lock_free(lock);
    }
    assert_memory_is_back();
}

/* ---- travelling ---- */

static int add_to_what_comes(spork_queue *queue, spork_pipe *pipe) {
    spork_value value;
    spork_array *array = NULL;
    EXPECT(spork_queue_get(queue, &value, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_array(&value, &array) == 0);
    EXPECT(spork_array_lock(array) != NULL);
    EXPECT(spork_array_add(array, 1, 20, NULL) == 0);
    EXPECT(spork_pipe_send(pipe, value, PATIENCE_MS) == 0);
    spork_value_free(&value);
    return 0;
}
SPORK_TASK(int, add_to_what_comes, spork_queue *, spork_pipe *);

TEST(an_array_goes_through_queues_and_pipes_with_its_lock_and_lives_as_long_as_somebody_has_it) {
    note_memory();
    spork_queue *queue = new_queue();
    spork_pipe *here = NULL;
    spork_pipe *there = NULL;
    spork_value value;
    spork_array *found = NULL;
    OK(spork_pipe_new(&here, &there, NULL));
    uint64_t before = live_bytes();
    spork_array *array = new_numbers(1000, NULL);
    OK(spork_array_add(array, 1, 1, NULL));
    OK(spork_queue_put(queue, spork_array_value(array), 0));
    /* Only the message holds it now. */
    spork_array_free(array);
    assert_true(live_bytes() > before + 8000);
    finish(start(add_to_what_comes_call(queue, there)));
    OK(spork_pipe_recv(here, &value, PATIENCE_MS));
    OK(spork_value_get_array(&value, &found));
    assert_int_equal(spork_array_count(found), 1000);
    assert_int_equal(number_at(found, 1), 21);
    assert_true(spork_lock_recursive(spork_array_lock(found)));
    spork_value_free(&value);
    spork_queue_free(queue);
    spork_pipe_free(here);
    spork_pipe_free(there);
    assert_memory_is_back();
}

static int lock_is_the_same(spork_array *array, spork_lock *lock) {
    EXPECT(spork_array_lock(array) == lock);
    return 0;
}
SPORK_TASK(int, lock_is_the_same, spork_array *, spork_lock *);

TEST(a_lock_that_was_given_guards_two_arrays_and_outlives_its_giver_s_interest) {
    note_memory();
    spork_lock *lock;
    spork_array_options options = options_of(PLAIN_LOCK, &lock);
    spork_array *first = new_numbers(1, &options);
    spork_array *second = new_numbers(1, &options);
    assert_true(spork_array_lock(first) == lock && spork_array_lock(second) == lock);
    finish(start(lock_is_the_same_call(first, lock)));
    spork_lock_free(lock);
    finish(start(lock_is_the_same_call(second, spork_array_lock(first))));
    spork_array_free(first);
    int64_t number = number_at(second, 0);
    assert_int_equal(number, 0);
    spork_array_free(second);
    assert_memory_is_back();
}

static int keep_and_die(spork_array *array) {
    spork_array *own = NULL;
    EXPECT(spork_array_add(array, 0, 1, NULL) == 0);
    EXPECT(SPORK_ARRAY_NEW(&own, double, 100000, NULL) == 0);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, keep_and_die, spork_array *);

TEST(what_only_a_killed_process_held_is_given_back) {
    needs_a_process_to_kill();
    note_memory();
    spork_array *array = new_numbers(1, NULL);
    uint64_t before = live_bytes();
    spork_process *child = start(keep_and_die_call(array));
    while (live_bytes() < before + 800000) {
        spork_sleep_ms(1);
    }
    kill_and_free(child);
    assert_int_equal(live_bytes(), before);
    spork_array_free(array);
    assert_memory_is_back();
}

/* ---- deaths ---- */

static spork_array *shared;

static int make_use_and_free(const spork_array_options *options) {
    spork_array *made;
    int64_t number = 1;
    EXPECT(SPORK_ARRAY_NEW(&made, int64_t, 5, options) == 0);
    EXPECT(SPORK_SET(made, int64_t, 0, &number) == 0);
    spork_array_free(made);
    return 0;
}

static int make_use_and_free_an_array(void) {
    return make_use_and_free(NULL);
}

static int make_use_and_free_one_with_a_lock(void) {
    spork_lock *lock;
    EXPECT(spork_lock_new(&lock, NULL) == 0);
    EXPECT(make_use_and_free(&(spork_array_options){.lock = lock}) == 0);
    spork_lock_free(lock);
    return 0;
}

static int nothing_more(void) {
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_an_array_is_made_used_and_freed_leaves_nothing_of_it, 90) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "array made, used and freed",
                                   .work = make_use_and_free_an_array,
                                   .verify = nothing_more,
                                   .burier_stride = 173});
}

TEST_ONCE_SLOW(a_death_anywhere_in_the_life_of_an_array_with_a_given_lock_leaves_neither, 90) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "array with a lock",
                                   .work = make_use_and_free_one_with_a_lock,
                                   .verify = nothing_more,
                                   .burier_stride = 173});
}

static int write_twice(void) {
    const int64_t items[3] = {1, 1, 1};
    EXPECT(spork_array_write(shared, 0, 3, items, sizeof items) == 0);
    return spork_array_add(shared, 3, 10, NULL);
}

static int read_what_is_there(void) {
    int64_t items[4];
    int error = spork_array_read(shared, 0, 4, items, sizeof items);
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    bool whole = items[0] == items[1] && items[1] == items[2];
    EXPECT(whole || error == SPORK_EOWNERDIED);
    EXPECT(items[3] == 0 || (items[3] == 10 && error == 0 && items[0] == 1));
    EXPECT(spork_array_read(shared, 0, 4, items, sizeof items) == 0);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_write_is_told_if_the_items_are_half_changed, 120) {
    deaths_set_up();
    shared = new_numbers(4, NULL);
    die_everywhere(&(struct death){.name = "array written",
                                   .work = write_twice,
                                   .verify = read_what_is_there,
                                   .burier_stride = 31});
    spork_array_free(shared);
}

/* ---- a storm ---- */

enum { STORM_ITEMS = 4096 };

/* All items are equal whenever nobody holds the lock, or died holding it. */
static int change_all(spork_array *array, spork_array *progress) {
    static _Thread_local int64_t items[STORM_ITEMS];
    spork_lock *lock = spork_array_lock(array);
    for (;;) {
        int error = spork_lock_acquire(lock, PATIENCE_MS);
        EXPECT(error == 0 || error == SPORK_EOWNERDIED);
        EXPECT(spork_array_read(array, 0, STORM_ITEMS, items, sizeof items) == 0);
        for (size_t i = 0; i < STORM_ITEMS; i++) {
            EXPECT(items[i] == items[0] || error == SPORK_EOWNERDIED);
        }
        for (size_t i = STORM_ITEMS; i-- > 0;) {
            items[i] = items[0] + 1;
        }
        EXPECT(spork_array_write(array, 0, STORM_ITEMS, items, sizeof items) == 0);
        EXPECT(spork_lock_release(lock) == 0);
        EXPECT(spork_array_add(progress, 0, 1, NULL) == 0);
    }
}
SPORK_TASK(int, change_all, spork_array *, spork_array *);

static spork_array *storm_progress;

static spork_call change_all_of_it(int number) {
    (void)number;
    return change_all_call(shared, storm_progress);
}

static bool somebody_changed_all(void) {
    static int64_t last;
    int64_t now = number_at(storm_progress, 0);
    bool progressed = now > last;
    last = now;
    return progressed;
}

TEST_SLOW(killed_writers_leave_an_array_that_is_whole_or_says_that_it_is_not, 90) {
    needs_a_process_to_kill();
    note_memory();
    shared = new_numbers(STORM_ITEMS, NULL);
    storm_progress = new_numbers(1, NULL);
    storm(change_all_of_it, somebody_changed_all);
    spork_array_free(shared);
    spork_array_free(storm_progress);
    assert_memory_is_back();
}

TEST_MAIN
