/* At its end a program waits for its children, but not for daemons: it ends them.
   Listing 000:143. */
#include <spork.h>
#include <stdio.h>

static int work(int64_t duration_ms) {
    const char *name = spork_process_name(spork_current_process());

    printf("%s begins\n", name);
    spork_sleep_ms(duration_ms);
    printf("%s leaves\n", name);
    return 0;
}
SPORK_TASK(int, work, int64_t);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    const spork_process_options background = {.name = "background_process",
                                              .daemon = SPORK_DAEMON_YES};
    const spork_process_options foreground = {.name = "foreground_process"};
    spork_process *daemon;
    spork_process *child;

    must(spork_init(argc, argv));
    must(spork_process_start(&daemon, work_call(60 * 1000), &background));
    must(spork_process_start(&child, work_call(500), &foreground));
    return 0; /* Both still run. The one is ended now, the other is waited for. */
}
