/* White box: loans of a ring, when a process dies at any point of a reservation, a commit, a
   borrowing or a release, or of a burial. */
#include "handle_table.h"
#include "queue_core.h"
#include "support/deaths.h"
#include "support/image.h"
#include "support_children.h"

enum { SIZE = 400, LARGER = 3000, FIRST = 1 };

static spork_queue *queue;

/* Only the number is written: each byte that changes is a point to die at. */
static int commit_size(uint64_t number, size_t size) {
    spork_queue_item item = {0};
    int error = spork_queue_reserve(queue, size, &item);
    if (error == 0) {
        memcpy(item.data, &number, sizeof number);
        error = spork_queue_commit(queue, &item, 0);
        (void)spork_queue_release(queue, &item);
    }
    return error;
}

static int commit(uint64_t number) {
    return commit_size(number, SIZE);
}

static int borrow(uint64_t *number) {
    spork_queue_item item = {0};
    int error = spork_queue_borrow(queue, &item, 0);
    if (error == 0) {
        memcpy(number, item.data, sizeof *number);
        error = spork_queue_release(queue, &item);
    }
    return error;
}

static int get(uint64_t *number) {
    unsigned char data[LARGER];
    size_t size;
    int error = spork_queue_get_bytes(queue, data, sizeof data, &size, 0);
    if (error == 0) {
        memcpy(number, data, sizeof *number);
    }
    return error;
}

static int put(uint64_t number) {
    unsigned char data[SIZE] = {0};
    memcpy(data, &number, sizeof number);
    return spork_queue_put_bytes(queue, data, sizeof data, 0);
}

/* A queue with the items FIRST to last, committed, and loans that nobody has. */
static void make(uint64_t last) {
    uint64_t number;
    deaths_set_up();
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = 4,
                                                      .backing = SPORK_QUEUE_RING}));
    for (uint64_t i = 0; i < 4; i++) {
        OK(commit(i));
    }
    for (uint64_t i = 0; i < 4; i++) {
        OK(borrow(&number));
        assert_int_equal(number, i);
    }
    for (uint64_t i = FIRST; i <= last; i++) {
        OK(commit(i));
    }
}

/* ---- what has to be there afterwards ---- */

/* Items FIRST to last, of which these may be missing, or be there besides. */
static struct {
    uint64_t last, optional_from, optional_to;
} expected;

/* What was put, and got, by those who worked on before a death was noticed. */
static uint64_t extra, gone;

static int check_items(void) {
    unsigned char seen[128] = {0};
    uint64_t number = 0;
    int error;
    while ((error = borrow(&number)) == 0) {
        EXPECT(number < sizeof seen && seen[number] == 0);
        seen[number] = 1;
    }
    EXPECT(error == SPORK_EEMPTY);
    for (number = FIRST; number < sizeof seen; number++) {
        bool is_optional =
            (number >= expected.optional_from && number <= expected.optional_to) ||
            (extra != 0 && number == extra) || (gone != 0 && number == gone);
        if (!is_optional && seen[number] != (number <= expected.last)) {
            fprintf(stderr, "item %d is %s\n", (int)number, seen[number] ? "too much" : "lost");
            return 1;
        }
    }
    return 0;
}

/* Nobody has a loan any more: all can be had, each once, and no private block is needed. */
static int check_loans(void) {
    spork_queue_item items[RING_LOANS] = {{0}};
    for (int i = 0; i < RING_LOANS; i++) {
        EXPECT(spork_queue_reserve(queue, SIZE, &items[i]) == 0);
        if (items[i].ticket == 0) {
            fprintf(stderr, "a loan is lost: there are but %d\n", i);
            return 1;
        }
        memset(items[i].data, i, SIZE);
    }
    for (int i = 0; i < RING_LOANS; i++) {
        const unsigned char *data = items[i].data;
        EXPECT(data[0] == i && data[SIZE - 1] == i);
        EXPECT(spork_queue_release(queue, &items[i]) == 0);
    }
    return 0;
}

/* All loans that can be had are written to: none of them is an item's. */
static int check_items_among_loans(void) {
    spork_queue_item items[RING_LOANS] = {{0}};
    for (int i = 0; i < RING_LOANS; i++) {
        EXPECT(spork_queue_reserve(queue, SIZE, &items[i]) == 0);
        memset(items[i].data, 0xEE, SIZE);
    }
    int result = check_items();
    for (int i = 0; i < RING_LOANS; i++) {
        const unsigned char *data = items[i].data;
        EXPECT(data[0] == 0xEE && data[SIZE - 1] == 0xEE);
        EXPECT(spork_queue_release(queue, &items[i]) == 0);
    }
    return result;
}

static int check(void) {
    uint64_t number;
    if (check_items_among_loans() != 0 || check_loans() != 0) {
        return 1;
    }
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 4; i++) {
            EXPECT(commit(i) == 0);
        }
        EXPECT(commit(9) == SPORK_EFULL);
        for (uint64_t i = 0; i < 4; i++) {
            EXPECT((i % 2 == 0 ? borrow(&number) : get(&number)) == 0 && number == i);
        }
    }
    return 0;
}

/* Others work on without having noticed. */
static int pass_one_through(void) {
    uint64_t number;
    extra = gone = 0;
    int error = commit(99);
    EXPECT(error == 0 || error == SPORK_EFULL);
    extra = error == 0 ? 99 : 0;
    error = borrow(&number);
    EXPECT(error == 0 || error == SPORK_EEMPTY);
    if (error == 0 && number != 99) {
        gone = number;
    }
    return 0;
}

static void die(const char *name, int (*work)(void), uint64_t last, uint64_t optional_from,
                uint64_t optional_to) {
    expected.last = last;
    expected.optional_from = optional_from;
    expected.optional_to = optional_to;
    die_everywhere(&(struct death){.name = name,
                                   .work = work,
                                   .early = pass_one_through,
                                   .verify = check,
                                   .burier_stride = 9});
    spork_queue_free(queue);
}

/* ---- works ---- */

static int commit_5(void) {
    return commit(5);
}
static int commit_5_larger(void) {
    return commit_size(5, LARGER);
}
static int borrow_one(void) {
    uint64_t number;
    return borrow(&number);
}
static int get_one(void) {
    uint64_t number;
    return get(&number);
}
static int borrow_and_commit(void) {
    spork_queue_item item = {0};
    uint64_t five = 5;
    EXPECT(spork_queue_borrow(queue, &item, 0) == 0);
    memcpy(item.data, &five, sizeof five);
    return spork_queue_commit(queue, &item, 0);
}
static int reserve_and_release(void) {
    spork_queue_item item = {0};
    EXPECT(spork_queue_reserve(queue, SIZE, &item) == 0);
    return spork_queue_release(queue, &item);
}
static int reserve_more(void) {
    spork_queue_item items[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_queue_reserve(queue, SIZE, &items[i]) == 0);
    }
    return spork_queue_release(queue, &items[1]);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_commit_loses_no_loan_and_no_item, 120) {
    make(3);
    die("commit", commit_5, 3, 5, 5);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_commit_that_needs_a_larger_block_loses_nothing, 120) {
    make(3);
    die("commit, larger", commit_5_larger, 3, 5, 5);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_first_commit_loses_nothing, 120) {
    deaths_set_up();
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = 4,
                                                      .backing = SPORK_QUEUE_RING}));
    die("first commit", commit_5, 0, 5, 5);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_borrowing_gives_the_item_back_or_took_it, 120) {
    make(4);
    die("borrow", borrow_one, 4, 1, 1);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_get_of_a_committed_item_gives_it_back_or_took_it, 120) {
    make(4);
    die("get", get_one, 4, 1, 1);
}

static int commit_99_early(void) {
    extra = 0;
    int error = commit(99);
    EXPECT(error == 0);
    extra = 99;
    return 0;
}

/* The only loan that there is: what the dead reader's item lay in is another's by then. */
TEST_ONCE_SLOW(an_item_put_into_the_loan_of_a_dead_reader_before_anybody_noticed_stays, 60) {
    deaths_set_up();
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = 4,
                                                      .backing = SPORK_QUEUE_RING}));
    OK(commit(1));
    expected.last = 1;
    expected.optional_from = expected.optional_to = 1;
    die_everywhere(&(struct death){.name = "get, then an early commit",
                                   .work = get_one,
                                   .early = commit_99_early,
                                   .early_only = true,
                                   .verify = check});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_borrowing_of_a_copied_item_gives_it_back_or_took_it, 120) {
    uint64_t number;
    make(4);
    for (int i = 0; i < 4; i++) {
        OK(get(&number));
    }
    for (uint64_t i = FIRST; i <= 4; i++) {
        OK(put(i));
    }
    die("borrow a copy", borrow_one, 4, 1, 1);
}

TEST_ONCE_SLOW(a_death_anywhere_while_an_item_goes_round_has_it_once_or_not_at_all, 120) {
    make(3);
    die("borrow and commit", borrow_and_commit, 3, 1, 5);
}

TEST_ONCE_SLOW(a_death_anywhere_among_reservations_loses_no_loan, 120) {
    make(3);
    die("reserve and release", reserve_and_release, 3, 0, 0);
    make(3);
    die("reserve more", reserve_more, 3, 0, 0);
}

/* Those who have not noticed find few loans that nobody has. */
TEST_ONCE_SLOW(a_death_anywhere_with_all_loans_held_leaves_what_others_hold, 120) {
    static spork_queue_item held[RING_LOANS - 5];
    make(3);
    for (int i = 0; i < RING_LOANS - 5; i++) {
        OK(spork_queue_reserve(queue, SIZE, &held[i]));
        memset(held[i].data, i, SIZE);
    }
    expected.last = 3;
    expected.optional_from = expected.optional_to = 5;
    /* The loans that this process holds go with it at the end; nobody else may get them. */
    die_everywhere(&(struct death){.name = "commit among others",
                                   .work = commit_5,
                                   .early = pass_one_through,
                                   .verify = check_items_among_loans,
                                   .burier_stride = 19});
    for (int i = 0; i < RING_LOANS - 5; i++) {
        const unsigned char *data = held[i].data;
        assert_true(data[0] == i && data[SIZE - 1] == i);
        OK(spork_queue_release(queue, &held[i]));
    }
    spork_queue_free(queue);
}

/* ---- what is kept ---- */

static uint64_t live_bytes(void) {
    return atomic_load(&arena->live_bytes);
}

TEST_ONCE(what_a_ring_keeps_of_loans_has_a_bound_and_goes_with_it) {
    enum { AT_ONCE = 100 };
    static spork_queue_item items[AT_ONCE];
    OK(spork_queue_new(&queue, &(spork_queue_options){.backing = SPORK_QUEUE_RING}));
    for (size_t size = 100; size <= (size_t)40 << 20; size *= 8) {
        for (int way = 0; way < 2; way++) {
            for (int i = 0; i < AT_ONCE; i++) {
                OK(spork_queue_reserve(queue, size, &items[i]));
            }
            for (int i = 0; i < AT_ONCE; i++) {
                if (way == 0) {
                    OK(spork_queue_release(queue, &items[i]));
                } else {
                    OK(spork_queue_commit(queue, &items[i], 0));
                }
            }
            if (way == 1) {
                for (int i = 0; i < AT_ONCE; i++) {
                    OK(spork_queue_borrow(queue, &items[i], 0));
                    OK(spork_queue_release(queue, &items[i]));
                }
            }
            assert_true(live_bytes() < (uint64_t)RING_LOANED_IN_ALL * 11 / 10);
        }
    }
    /* Of every size at once, the largest first. */
    for (size_t i = 0; i < RING_LOANS; i++) {
        OK(spork_queue_reserve(queue, ((size_t)60 << 20) / (i + 1), &items[i]));
    }
    for (size_t i = 0; i < RING_LOANS; i++) {
        OK(spork_queue_release(queue, &items[i]));
    }
    assert_true(live_bytes() < (uint64_t)RING_LOANED_IN_ALL * 11 / 10);
    assert_true(live_bytes() > 0);
    /* Nothing, where the largest had to be given back. */
    for (size_t i = 0; i < RING_LOANS; i++) {
        OK(spork_queue_reserve(queue, 0, &items[i]));
        memset(items[i].data, 0xFF, 1);
    }
    for (size_t i = 0; i < RING_LOANS; i++) {
        OK(spork_queue_release(queue, &items[i]));
    }
    assert_null(arena_flaw());
    spork_queue_free(queue);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

TEST_ONCE(items_of_one_size_need_no_new_memory_and_no_lock) {
    uint64_t number;
    OK(spork_queue_new(&queue, &(spork_queue_options){.backing = SPORK_QUEUE_RING}));
    OK(commit(0));
    OK(borrow(&number));
    uint64_t stamp = atomic_load(&arena->stamp);
    for (uint64_t i = 0; i < 1000; i++) {
        OK(commit(i));
        OK(borrow(&number));
        assert_int_equal(number, i);
    }
    /* It rises with each block that is taken. */
    assert_int_equal(atomic_load(&arena->stamp), stamp);
    spork_queue_free(queue);
}

TEST_MAIN
