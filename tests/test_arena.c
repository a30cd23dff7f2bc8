/* White box: the arena's heap, journal and tables. */
#include "handle_table.h"
#include "queue_core.h"
#include "support/image.h"
#include "support_children.h"

static struct self *enter(void) {
    int error;
    struct self *self = family_enter(&error);
    assert_non_null(self);
    return self;
}

static uint64_t take(struct self *self, uint64_t size) {
    uint64_t offset = 0;
    family_lock(self);
    OK(arena_take(size, BLOCK_PLAIN, &offset));
    family_commit(self);
    return offset;
}

static void give(struct self *self, uint64_t offset) {
    family_lock(self);
    arena_give(offset);
    family_commit(self);
}

static uint64_t live_bytes(void) {
    return atomic_load(&arena->live_bytes);
}

TEST_ONCE(blocks_of_every_size_have_room_for_what_was_asked_and_do_not_overlap) {
    struct self *self = enter();
    for (uint64_t size = 1; size < 100000; size = size * 5 / 4 + 1) {
        uint64_t blocks[3];
        for (int i = 0; i < 3; i++) {
            blocks[i] = take(self, size);
            assert_int_equal(blocks[i] % 64, 0);
            assert_true(arena_valid_block(blocks[i]));
            assert_true(atomic_load(&arena_block(blocks[i])->size) >= size + BLOCK_HEADER);
            memset(arena_at(blocks[i]), 'a' + i, size);
        }
        for (int i = 0; i < 3; i++) {
            const char *data = arena_at(blocks[i]);
            assert_true(data[0] == 'a' + i && data[size - 1] == 'a' + i);
            give(self, blocks[i]);
        }
        assert_null(arena_flaw());
    }
    assert_int_equal(live_bytes(), 0);
}

TEST_ONCE(five_thousand_random_blocks_leave_the_heap_whole_and_empty) {
    enum { ALIVE = 50 };
    struct self *self = enter();
    uint64_t blocks[ALIVE] = {0};
    uint32_t chance = 1;
    for (int i = 0; i < 5000; i++) {
        chance = chance * 1664525u + 1013904223u;
        uint64_t *block = &blocks[chance >> 8 & 31];
        if (*block != 0) {
            give(self, *block);
        }
        *block = take(self, 1 + (chance >> 13) % (1u << (4 + (chance >> 3) % 14)));
        if (i % 500 == 0) {
            assert_null(arena_flaw());
        }
    }
    uint64_t top = atomic_load(&arena->top);
    for (int i = 0; i < ALIVE; i++) {
        if (blocks[i] != 0) {
            give(self, blocks[i]);
        }
    }
    assert_null(arena_flaw());
    assert_int_equal(live_bytes(), 0);
    /* What was given back is used again. */
    for (int i = 0; i < 1000; i++) {
        give(self, take(self, 100));
    }
    assert_int_equal(atomic_load(&arena->top), top);
}

TEST_ONCE(a_block_that_cannot_fit_is_refused_and_changes_nothing) {
    struct self *self = enter();
    uint64_t offset = 0;
    uint64_t top = atomic_load(&arena->top);
    family_lock(self);
    FAILS(SPORK_ENOSPACE, arena_take(arena->size - 4096, BLOCK_PLAIN, &offset));
    FAILS(SPORK_ENOSPACE, arena_take(UINT64_MAX - 63, BLOCK_PLAIN, &offset));
    family_unlock(self);
    assert_int_equal(atomic_load(&arena->top), top);
    assert_null(arena_flaw());
}

TEST_ONCE(nothing_of_a_transaction_that_was_not_committed_is_true) {
    struct self *self = enter();
    struct image before = {0};
    uint64_t offset;
    image_set_up();
    family_lock(self);
    family_unlock(self);
    assert_true(image_take(&before));
    family_lock(self);
    OK(arena_take(1000, BLOCK_PLAIN, &offset));
    arena_own(offset, family_self());
    assert_int_equal(arena_get(&arena_block(offset)->owner), family_self());
    assert_int_equal(atomic_load(&arena_block(offset)->owner), 0);
    family_unlock(self);
    family_lock(self);
    arena_commit();
    assert_int_equal(atomic_load(&arena->journal_count), 0);
    family_unlock(self);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
    image_free(&before);
}

TEST_ONCE(a_word_that_is_set_twice_takes_one_place_and_the_last_value) {
    struct self *self = enter();
    uint64_t block = take(self, 64);
    arena_word *words = arena_at(block);
    atomic_store(&words[0], 1);
    family_lock(self);
    for (uint64_t i = 0; i < 10 * ARENA_JOURNAL; i++) {
        arena_set(&words[0], i);
        arena_set(&words[1], arena_get(&words[0]) + 1);
    }
    assert_int_equal(atomic_load(&words[0]), 1);
    family_commit(self);
    assert_int_equal(atomic_load(&words[0]), 10 * ARENA_JOURNAL - 1);
    assert_int_equal(atomic_load(&words[1]), 10 * ARENA_JOURNAL);
    give(self, block);
}

TEST_ONCE(a_committed_transaction_whose_writer_died_is_finished_by_the_next) {
    struct self *self = enter();
    uint64_t block = take(self, 64);
    arena_word *words = arena_at(block);
    atomic_store(&words[0], 1);
    atomic_store(&words[1], 2);
    /* As if somebody had died between the store of the count and the first word. */
    family_lock(self);
    arena->journal[0].offset = arena_offset(&words[0]);
    arena->journal[0].value = 10;
    arena->journal[1].offset = arena_offset(&words[1]);
    arena->journal[1].value = 20;
    atomic_store(&arena->journal_count, 2);
    arena_recover();
    assert_int_equal(atomic_load(&words[0]), 10);
    assert_int_equal(atomic_load(&words[1]), 20);
    assert_int_equal(atomic_load(&arena->journal_count), 0);
    family_unlock(self);
    give(self, block);
}

TEST_ONCE(a_handle_that_was_removed_is_not_valid_though_its_slot_is_used_again) {
    spork_queue *first = NULL;
    spork_queue *second = NULL;
    OK(spork_queue_new(&first, NULL));
    handle_id id = ((struct handle *)(void *)first)->id;
    assert_true(table_valid(id));
    spork_queue_free(first);
    assert_false(table_valid(id));
    OK(spork_queue_new(&second, NULL));
    handle_id other = ((struct handle *)(void *)second)->id;
    assert_int_equal(id & 0xFFFFFFFFu, other & 0xFFFFFFFFu);
    assert_true(table_valid(other) && !table_valid(id));
    assert_false(table_valid(0));
    assert_false(table_valid(other + 1000000));
    spork_queue_free(second);
    assert_null(arena_flaw());
}

TEST_ONCE(ten_thousand_objects_come_and_go) {
    enum { COUNT = 10000 };
    spork_lock **locks = calloc(COUNT, sizeof *locks);
    assert_non_null(locks);
    for (int i = 0; i < COUNT; i++) {
        OK(spork_lock_new(&locks[i], NULL));
    }
    assert_int_equal(atomic_load(&arena->handles_live), COUNT);
    assert_null(arena_flaw());
    for (int i = 0; i < COUNT; i++) {
        spork_lock_free(locks[i * 7919 % COUNT]);
    }
    assert_int_equal(atomic_load(&arena->handles_live), 0);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
    free(locks);
}

TEST_ONCE(the_memory_of_large_items_is_given_back) {
    spork_queue *queue = NULL;
    unsigned char *large = calloc(1, 20 << 20);
    size_t size;
    assert_non_null(large);
    OK(spork_queue_new(&queue, NULL));
    uint64_t before = live_bytes();
    for (int round = 0; round < 10; round++) {
        for (size_t kilobytes = 20; kilobytes <= 20480; kilobytes *= 4) {
            OK(spork_queue_put_bytes(queue, large, kilobytes << 10, 0));
        }
        assert_true(live_bytes() > before);
        for (size_t kilobytes = 20; kilobytes <= 20480; kilobytes *= 4) {
            OK(spork_queue_get_bytes(queue, large, 20 << 20, &size, 0));
            assert_int_equal(size, kilobytes << 10);
        }
        assert_int_equal(live_bytes(), before);
    }
    /* Ten rounds took no more than one. */
    assert_true(atomic_load(&arena->top) - sizeof(struct arena) < (uint64_t)64 << 20);
    spork_queue_free(queue);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
    free(large);
}

TEST_ONCE(what_a_queue_keeps_for_items_has_a_bound_and_goes_with_it) {
    enum { ITEMS = 1000, MOST_KEPT = 16384, KEPT_IN_ALL = 4 << 20 };
    static const unsigned char data[MOST_KEPT];
    static unsigned char got[MOST_KEPT];
    spork_queue *queue = NULL;
    size_t size;
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = ITEMS,
                                                      .backing = SPORK_QUEUE_RING}));
    uint64_t before = live_bytes();
    uint64_t kept = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t bytes = 200; bytes <= MOST_KEPT; bytes += 1600) {
            for (int i = 0; i < ITEMS; i++) {
                OK(spork_queue_put_bytes(queue, data, bytes, 0));
            }
            for (int i = 0; i < ITEMS; i++) {
                OK(spork_queue_get_bytes(queue, got, sizeof got, &size, 0));
                assert_int_equal(size, bytes);
            }
        }
        assert_in_range(live_bytes() - before, 1, KEPT_IN_ALL * 3 / 2);
        assert_true(round == 0 || live_bytes() == kept);
        kept = live_bytes();
    }
    spork_queue_free(queue);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

TEST_ONCE(a_block_that_was_fetched_for_a_slot_goes_back_if_another_slot_has_room) {
    static unsigned char data[1000];
    struct self *self = enter();
    spork_queue *queue = NULL;
    size_t size;
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = 1,
                                                      .backing = SPORK_QUEUE_RING}));
    OK(spork_queue_put_bytes(queue, data, sizeof data, 0));
    OK(spork_queue_get_bytes(queue, data, sizeof data, &size, 0));
    uint64_t before = live_bytes();
    /* As if the slot that had none had been taken by another writer meanwhile. */
    struct ring_message message = {.data = data, .size = sizeof data, .flags = MESSAGE_RAW};
    struct ring *ring = &queue_body_of(queue)->ring;
    OK(ring_prepare(self, ring, &message));
    message.spare = take(self, sizeof data);
    assert_true(live_bytes() > before);
    OK(ring_try_put(self, queue->handle.id, ring, &message, NULL));
    assert_int_equal(live_bytes(), before);
    assert_int_equal(message.spare, 0);
    /* And if nothing was put. */
    OK(ring_prepare(self, ring, &message));
    message.spare = take(self, sizeof data);
    assert_int_equal(ring_try_put(self, queue->handle.id, ring, &message, NULL),
                     SPORK_EWOULDBLOCK);
    ring_forget(self, &message);
    assert_int_equal(live_bytes(), before);
    spork_queue_free(queue);
    assert_null(arena_flaw());
}

TEST_ONCE(a_queue_that_has_grown_keeps_blocks_for_its_last_segment_alone) {
    enum { ITEMS = 5000 };
    static unsigned char data[1000];
    spork_queue *queue = NULL;
    size_t size;
    OK(spork_queue_new(&queue, &(spork_queue_options){.backing = SPORK_QUEUE_RING}));
    for (int i = 0; i < ITEMS; i++) {
        OK(spork_queue_put_bytes(queue, data, sizeof data, 0));
    }
    uint64_t full = live_bytes();
    for (int i = 0; i < ITEMS; i++) {
        OK(spork_queue_get_bytes(queue, data, sizeof data, &size, 0));
    }
    /* 64, 256 and 1,024 slots have been left, each with a block of more than 1,000 bytes. */
    assert_true(full - live_bytes() > (64 + 256 + 1024) * sizeof data);
    spork_queue_free(queue);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

static int do_nothing(void) {
    return 0;
}
SPORK_TASK(int, do_nothing);

TEST_SLOW(a_hundred_children_leave_no_slot_and_no_byte, 60) {
    uint64_t processes = 0;
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
        finish(start(do_nothing_call()));
        if (i == 5) {
            processes = atomic_load(&arena->processes_used);
            before = live_bytes();
        }
    }
    assert_int_equal(atomic_load(&arena->processes_used), processes);
    assert_int_equal(live_bytes(), before);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
    assert_null(arena_flaw());
}

/* ---- who cannot join ---- */

TEST_ONCE(a_thread_of_no_family_is_told_that_by_number_and_in_words) {
    slot_reference process = 0;
    int error = 0;
    forget_detail();
    assert_null(sleep_enter(&error));
    assert_int_equal(error, SPORK_ESTATE);
    assert_non_null(strstr(spork_error_detail(), "has not joined"));
    FAILS(SPORK_ESTATE, family_reserve(&process, 0));
    assert_non_null(strstr(spork_error_detail(), "has not joined"));
}

struct latecomer {
    int error;
    char detail[200];
};

static void come_late(void *argument) {
    struct latecomer *latecomer = argument;
    assert_null(family_enter(&latecomer->error));
    snprintf(latecomer->detail, sizeof latecomer->detail, "%s", spork_error_detail());
}

TEST_ONCE(a_thread_for_which_there_is_no_place_is_told_that_by_number_and_in_words) {
    static uint64_t taken[ARENA_THREADS];
    struct latecomer latecomer = {0};
    struct plat_thread thread;
    enter();
    OK(arena_commit_range(&arena->threads[0], sizeof arena->threads));
    for (uint32_t i = 0; i < ARENA_THREADS; i++) {
        uint64_t nobody = 0;
        taken[i] = atomic_compare_exchange_strong(&arena->threads[i].process, &nobody,
                                                  family_self());
    }
    OK(plat_thread_start(&thread, come_late, &latecomer));
    plat_thread_join(&thread);
    for (uint32_t i = 0; i < ARENA_THREADS; i++) {
        if (taken[i]) {
            atomic_store(&arena->threads[i].process, 0);
        }
    }
    assert_int_equal(latecomer.error, SPORK_ELIMIT);
    assert_non_null(strstr(latecomer.detail, "8192 threads"));
}

TEST_MAIN
