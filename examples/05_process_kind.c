/* A kind of process of one's own: state in a struct, and a run task. What a subclass of
   Process is in Python. Listing 004:186. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

struct counter {
    int loops;
};

static int run(struct counter self) {
    for (int i = 0; i < self.loops; i++) {
        spork_sleep_ms(100);
        printf("Pid: %" PRId64 " LoopCount: %d\n",
               spork_process_pid(spork_current_process()), i);
    }
    return 0;
}
SPORK_PROCESS_KIND(counter, struct counter, run);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    /* Daemons end with their parent; without the join below they would hardly begin. */
    const spork_process_options options = {.daemon = SPORK_DAEMON_YES};
    spork_process *counters[3];

    must(spork_init(argc, argv));
    for (int i = 0; i < 3; i++) {
        struct counter state = {.loops = i + 2};
        must(counter_start(&counters[i], state, &options));
    }
    for (int i = 0; i < 3; i++) {
        must(spork_process_join(counters[i], SPORK_FOREVER, NULL));
        spork_process_free(counters[i]);
    }
    printf("Main Process ended\n");
    return 0;
}
