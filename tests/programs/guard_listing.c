/* Listing 003:186, for tests/test_listings_003.c: a program without the main guard, and
   with "right" as its argument one that has it. Each "main begins" is one run of main. */
#include <spork.h>
#include <stdio.h>
#include <string.h>

static int run(const char *name) {
    printf("I am process '%s'\n", name);
    return 0;
}
SPORK_TASK(int, run, const char *);

int main(int argc, char **argv) {
    spork_process *process;

    printf("main begins\n");
    fflush(stdout);
    if (argc > 1 && strcmp(argv[1], "right") == 0 && spork_init(argc, argv) != 0) {
        return 3;
    }
    int error = spork_process_start(&process, run_call("hehe"), NULL);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", spork_error_name(error), spork_error_detail());
        return EXIT_FAILURE;
    }
    spork_process_join(process, SPORK_FOREVER, NULL);
    printf("the child has ended\n");
    return spork_process_free(process);
}
