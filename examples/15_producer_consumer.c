/* A producer is never more than two items ahead of its consumer. Listing 004:453.

   What both use is passed to them. Globals would not do: a child has its own. */
#include <spork.h>
#include <stdio.h>

enum { ITEMS = 5 };

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

static int produce(spork_queue *buffer, spork_semaphore *room, spork_semaphore *filled) {
    for (int i = 0; i < ITEMS; i++) {
        must(spork_semaphore_acquire(room, SPORK_FOREVER));
        must(spork_queue_put(buffer, spork_int(i), SPORK_FOREVER));
        printf("producer puts %d\n", i);
        must(spork_semaphore_release(filled, 1));
    }
    return 0;
}
SPORK_TASK(int, produce, spork_queue *, spork_semaphore *, spork_semaphore *);

static int consume(spork_queue *buffer, spork_semaphore *room, spork_semaphore *filled) {
    spork_value item;
    int64_t number;

    for (int i = 0; i < ITEMS; i++) {
        must(spork_semaphore_acquire(filled, SPORK_FOREVER));
        must(spork_queue_get(buffer, &item, SPORK_FOREVER));
        must(spork_value_get_int(&item, &number));
        printf("consumer gets %d\n", (int)number);
        must(spork_semaphore_release(room, 1));
    }
    return 0;
}
SPORK_TASK(int, consume, spork_queue *, spork_semaphore *, spork_semaphore *);

int main(int argc, char **argv) {
    const spork_semaphore_options two = {.value = 2};
    const spork_semaphore_options none = {.value = 0};
    spork_semaphore *room;
    spork_semaphore *filled;
    spork_queue *buffer;
    spork_process *producer;
    spork_process *consumer;

    must(spork_init(argc, argv));
    must(spork_queue_new(&buffer, NULL));
    must(spork_semaphore_new(&room, &two));
    must(spork_semaphore_new(&filled, &none));
    must(spork_process_start(&producer, produce_call(buffer, room, filled), NULL));
    must(spork_process_start(&consumer, consume_call(buffer, room, filled), NULL));
    return 0; /* The children are joined, and the rest goes, with the program. */
}
