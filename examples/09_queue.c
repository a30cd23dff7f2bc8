/* A value of any kind travels from a child to its parent. Listing 000:176. */
#include <spork.h>
#include <stdio.h>

static int put(spork_queue *queue) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    return spork_queue_put(queue, list, SPORK_FOREVER);
}
SPORK_TASK(int, put, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_queue *queue;
    spork_process *child;
    spork_value got;

    must(spork_init(argc, argv));
    must(spork_queue_new(&queue, NULL));
    must(spork_process_start(&child, put_call(queue), NULL));
    must(spork_queue_get(queue, &got, SPORK_FOREVER));
    must(spork_value_print(&got));
    printf("\n");
    must(spork_process_join(child, SPORK_FOREVER, NULL));
    spork_value_free(&got);
    spork_process_free(child);
    spork_queue_free(queue);
    return 0;
}
