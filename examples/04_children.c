/* How many processors there are, and which children are running. Listing 004:61. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

enum { CHILDREN = 5 };

/* The gate keeps the children until they have been counted. */
static int process(int index, spork_semaphore *gate) {
    int error = spork_semaphore_acquire(gate, SPORK_FOREVER);
    printf("process: %d\n", index);
    return error;
}
SPORK_TASK(int, process, int, spork_semaphore *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    const spork_semaphore_options closed = {.value = 0};
    spork_process *children[CHILDREN];
    spork_process *active[CHILDREN];
    spork_semaphore *gate;
    size_t count;

    must(spork_init(argc, argv));
    must(spork_semaphore_new(&gate, &closed));
    for (int i = 0; i < CHILDREN; i++) {
        must(spork_process_start(&children[i], process_call(i, gate), NULL));
    }
    printf("CPU number: %d\n", spork_cpu_count());
    must(spork_active_children(active, CHILDREN, &count));
    for (size_t i = 0; i < count; i++) {
        printf("child process name: %s id: %" PRId64 "\n", spork_process_name(active[i]),
               spork_process_pid(active[i]));
    }
    must(spork_semaphore_release(gate, CHILDREN));
    for (int i = 0; i < CHILDREN; i++) {
        must(spork_process_join(children[i], SPORK_FOREVER, NULL));
    }
    must(spork_active_children(active, CHILDREN, &count));
    printf("%zu are running at the end\n", count);
    for (int i = 0; i < CHILDREN; i++) {
        spork_process_free(children[i]);
    }
    spork_semaphore_free(gate);
    return 0;
}
