/* Two readers that both see everything: each hands on what it has read. Listing 003:609.

   Python's listing loops while the queue is not empty(), and loses what comes a moment
   later. Here a reader ends when its queue is closed and nothing is left in it. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

enum { READERS = 2, ITEMS = 6 };

static int relay(int reader, spork_queue *from, spork_queue *to) {
    spork_value item;
    char text[32];

    while (spork_queue_get(from, &item, SPORK_FOREVER) == 0) {
        spork_value_format(&item, text, sizeof text);
        printf("reader %d has read: %s\n", reader, text);
        spork_queue_put(to, item, SPORK_FOREVER);
        spork_value_free(&item);
    }
    return spork_queue_close(to);
}
SPORK_TASK(int, relay, int, spork_queue *, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_queue *queues[READERS + 1];
    spork_process *readers[READERS];

    must(spork_init(argc, argv));
    for (int i = 0; i <= READERS; i++) {
        must(spork_queue_new(&queues[i], NULL));
    }
    for (int i = 0; i < READERS; i++) {
        spork_call call = relay_call(i + 1, queues[i], queues[i + 1]);
        must(spork_process_start(&readers[i], call, NULL));
    }
    for (int i = 0; i < ITEMS; i++) {
        must(spork_queue_put(queues[0], spork_int(i), SPORK_FOREVER));
    }
    must(spork_queue_close(queues[0]));
    for (int i = 0; i < READERS; i++) {
        must(spork_process_join(readers[i], SPORK_FOREVER, NULL));
        spork_process_free(readers[i]);
    }
    printf("received by all: %" PRId64 "\n", spork_queue_size(queues[READERS]));
    for (int i = 0; i <= READERS; i++) {
        spork_queue_free(queues[i]);
    }
    return 0;
}
