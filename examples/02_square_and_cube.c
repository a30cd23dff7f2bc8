/* Two children at once, each with a number to work on. Listing 000:14. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

static int square(int64_t number) {
    printf("Square: %" PRId64 "\n", number * number);
    return 0;
}
SPORK_TASK(int, square, int64_t);

static int cube(int64_t number) {
    printf("Cube: %" PRId64 "\n", number * number * number);
    return 0;
}
SPORK_TASK(int, cube, int64_t);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *first;
    spork_process *second;

    must(spork_init(argc, argv));
    must(spork_process_start(&first, square_call(10), NULL));
    must(spork_process_start(&second, cube_call(10), NULL));
    must(spork_process_join(first, SPORK_FOREVER, NULL));
    must(spork_process_join(second, SPORK_FOREVER, NULL));
    printf("Done!\n");
    spork_process_free(first);
    spork_process_free(second);
    return 0;
}
