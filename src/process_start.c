/* The start methods, and the end of a process that has children. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "forkserver.h"
#include "process.h"
#include "process_local.h"

static _Thread_local struct spork_process *here;

struct spork_process *process_of_thread(void) {
    return here;
}

_Noreturn void process_end_copy(int exit_code) {
    atomic_store(&family_slot(family_self())->own_code,
                 (uint64_t)1 << 32 | (uint32_t)exit_code);
    process_finish();
    /* All buffers were empty when this copy was made: what is in them now is its own. */
    fflush(NULL);
    plat_exit_now(exit_code);
}

/* ---- fork ---- */

int process_may_fork(bool force) {
    int threads = force ? 1 : plat_thread_count();
    if (threads <= 1) {
        return 0;
    }
    return error_set(SPORK_ETHREADS,
                     "a fork of a process with %d threads copies locks that nobody will "
                     "release; use spawn, or force it",
                     threads);
}

static int start_by_fork(struct spork_process *process) {
    struct plat_process child;
    bool in_child = false;
    int refused = process_may_fork(process->force_fork);
    if (refused != 0) {
        return refused;
    }
    if (plat_thread_count() <= 1) {
        fflush(NULL); /* The child has a copy of every stream, with what is buffered in it. */
    }
    bool detached =
        (atomic_load(&family_slot(process->slot)->flags) & PROCESS_DETACHED) != 0;
    slot_reference slot = process->slot;
    atomic_store(&family_slot(slot)->state, PROCESS_STARTED);
    int error = plat_fork(&child, process->inherit, process->inherit_count, NULL, detached,
                          &in_child);
    if (error != 0) {
        return error;
    }
    if (in_child) {
        here = NULL;
        if (family_become(slot) != 0) {
            plat_exit_now(EXIT_FAILURE);
        }
        process_begin();
        process_end_copy(launch_run());
    }
    family_started(slot, &child);
    return 0;
}

/* ---- thread ---- */

static void end_thread(struct spork_process *process, int code) {
    struct process_slot *slot = family_slot(process->slot);
    atomic_store(&slot->exit_code, (uint64_t)(int64_t)code);
    atomic_store(&slot->exit_known, 1);
    family_set_state(process->slot, PROCESS_ENDED);
}

static void run_thread(void *argument) {
    struct spork_process *process = argument;
    spork_value result = spork_nil();
    here = process;
    int error = task_run(process->task, &process->decoded, &result);
    int code = error != 0 ? EXIT_FAILURE : launch_exit_code(&result);
    if (error != 0) {
        fprintf(stderr, "spork: %s: %s\n", process->name, spork_error_detail());
    }
    spork_value_free(&result);
    spork_value_free(&process->decoded);
    end_thread(process, code);
}

static int start_by_thread(struct spork_process *process) {
    family_set_state(process->slot, PROCESS_RUNNING);
    int error = plat_thread_start(&process->thread, run_thread, process);
    if (error != 0) {
        family_set_state(process->slot, PROCESS_RESERVED);
    }
    return error;
}

/* ---- all ---- */

int process_start_by_method(struct self *self, struct spork_process *process,
                            int64_t deadline) {
    uint64_t flags = atomic_load(&family_slot(process->slot)->flags);
    struct launch_request request = {
        .process = process->slot,
        .role = LAUNCH_TASK,
        .deadline = deadline,
        .inherit = process->inherit,
        .inherit_count = process->inherit_count,
        .detached = (flags & PROCESS_DETACHED) != 0,
        .unawaited = process->unawaited,
    };
    if (process->method == SPORK_METHOD_THREAD) {
        return start_by_thread(process);
    }
    /* What was printed before the start stands before what the child prints, and a copy of
       this process does not print it again. Not all streams: another thread may hold one for
       as long as it reads. */
    fflush(stdout);
    fflush(stderr);
    int error = launch_write(self, process->slot, process->call, process->call_size);
    if (error != 0) {
        return error;
    }
    switch (process->method) {
    case SPORK_METHOD_FORK:
        return start_by_fork(process);
    case SPORK_METHOD_FORKSERVER:
        return forkserver_start_child(self, &request);
    default:
        return launch_program_anew(self, &request);
    }
}

/* ---- the end of a parent ---- */

static bool is_ended_at_exit(const struct spork_process *child) {
    return child->daemon && child->method != SPORK_METHOD_THREAD;
}

static void end_daemons(void) {
    enum { PATIENCE_MS = 1000 };
    struct spork_process *child;
    for (uint64_t at = 0; (child = process_list_pin(at)) != NULL;) {
        if (is_ended_at_exit(child)) {
            spork_process_terminate(child);
        }
        at = process_list_unpin(child);
    }
    for (uint64_t at = 0; (child = process_list_pin(at)) != NULL;) {
        if (is_ended_at_exit(child) && spork_process_join(child, PATIENCE_MS, NULL) != 0) {
            spork_process_kill(child);
            spork_process_join(child, PATIENCE_MS, NULL);
        }
        at = process_list_unpin(child);
    }
}

/* A task on a thread has called exit: it cannot be waited for, nor can the threads that have
   begun it, which may be waiting for it. */
static bool began_this_thread(const struct spork_process *child) {
    const struct spork_process *at = here;
    while (at != NULL && at != child) {
        at = process_list_find(at->maker);
    }
    return at != NULL;
}

static void (*finish_hook)(void);

void process_on_finish(void (*hook)(void)) {
    finish_hook = hook;
}

void process_finish(void) {
    struct spork_process *child;
    if (family_self() == 0) {
        return;
    }
    if (finish_hook != NULL) {
        finish_hook();
    }
    atomic_fetch_or(&family_slot(family_self())->flags, PROCESS_LEFT);
    end_daemons();
    for (uint64_t at = 0; (child = process_list_pin(at)) != NULL;) {
        bool detached =
            (atomic_load(&family_slot(child->slot)->flags) & PROCESS_DETACHED) != 0;
        if (!child->daemon && !detached && !began_this_thread(child)) {
            spork_process_join(child, SPORK_FOREVER, NULL);
        }
        at = process_list_unpin(child);
    }
    forkserver_stop();
}
