/* Shared memory: bytes that a child fills in place, and a name by which programs that are not
   of this family attach them. */
#include <spork.h>
#include <stdio.h>
#include <string.h>

static int fill(spork_shared_memory *memory) {
    strcpy(spork_shared_memory_data(memory), "written in place");
    return 0;
}
SPORK_TASK(int, fill, spork_shared_memory *);

int main(int argc, char **argv) {
    spork_shared_memory *memory, *again, *twice;
    spork_process *child;
    char name[64];
    spork_init(argc, argv);
    snprintf(name, sizeof name, "example-25-%lld",
             (long long)spork_process_pid(spork_current_process()));
    spork_shared_memory_new(&memory, 4096, &(spork_shared_memory_options){.name = name});
    spork_process_start(&child, fill_call(memory), NULL);
    spork_process_join(child, SPORK_FOREVER, NULL);
    spork_process_free(child);

    spork_shared_memory_attach(&again, name, true); /* as any program could, to read */
    printf("%s\n", (const char *)spork_shared_memory_data(again));
    int error = spork_shared_memory_new(&twice, 4096,
                                        &(spork_shared_memory_options){.name = name});
    printf("the name is taken: %s\n", spork_error_name(error));
    spork_shared_memory_free(again);
    spork_shared_memory_free(memory); /* the name goes with who made it */
    error = spork_shared_memory_attach(&again, name, true);
    printf("it is gone: %s\n", spork_error_name(error));
    return 0;
}
