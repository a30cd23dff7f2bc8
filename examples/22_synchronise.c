/* The synchronisation of threads, between processes: a barrier to meet at, an event to start
   by, a semaphore for two at a time, a recursive lock for one. Listing 001:145. */
#include <spork.h>
#include <stdio.h>

enum { RUNNERS = 4, LANES = 2 };

static int run(spork_barrier *line, spork_event *start, spork_semaphore *lanes,
               spork_lock *board, spork_queue *results) {
    int64_t place;
    spork_barrier_wait(line, SPORK_FOREVER, &place); /* all are there */
    spork_event_wait(start, SPORK_FOREVER);          /* and off they go */
    spork_semaphore_acquire(lanes, SPORK_FOREVER);
    spork_sleep_ms(20);
    spork_semaphore_release(lanes, 1);
    spork_lock_acquire(board, SPORK_FOREVER);
    spork_lock_acquire(board, SPORK_FOREVER); /* again: it is recursive */
    spork_queue_put(results, spork_int(place), SPORK_FOREVER);
    spork_lock_release(board);
    return spork_lock_release(board);
}
SPORK_TASK(int, run, spork_barrier *, spork_event *, spork_semaphore *, spork_lock *,
           spork_queue *);

int main(int argc, char **argv) {
    spork_process *runners[RUNNERS];
    spork_barrier *line;
    spork_event *start;
    spork_semaphore *lanes;
    spork_lock *board;
    spork_queue *results;
    spork_value place;
    int64_t number, sum = 0;
    spork_init(argc, argv);
    spork_barrier_new(&line, &(spork_barrier_options){.parties = RUNNERS});
    spork_event_new(&start, NULL);
    spork_semaphore_new(&lanes, &(spork_semaphore_options){.value = LANES, .bounded = true});
    spork_rlock_new(&board);
    spork_queue_new(&results, NULL);
    for (int i = 0; i < RUNNERS; i++) {
        spork_process_start(&runners[i], run_call(line, start, lanes, board, results), NULL);
    }
    spork_event_set(start);
    for (int i = 0; i < RUNNERS; i++) {
        spork_queue_get(results, &place, SPORK_FOREVER);
        spork_value_get_int(&place, &number);
        sum += number;
        spork_process_join(runners[i], SPORK_FOREVER, NULL);
        spork_process_free(runners[i]);
    }
    printf("places at the line: %lld in all\n", (long long)sum); /* 0 + 1 + 2 + 3 */
    printf("one release too many: %s\n", spork_error_name(spork_semaphore_release(lanes, 1)));
    spork_queue_free(results);
    spork_lock_free(board);
    spork_semaphore_free(lanes);
    spork_event_free(start);
    spork_barrier_free(line);
    return 0;
}
