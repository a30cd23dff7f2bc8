/* The forkserver. Requests and answers go through a mailbox in the helper's process slot. */
#include "forkserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static plat_mutex mutex; /* one request at a time, one helper */
static slot_reference helper;

/* The helper belongs to who started it: a forked child starts its own. */
static void forked(void) {
    memset(&mutex, 0, sizeof mutex);
    helper = 0;
}

static int start_helper(struct self *self, int64_t deadline) {
    slot_reference process;
    if (helper != 0 && !family_dead(helper)) {
        return 0;
    }
    if (helper != 0) {
        family_bury(helper);
        family_release(helper);
        helper = 0;
    }
    family_on_fork(forked);
    int error = family_reserve(&process, PROCESS_HELPER | PROCESS_DAEMON);
    if (error != 0) {
        return error;
    }
    strcpy(family_slot(process)->name, "forkserver");
    error = launch_write(self, process, "", 0);
    struct launch_request request = {
        .process = process, .role = LAUNCH_FORKSERVER, .deadline = deadline};
    if (error == 0) {
        error = launch_program_anew(self, &request);
    }
    if (error != 0) {
        family_release(process);
        return error_prefix(error, "the forkserver");
    }
    helper = process;
    return 0;
}

static void end_helper(void) {
    family_end(helper, PLAT_KILL);
    while (family_is(helper) && atomic_load(&family_slot(helper)->state) != PROCESS_ENDED) {
        family_bury(helper);
        plat_sleep_ns(200000);
    }
}

static int attempt_answer(void *context, struct watch *watch) {
    struct process_slot *slot = family_slot(helper);
    int64_t *answer = context;
    /* First: what there is no answer to after its end, it has not done. */
    bool ended = atomic_load(&slot->state) == PROCESS_ENDED;
    *answer = (int64_t)atomic_load(&slot->answer);
    if (*answer != 0) {
        return 0;
    }
    if (ended) {
        return SPORK_EPEERDIED;
    }
    watch_process(watch, helper);
    return SPORK_EWOULDBLOCK;
}

static int ask_helper(struct self *self, const struct launch_request *request,
                      int64_t *answer) {
    struct process_slot *slot = family_slot(helper);
    atomic_store(&slot->answer, 0);
    atomic_store(&slot->request, request->process);
    sleep_wake(&slot->request_waiters, 1);
    int error =
        family_block(self, &slot->changed, attempt_answer, answer, request->deadline);
    if (error == SPORK_EWOULDBLOCK) {
        /* Later it would fork for a slot that is another's by then. */
        end_helper();
        *answer = (int64_t)atomic_load(&slot->answer);
        error = *answer != 0 ? 0
                             : error_set(SPORK_ESTART, "the forkserver did not answer in time");
    }
    return error;
}

int forkserver_start_child(struct self *self, const struct launch_request *request) {
    int64_t answer = 0;
    struct plat_process process;
    plat_mutex_lock(&mutex);
    atomic_store(&family_slot(request->process)->state, PROCESS_STARTED);
    int error;
    bool again = false; /* one that had been there was ended meanwhile */
    do {
        error = start_helper(self, request->deadline);
        if (error == SPORK_ENOGUARD && again) {
            error = SPORK_EPEERDIED; /* it had its guard before: only the time ran out */
            break;
        }
        if (error == 0) {
            error = ask_helper(self, request, &answer);
            again = true;
        }
    } while (error == SPORK_EPEERDIED && plat_now_ns() < request->deadline);
    plat_mutex_unlock(&mutex);
    if (error == SPORK_EPEERDIED) {
        error = error_set(SPORK_ESTART, "the forkserver was ended again and again");
    }
    if (error == 0 && answer < 0) {
        error = error_set((int)answer, "the forkserver could not fork");
    }
    if (error == 0) {
        error = plat_process_adopt(&process, answer);
    }
    if (error != 0) {
        atomic_store(&family_slot(request->process)->state, PROCESS_RESERVED);
        return error;
    }
    family_started(request->process, &process);
    return request->unawaited
               ? 0
               : launch_await_hello(self, request->process, request->deadline);
}

void forkserver_stop(void) {
    plat_mutex_lock(&mutex);
    if (helper != 0) {
        end_helper();
        family_release(helper);
        helper = 0;
    }
    plat_mutex_unlock(&mutex);
}

/* ---- the helper's side ---- */

static int attempt_request(void *context, struct watch *watch) {
    slot_reference *request = context;
    (void)watch;
    *request = atomic_load(&family_slot(family_self())->request);
    return *request != 0 ? 0 : SPORK_EWOULDBLOCK;
}

void forkserver_serve(struct self *self) {
    struct process_slot *slot = family_slot(family_self());
    launch_hello();
    for (;;) {
        slot_reference process;
        bool in_child = false;
        struct plat_process child;
        fflush(NULL);
        if (family_block(self, &slot->request_waiters, attempt_request, &process,
                         PLAT_NEVER) != 0) {
            continue;
        }
        /* Before there is an answer, and with it, perhaps, the next request. */
        atomic_store(&slot->request, 0);
        bool detached = (atomic_load(&family_slot(process)->flags) & PROCESS_DETACHED) != 0;
        int error = plat_fork(&child, NULL, 0, &slot->answer, detached, &in_child);
        if (error == 0 && in_child) {
            if (family_become(process) != 0) {
                plat_exit_now(EXIT_FAILURE);
            }
            return;
        }
        if (error != 0) {
            atomic_store(&slot->answer, (uint64_t)(int64_t)error);
        }
        sleep_wake(&slot->changed, SLEEP_ALL);
    }
}
