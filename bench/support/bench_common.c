/* Rounds, and processes that work together. */
#include "bench.h"

void bench_must(int error, const char *call) {
    if (error != 0) {
        fprintf(stderr, "bench: %s: %s (%s)\n", call, spork_error_name(error),
                spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

void *bench_share(spork_offset *memory, size_t size) {
    MUST(spork_shared_alloc(memory, size));
    return spork_shared_at(*memory);
}

void bench_unshare(spork_offset memory) {
    MUST(spork_shared_free(memory));
}

/* ---- agents ---- */

/* How parts meet: each comes, and waits until it is let go; when all are through, each ends. */
struct meeting {
    _Atomic uint32_t come, go, through, ended;
    _Atomic int64_t last; /* ns: when the last one was through */
    uint32_t all;
};

/* A function's place in this program, which is loaded somewhere else in each process; 0: none. */
static int64_t place_of(intptr_t function) {
    return function == 0 ? 0 : (int64_t)(function - (intptr_t)bench_must);
}

static intptr_t function_at(int64_t place) {
    return place == 0 ? 0 : (intptr_t)bench_must + (intptr_t)place;
}

static void be_through(struct meeting *meeting) {
    int64_t now = bench_now();
    int64_t last = atomic_load(&meeting->last);
    while (last < now && !atomic_compare_exchange_weak(&meeting->last, &last, now)) {
    }
    atomic_fetch_add(&meeting->through, 1);
}

struct order {
    int64_t role, prepare, finish, index, processor, count, size;
    spork_offset meeting, memory;
};

/* Whoever closes what others still read from may take it away from them. */
static void finish(const struct order *order, const struct bench_part *part,
                   struct meeting *meeting) {
    bench_role *last = (bench_role *)function_at(order->finish);
    if (last != NULL) {
        while (atomic_load(&meeting->through) < meeting->all) {
            spork_sleep_ms(1);
        }
        last(part);
    }
    atomic_fetch_add(&meeting->ended, 1);
}

/* One part; the agents are daemons, which are ended with the program. */
static void follow(const struct order *order, struct bench_part *part) {
    struct meeting *meeting = spork_shared_at(order->meeting);
    bench_pin((int)order->processor);
    part->index = (int)order->index;
    part->count = (uint64_t)order->count;
    part->size = (size_t)order->size;
    part->memory = order->memory == 0 ? NULL : spork_shared_at(order->memory);
    bench_prepare *prepare = (bench_prepare *)function_at(order->prepare);
    part->own = prepare == NULL ? NULL : prepare(part);
    atomic_fetch_add(&meeting->come, 1);
    while (atomic_load(&meeting->go) == 0) {
        bench_relax();
    }
    ((bench_role *)function_at(order->role))(part);
    be_through(meeting);
    finish(order, part, meeting);
}

static void take_handle(const spork_value *value, struct bench_part *part) {
    if (spork_value_get_queue(value, &part->queue) != 0 &&
        spork_value_get_lock(value, &part->lock) != 0) {
        (void)spork_value_get_pipe(value, &part->pipe);
    }
}

static int be_agent(spork_queue *orders) {
    spork_value message;
    while (spork_queue_get(orders, &message, SPORK_FOREVER) == 0) {
        struct bench_part part = {0};
        struct order order;
        spork_bytes bytes;
        MUST(spork_value_get_bytes(spork_value_at(&message, 0), &bytes));
        memcpy(&order, bytes.data, sizeof order);
        for (size_t i = 1; i < spork_value_count(&message); i++) {
            take_handle(spork_value_at(&message, i), &part);
        }
        follow(&order, &part);
        spork_value_free(&message);
    }
    return 0;
}
SPORK_TASK(int, be_agent, spork_queue *);

static struct {
    spork_process *process;
    spork_queue *orders;
} agents[BENCH_AGENTS];

static spork_queue *agent(int index) {
    const spork_process_options options = {.daemon = SPORK_DAEMON_YES};
    if (agents[index].process == NULL) {
        MUST(spork_queue_new(&agents[index].orders, NULL));
        MUST(spork_process_start(&agents[index].process, be_agent_call(agents[index].orders),
                                 &options));
    }
    return agents[index].orders;
}

static void order_part(const struct bench_plan *plan, int role, int index, int number,
                       spork_offset meeting) {
    const struct order order = {
        .role = place_of((intptr_t)plan->roles[role].role),
        .prepare = place_of((intptr_t)plan->roles[role].prepare),
        .finish = place_of((intptr_t)plan->roles[role].finish),
        .index = index,
        .processor = plan->unpinned ? -1 : number % spork_cpu_count(),
        .count = (int64_t)plan->roles[role].operations,
        .size = (int64_t)plan->size,
        .meeting = meeting,
        .memory = plan->memory,
    };
    spork_value parts[4] = {spork_bytes_value(&order, sizeof order)};
    size_t count = 1;
    if (plan->queue != NULL) {
        parts[count++] = spork_queue_value(plan->queue);
    }
    if (plan->lock != NULL) {
        parts[count++] = spork_lock_value(plan->lock);
    }
    if (plan->pipes[role] != NULL) {
        parts[count++] = spork_pipe_value(plan->pipes[role]);
    }
    MUST(spork_queue_put(agent(number), spork_list(parts, count), SPORK_FOREVER));
}

static void end_agents(void) {
    for (int i = 0; i < BENCH_AGENTS; i++) {
        if (agents[i].process != NULL) {
            (void)spork_process_kill(agents[i].process);
            MUST(spork_process_join(agents[i].process, SPORK_FOREVER, NULL));
            MUST(spork_process_free(agents[i].process));
            spork_queue_free(agents[i].orders);
            agents[i].process = NULL;
        }
    }
}

static bool one_is_dead(int all) {
    for (int i = 0; i < all; i++) {
        if (!spork_process_alive(agents[i].process)) {
            return true;
        }
    }
    return false;
}

/* False, with a word, if that cannot be expected any more: a peer hangs, or its part died. */
static bool wait_for_all(const _Atomic uint32_t *count, uint32_t all, int64_t deadline) {
    enum { LOOKS = 64 }; /* milliseconds between looks at who is alive */
    for (int i = 1; atomic_load(count) < all; i++) {
        spork_sleep_ms(1);
        if (i % LOOKS != 0) {
            continue;
        }
        if (one_is_dead((int)all) && atomic_load(count) < all) {
            fprintf(stderr, "bench: a part of a measurement died\n");
            return false;
        }
        if (bench_now() > deadline) {
            fprintf(stderr, "bench: a measurement was not over after %d s\n", BENCH_DEADLINE_S);
            return false;
        }
    }
    return true;
}

static double measure_together(struct meeting *meeting) {
    int64_t deadline = bench_now() + BENCH_DEADLINE_S * INT64_C(1000000000);
    if (!wait_for_all(&meeting->come, meeting->all, deadline)) {
        return NAN;
    }
    int64_t begin = bench_now();
    atomic_store(&meeting->go, 1);
    if (!wait_for_all(&meeting->ended, meeting->all, deadline)) {
        return NAN;
    }
    return (double)(atomic_load(&meeting->last) - begin);
}

double bench_together(const struct bench_plan *plan) {
    spork_offset place;
    struct meeting *meeting = bench_share(&place, sizeof *meeting);
    int number = 0;
    meeting->all = (uint32_t)(plan->roles[0].count + plan->roles[1].count);
    for (int role = 0; role < 2; role++) {
        for (int i = 0; i < plan->roles[role].count; i++) {
            order_part(plan, role, i, number++, place);
        }
    }
    double duration = measure_together(meeting);
    if (plan->fresh || bench_is_nan(duration)) {
        end_agents();
    }
    bench_unshare(place);
    return duration;
}

/* ---- rounds ---- */

static int rounds = 7;

static void measure(const struct bench_work *work) {
    bool is_there[BENCH_VARIANTS];
    memset(is_there, true, sizeof is_there);
    for (int round = -1; round < rounds; round++) {
        for (int i = 0; i < BENCH_VARIANTS && work->variants[i].name != NULL; i++) {
            const struct bench_variant *variant = &work->variants[i];
            if (!is_there[i]) {
                continue;
            }
            double value = variant->measure(variant->context);
            is_there[i] = !bench_is_nan(value);
            if (!is_there[i]) {
                fprintf(stderr, "bench: %s: %s is not to be had here\n", work->name,
                        variant->name);
            } else if (round >= 0) {
                printf("%s,%s,%d,%.6g,%s\n", work->name, variant->name, round, value,
                       work->unit);
            }
        }
    }
    fflush(stdout);
}

static bool is_wanted(const char *name, char **names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return count == 0;
}

int bench_main(int argc, char **argv, const struct bench_work *works) {
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = atoi(argv[2]);
        first = 3;
    }
    for (; works->name != NULL; works++) {
        if (is_wanted(works->name, argv + first, argc - first)) {
            measure(works);
        }
    }
    return EXIT_SUCCESS;
}
