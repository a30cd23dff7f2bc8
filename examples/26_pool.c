/* A pool of three workers for eight tasks of two kinds: who is free takes the next one.
   Results and failures come to callbacks, which run here, in the calls that wait.
   Listing 000:311. Listing 003:317. */
#include <spork.h>
#include <stdio.h>

enum { DIVISION_BY_ZERO = 1 }; /* Numbers of the program's own are above 0. */

static int64_t square(int64_t number) {
    spork_sleep_ms(10);
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

static int64_t divide(int64_t number, int64_t divisor) {
    spork_sleep_ms(20);
    return divisor == 0 ? spork_task_fail(DIVISION_BY_ZERO, "nothing divides by zero")
                        : number / divisor;
}
SPORK_TASK(int64_t, divide, int64_t, int64_t);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

static void show(void *kind, spork_future *future) {
    const spork_value *result;
    must(spork_future_get(future, &result, 0));
    printf("%s: ", (const char *)kind);
    spork_value_print(result);
    printf("\n");
}

static void complain(void *kind, spork_future *future) {
    printf("%s failed: %s\n", (const char *)kind, spork_future_words(future));
}

int main(int argc, char **argv) {
    const spork_apply_options squares = {show, complain, "square"};
    const spork_apply_options quotients = {show, complain, "divide"};
    spork_pool *pool;

    must(spork_init(argc, argv));
    must(spork_pool_new(&pool, &(spork_pool_options){.workers = 3}));
    for (int64_t i = 0; i < 4; i++) {
        must(spork_pool_apply_async(NULL, pool, square_call(i), &squares));
        must(spork_pool_apply_async(NULL, pool, divide_call(60, i), &quotients));
    }
    must(spork_pool_close(pool));
    must(spork_pool_join(pool, SPORK_FOREVER));
    printf("Done!\n");
    must(spork_pool_free(pool));
    return 0;
}
