/* Who am I, and who started me? Listing 000:78. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

static void info(const char *title) {
    spork_process *parent = spork_parent_process();

    printf("*********************\n%s\n", title);
    printf("module name: names_and_ids\n");
    if (parent == NULL) {
        printf("parent process: not of this program\n");
    } else {
        printf("parent process: %" PRId64 "\n", spork_process_pid(parent));
    }
    printf("process id: %" PRId64 "\n", spork_process_pid(spork_current_process()));
    printf("*********************\n");
}

static int greet(const char *name) {
    info("function greet");
    printf("hello %s\n", name);
    return 0;
}
SPORK_TASK(int, greet, const char *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *child;

    must(spork_init(argc, argv));
    info("main line");
    must(spork_process_start(&child, greet_call("bob"), NULL));
    must(spork_process_join(child, SPORK_FOREVER, NULL));
    return spork_process_free(child);
}
