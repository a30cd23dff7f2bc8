/* A function over all items of an array, by a pool of two: results in order. Then the same
   program on threads: one word differs. Listing 001:109. Listing 001:116. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

enum { COUNT = 6 };

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

static void compute_all(spork_start_method method) {
    const spork_pool_options options = {.workers = 2, .method = method};
    const int numbers[COUNT] = {25, 20, 24, 21, 23, 22};
    int64_t results[COUNT];
    spork_pool *pool;

    must(spork_pool_new(&pool, &options));
    must(fibonacci_map(pool, numbers, COUNT, results));
    for (int i = 0; i < COUNT; i++) {
        printf("%s: fibonacci(%d) = %" PRId64 "\n", spork_start_method_name(method),
               numbers[i], results[i]);
    }
    must(spork_pool_free(pool));
}

int main(int argc, char **argv) {
    must(spork_init(argc, argv));
    compute_all(SPORK_METHOD_DEFAULT);
    compute_all(SPORK_METHOD_THREAD);
    return 0;
}
