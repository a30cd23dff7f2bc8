/* Each process has its own globals: a child's change is not seen by anybody else.
   Listing 003:279. */
#include <spork.h>
#include <stdio.h>

static int number = 10;

static int first(void) {
    number += 1;
    printf("number in the first child: %d\n", number);
    return 0;
}
SPORK_TASK(int, first);

static int second(void) {
    number += 2;
    printf("number in the second child: %d\n", number);
    return 0;
}
SPORK_TASK(int, second);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *one;
    spork_process *two;

    must(spork_init(argc, argv));
    must(spork_process_start(&one, first_call(), NULL));
    must(spork_process_start(&two, second_call(), NULL));
    must(spork_process_join(one, SPORK_FOREVER, NULL));
    must(spork_process_join(two, SPORK_FOREVER, NULL));
    printf("number in the parent: %d\n", number);
    spork_process_free(one);
    spork_process_free(two);
    return 0;
}
