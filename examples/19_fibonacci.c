/* The same work twice in turn, and by two processes at once. Listing 001:56.

   With a processor for each, the second takes about half the time of the first. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

enum { NUMBER = 35 };

static int64_t fibonacci(int number) {
    return number <= 2 ? 1 : fibonacci(number - 1) + fibonacci(number - 2);
}

static int compute(int number, spork_queue *results) {
    return spork_queue_put(results, spork_int(fibonacci(number)), SPORK_FOREVER);
}
SPORK_TASK(int, compute, int, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_process *workers[2];
    spork_queue *results;
    spork_value result;

    must(spork_init(argc, argv)); /* without it, the start below is SPORK_ENOGUARD */
    must(spork_queue_new(&results, NULL));
    int64_t begin = spork_now_ms();
    for (int i = 0; i < 2; i++) {
        printf("in turn: %" PRId64 "\n", fibonacci(NUMBER));
    }
    int64_t between = spork_now_ms();
    for (int i = 0; i < 2; i++) {
        must(spork_process_start(&workers[i], compute_call(NUMBER, results), NULL));
    }
    for (int i = 0; i < 2; i++) {
        must(spork_queue_get(results, &result, SPORK_FOREVER));
        printf("at once: ");
        spork_value_print(&result);
        putchar('\n');
    }
    int64_t end = spork_now_ms();
    printf("in turn %" PRId64 " ms, at once %" PRId64 " ms: %.2f times as fast\n",
           between - begin, end - between,
           (double)(between - begin) / (double)(end > between ? end - between : 1));
    for (int i = 0; i < 2; i++) {
        must(spork_process_join(workers[i], SPORK_FOREVER, NULL));
        spork_process_free(workers[i]);
    }
    spork_queue_free(results);
    return 0;
}
