/* Events: one word, which is the flag and how often it was set. */
#include "event.h"

#include "deadline.h"
#include "handle.h"

/* The flag is bit 0, and each set adds 2: both change in the one store that is the set, so a
   death before it has set nothing, and a death behind it only leaves sleepers that are not
   rung; these look again by themselves (FAMILY_NET_NS). */
struct event_body {
    arena_word sets;
    struct waiters waiters;
};
enum { IS_SET = 1, ONE_SET = 2 };

struct spork_event {
    struct handle handle;
};

static struct event_body *body_of(const spork_event *event) {
    return event->handle.body;
}

/* ---- being waited for ---- */

static int ready(struct self *self, void *local, struct watch *watch) {
    (void)self;
    (void)watch;
    return (atomic_load(&body_of(local)->sets) & IS_SET) != 0 ? 0 : SPORK_EWOULDBLOCK;
}

static struct waiters *waiters_of(void *local) {
    return &body_of(local)->waiters;
}

static const struct handle_kind event_kind = {
    .kind = SPORK_HANDLE_EVENT,
    .name = "event",
    .local_size = sizeof(struct spork_event),
    .body_size = sizeof(struct event_body),
    .ready = ready,
    .waiters = waiters_of,
};

void event_register(void) {
    handle_register_kind(&event_kind);
}

int spork_event_new(spork_event **event, const spork_event_options *options) {
    (void)options;
    return handle_new(event, &event_kind, NULL, NULL);
}

void spork_event_free(spork_event *event) {
    handle_free(event);
}

int spork_event_set(spork_event *event) {
    int error;
    if (handle_enter(event, &event_kind, &error) == NULL) {
        return error;
    }
    struct event_body *body = body_of(event);
    uint64_t sets = atomic_load(&body->sets);
    while (!atomic_compare_exchange_weak(&body->sets, &sets, (sets + ONE_SET) | IS_SET)) {
    }
    sleep_wake(&body->waiters, SLEEP_ALL);
    return 0;
}

int spork_event_clear(spork_event *event) {
    int error;
    if (handle_enter(event, &event_kind, &error) == NULL) {
        return error;
    }
    atomic_fetch_and(&body_of(event)->sets, ~(uint64_t)IS_SET);
    return 0;
}

bool spork_event_is_set(spork_event *event) {
    int error;
    return handle_enter(event, &event_kind, &error) != NULL &&
           (atomic_load(&body_of(event)->sets) & IS_SET) != 0;
}

struct wait {
    const struct event_body *body;
    uint64_t at_first; /* sets, as it was when the wait began */
};

static int attempt(void *context, struct watch *watch) {
    const struct wait *wait = context;
    uint64_t sets = atomic_load(&wait->body->sets);
    (void)watch;
    return (sets & IS_SET) != 0 || sets / ONE_SET != wait->at_first / ONE_SET
               ? 0
               : SPORK_EWOULDBLOCK;
}

int spork_event_wait(spork_event *event, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    struct self *self = error != 0 ? NULL : handle_enter(event, &event_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct event_body *body = body_of(event);
    struct wait wait = {body, atomic_load(&body->sets)};
    error = family_block(self, &body->waiters, attempt, &wait, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "waiting for the event")
                                      : error;
}
