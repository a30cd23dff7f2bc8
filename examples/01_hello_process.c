/* The first child: a C function that runs in a process of its own. Listing 003:56. */
#include <spork.h>
#include <stdio.h>

static int run(const char *name) {
    printf("child '%s' is running\n", name);
    return 0;
}
SPORK_TASK(int, run, const char *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *child;
    int exit_code;

    /* The main guard. A child is this program once more: here it turns into the child. */
    must(spork_init(argc, argv));

    printf("the parent begins\n");
    must(spork_process_start(&child, run_call("what it was given"), NULL));
    printf("%s\n", spork_process_name(child));
    must(spork_process_join(child, SPORK_FOREVER, &exit_code));
    printf("the child has ended with %d\n", exit_code);
    return spork_process_free(child);
}
