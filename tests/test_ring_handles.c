/* White box: objects and their holders, when a process dies at any point of making, sending,
   receiving or letting go of them. */
#include "support/deaths.h"
#include "support_children.h"

static spork_queue *queue;

static int nothing_more(void) {
    return 0;
}

/* ---- making and letting go ---- */

static int make_and_free_queues(void) {
    spork_queue *made[2];
    unsigned char large[500] = {0};
    EXPECT(spork_queue_new(&made[0], &(spork_queue_options){.maxsize = 3}) == 0);
    EXPECT(spork_queue_new(&made[1], NULL) == 0);
    EXPECT(spork_queue_put_bytes(made[0], large, sizeof large, 0) == 0);
    EXPECT(spork_queue_put_bytes(made[0], large, 5, 0) == 0);
    EXPECT(spork_queue_put_bytes(made[1], large, sizeof large, 0) == 0);
    spork_queue_free(made[0]);
    spork_queue_free(made[1]);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_queues_are_made_and_freed_leaves_nothing_of_them, 120) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "queues made and freed",
                                   .work = make_and_free_queues,
                                   .verify = nothing_more,
                                   .burier_stride = 97});
}

static int make_use_and_free_a_pipe(void) {
    spork_pipe *ends[2];
    unsigned char data[300] = {0};
    size_t size;
    EXPECT(spork_pipe_new(&ends[0], &ends[1], NULL) == 0);
    EXPECT(spork_pipe_send_bytes(ends[0], data, sizeof data, 0) == 0);
    EXPECT(spork_pipe_send_bytes(ends[1], data, 3, 0) == 0);
    EXPECT(spork_pipe_recv_bytes(ends[1], data, sizeof data, &size, 0) == 0);
    EXPECT(spork_pipe_send_bytes(ends[0], data, sizeof data, 0) == 0);
    spork_pipe_free(ends[1]);
    spork_pipe_free(ends[0]);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_pipe_is_made_used_and_freed_leaves_nothing_of_it, 120) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "pipe made, used and freed",
                                   .work = make_use_and_free_a_pipe,
                                   .verify = nothing_more,
                                   .burier_stride = 131});
}

/* ---- messages with handles ---- */

static int send_a_new_lock(void) {
    spork_lock *lock;
    spork_value list[3];
    EXPECT(spork_lock_new(&lock, NULL) == 0);
    list[0] = spork_int(1);
    list[1] = spork_lock_value(lock);
    list[2] = spork_str("some words, so that the message does not fit into its slot: they go on "
                        "and on until there are more than a hundred and twelve bytes of them");
    EXPECT(spork_queue_put(queue, spork_list(list, 2), 0) == 0);
    EXPECT(spork_queue_put(queue, spork_list(list, 3), 0) == 0);
    spork_lock_free(lock);
    return 0;
}

/* Each list that there is has a lock that works. */
static int receive_locks(void) {
    spork_value list;
    int error;
    while ((error = spork_queue_get(queue, &list, 0)) == 0) {
        spork_lock *lock = NULL;
        EXPECT(spork_value_count(&list) >= 2);
        EXPECT(spork_value_get_lock(spork_value_at(&list, 1), &lock) == 0);
        EXPECT(spork_lock_acquire(lock, 0) == 0 && spork_lock_release(lock) == 0);
        spork_value_free(&list);
    }
    EXPECT(error == SPORK_EEMPTY);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_handle_is_sent_sends_it_whole_or_not_at_all, 120) {
    deaths_set_up();
    OK(spork_queue_new(&queue, NULL));
    die_everywhere(&(struct death){.name = "handles sent",
                                   .work = send_a_new_lock,
                                   .verify = receive_locks,
                                   .burier_stride = 61});
    spork_queue_free(queue);
}

static int receive_one_lock(void) {
    spork_value list;
    EXPECT(spork_queue_get(queue, &list, 0) == 0);
    spork_value_free(&list);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_handle_is_received_gives_it_back_or_took_it, 120) {
    deaths_set_up();
    OK(spork_queue_new(&queue, NULL));
    assert_int_equal(send_a_new_lock(), 0);
    die_everywhere(&(struct death){.name = "handles received",
                                   .work = receive_one_lock,
                                   .verify = receive_locks,
                                   .burier_stride = 43});
    spork_queue_free(queue);
}

/* A queue that nobody holds but a message of another one, and so on, with a large item in the
   innermost: the end of the outermost is the end of all. */
static int make_and_free_nested_queues(void) {
    spork_queue *chain[3];
    unsigned char large[500] = {0};
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_queue_new(&chain[i], &(spork_queue_options){.maxsize = 2}) == 0);
        EXPECT(spork_queue_put_bytes(chain[i], large, sizeof large, 0) == 0);
    }
    for (int i = 0; i < 2; i++) {
        EXPECT(spork_queue_put(chain[i], spork_queue_value(chain[i + 1]), 0) == 0);
        spork_queue_free(chain[i + 1]);
    }
    spork_queue_free(chain[0]);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_at_the_end_of_nested_queues_leaves_nothing_of_them, 120) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "nested queues",
                                   .work = make_and_free_nested_queues,
                                   .verify = nothing_more,
                                   .burier_stride = 157});
}

/* ---- joining the family ---- */

static int not_yet(void) {
    return 0;
}

static int put_as_a_stranger(void) {
    return spork_queue_put_bytes(queue, "x", 1, 0);
}

static int use_the_queue(void) {
    char byte;
    size_t size;
    int64_t before = spork_queue_size(queue);
    EXPECT(before == 0 || before == 1);
    EXPECT(spork_queue_put_bytes(queue, "y", 1, 0) == 0);
    for (int64_t i = 0; i <= before; i++) {
        EXPECT(spork_queue_get_bytes(queue, &byte, 1, &size, 0) == 0);
    }
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_forked_process_joins_the_family_harms_nobody, 120) {
    deaths_set_up();
    OK(spork_queue_new(&queue, NULL));
    die_everywhere(&(struct death){.name = "joining the family",
                                   .prepare = not_yet,
                                   .work = put_as_a_stranger,
                                   .verify = use_the_queue,
                                   .burier_stride = 31});
    spork_queue_free(queue);
}

/* ---- locks ---- */

static spork_lock *lock;

static int acquire_and_release(void) {
    EXPECT(spork_lock_acquire(lock, 0) == 0);
    return spork_lock_release(lock);
}

static int take_over(void) {
    int error = spork_lock_acquire(lock, 0);
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    EXPECT(spork_lock_held(lock));
    EXPECT(spork_lock_acquire(lock, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_lock_release(lock) == 0);
    EXPECT(spork_lock_acquire(lock, 0) == 0 && spork_lock_release(lock) == 0);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_between_acquire_and_release_hands_the_lock_on, 120) {
    deaths_set_up();
    OK(spork_lock_new(&lock, NULL));
    die_everywhere(&(struct death){.name = "lock",
                                   .work = acquire_and_release,
                                   .verify = take_over,
                                   .burier_stride = 5});
    spork_lock_free(lock);
}

/* ---- task_done and join ---- */

static int deal_with_two(void) {
    char byte;
    size_t size;
    for (int i = 0; i < 2; i++) {
        EXPECT(spork_queue_get_bytes(queue, &byte, 1, &size, 0) == 0);
        EXPECT(spork_queue_task_done(queue) == 0);
    }
    return 0;
}

static int deal_with_the_rest(void) {
    char byte;
    size_t size;
    while (spork_queue_get_bytes(queue, &byte, 1, &size, 0) == 0) {
        EXPECT(spork_queue_join(queue, 0) == SPORK_EWOULDBLOCK);
        EXPECT(spork_queue_task_done(queue) == 0);
    }
    int error = spork_queue_join(queue, 0);
    EXPECT(error == 0 || error == SPORK_EPEERDIED);
    EXPECT(spork_queue_join(queue, 0) == 0);
    EXPECT(spork_queue_task_done(queue) == SPORK_EOVERRELEASE);
    /* The count goes on exactly from there. */
    EXPECT(spork_queue_put_bytes(queue, "z", 1, 0) == 0);
    EXPECT(spork_queue_join(queue, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_queue_get_bytes(queue, &byte, 1, &size, 0) == 0);
    EXPECT(spork_queue_task_done(queue) == 0);
    EXPECT(spork_queue_join(queue, 0) == 0);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_between_get_and_task_done_keeps_the_count_exact, 120) {
    deaths_set_up();
    OK(spork_queue_new(&queue, NULL));
    for (int i = 0; i < 3; i++) {
        OK(spork_queue_put_bytes(queue, "x", 1, 0));
    }
    die_everywhere(&(struct death){.name = "task_done",
                                   .work = deal_with_two,
                                   .verify = deal_with_the_rest,
                                   .burier_stride = 7});
    spork_queue_free(queue);
}

TEST_MAIN
