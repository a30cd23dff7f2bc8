/* Listing 004:147, for tests/test_listings_004.c: daemons that would count for a minute,
   and a main that does not wait for them. */
#include <spork.h>
#include <stdio.h>

struct counter {
    int loops;
};

static int run(struct counter self) {
    for (int i = 0; i < self.loops; i++) {
        spork_sleep_ms(20 * 1000);
        printf("LoopCount: %d\n", i);
        fflush(stdout);
    }
    return 0;
}
SPORK_PROCESS_KIND(counter, struct counter, run);

int main(int argc, char **argv) {
    const spork_process_options options = {.daemon = SPORK_DAEMON_YES};

    if (spork_init(argc, argv) != 0) {
        return 3;
    }
    for (int i = 2; i < 5; i++) {
        spork_process *process;
        struct counter state = {.loops = i};
        if (counter_start(&process, state, &options) != 0) {
            fprintf(stderr, "%s\n", spork_error_detail());
            return EXIT_FAILURE;
        }
    }
    printf("Main Process ended\n");
    return 0;
}
