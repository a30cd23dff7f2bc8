/* One child fills a queue, another empties it until it is closed. Listing 000:227.

   Python's listing asks queue.empty() whether all has come, and stops too early when the
   reader is faster than the writer. Closing the queue says it for certain. */
#include <spork.h>
#include <stdio.h>

static int download(spork_queue *queue) {
    int error = 0;

    for (int i = 1; i <= 6 && error == 0; i++) {
        error = spork_queue_put(queue, spork_int(i), SPORK_FOREVER);
    }
    spork_queue_close(queue);
    printf("all has been downloaded and put into the queue\n");
    return error;
}
SPORK_TASK(int, download, spork_queue *);

static int analyse(spork_queue *queue) {
    spork_value all = spork_nil();
    spork_value item;
    char text[64];
    int error = spork_queue_get(queue, &item, SPORK_FOREVER);

    while (error == 0) {
        error = spork_value_append(&all, &item);
        spork_value_free(&item);
        if (error == 0) {
            error = spork_queue_get(queue, &item, SPORK_FOREVER);
        }
    }
    spork_value_format(&all, text, sizeof text);
    printf("%s\n", text);
    spork_value_free(&all);
    return error == SPORK_ECLOSED ? 0 : error;
}
SPORK_TASK(int, analyse, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_queue *queue;
    spork_process *children[2];

    must(spork_init(argc, argv));
    must(spork_queue_new(&queue, NULL));
    must(spork_process_start(&children[0], download_call(queue), NULL));
    must(spork_process_start(&children[1], analyse_call(queue), NULL));
    return 0; /* The children are joined, and the queue goes, with the program. */
}
