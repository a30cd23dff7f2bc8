/* What callgrind counts for ci/check-instructions: each operation many times, and nothing else,
   between two calls of bench_mark, where callgrind writes down what it has counted. This is no
   benchmark by the clock: the target bench does not run it.

   All of it is done twice, and the second time is counted: by then memory has been touched,
   tables have grown and tasks have been found. Whatever is counted never waits, and nobody else
   works meanwhile, so that neither the clock nor the scheduler has a say: a queue is filled, and
   then emptied; the worker of a pool is held in a task while tasks are given, has all of them
   before it when it serves, and is held once more while results are taken. It is a thread, whose
   instructions callgrind tells apart from those of the thread that gives. */
#include "support/bench.h"

enum {
    MESSAGES = 200, /* in a queue that has room for them */
    SENT = 50,      /* a pipe has no room for more */
    IN_PLACE = 50,  /* a ring has not many more loans */
    LOCKS = 100,
    TASKS = 200,
    CHUNK = 2048,   /* items of a claim: see count_item */
    SLOW_ITEMS = 64 /* see count_claim */
};

static bool counting;

/* callgrind knows it by its name. */
static void __attribute__((noinline)) bench_mark(void) {
    static volatile int marks;
    marks++;
}

/* From here to the end, this thread does so many of these. */
static void begin(const char *operation, int count) {
    if (counting) {
        printf("%s,%d\n", operation, count);
        bench_mark();
    }
}

static void end(void) {
    if (counting) {
        bench_mark();
    }
}

/* The call may use i, the number of the repetition. */
#define COUNTED(operation, count, call)   \
    do {                                  \
        begin(operation, count);          \
        for (int i = 0; i < count; i++) { \
            MUST(call);                   \
        }                                 \
        end();                            \
    } while (0)

/* ---- queues and pipes ---- */

static const unsigned char data[100];
static unsigned char buffer[sizeof data];

static void pass_bytes(spork_queue *queue) {
    size_t size;
    COUNTED("queue put 8 B", MESSAGES,
            spork_queue_put_bytes(queue, data, 8, SPORK_FOREVER));
    COUNTED("queue get 8 B", MESSAGES,
            spork_queue_get_bytes(queue, buffer, 8, &size, SPORK_FOREVER));
    COUNTED("queue put 100 B", MESSAGES,
            spork_queue_put_bytes(queue, data, 100, SPORK_FOREVER));
    COUNTED("queue get 100 B", MESSAGES,
            spork_queue_get_bytes(queue, buffer, 100, &size, SPORK_FOREVER));
}

static void pass_values(spork_queue *queue) {
    spork_value value = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    static spork_value got[MESSAGES];
    COUNTED("queue put value", MESSAGES, spork_queue_put(queue, value, SPORK_FOREVER));
    COUNTED("queue get value", MESSAGES, spork_queue_get(queue, &got[i], SPORK_FOREVER));
    for (int i = 0; i < MESSAGES; i++) {
        spork_value_free(&got[i]);
    }
}

static void pass_in_place(spork_queue *queue) {
    static spork_queue_item items[IN_PLACE];
    COUNTED("queue reserve", IN_PLACE, spork_queue_reserve(queue, sizeof data, &items[i]));
    COUNTED("queue commit", IN_PLACE, spork_queue_commit(queue, &items[i], SPORK_FOREVER));
    COUNTED("queue borrow", IN_PLACE, spork_queue_borrow(queue, &items[i], SPORK_FOREVER));
    COUNTED("queue release", IN_PLACE, spork_queue_release(queue, &items[i]));
}

static void use_queue(void) {
    static spork_queue *queue;
    if (queue == NULL) {
        MUST(spork_queue_new(&queue, &(spork_queue_options){.maxsize = MESSAGES}));
    }
    pass_bytes(queue);
    pass_values(queue);
    pass_in_place(queue);
}

static void use_pipe(void) {
    static spork_pipe *first, *second;
    size_t size;
    if (first == NULL) {
        MUST(spork_pipe_new(&first, &second, NULL));
    }
    COUNTED("pipe send 64 B", SENT,
            spork_pipe_send_bytes(first, data, 64, SPORK_FOREVER));
    COUNTED("pipe recv 64 B", SENT,
            spork_pipe_recv_bytes(second, buffer, 64, &size, SPORK_FOREVER));
}

/* ---- locks ---- */

static void use_locks(void) {
    static spork_lock *locks[LOCKS], *recursive[LOCKS];
    for (int i = 0; i < LOCKS && locks[i] == NULL; i++) {
        MUST(spork_lock_new(&locks[i], NULL));
        MUST(spork_rlock_new(&recursive[i]));
    }
    COUNTED("lock acquire", LOCKS, spork_lock_acquire(locks[i], SPORK_FOREVER));
    COUNTED("lock release", LOCKS, spork_lock_release(locks[i]));
    COUNTED("rlock acquire", LOCKS, spork_lock_acquire(recursive[i], SPORK_FOREVER));
    COUNTED("rlock acquire again", LOCKS,
            spork_lock_acquire(recursive[i], SPORK_FOREVER));
    COUNTED("rlock release again", LOCKS, spork_lock_release(recursive[i]));
    COUNTED("rlock release", LOCKS, spork_lock_release(recursive[i]));
}

static void use_semaphore(void) {
    static spork_semaphore *semaphore;
    if (semaphore == NULL) {
        MUST(spork_semaphore_new(&semaphore, &(spork_semaphore_options){.value = LOCKS}));
    }
    COUNTED("semaphore acquire", LOCKS,
            spork_semaphore_acquire(semaphore, SPORK_FOREVER));
    COUNTED("semaphore release", LOCKS, spork_semaphore_release(semaphore, 1));
}

/* ---- a pool with one worker ---- */

static spork_semaphore *held, *go;

/* Holds the worker until it may go on. */
static void be_held(void) {
    MUST(spork_semaphore_release(held, 1));
    MUST(spork_semaphore_acquire(go, SPORK_FOREVER));
}

enum step { JUST_RETURN, HOLD, BEGIN_SERVING, END_SERVING };

static int64_t take_step(int64_t step) {
    if (step == BEGIN_SERVING) {
        /* What is behind the mark in this task is before it in the last one. */
        begin("pool serve", TASKS + 1);
    } else if (step == END_SERVING) {
        end();
        be_held();
    } else if (step == HOLD) {
        be_held();
    }
    return step;
}
SPORK_TASK(int64_t, take_step, int64_t);

static int take_result(take_step_future future) {
    int64_t step;
    int error = take_step_get(future, &step, SPORK_FOREVER);
    spork_future_free(future.future);
    return error;
}

static void use_apply(spork_pool *pool) {
    static take_step_future futures[TASKS + 3];
    take_step_future *given = &futures[2];
    MUST(take_step_apply_async(&futures[0], pool, HOLD));
    MUST(take_step_apply_async(&futures[1], pool, BEGIN_SERVING));
    MUST(spork_semaphore_acquire(held, SPORK_FOREVER));
    COUNTED("pool submit", TASKS, take_step_apply_async(&given[i], pool, JUST_RETURN));
    MUST(take_step_apply_async(&futures[TASKS + 2], pool, END_SERVING));
    MUST(spork_semaphore_release(go, 1));
    MUST(spork_semaphore_acquire(held, SPORK_FOREVER));
    COUNTED("pool get", TASKS + 2, take_result(futures[i]));
    MUST(spork_semaphore_release(go, 1));
    MUST(take_result(futures[TASKS + 2]));
}

/* Three claims of CHUNK items, of which the first is not counted, and one that ends it. How
   many items a claim has depends on how long the last one took: it grows when that was quick,
   and shrinks when it was slow, but not below the chunk; CHUNK items are never quick under
   callgrind. */
static int64_t count_item(int64_t number) {
    if (number == CHUNK) {
        begin("pool map item", 2 * CHUNK);
    } else if (number == 3 * CHUNK) {
        end();
    }
    return number;
}
SPORK_TASK(int64_t, count_item, int64_t);

static void map_chunks(spork_pool *pool) {
    /* A claim is at most half of what is left. */
    static int64_t in[6 * CHUNK], out[6 * CHUNK];
    for (int i = 0; i < 6 * CHUNK; i++) {
        in[i] = i;
    }
    MUST(count_item_map_with(pool, in, 6 * CHUNK, out,
                             &(spork_map_options){.chunk_size = CHUNK}));
}

/* Slow items, so that each is claimed alone. Every eighth claim moves a hint, so eights of them
   are counted. */
static int64_t count_claim(int64_t number) {
    enum { SLOW = 100000 };
    for (volatile int i = 0; i < SLOW; i++) {
    }
    if (number == 8) {
        begin("pool map claim and item", 48);
    } else if (number == 56) {
        end();
    }
    return number;
}
SPORK_TASK(int64_t, count_claim, int64_t);

static void map_claims(spork_pool *pool) {
    int64_t in[SLOW_ITEMS], out[SLOW_ITEMS];
    for (int i = 0; i < SLOW_ITEMS; i++) {
        in[i] = i;
    }
    MUST(count_claim_map_with(pool, in, SLOW_ITEMS, out,
                              &(spork_map_options){.chunk_size = 1}));
}

static void use_pool(void) {
    static spork_pool *pool;
    if (pool == NULL) {
        const spork_pool_options options = {.workers = 1, .method = SPORK_METHOD_THREAD};
        MUST(spork_semaphore_new(&held, &(spork_semaphore_options){.value = 0}));
        MUST(spork_semaphore_new(&go, &(spork_semaphore_options){.value = 0}));
        MUST(spork_pool_new(&pool, &options));
    }
    use_apply(pool);
    map_chunks(pool);
    map_claims(pool);
    if (counting) {
        MUST(spork_pool_free(pool));
    }
}

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    for (int round = 0; round < 2; round++) {
        counting = round == 1;
        use_queue();
        use_pipe();
        use_locks();
        use_semaphore();
        use_pool();
    }
    return 0;
}
