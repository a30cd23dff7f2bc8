/* The same program on processes and on threads: one word differs. Listing 001:116. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

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

static void compute_twice(spork_start_method method) {
    const spork_process_options options = {.method = method};
    spork_process *workers[2];
    spork_queue *results;
    spork_value result;
    int64_t number;

    must(spork_queue_new(&results, NULL));
    for (int i = 0; i < 2; i++) {
        must(spork_process_start(&workers[i], compute_call(25, results), &options));
    }
    for (int i = 0; i < 2; i++) {
        must(spork_queue_get(results, &result, SPORK_FOREVER));
        must(spork_value_get_int(&result, &number));
        printf("%s: %" PRId64 "\n", spork_start_method_name(method), number);
        must(spork_process_join(workers[i], SPORK_FOREVER, NULL));
        spork_process_free(workers[i]);
    }
    spork_queue_free(results);
}

int main(int argc, char **argv) {
    must(spork_init(argc, argv));
    compute_twice(SPORK_METHOD_DEFAULT);
    compute_twice(SPORK_METHOD_THREAD);
    return 0;
}
