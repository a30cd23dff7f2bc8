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

/* How parts meet: each comes, and waits until it is let go. */
struct meeting {
    _Atomic uint32_t come, go, ended;
    _Atomic int64_t last; /* ns: when the last one ended */
};

/* A function's place in this program, which is loaded somewhere else in each process. */
static int64_t place_of(bench_role *role) {
    return (int64_t)((intptr_t)role - (intptr_t)bench_must);
}

static bench_role *role_at(int64_t place) {
    return (bench_role *)((intptr_t)bench_must + (intptr_t)place);
}

static void end_part(struct meeting *meeting) {
    int64_t now = bench_now();
    int64_t last = atomic_load(&meeting->last);
    while (last < now && !atomic_compare_exchange_weak(&meeting->last, &last, now)) {
    }
    atomic_fetch_add(&meeting->ended, 1);
}

struct order {
    int64_t place, index, processor, count, size;
    spork_offset meeting, memory;
};

/* One part; the agents are daemons, which are ended with the program. */
static void follow(const struct order *order, struct bench_part *part) {
    struct meeting *meeting = spork_shared_at(order->meeting);
    bench_pin((int)order->processor);
    part->index = (int)order->index;
    part->count = (uint64_t)order->count;
    part->size = (size_t)order->size;
    part->memory = order->memory == 0 ? NULL : spork_shared_at(order->memory);
    atomic_fetch_add(&meeting->come, 1);
    while (atomic_load(&meeting->go) == 0) {
        bench_relax();
    }
    role_at(order->place)(part);
    end_part(meeting);
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
        .place = place_of(plan->roles[role].role),
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

double bench_together(const struct bench_plan *plan) {
    spork_offset place;
    struct meeting *meeting = bench_share(&place, sizeof *meeting);
    int all = plan->roles[0].count + plan->roles[1].count;
    int number = 0;
    for (int role = 0; role < 2; role++) {
        for (int i = 0; i < plan->roles[role].count; i++) {
            order_part(plan, role, i, number++, place);
        }
    }
    while (atomic_load(&meeting->come) < (uint32_t)all) {
        spork_sleep_ms(1);
    }
    int64_t begin = bench_now();
    atomic_store(&meeting->go, 1);
    while (atomic_load(&meeting->ended) < (uint32_t)all) {
        spork_sleep_ms(1);
    }
    double duration = (double)(atomic_load(&meeting->last) - begin);
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
            double value = is_there[i] ? variant->measure(variant->context) : NAN;
            is_there[i] = is_there[i] && !isnan(value);
            if (round >= 0 && is_there[i]) {
                printf("%s,%s,%d,%.6g,%s\n", work->name, variant->name, round, value,
                       work->unit);
            } else if (round < 0 && !is_there[i]) {
                fprintf(stderr, "bench: %s: %s is not to be had here\n", work->name,
                        variant->name);
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
