/* White box: rings, when a process dies at any point of a put, a get, a growth, or a burial. */
#include "support/deaths.h"
#include "support_children.h"

/* Odd messages lie in their slot, even ones in a block that it keeps; of these each fourth needs
   one twice as large, so that it is replaced. The few huge ones come in a block of their own. */
enum { SMALL = 20, LARGE = 400, LARGER = 800, HUGE = 17000, MOST_MESSAGES = 200 };
enum { IS_HUGE = 150 }; /* those from there on */

static spork_queue *queue;

static size_t size_of(uint64_t number) {
    if (number >= IS_HUGE) {
        return HUGE;
    }
    return number % 2 == 1 ? SMALL : number % 4 == 2 ? LARGE : LARGER;
}

/* Made beforehand: what is stepped through shall not be the filling in. The huge ones are 0, as
   fresh memory is, but for their numbers: each byte that changes is a point to die at. */
static unsigned char patterns[MOST_MESSAGES][LARGER];
static unsigned char huge_patterns[MOST_MESSAGES - IS_HUGE][HUGE];

static unsigned char *pattern_of(uint64_t number) {
    return number >= IS_HUGE ? huge_patterns[number - IS_HUGE] : patterns[number];
}

static void make_patterns(void) {
    for (uint64_t number = 0; number < MOST_MESSAGES; number++) {
        if (number < IS_HUGE) {
            fill_pattern(pattern_of(number), size_of(number), number);
        }
        memcpy(pattern_of(number), &number, sizeof number);
    }
}

static int put(uint64_t number) {
    return spork_queue_put_bytes(queue, pattern_of(number), size_of(number), 0);
}

/* 0 and the number; SPORK_EMALFORMED when the message is not what was put. */
static int get(uint64_t *number) {
    static unsigned char data[HUGE];
    size_t size;
    int error = spork_queue_get_bytes(queue, data, sizeof data, &size, 0);
    if (error != 0) {
        return error;
    }
    memcpy(number, data, sizeof *number);
    return *number < MOST_MESSAGES && size == size_of(*number) &&
                   memcmp(data, pattern_of(*number), size) == 0
               ? 0
               : SPORK_EMALFORMED;
}

static void make(int64_t maxsize) {
    make_patterns();
    deaths_set_up();
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = maxsize}));
}

/* ---- what has to be there afterwards ---- */

static struct {
    uint64_t first, last;         /* these, in this order */
    uint64_t optional_from, optional_to; /* of them, or besides, these may be missing */
    int capacity;                 /* and then as many fit in; 0: any number */
    bool any_order;               /* one that was given back may come later */
} expected;

/* What was put, and got, by those who worked on before a death was noticed. */
static uint64_t extra, gone;

static bool is_optional(uint64_t number) {
    return (number >= expected.optional_from && number <= expected.optional_to) ||
           (extra != 0 && number == extra) || (gone != 0 && number == gone);
}

static int drain(int *count) {
    unsigned char seen[MOST_MESSAGES] = {0};
    uint64_t highest = 0;
    uint64_t number;
    int error;
    while ((error = get(&number)) == 0) {
        EXPECT(number < MOST_MESSAGES && seen[number] == 0);
        EXPECT(number > highest || expected.any_order);
        highest = number;
        seen[number] = 1;
        ++*count;
    }
    EXPECT(error == SPORK_EEMPTY);
    for (number = 0; number < MOST_MESSAGES; number++) {
        bool wanted = number >= expected.first && number <= expected.last;
        if (!is_optional(number) && seen[number] != wanted) {
            fprintf(stderr, "message %d is %s\n", (int)number, wanted ? "lost" : "too much");
            return 1;
        }
    }
    return 0;
}

static int check_queue(void) {
    int count = 0;
    int64_t size = spork_queue_size(queue);
    EXPECT(spork_queue_empty(queue) == (size == 0));
    if (drain(&count) != 0) {
        return 1;
    }
    EXPECT(count == size);
    EXPECT(spork_queue_empty(queue) && spork_queue_size(queue) == 0);
    /* It is as good as new: what fits in comes out, in order, twice round. */
    int capacity = expected.capacity > 0 ? expected.capacity : 70;
    for (int round = 0; round < 2; round++) {
        uint64_t number;
        for (int i = 0; i < capacity; i++) {
            EXPECT(put((uint64_t)i) == 0);
        }
        EXPECT(spork_queue_size(queue) == capacity);
        EXPECT(expected.capacity == 0 || spork_queue_put_bytes(queue, "", 0, 0) == SPORK_EFULL);
        for (int i = 0; i < capacity; i++) {
            EXPECT(get(&number) == 0 && number == (uint64_t)i);
        }
    }
    EXPECT(spork_queue_empty(queue) && !spork_queue_full(queue));
    return 0;
}

/* ---- puts ---- */

static int put_4(void) {
    return put(4);
}
static int put_5(void) {
    return put(5);
}
static int put_6(void) {
    return put(6);
}
static int put_65(void) {
    return put(65);
}
static int put_151(void) {
    return put(151);
}

/* A put of this item, by work, into a queue of four that holds three. */
static void die_in_put(const char *name, int (*work)(void), uint64_t number, int stride) {
    make(4);
    for (uint64_t i = 1; i <= 3; i++) {
        OK(put(i));
    }
    expected.first = 1;
    expected.last = 3;
    expected.optional_from = expected.optional_to = number;
    expected.capacity = 4;
    die_everywhere(&(struct death){
        .name = name, .work = work, .verify = check_queue, .burier_stride = stride});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_put_of_a_small_item_loses_nothing, 120) {
    die_in_put("put, small", put_5, 5, 2);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_put_of_a_large_item_loses_nothing, 120) {
    die_in_put("put, large", put_6, 6, 7);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_put_of_a_huge_item_loses_nothing, 120) {
    die_in_put("put, huge", put_151, 151, 7);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_put_that_has_a_slot_keep_a_larger_block_loses_nothing, 120) {
    uint64_t number;
    make(1);
    OK(put(2));
    OK(get(&number));
    expected.first = 1;
    expected.last = 0;
    expected.optional_from = expected.optional_to = 4;
    expected.capacity = 1;
    die_everywhere(&(struct death){.name = "put, a larger block",
                                   .work = put_4,
                                   .verify = check_queue,
                                   .burier_stride = 7});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_put_that_makes_the_queue_grow_loses_nothing, 120) {
    make(0);
    for (uint64_t i = 1; i <= 64; i++) {
        OK(put(i));
    }
    expected.first = 1;
    expected.last = 64;
    expected.optional_from = expected.optional_to = 65;
    die_everywhere(&(struct death){
        .name = "put, growing", .work = put_65, .verify = check_queue, .burier_stride = 23});
    spork_queue_free(queue);
}

/* ---- gets ---- */

static int get_one(void) {
    uint64_t number;
    return get(&number);
}

static int get_too_short(void) {
    char byte;
    size_t size;
    return spork_queue_get_bytes(queue, &byte, 1, &size, 0) == SPORK_ETOOSHORT ? 0 : 1;
}

/* Others work on without having noticed: what is half done must stay so until a burial, and
   what was done must not be done again by it. */
static int pass_one_through(void) {
    uint64_t number;
    extra = gone = 0;
    int error = put(99);
    EXPECT(error == 0 || error == SPORK_EFULL);
    extra = error == 0 ? 99 : 0;
    error = get(&number);
    EXPECT(error == 0 || error == SPORK_EEMPTY);
    if (error == 0 && number != 99 && put(number) != 0) {
        /* The room is not where the next item goes: a dead reader's item is in between. */
        gone = number;
    }
    return 0;
}

static void fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i <= to; i++) {
        OK(put(i));
    }
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_get_of_a_small_item_gives_it_back_or_took_it, 120) {
    make(4);
    fill(1, 4);
    expected.first = 1;
    expected.last = 4;
    expected.optional_from = expected.optional_to = 1;
    expected.capacity = 4;
    die_everywhere(&(struct death){
        .name = "get, small", .work = get_one, .verify = check_queue, .burier_stride = 2});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_get_of_a_large_item_gives_it_back_or_took_it, 120) {
    make(4);
    fill(2, 5);
    expected.first = 2;
    expected.last = 5;
    expected.optional_from = expected.optional_to = 2;
    expected.capacity = 4;
    die_everywhere(&(struct death){
        .name = "get, large", .work = get_one, .verify = check_queue, .burier_stride = 5});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_get_of_a_huge_item_gives_it_back_or_took_it, 120) {
    make(4);
    fill(150, 153);
    expected.first = 150;
    expected.last = 153;
    expected.optional_from = expected.optional_to = 150;
    expected.capacity = 4;
    die_everywhere(&(struct death){
        .name = "get, huge", .work = get_one, .verify = check_queue, .burier_stride = 5});
    spork_queue_free(queue);
}

/* A queue of one: what comes after the dead reader's item lies where that was. */
static int put_7_early(void) {
    int error = put(7);
    EXPECT(error == 0 || error == SPORK_EFULL);
    return 0;
}

static int check_7_is_kept(void) {
    uint64_t number;
    if (spork_queue_size(queue) > 0) {
        EXPECT(get(&number) == 0 && (number == 2 || number == 7));
    } else {
        fprintf(stderr, "the item that was put after the death is lost\n");
        return 1;
    }
    EXPECT(get(&number) == SPORK_EEMPTY && put(9) == 0 && put(11) == SPORK_EFULL);
    EXPECT(get(&number) == 0 && number == 9);
    return 0;
}

TEST_ONCE_SLOW(an_item_put_behind_a_dead_reader_before_anybody_noticed_is_not_lost, 60) {
    make(1);
    fill(2, 2);
    /* Without a put in between the item may be gone, so only the early trials are judged. */
    die_everywhere(&(struct death){.name = "get, then an early put",
                                   .work = get_one,
                                   .early = put_7_early,
                                   .early_only = true,
                                   .verify = check_7_is_kept});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_while_an_item_is_given_back_keeps_it, 120) {
    make(4);
    fill(1, 3);
    expected.first = 1;
    expected.last = 3;
    expected.optional_from = 1000;
    expected.optional_to = 0;
    expected.capacity = 4;
    expected.any_order = true;
    die_everywhere(&(struct death){.name = "get, too short",
                                   .work = get_too_short,
                                   .early = pass_one_through,
                                   .verify = check_queue,
                                   .burier_stride = 2});
    spork_queue_free(queue);
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_reader_leaves_a_segment_loses_nothing, 120) {
    uint64_t number;
    make(0);
    fill(1, 66);
    for (uint64_t i = 1; i <= 64; i++) {
        OK(get(&number));
        assert_int_equal(number, i);
    }
    expected.first = 65;
    expected.last = 66;
    expected.optional_from = expected.optional_to = 65;
    die_everywhere(&(struct death){.name = "get, next segment",
                                   .work = get_one,
                                   .verify = check_queue,
                                   .burier_stride = 40});
    spork_queue_free(queue);
}

static int put_and_get_much(void) {
    uint64_t number;
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT(get(&number) == 0 && put(10 + i) == 0);
    }
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_among_puts_and_gets_while_others_work_on_loses_nothing, 120) {
    make(4);
    fill(1, 4);
    expected.first = 1;
    expected.last = 4;
    expected.optional_from = 1;
    expected.optional_to = 12;
    expected.capacity = 4;
    expected.any_order = true;
    die_everywhere(&(struct death){.name = "puts and gets",
                                   .work = put_and_get_much,
                                   .early = pass_one_through,
                                   .verify = check_queue,
                                   .burier_stride = 29});
    spork_queue_free(queue);
}

TEST_MAIN
