/* A loop of the program's own waits for a queue and a child, behind one descriptor or HANDLE:
   poll(2), or WaitForSingleObject. */
#include <spork.h>
#include <stdio.h>

#include "support/native.h"

static int square(spork_queue *results) {
    int error = 0;

    for (int64_t i = 1; i <= 5 && error == 0; i++) {
        error = spork_queue_put(results, spork_int(i * i), SPORK_FOREVER);
    }
    return error;
}
SPORK_TASK(int, square, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_queue *results;
    spork_process *child;
    spork_doorbell *doorbell;
    spork_value item;
    intptr_t native;

    must(spork_init(argc, argv));
    must(spork_queue_new(&results, NULL));
    must(spork_process_start(&child, square_call(results), NULL));
    spork_waitable things[] = {spork_on_queue(results), spork_on_process(child)};
    must(spork_doorbell_new(&doorbell, things, 2));
    must(spork_doorbell_native(doorbell, &native));
    for (bool ended = false; !ended;) {
        size_t ready;
        must(spork_doorbell_answer(doorbell, things, &ready));
        if (ready == 0) {
            /* Here a loop waits for what is its own, too. */
            wait_for_native(native, 1000);
        } else if (things[0].ready) {
            must(spork_queue_get_nowait(results, &item));
            spork_value_print(&item);
            printf("\n");
        } else {
            ended = true; /* and nothing is left in the queue */
        }
    }
    printf("the child has ended\n");
    spork_doorbell_free(doorbell);
    must(spork_process_join(child, 0, NULL));
    spork_process_free(child);
    spork_queue_free(results);
    return 0;
}
