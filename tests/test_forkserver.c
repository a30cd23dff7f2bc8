/* The forkserver is killed, or does not answer: what becomes of its children, of the next ones,
   and of a start that is under way. */
#include "arena.h"
#include "support_children.h"
#include "support_native.h"
#include "support_traces.h"

enum { GONE_MS = 10 * 1000, BUSY_MS = 100 * 1000, LIMIT = 90 };

static spork_queue *new_queue(void) {
    spork_queue *queue;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static int64_t next_int(spork_queue *queue) {
    spork_value item;
    int64_t number = 0;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

static int tell(spork_queue *told, int64_t number) {
    return spork_queue_put(told, spork_int(number), PATIENCE_MS);
}

static int member(spork_queue *told, spork_queue *empty) {
    spork_value value;
    EXPECT(tell(told, native_pid()) == 0);
    EXPECT(spork_queue_get(empty, &value, BUSY_MS) == 0);
    return 0;
}
SPORK_TASK(int, member, spork_queue *, spork_queue *);

static int64_t helper_pid(void) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint64_t i = 0; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        if ((atomic_load(&slot->flags) & PROCESS_HELPER) != 0 &&
            atomic_load(&slot->state) == PROCESS_RUNNING) {
            return (int64_t)atomic_load(&slot->pid);
        }
    }
    return 0;
}

static const spork_process_options by_forkserver = {.method = SPORK_METHOD_FORKSERVER};

static spork_process *start_by_forkserver(spork_call call) {
    spork_process *child = NULL;
    OK(spork_process_start(&child, call, &by_forkserver));
    return child;
}

static void needs_a_forkserver(void) {
    if (!spork_has_start_method(SPORK_METHOD_FORKSERVER)) {
        SKIP("this system has no fork");
    }
}

TEST_ONCE_SLOW(after_the_killing_of_the_forkserver_the_next_start_has_a_new_one, LIMIT) {
    needs_a_forkserver();
    spork_queue *told = new_queue();
    spork_queue *empty = new_queue();
    spork_process *before = start_by_forkserver(member_call(told, empty));
    for (int i = 0; i < 5; i++) {
        int64_t helper = helper_pid();
        assert_true(helper > 0);
        native_process_kill(helper);
        ends_soon(helper);
        finish(start_by_forkserver(spork_no_call()));
        assert_int_not_equal(helper_pid(), helper);
    }
    assert_true(spork_process_alive(before));
    assert_int_equal(next_int(told), spork_process_pid(before));
    OK(spork_queue_put(empty, spork_nil(), 0));
    finish(before);
    spork_queue_free(told);
    spork_queue_free(empty);
}

/* Kills the forkservers of its family, one after the other, at random moments, until told to
   end. span_ns: most of them live less; a few start a child or two before. */
static int kill_helpers(spork_queue *over, int64_t span_ns) {
    uint64_t state = (uint64_t)spork_now_ms() | 1;
    int64_t limit = spork_now_ms() + BUSY_MS;
    while (spork_queue_empty(over) && spork_now_ms() < limit) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t moment = plat_now_ns() + (int64_t)((state >> 33) % (uint64_t)span_ns);
        while (plat_now_ns() < moment) {
        }
        int64_t helper = helper_pid();
        if (helper > 0) {
            native_process_kill(helper);
        }
    }
    return 0;
}
SPORK_TASK(int, kill_helpers, spork_queue *, int64_t);

static int answer(spork_queue *told, int64_t number) {
    return tell(told, number);
}
SPORK_TASK(int, answer, spork_queue *, int64_t);

TEST_ONCE_SLOW(starts_while_the_forkserver_is_killed_again_and_again_work_or_say_why_not,
               LIMIT) {
    enum { STARTS = 300 };
    int started = 0;
    needs_a_forkserver();
    spork_queue *told = new_queue();
    spork_queue *over = new_queue();
    spork_process *killer = NULL;
    const spork_process_options by_spawn = {.method = SPORK_METHOD_SPAWN,
                                            .daemon = SPORK_DAEMON_YES};
    /* A start with a forkserver of its own: how long these take is not the same everywhere. */
    int64_t start = plat_now_ns();
    finish(start_by_forkserver(spork_no_call()));
    int64_t span = 3 * (plat_now_ns() - start);
    OK(spork_process_start(&killer, kill_helpers_call(over, span), &by_spawn));
    for (int64_t i = 0; i < STARTS; i++) {
        spork_process *child = NULL;
        int64_t begin = spork_now_ms();
        int error = spork_process_start(&child, answer_call(told, i), &by_forkserver);
        assert_true(spork_now_ms() - begin < GONE_MS + PATIENCE_MS);
        if (error != 0) {
            printf("%s\n", spork_error_detail());
            assert_int_equal(error, SPORK_ESTART);
            assert_non_null(strstr(spork_error_detail(), "forkserver"));
            /* A start that failed has started nothing. */
            assert_int_equal(spork_queue_size(told), 0);
            continue;
        }
        assert_int_equal(next_int(told), i);
        finish(child);
        started++;
    }
    OK(spork_queue_put(over, spork_nil(), 0));
    finish(killer);
    finish(start_by_forkserver(spork_no_call()));
    printf("%d of %d were started\n", started, STARTS);
    assert_int_equal(spork_queue_size(told), 0);
    spork_queue_free(told);
    spork_queue_free(over);
    assert_int_equal(arena->handles_live, 0);
}

TEST_ONCE_SLOW(a_forkserver_that_does_not_answer_in_time_is_replaced_and_starts_nothing,
               LIMIT) {
    spork_process *child = NULL;
    const spork_process_options soon = {.method = SPORK_METHOD_FORKSERVER,
                                        .start_timeout_ms = 300};
    needs_a_forkserver();
    spork_queue *told = new_queue();
    finish(start_by_forkserver(spork_no_call()));
    int64_t helper = helper_pid();
    assert_true(native_process_pause(helper));
    FAILS(SPORK_ESTART, spork_process_start(&child, answer_call(told, 1), &soon));
    assert_non_null(strstr(spork_error_detail(), "in time"));
    ends_soon(helper);
    finish(start_by_forkserver(answer_call(told, 2)));
    assert_int_equal(next_int(told), 2);
    assert_true(spork_queue_empty(told));
    spork_queue_free(told);
}

TEST_MAIN
