/* Starting: a process from its start to its end, by each method. */
#include "support/bench.h"
#include "support/bench_system.h"

enum { STARTS = 20 };

static const char *program;

static int nothing(void) {
    return 0;
}
SPORK_TASK(int, nothing);

static double measure(spork_start_method method) {
    const spork_process_options options = {.method = method};
    if (!spork_has_start_method(method)) {
        return NAN;
    }
    int64_t begin = bench_now();
    for (int i = 0; i < STARTS; i++) {
        spork_process *process;
        MUST(spork_process_start(&process, nothing_call(), &options));
        MUST(spork_process_join(process, SPORK_FOREVER, NULL));
        MUST(spork_process_free(process));
    }
    return (double)(bench_now() - begin) / STARTS / 1e3;
}

static double spork_by(const void *context) {
    return measure(*(const spork_start_method *)context);
}

static double limit_copy(const void *context) {
    double sum = 0;
    (void)context;
    for (int i = 0; i < STARTS; i++) {
        sum += bench_start_copy();
    }
    return sum / STARTS / 1e3;
}

static double limit_program(const void *context) {
    double sum = 0;
    (void)context;
    for (int i = 0; i < STARTS; i++) {
        sum += bench_start_program(program);
    }
    return sum / STARTS / 1e3;
}

static const spork_start_method spawn = SPORK_METHOD_SPAWN;
static const spork_start_method by_fork = SPORK_METHOD_FORK;
static const spork_start_method forkserver = SPORK_METHOD_FORKSERVER;
static const spork_start_method thread = SPORK_METHOD_THREAD;

static const struct bench_work works[] = {
    {"start fork", "us", {{"limit", limit_copy, NULL}, {"spork", spork_by, &by_fork}}},
    {"start forkserver", "us", {{"limit", limit_copy, NULL}, {"spork", spork_by, &forkserver}}},
    {"start spawn", "us", {{"limit", limit_program, NULL}, {"spork", spork_by, &spawn}}},
    {"start thread", "us", {{"limit", limit_copy, NULL}, {"spork", spork_by, &thread}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--nothing") == 0) {
        return EXIT_SUCCESS; /* what it costs to run a program at all */
    }
    program = argv[0];
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
