/* The same numbers in turn, and by a pool with a worker for each processor: the same
   results, and on two processors in about half the time. Listing 001:56. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 12 };

static const int numbers[COUNT] = {33, 35, 34, 36, 32, 37, 31, 36, 34, 33, 35, 37};

static int64_t fibonacci(int number) {
    return number <= 2 ? 1 : fibonacci(number - 1) + fibonacci(number - 2);
}
SPORK_TASK(int64_t, fibonacci, int);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    int64_t in_turn[COUNT];
    int64_t at_once[COUNT];
    spork_pool *pool;

    must(spork_init(argc, argv)); /* Without it the pool is SPORK_ENOGUARD. */
    must(spork_pool_new(&pool, NULL));
    int64_t begin = spork_now_ms();
    for (int i = 0; i < COUNT; i++) {
        in_turn[i] = fibonacci(numbers[i]);
    }
    int64_t between = spork_now_ms();
    must(fibonacci_map(pool, numbers, COUNT, at_once));
    int64_t end = spork_now_ms();
    for (int i = 0; i < COUNT; i++) {
        printf("fibonacci(%d) = %" PRId64 "\n", numbers[i], at_once[i]);
    }
    printf("the results are %s\n",
           memcmp(in_turn, at_once, sizeof in_turn) == 0 ? "the same" : "different");
    printf("in turn %" PRId64 " ms, by %d workers %" PRId64 " ms: %.2f times as fast\n",
           between - begin, spork_pool_workers(pool), end - between,
           (double)(between - begin) / (double)(end > between ? end - between : 1));
    must(spork_pool_free(pool));
    return 0;
}
