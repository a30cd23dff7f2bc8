/* Blocks of the family's memory. */
#include "handle.h"
#include "support/deaths.h"
#include "support_memory.h"
#include "support_native.h"
#include "support_workers.h"

static spork_offset take(size_t size) {
    spork_offset block = 0;
    OK(spork_shared_alloc(&block, size));
    return block;
}

static bool is_zero(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- one process ---- */

TEST_ONCE(blocks_of_every_size_are_zeroed_aligned_and_as_large_as_asked) {
    for (int round = 0; round < 2; round++) {
        for (size_t size = 1; size < 3000000; size = size * 5 / 4 + 1) {
            spork_offset block = take(size);
            unsigned char *data = spork_shared_at(block);
            assert_non_null(data);
            assert_int_equal((uintptr_t)data % 64, 0);
            assert_true(spork_shared_size(block) >= size);
            assert_true(is_zero(data, size));
            /* All of it is the caller's, and none of it is zero when it is used again. */
            memset(data, 0xff, spork_shared_size(block));
            assert_null(arena_flaw());
            OK(spork_shared_free(block));
        }
    }
    assert_int_equal(live_bytes(), 0);
}

TEST_ONCE(offsets_and_addresses_are_two_names_of_the_same_byte) {
    spork_offset block = take(100);
    unsigned char *data = spork_shared_at(block);
    int local = 0;
    for (size_t i = 0; i < 100; i++) {
        assert_ptr_equal(spork_shared_at(block + i), data + i);
        assert_int_equal(spork_shared_offset(data + i), block + i);
    }
    assert_null(spork_shared_at(0));
    assert_int_equal(spork_shared_offset(NULL), 0);
    assert_int_equal(spork_shared_offset(&local), 0);
    assert_non_null(strstr(spork_error_detail(), "not in the family's memory"));
    assert_int_equal(spork_shared_offset(arena), 0);
    assert_int_equal(spork_shared_offset(arena_at(atomic_load(&arena->top))), 0);
    OK(spork_shared_free(block));
}

TEST_ONCE(before_there_is_a_family_no_address_is_in_its_memory) {
    int local = 0;
    assert_null(arena);
    assert_null(spork_shared_at(0));
    assert_int_equal(spork_shared_offset(&local), 0);
    OK(spork_shared_free(0));
    FAILS(SPORK_EINVAL, spork_shared_free(1 << 20));
    assert_int_equal(spork_shared_size(0), 0);
}

TEST_ONCE(only_blocks_that_are_allocated_are_freed_and_only_once) {
    spork_lock *lock = NULL;
    spork_offset block = take(1000);
    spork_offset other = take(1000);
    OK(spork_lock_new(&lock, NULL));
    uint64_t before = live_bytes();
    FAILS(SPORK_EINVAL, spork_shared_alloc(NULL, 1));
    FAILS(SPORK_EINVAL, spork_shared_alloc(&block, 0));
    OK(spork_shared_free(0));
    const spork_offset wrong[] = {1, 64, 4096, block - 64, block + 1, block + 64, block + 512,
                                  atomic_load(&arena->top), atomic_load(&arena->top) + 64,
                                  arena->size, UINT64_MAX - 63, UINT64_MAX,
                                  /* A block, but an object's. */
                                  arena_offset(((struct handle *)(void *)lock)->body)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        FAILS(SPORK_EINVAL, spork_shared_free(wrong[i]));
        assert_int_equal(spork_shared_size(wrong[i]), 0);
    }
    assert_int_equal(spork_shared_size(0), 0);
    assert_int_equal(live_bytes(), before);
    OK(spork_shared_free(block));
    FAILS(SPORK_EINVAL, spork_shared_free(block));
    assert_int_equal(spork_shared_size(block), 0);
    assert_non_null(strstr(spork_error_detail(), "freed"));
    assert_true(spork_shared_size(other) >= 1000);
    OK(spork_shared_free(other));
    spork_lock_free(lock);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

TEST_ONCE(a_block_that_holds_the_copy_of_another_s_header_has_no_block_in_its_middle) {
    spork_offset block = take(1000);
    memcpy(spork_shared_at(block + 64), arena_block(block), BLOCK_HEADER);
    FAILS(SPORK_EINVAL, spork_shared_free(block + 128));
    OK(spork_shared_free(block));
    assert_int_equal(live_bytes(), 0);
}

/* Blocks of sizes and contents drawn by chance, of which at most 50 are alive. */
enum { ALIVE = 50 };
static int churn(int64_t times) {
    struct {
        spork_offset block;
        size_t size;
        uint64_t number;
    } alive[ALIVE] = {{0}};
    for (int64_t i = 0; i < times + ALIVE; i++) {
        size_t at = i < times ? next_random() % ALIVE : (size_t)(i - times);
        unsigned char *data = spork_shared_at(alive[at].block);
        EXPECT(data == NULL || is_pattern(data, alive[at].size, alive[at].number));
        EXPECT(spork_shared_free(alive[at].block) == 0);
        alive[at].block = 0;
        if (i < times) {
            alive[at].size = 1 + next_random() % (1u << (3 + next_random() % 14));
            alive[at].number = next_random();
            EXPECT(spork_shared_alloc(&alive[at].block, alive[at].size) == 0);
            EXPECT(is_zero(spork_shared_at(alive[at].block), alive[at].size));
            fill_pattern(spork_shared_at(alive[at].block), alive[at].size, alive[at].number);
        }
    }
    return 0;
}
SPORK_TASK(int, churn, int64_t);

TEST_ONCE_SLOW(five_thousand_random_blocks_keep_their_contents_and_are_all_returned, 60) {
    assert_int_equal(churn(5000), 0);
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

/* ---- several ---- */

TEST_SLOW(eight_at_once_get_blocks_that_are_each_one_s_own, 90) {
    enum { CHILDREN = 8 };
    spork_process *children[CHILDREN];
    note_memory();
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(churn_call(1000));
    }
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    assert_memory_is_back();
}

/* Answers each block that comes with one that has its contents reversed, and frees it. */
static int reverse(spork_queue *in, spork_queue *out) {
    spork_value value;
    int64_t offset = 0;
    EXPECT(spork_queue_get(in, &value, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_int(&value, &offset) == 0);
    const char *text = spork_shared_at((spork_offset)offset);
    size_t length = strlen(text);
    spork_offset answer = 0;
    EXPECT(spork_shared_alloc(&answer, length + 1) == 0);
    char *reversed = spork_shared_at(answer);
    for (size_t i = 0; i < length; i++) {
        reversed[i] = text[length - 1 - i];
    }
    EXPECT(spork_shared_offset(text) == (spork_offset)offset);
    EXPECT(spork_shared_free((spork_offset)offset) == 0);
    EXPECT(spork_queue_put(out, spork_int((int64_t)answer), 0) == 0);
    return 0;
}
SPORK_TASK(int, reverse, spork_queue *, spork_queue *);

TEST(a_block_is_found_by_its_offset_in_another_process_and_outlives_who_allocated_it) {
    spork_queue *in = NULL;
    spork_queue *out = NULL;
    spork_value value;
    int64_t answer = 0;
    note_memory();
    OK(spork_queue_new(&in, NULL));
    OK(spork_queue_new(&out, NULL));
    spork_offset block = take(100000);
    strcpy(spork_shared_at(block), "a long word");
    OK(spork_queue_put(in, spork_int((int64_t)block), 0));
    finish(start(reverse_call(in, out)));
    OK(spork_queue_get(out, &value, PATIENCE_MS));
    OK(spork_value_get_int(&value, &answer));
    assert_string_equal(spork_shared_at((spork_offset)answer), "drow gnol a");
    FAILS(SPORK_EINVAL, spork_shared_free(block));
    OK(spork_shared_free((spork_offset)answer));
    spork_queue_free(in);
    spork_queue_free(out);
    assert_memory_is_back();
}

/* ---- much ---- */

static uint64_t *words_of(spork_offset block) {
    return spork_shared_at(block);
}

TEST_ONCE_SLOW(hundreds_of_mebibytes_are_there_to_be_touched_and_are_used_again, 90) {
    enum { BLOCKS = 20, SIZE = 16 << 20, STEP = 4096 / 8 };
    spork_offset blocks[BLOCKS];
    uint64_t top = 0;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < BLOCKS; i++) {
            blocks[i] = take(SIZE);
            for (size_t word = 0; word < SIZE / 8; word += STEP) {
                words_of(blocks[i])[word] = i << 32 | word;
            }
        }
        for (uint64_t i = 0; i < BLOCKS; i++) {
            for (size_t word = 0; word < SIZE / 8; word += STEP) {
                assert_true(words_of(blocks[i])[word] == (i << 32 | word));
            }
            assert_true(words_of(blocks[i])[1] == 0);
            OK(spork_shared_free(blocks[i]));
        }
        assert_true(round == 0 || top == atomic_load(&arena->top));
        top = atomic_load(&arena->top);
    }
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

TEST_ONCE(more_than_all_of_the_memory_is_refused_and_everything_works_afterwards) {
    spork_offset block = take(10);
    spork_offset none = 7;
    uint64_t top = atomic_load(&arena->top);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX - 64, SIZE_MAX / 2, arena->size,
                            arena->size - sizeof(struct arena), arena->size - top,
                            arena->size - top - 63};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        FAILS(SPORK_ENOSPACE, spork_shared_alloc(&none, sizes[i]));
    }
    assert_int_equal(none, 7);
    assert_int_equal(atomic_load(&arena->top), top);
    assert_int_equal(churn(200), 0);
    OK(spork_shared_free(block));
    assert_int_equal(live_bytes(), 0);
    assert_null(arena_flaw());
}

/* Takes blocks until there is no room for one more of this size; each is all touched. */
static size_t take_all(spork_offset *first, size_t size) {
    size_t count = 0;
    spork_offset block = 0;
    int error;
    while ((error = spork_shared_alloc(&block, size)) == 0) {
        memset(spork_shared_at(block), 0xee, size);
        *words_of(block) = *first;
        *first = block;
        count++;
    }
    assert_int_equal(error, SPORK_ENOSPACE);
    return count;
}

static void give_all(spork_offset first) {
    while (first != 0) {
        spork_offset next = *words_of(first);
        OK(spork_shared_free(first));
        first = next;
    }
}

TEST_ONCE_SLOW(when_all_is_taken_every_creation_says_so_and_what_is_freed_is_usable, 60) {
    spork_offset large = 0;
    spork_offset small = 0;
    spork_array *array = NULL;
    spork_shareable_list *list = NULL;
    spork_queue *queue = NULL;
    spork_lock *lock = NULL;
    if (!native_limit_files((uint64_t)192 << 20)) {
        SKIP("the family's memory cannot be made small here");
    }
    OK(spork_queue_new(&queue, NULL));
    uint64_t before = live_bytes();
    size_t larges = take_all(&large, 1 << 20);
    assert_true(larges > 50 && larges < 192);
    take_all(&small, 1);
    uint64_t full = live_bytes();
    FAILS(SPORK_ENOSPACE, SPORK_VALUE_NEW(&array, int, NULL));
    FAILS(SPORK_ENOSPACE, SPORK_VALUE_NEW(&array, int, &(spork_array_options){.raw = true}));
    FAILS(SPORK_ENOSPACE, spork_lock_new(&lock, NULL));
    FAILS(SPORK_ENOSPACE,
          spork_shareable_list_new(&list, SPORK_LIST_OF(spork_int(1)), NULL));
    assert_true(array == NULL && list == NULL && lock == NULL);
    assert_int_equal(live_bytes(), full);
    assert_null(arena_flaw());
    /* Room for one block is not room for an array of its own lock: a part is no half. */
    for (int spare = 0; spare < 8 && array == NULL; spare++) {
        spork_offset next = *words_of(small);
        OK(spork_shared_free(small));
        small = next;
        uint64_t now = live_bytes();
        int error = SPORK_VALUE_NEW(&array, int, NULL);
        assert_true(error == 0 || (error == SPORK_ENOSPACE && live_bytes() == now));
        assert_null(arena_flaw());
    }
    assert_non_null(array);
    OK(spork_array_add(array, 0, 1, NULL));
    spork_array_free(array);
    give_all(small);
    give_all(large);
    assert_int_equal(live_bytes(), before);
    assert_null(arena_flaw());
    large = 0;
    assert_int_equal(take_all(&large, 1 << 20), larges);
    give_all(large);
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(when_all_is_taken_a_put_says_so_and_the_queue_goes_on_in_its_order, 60) {
    enum { ROOM = 4, SMALL = 50, MEDIUM = 2000, LARGE = 100000 };
    static const unsigned char data[LARGE];
    static unsigned char got[LARGE];
    spork_offset large = 0;
    spork_offset small = 0;
    spork_offset medium;
    spork_queue *queue = NULL;
    size_t size;
    if (!native_limit_files((uint64_t)192 << 20)) {
        SKIP("the family's memory cannot be made small here");
    }
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = ROOM,
                                                      .backing = SPORK_QUEUE_RING}));
    OK(spork_shared_alloc(&medium, MEDIUM));
    take_all(&large, 1 << 20);
    take_all(&small, 1);
    uint64_t full = live_bytes();
    OK(spork_queue_put_bytes(queue, data, SMALL, 0));
    for (int i = 0; i < 3 * ROOM; i++) {
        FAILS(SPORK_ENOSPACE, spork_queue_put_bytes(queue, data, i % 2 == 0 ? MEDIUM : LARGE, 0));
        assert_int_equal(spork_queue_size(queue), 1);
    }
    for (size_t i = 1; i < ROOM; i++) {
        OK(spork_queue_put_bytes(queue, data, SMALL + i, 0));
    }
    FAILS(SPORK_EFULL, spork_queue_put_bytes(queue, data, 1, 0));
    assert_int_equal(spork_queue_size(queue), ROOM);
    for (size_t i = 0; i < ROOM; i++) {
        OK(spork_queue_get_bytes(queue, got, sizeof got, &size, 0));
        assert_int_equal(size, SMALL + i);
        OK(spork_queue_task_done(queue));
    }
    assert_int_equal(live_bytes(), full);
    assert_null(arena_flaw());
    OK(spork_shared_free(medium));
    OK(spork_queue_put_bytes(queue, data, MEDIUM, 0));
    OK(spork_queue_get_bytes(queue, got, sizeof got, &size, 0));
    assert_int_equal(size, MEDIUM);
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(queue, 1));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, 0));
    give_all(small);
    give_all(large);
    spork_queue_free(queue);
    assert_int_equal(live_bytes(), 0);
}

/* ---- deaths ---- */

static int take_and_free_some(void) {
    spork_offset blocks[3];
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_shared_alloc(&blocks[i], i == 1 ? 500 : 8) == 0);
    }
    EXPECT(spork_shared_free(blocks[1]) == 0);
    EXPECT(spork_shared_alloc(&blocks[1], 450) == 0);
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_shared_free(blocks[i]) == 0);
    }
    return 0;
}

/* Frees all blocks that there are, also those that nobody knows any more; how many, or -1. */
static int free_what_is_there(void) {
    uint64_t at = (sizeof(struct arena) + 4095) / 4096 * 4096;
    int count = 0;
    while (at < atomic_load(&arena->top)) {
        struct block *block = arena_at(at);
        if (atomic_load(&block->state) == BLOCK_USER) {
            bool good = spork_shared_size(at + BLOCK_HEADER) > 0 &&
                        spork_shared_free(at + BLOCK_HEADER) == 0;
            count = good && count >= 0 ? count + 1 : -1;
        }
        at += atomic_load(&block->size);
    }
    return count;
}

/* What the dead had allocated is there, and is freed as any other. */
static int free_and_go_on(void) {
    int count = free_what_is_there();
    EXPECT(count >= 0 && count <= 3);
    return take_and_free_some();
}

TEST_ONCE_SLOW(a_death_anywhere_in_alloc_or_free_leaves_blocks_that_are_there_or_not, 120) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "alloc and free",
                                   .work = take_and_free_some,
                                   .verify = free_and_go_on,
                                   .burier_stride = 11});
}

/* What all of a storm share: each slot has a block, or 0. A block begins with its own offset
   and size, and the rest of it tells the offset. */
enum { SLOTS = 64 };
struct table {
    _Atomic uint64_t slots[SLOTS];
    _Atomic uint64_t progress;
};
struct contents {
    uint64_t offset, size;
    unsigned char pattern[];
};

static bool is_whole(spork_offset block) {
    const struct contents *contents = spork_shared_at(block);
    return contents->offset == block && contents->size <= spork_shared_size(block) &&
           is_pattern(contents->pattern, contents->size - sizeof *contents, block);
}

static int exchange_blocks(int64_t offset) {
    struct table *table = spork_shared_at((spork_offset)offset);
    for (;;) {
        size_t size = sizeof(struct contents) + next_random() % 3000;
        spork_offset block = 0;
        EXPECT(spork_shared_alloc(&block, size) == 0);
        struct contents *contents = spork_shared_at(block);
        EXPECT(is_zero(spork_shared_at(block), size));
        contents->offset = block;
        contents->size = size;
        fill_pattern(contents->pattern, size - sizeof *contents, block);
        spork_offset old = atomic_exchange(&table->slots[next_random() % SLOTS], block);
        EXPECT(old == 0 || is_whole(old));
        EXPECT(spork_shared_free(old) == 0);
        atomic_fetch_add(&table->progress, 1);
    }
}
SPORK_TASK(int, exchange_blocks, int64_t);

static spork_offset table_block;

static spork_call exchange_blocks_of_the_table(int number) {
    (void)number;
    return exchange_blocks_call((int64_t)table_block);
}

static bool somebody_exchanged(void) {
    static uint64_t last;
    struct table *table = spork_shared_at(table_block);
    uint64_t now = atomic_load(&table->progress);
    bool progressed = now > last;
    last = now;
    return progressed;
}

TEST_SLOW(killed_allocators_leave_a_heap_that_is_whole_and_lose_what_was_in_their_hands, 90) {
    needs_a_process_to_kill();
    note_memory();
    table_block = take(sizeof(struct table));
    struct table *table = spork_shared_at(table_block);
    int killed = storm(exchange_blocks_of_the_table, somebody_exchanged);
    int there = 0;
    assert_null(arena_flaw());
    for (int i = 0; i < SLOTS; i++) {
        spork_offset block = atomic_load(&table->slots[i]);
        assert_true(block == 0 || is_whole(block));
        OK(spork_shared_free(block));
        there += block != 0;
    }
    assert_true(there > 0);
    OK(spork_shared_free(table_block));
    /* Between alloc and the exchange, or between that and free, each had one block. */
    assert_in_range(free_what_is_there(), 0, killed);
    assert_memory_is_back();
}

TEST_MAIN
