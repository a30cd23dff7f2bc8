/* fork itself: from one line on the program runs twice. Only POSIX has it; elsewhere the
   error says so. Listing 002:7. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_queue *queue;
    spork_value item;
    int64_t pid;

    must(spork_init(argc, argv));
    must(spork_queue_new(&queue, NULL));
    printf("Hi, this is Scott!\n");
    int error = spork_fork(&pid, false);
    if (error == SPORK_ENOTSUP) {
        printf("fork: %s\n", spork_error_sentence(error));
        return 0;
    }
    must(error);
    if (pid == 0) {
        printf("in the child: %" PRId64 "\n", spork_process_pid(spork_current_process()));
        printf("its parent is: %" PRId64 "\n", spork_process_pid(spork_parent_process()));
        must(spork_queue_put(queue, spork_nil(), SPORK_FOREVER));
    } else {
        printf("in the parent, of: %" PRId64 "\n", pid);
        must(spork_queue_get(queue, &item, SPORK_FOREVER));
    }
    return 0;
}
