/* Starting: a process from its start to its end, by each method; also with much memory in the
   process that starts it, which a method that copies its page tables pays for. */
#include "support/bench.h"
#include "support/bench_peers.h"
#include "support/bench_system.h"

enum { STARTS = 20, SLOW_STARTS = 4 };
static const size_t RESIDENT = (size_t)1 << 30;

static const char *program;

static int nothing(void) {
    return 0;
}
SPORK_TASK(int, nothing);

/* ---- memory that is there while works need it ---- */

static unsigned char *resident;

static void be_small(void) {
    free(resident);
    resident = NULL;
}

/* False where that would take more than the machine has to spare. */
static bool be_large(void) {
    enum { PAGE = 4096 };
    if (resident == NULL && bench_has_memory(RESIDENT + RESIDENT / 2)) {
        resident = malloc(RESIDENT);
        for (size_t i = 0; resident != NULL && i < RESIDENT; i += PAGE) {
            ((volatile unsigned char *)resident)[i] = 1;
        }
    }
    return resident != NULL;
}

/* ---- spork ---- */

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
    be_small();
    return measure(*(const spork_start_method *)context);
}

static double large_spork_by(const void *context) {
    return be_large() ? measure(*(const spork_start_method *)context) : NAN;
}

/* ---- the limits ---- */

static double copies(int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += bench_start_copy();
    }
    return sum / count / 1e3;
}

static double programs(void) {
    double sum = 0;
    for (int i = 0; i < STARTS; i++) {
        sum += bench_start_program(program);
    }
    return sum / STARTS / 1e3;
}

static double limit_copy(const void *context) {
    (void)context;
    be_small();
    return copies(STARTS);
}

static double limit_program(const void *context) {
    (void)context;
    be_small();
    return programs();
}

static double large_copy(const void *context) {
    (void)context;
    return be_large() ? copies(SLOW_STARTS) : NAN;
}

static double large_program(const void *context) {
    (void)context;
    return be_large() ? programs() : NAN;
}

static void copy_agent(const struct bench_part *part) {
    *(double *)part->memory = copies(STARTS);
}

/* What a forkserver could do at best: its own memory is small, whatever the caller has. */
static double limit_small_copy(const void *context) {
    struct bench_plan plan = {.unpinned = true};
    double *result = bench_share(&plan.memory, sizeof *result);
    (void)context;
    plan.roles[0].role = copy_agent;
    plan.roles[0].count = 1;
    double value = bench_is_nan(bench_together(&plan)) ? NAN : *result;
    bench_unshare(plan.memory);
    return value;
}

/* ---- the peers ---- */

static double by_posix_spawn(const void *context) {
    (void)context;
    be_small();
    return bench_starts_posix_spawn(program, STARTS) / 1e3;
}

static double large_by_posix_spawn(const void *context) {
    (void)context;
    return be_large() ? bench_starts_posix_spawn(program, STARTS) / 1e3 : NAN;
}

static double by_libuv(const void *context) {
    (void)context;
    be_small();
    return bench_starts_libuv(program, STARTS) / 1e3;
}

static double large_by_libuv(const void *context) {
    (void)context;
    return be_large() ? bench_starts_libuv(program, STARTS) / 1e3 : NAN;
}

/* Python takes the memory itself, beside this process's. */
static double large_by_python(const void *context) {
    return bench_has_memory(RESIDENT + RESIDENT / 2) ? bench_python(context) : NAN;
}

/* ---- the works ---- */

static const spork_start_method spawn = SPORK_METHOD_SPAWN;
static const spork_start_method by_fork = SPORK_METHOD_FORK;
static const spork_start_method forkserver = SPORK_METHOD_FORKSERVER;
static const spork_start_method thread = SPORK_METHOD_THREAD;

static const struct bench_work works[] = {
    {"start fork", "us",
     {{"limit", limit_copy, NULL},
      {"spork", spork_by, &by_fork},
      {"python", bench_python, "start fork 10"}}},
    {"start forkserver", "us",
     {{"limit", limit_copy, NULL},
      {"spork", spork_by, &forkserver},
      {"python", bench_python, "start forkserver 10"}}},
    {"start spawn", "us",
     {{"limit", limit_program, NULL},
      {"spork", spork_by, &spawn},
      {"posix_spawn", by_posix_spawn, NULL},
      {"libuv", by_libuv, NULL},
      {"python", bench_python, "start spawn 4"}}},
    {"start thread", "us", {{"limit", limit_copy, NULL}, {"spork", spork_by, &thread}}},
    {"start spawn 1 GiB resident", "us",
     {{"limit", large_program, NULL},
      {"spork", large_spork_by, &spawn},
      {"posix_spawn", large_by_posix_spawn, NULL},
      {"libuv", large_by_libuv, NULL},
      {"fork", large_copy, NULL},
      {"python", large_by_python, "start spawn 4 1024"}}},
    {"start forkserver 1 GiB resident", "us",
     {{"limit", limit_small_copy, NULL},
      {"spork", large_spork_by, &forkserver},
      {"python", large_by_python, "start forkserver 10 1024"}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--nothing") == 0) {
        return EXIT_SUCCESS; /* what it costs to run a program at all */
    }
    program = argv[0];
    MUST(spork_init(argc, argv));
    int result = bench_main(argc, argv, works);
    be_small();
    return result;
}
