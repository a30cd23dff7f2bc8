/* One at a time: with a lock around it, no line of output is broken by another process.
   Listing 004:325. */
#include <spork.h>
#include <stdio.h>

enum { WRITERS = 5, LINES = 4 };

static int count(spork_lock *lock) {
    for (int i = 0; i < LINES; i++) {
        int error = spork_lock_acquire(lock, SPORK_FOREVER);
        if (error != 0) {
            return error;
        }
        /* In two writes: without the lock others would write between them. */
        printf("%s", spork_process_name(spork_current_process()));
        fflush(stdout);
        printf(" counts %d\n", i);
        fflush(stdout);
        spork_lock_release(lock);
        spork_sleep_ms(10);
    }
    return 0;
}
SPORK_TASK(int, count, spork_lock *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *writers[WRITERS];
    spork_lock *lock;

    must(spork_init(argc, argv));
    must(spork_lock_new(&lock, NULL));
    for (int i = 0; i < WRITERS; i++) {
        must(spork_process_start(&writers[i], count_call(lock), NULL));
    }
    for (int i = 0; i < WRITERS; i++) {
        must(spork_process_join(writers[i], SPORK_FOREVER, NULL));
        spork_process_free(writers[i]);
    }
    spork_lock_free(lock);
    return 0;
}
