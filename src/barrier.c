/* Barriers: a count, and rounds that end one after the other. */
#include "barrier.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "task.h"

enum { BREAKS = 64 };
enum state { FILLING, RUNNING, BROKEN };

/* All words change in transactions of the family's lock, so a death leaves the barrier before
   or behind a step, never between. Who waits for a round learns its end from the words alone:
   round is another one, and the list of broken ones, which is stored before round, has it or
   not. What a dead party leaves is a round that can never be complete: its burial breaks it
   (mourn_thread, holder_died), and so does whoever meets a round whose action's runner ended. */
struct barrier_body {
    arena_word state;
    arena_word arrived; /* in this round */
    arena_word runner;  /* the thread that runs the action, while RUNNING */
    arena_word breaks;  /* rounds that were broken while somebody waited */
    arena_word broken[BREAKS]; /* the last of them, plus 1 */
    arena_word forgotten;      /* up to this round not all that were broken are known */
    arena_word round;
    uint64_t parties;
    int64_t timeout_ms;
    /* The action as task_encode made it, and what holds its handles. */
    arena_word action, action_size;
    struct kept kept[KEEPER_MOST];
    struct waiters waiters;
};

struct spork_barrier {
    struct handle handle;
};

/* Ends the present round, as a part of the transaction under way; sleep_wake must follow. */
static void end_round(struct barrier_body *body, bool whole, enum state next) {
    uint64_t round = arena_get(&body->round);
    if (!whole && arena_get(&body->arrived) > 0) {
        uint64_t breaks = arena_get(&body->breaks);
        arena_word *entry = &body->broken[breaks % BREAKS];
        arena_set(&body->forgotten, arena_get(entry));
        arena_set(entry, round + 1);
        arena_set(&body->breaks, breaks + 1);
    }
    arena_set(&body->arrived, 0);
    arena_set(&body->runner, 0);
    arena_set(&body->state, next);
    arena_set(&body->round, round + 1);
}

/* How a round that is over has ended. One that was overtaken by 64 broken ones, while the
   thread that waited for it came awake, counts as broken. */
static bool was_broken(const struct barrier_body *body, uint64_t round) {
    for (int i = 0; i < BREAKS; i++) {
        if (atomic_load(&body->broken[i]) == round + 1) {
            return true;
        }
    }
    return round < atomic_load(&body->forgotten);
}

/* Ends the lock. */
static void break_round(struct self *self, struct barrier_body *body) {
    end_round(body, false, BROKEN);
    family_commit(self);
    sleep_wake(&body->waiters, SLEEP_ALL);
}

/* ---- the kind ---- */

/* A process that ends by itself may have done its part; a thread that waits has not. Its token
   is the round, plus 1. */
static void mourn_thread(struct self *self, handle_id id, void *object,
                         slot_reference thread) {
    struct barrier_body *body = object;
    const struct thread_slot *slot = &arena->threads[slot_index(thread)];
    family_lock(self);
    if (atomic_load(&slot->waits) == id && atomic_load(&body->state) != BROKEN &&
        atomic_load(&slot->token) == atomic_load(&body->round) + 1) {
        break_round(self, body);
    } else {
        family_unlock(self);
    }
}

static void holder_died(void *object) {
    struct barrier_body *body = object;
    if (arena_get(&body->state) != BROKEN) {
        end_round(body, false, BROKEN);
    }
}

static void holders_changed(void *object, uint64_t holders) {
    (void)holders;
    sleep_wake(&((struct barrier_body *)object)->waiters, SLEEP_ALL);
}

static void destroy(struct self *self, handle_id id, void *object) {
    struct barrier_body *body = object;
    (void)id;
    for (int i = 0; i < KEEPER_MOST; i++) {
        handle_drop_kept(self, &body->kept[i]);
    }
    family_lock(self);
    if (atomic_load(&body->action) != 0) {
        arena_give(atomic_load(&body->action));
        arena_set(&body->action, 0);
    }
    family_commit(self);
}

static const struct handle_kind barrier_kind = {
    .kind = SPORK_HANDLE_BARRIER,
    .name = "barrier",
    .local_size = sizeof(struct spork_barrier),
    .body_size = sizeof(struct barrier_body),
    .destroy = destroy,
    .mourn_thread = mourn_thread,
    .holder_died = holder_died,
    .holders_changed = holders_changed,
};

void barrier_register(void) {
    handle_register_kind(&barrier_kind);
}

static struct barrier_body *body_of(const spork_barrier *barrier) {
    return barrier->handle.body;
}

/* ---- making ---- */

struct plan {
    const spork_barrier_options *options;
    void *action; /* malloc; NULL: none */
    size_t action_size;
    struct keeper keeper;
};

static int init(void *object, const void *given) {
    struct barrier_body *body = object;
    const struct plan *plan = given;
    uint64_t action;
    body->parties = (uint64_t)plan->options->parties;
    body->timeout_ms = plan->options->timeout_ms;
    if (plan->action == NULL) {
        return 0;
    }
    int error = arena_take(plan->action_size, BLOCK_PLAIN, &action);
    if (error != 0) {
        return error;
    }
    memcpy(arena_at(action), plan->action, plan->action_size);
    arena_set(&body->action, action);
    arena_set(&body->action_size, plan->action_size);
    for (size_t i = 0; i < plan->keeper.count && error == 0; i++) {
        error = handle_keep(&body->kept[i], plan->keeper.handles[i]);
    }
    return error;
}

static int check_options(const spork_barrier_options *options) {
    if (options == NULL || options->parties < 1) {
        return error_set(SPORK_EINVAL, "a barrier needs the number of its parties, 1 or more");
    }
    if (options->timeout_ms < 0) {
        return error_set(SPORK_EINVAL, "a barrier's time-out of %lld ms: 0 is without limit",
                         (long long)options->timeout_ms);
    }
    return 0;
}

int spork_barrier_new(spork_barrier **barrier, const spork_barrier_options *options) {
    struct plan plan = {.options = options};
    int error = check_options(options);
    if (error == 0 && options->action != NULL) {
        keeper_open(&plan.keeper);
        error = task_encode_with(options->action, &plan.keeper.codec, &plan.action,
                                 &plan.action_size);
    }
    if (error == 0) {
        error = handle_new(barrier, &barrier_kind, init, &plan);
    }
    free(plan.action);
    return error;
}

void spork_barrier_free(spork_barrier *barrier) {
    handle_free(barrier);
}

/* ---- waiting ---- */

struct waiting {
    struct self *self;
    handle_id id;
    struct barrier_body *body;
    bool arrived;
    bool runs; /* the last of the round: the action is its to run */
    uint64_t round, index;
};

static int tell_broken(void) {
    return error_set(SPORK_EBROKEN, "the barrier is broken, or was reset");
}

/* The lock is held, and ends here. */
static void arrive(struct waiting *waiting) {
    struct barrier_body *body = waiting->body;
    waiting->round = atomic_load(&body->round);
    waiting->index = atomic_load(&body->arrived);
    waiting->arrived = true;
    arena_set(&body->arrived, waiting->index + 1);
    if (waiting->index + 1 < body->parties) {
        sleep_waits(waiting->self, waiting->id, waiting->round + 1);
        family_commit(waiting->self);
        return;
    }
    waiting->runs = atomic_load(&body->action) != 0;
    if (waiting->runs) {
        arena_set(&body->state, RUNNING);
        arena_set(&body->runner, waiting->self->reference);
        family_commit(waiting->self);
        return;
    }
    end_round(body, true, FILLING);
    family_commit(waiting->self);
    sleep_wake(&body->waiters, SLEEP_ALL);
}

/* The runner's thread may have ended in the middle of the action. */
static void look_after_runner(struct waiting *waiting, struct watch *watch) {
    struct barrier_body *body = waiting->body;
    uint64_t runner = atomic_load(&body->runner);
    if (runner == 0) {
        return;
    }
    watch_thread(watch, runner);
    if (!family_thread_dead(runner)) {
        return;
    }
    family_lock(waiting->self);
    if (atomic_load(&body->runner) == runner) {
        break_round(waiting->self, body);
    } else {
        family_unlock(waiting->self);
    }
}

/* Waits, too, while the action of a round is run that this thread is not in. */
static int try_to_arrive(struct waiting *waiting) {
    family_lock(waiting->self);
    uint64_t state = atomic_load(&waiting->body->state);
    if (state == FILLING) {
        arrive(waiting);
        return 0;
    }
    family_unlock(waiting->self);
    return state == BROKEN ? tell_broken() : 0;
}

static int attempt(void *context, struct watch *watch) {
    struct waiting *waiting = context;
    struct barrier_body *body = waiting->body;
    int error = waiting->arrived ? 0 : try_to_arrive(waiting);
    if (error != 0 || waiting->runs) {
        return error;
    }
    if (waiting->arrived && atomic_load(&body->round) != waiting->round) {
        return was_broken(body, waiting->round) ? tell_broken() : 0;
    }
    if (sleep_armed(waiting->self)) {
        handle_watch_holders(waiting->self, waiting->id, watch);
        look_after_runner(waiting, watch);
    }
    return SPORK_EWOULDBLOCK;
}

/* Whose time has run out breaks the barrier, unless that is too late. */
static int give_up(struct waiting *waiting, int64_t timeout_ms) {
    struct barrier_body *body = waiting->body;
    family_lock(waiting->self);
    bool over = waiting->arrived && atomic_load(&body->round) != waiting->round;
    if (over || atomic_load(&body->state) == BROKEN) {
        family_unlock(waiting->self);
        return over && !was_broken(body, waiting->round) ? 0 : tell_broken();
    }
    break_round(waiting->self, body);
    return error_late(timeout_ms, "waiting at the barrier");
}

/* ---- the action ---- */

static int judge_result(const spork_value *result, const char *name) {
    int64_t number = 0;
    bool truth = false;
    if (result->kind == SPORK_NIL) {
        return 0;
    }
    if (result->kind == SPORK_BOOL && spork_value_get_bool(result, &truth) == 0) {
        number = truth;
    } else if (spork_value_get_int(result, &number) != 0) {
        return error_set(SPORK_EBROKEN, "the barrier's action %s resulted in no integer", name);
    }
    bool is_error = number < 0 && number >= SPORK_ERROR_LAST_;
    return number == 0 ? 0
                       : error_set(is_error ? (int)number : SPORK_EBROKEN,
                                   "the barrier's action %s resulted in %lld", name,
                                   (long long)number);
}

static int run_task(const struct barrier_body *body) {
    const spork_task *task;
    spork_value call;
    spork_value result = spork_nil();
    int error = task_decode(arena_at(atomic_load(&body->action)),
                            (size_t)atomic_load(&body->action_size), &task, &call);
    if (error != 0) {
        return error;
    }
    error = task_run(task, &call, &result);
    if (error == 0) {
        error = judge_result(&result, task == NULL ? "" : task->name);
    }
    spork_value_free(&result);
    spork_value_free(&call);
    return error;
}

static int run_action(struct waiting *waiting) {
    struct barrier_body *body = waiting->body;
    int error = run_task(body);
    family_lock(waiting->self);
    if (atomic_load(&body->round) != waiting->round) {
        family_unlock(waiting->self);
        return error != 0 ? error : tell_broken();
    }
    end_round(body, error == 0, error == 0 ? FILLING : BROKEN);
    family_commit(waiting->self);
    sleep_wake(&body->waiters, SLEEP_ALL);
    return error;
}

int spork_barrier_wait(spork_barrier *barrier, int64_t timeout_ms, int64_t *index) {
    int64_t deadline;
    int error;
    struct self *self = handle_enter(barrier, &barrier_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct waiting waiting = {.self = self, .id = barrier->handle.id, .body = body_of(barrier)};
    if (timeout_ms == SPORK_BARRIER_DEFAULT) {
        int64_t own = waiting.body->timeout_ms;
        timeout_ms = own == 0 ? SPORK_FOREVER : own;
    }
    error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    error = family_block(self, &waiting.body->waiters, attempt, &waiting, deadline);
    if (error == SPORK_EWOULDBLOCK) {
        error = give_up(&waiting, timeout_ms);
    }
    sleep_waits(self, 0, 0);
    if (error == 0 && waiting.runs) {
        error = run_action(&waiting);
    }
    if (error == 0 && index != NULL) {
        *index = (int64_t)waiting.index;
    }
    return error;
}

/* ---- breaking and mending ---- */

/* Those whose deaths nobody has noticed must not break the round that comes. */
static void bury_holders(struct self *self, handle_id id) {
    struct watch watch = {.grows = true};
    handle_watch_holders(self, id, &watch);
    for (uint32_t i = 0; i < watch.count; i++) {
        family_bury(watch_at(&watch, i));
    }
    watch_free(&watch);
}

static int end_by_hand(spork_barrier *barrier, enum state next) {
    int error;
    struct self *self = handle_enter(barrier, &barrier_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct barrier_body *body = body_of(barrier);
    if (next == FILLING) {
        bury_holders(self, barrier->handle.id);
    }
    family_lock(self);
    if (next == FILLING || atomic_load(&body->state) != BROKEN) {
        end_round(body, false, next);
    }
    family_commit(self);
    sleep_wake(&body->waiters, SLEEP_ALL);
    return 0;
}

int spork_barrier_abort(spork_barrier *barrier) {
    return end_by_hand(barrier, BROKEN);
}

int spork_barrier_reset(spork_barrier *barrier) {
    return end_by_hand(barrier, FILLING);
}

/* ---- asking ---- */

bool spork_barrier_broken(spork_barrier *barrier) {
    int error;
    return handle_enter(barrier, &barrier_kind, &error) != NULL &&
           atomic_load(&body_of(barrier)->state) == BROKEN;
}

int64_t spork_barrier_parties(spork_barrier *barrier) {
    int error;
    return handle_enter(barrier, &barrier_kind, &error) == NULL
               ? -1
               : (int64_t)body_of(barrier)->parties;
}

int64_t spork_barrier_waiting(spork_barrier *barrier) {
    int error;
    return handle_enter(barrier, &barrier_kind, &error) == NULL
               ? -1
               : (int64_t)atomic_load(&body_of(barrier)->arrived);
}
