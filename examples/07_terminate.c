/* Ending a child from outside: what it looks like before and after. Listing 004:277. */
#include <spork.h>
#include <stdio.h>

static int process(void) {
    printf("Starting\n");
    spork_sleep_ms(60 * 1000);
    printf("Finished\n");
    return 0;
}
SPORK_TASK(int, process);

static void show(const char *when, spork_process *child) {
    char state[32];

    spork_process_describe(child, state, sizeof state);
    printf("%-10s <%s, %s> %s\n", when, spork_process_name(child), state,
           spork_process_alive(child) ? "alive" : "not alive");
}

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *child;

    must(spork_init(argc, argv));
    must(spork_process_new(&child, process_call(), NULL));
    show("Before:", child);
    must(spork_process_launch(child));
    show("During:", child);
    must(spork_process_terminate(child));
    show("Terminate:", child); /* It has been told to end, and may still be about to. */
    must(spork_process_join(child, SPORK_FOREVER, NULL));
    show("Joined:", child);
    return spork_process_free(child);
}
