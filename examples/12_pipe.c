/* A pipe has two ends. The child gets one of them; when it ends, the other end is told.
   Listing 000:274. */
#include <spork.h>
#include <stdio.h>

static int talk(spork_pipe *end) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    return spork_pipe_send(end, list, SPORK_FOREVER);
}
SPORK_TASK(int, talk, spork_pipe *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_pipe *ours;
    spork_pipe *theirs;
    spork_process *child;
    spork_value got;

    must(spork_init(argc, argv));
    must(spork_pipe_new(&ours, &theirs, NULL));
    must(spork_process_start(&child, talk_call(theirs), NULL));
    spork_pipe_free(theirs); /* It is the child's alone from now on. */
    must(spork_pipe_recv(ours, &got, SPORK_FOREVER));
    must(spork_value_print(&got));
    printf("\n");
    spork_value_free(&got);
    if (spork_pipe_recv(ours, &got, SPORK_FOREVER) == SPORK_EEOF) {
        printf("%s\n", spork_error_sentence(SPORK_EEOF));
    }
    must(spork_process_join(child, SPORK_FOREVER, NULL));
    spork_process_free(child);
    spork_pipe_free(ours);
    return 0;
}
