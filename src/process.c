/* Processes as their parent sees them: made, launched, joined, ended, freed. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "process_local.h"
#include "value_utf8.h"

enum { DEFAULT_START_MS = 10000 };

/* ---- making ---- */

static int check_name(const char *name) {
    if (name != NULL && strlen(name) >= ARENA_NAME) {
        return error_set(SPORK_EINVAL, "a process's name may have %d bytes, this has %zu",
                         ARENA_NAME - 1, strlen(name));
    }
    if (name != NULL && !value_utf8_valid(name, strlen(name))) {
        return error_set(SPORK_EINVAL, "a process's name is not UTF-8");
    }
    return 0;
}

static int check_options(const spork_process_options *options) {
    if (options->daemon < SPORK_DAEMON_DEFAULT || options->daemon > SPORK_DAEMON_YES) {
        return error_set(SPORK_EINVAL, "%d does not say whether it is a daemon",
                         (int)options->daemon);
    }
    if (options->start_timeout_ms < 0) {
        return error_set(SPORK_EINVAL, "a start_timeout_ms of %lld",
                         (long long)options->start_timeout_ms);
    }
    if (options->inherit == NULL && options->inherit_count > 0) {
        return error_set(SPORK_EINVAL, "inherit is NULL, inherit_count is %zu",
                         options->inherit_count);
    }
    return check_name(options->name);
}

/* What SPORK_METHOD_DEFAULT stands for may come from the environment, so that it is checked
   as what an option says is. */
static int choose_method(const spork_process_options *options, spork_start_method *method) {
    *method = options->method;
    int error = *method == SPORK_METHOD_DEFAULT ? process_program_method(method) : 0;
    if (error == 0) {
        error = process_check_method(*method);
    }
    if (error == 0 && options->inherit_count > 0 && *method == SPORK_METHOD_FORKSERVER) {
        error = error_set(SPORK_ENOTSUP, "descriptors cannot be handed on by forkserver");
    }
    return error;
}

/* "Process-2:1": the numbers that this process and its ancestors have given. */
static void name_child(struct spork_process *process, const char *name) {
    struct process_slot *parent = family_slot(family_self());
    struct process_slot *slot = family_slot(process->slot);
    unsigned long long number = atomic_fetch_add(&parent->children, 1) + 1;
    char identity[2 * ARENA_NAME];
    int length = snprintf(identity, sizeof identity, "%.60s%s%llu", parent->identity,
                          parent->identity[0] != '\0' ? ":" : "", number);
    identity[length < ARENA_NAME ? length : ARENA_NAME - 1] = '\0';
    memcpy(slot->identity, identity, ARENA_NAME);
    if (name != NULL) {
        memcpy(process->name, name, strlen(name) + 1);
    } else {
        snprintf(process->name, sizeof process->name, "Process-%.54s", identity);
    }
    memcpy(slot->name, process->name, ARENA_NAME);
}

static int copy_inherited(struct spork_process *process,
                          const spork_process_options *options) {
    size_t size = options->inherit_count * sizeof process->inherit[0];
    if (size == 0) {
        return 0;
    }
    process->inherit = malloc(size);
    if (process->inherit == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %zu descriptors",
                         options->inherit_count);
    }
    memcpy(process->inherit, options->inherit, size);
    process->inherit_count = options->inherit_count;
    return 0;
}

/* A thread's handles are this process's own: decoding counts it among their users, so that
   the caller may free them as soon as the thread was started, as with every other method. */
static int prepare_thread(struct self *self, struct spork_process *process,
                          const spork_call *call) {
    void *encoded;
    size_t size;
    int error = task_encode(self, call, family_self(), &encoded, &size);
    if (error == 0) {
        error = task_decode(encoded, size, &process->task, &process->decoded);
        free(encoded);
    }
    return error;
}

/* A slot, a name and the encoded call. On failure the caller frees the process. */
static int prepare(struct self *self, struct spork_process *process, const spork_call *call,
                   const spork_process_options *options) {
    uint64_t flags = (process->daemon ? PROCESS_DAEMON : 0u) |
                     (options->detached ? PROCESS_DETACHED : 0u) |
                     (process->method == SPORK_METHOD_THREAD ? PROCESS_THREAD : 0u);
    int error = family_reserve(&process->slot, flags);
    if (error != 0) {
        process->slot = 0;
        return error;
    }
    name_child(process, options->name);
    /* A misspelt variable is the child's too: it says so at its own first start. */
    spork_start_method inherited = SPORK_METHOD_DEFAULT;
    process_program_method(&inherited);
    atomic_store(&family_slot(process->slot)->method, (uint64_t)inherited);
    error = copy_inherited(process, options);
    if (error != 0) {
        return error;
    }
    if (process->method == SPORK_METHOD_THREAD) {
        return prepare_thread(self, process, call);
    }
    return task_encode(self, call, process->slot, &process->call, &process->call_size);
}

static int may_start(const spork_process_options *options, spork_start_method *method) {
    int error = launch_require_guard();
    if (error == 0) {
        error = check_options(options);
    }
    return error != 0 ? error : choose_method(options, method);
}

int spork_process_new(spork_process **process, spork_call call,
                      const spork_process_options *given) {
    static const spork_process_options defaults = {0};
    const spork_process_options *options = given == NULL ? &defaults : given;
    if (process == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the process (NULL)");
    }
    spork_start_method method;
    int error = may_start(options, &method);
    struct self *self = error != 0 ? NULL : family_enter(&error);
    if (self == NULL) {
        return error;
    }
    if ((atomic_load(&family_slot(family_self())->flags) & PROCESS_DAEMON) != 0) {
        return error_set(SPORK_EDAEMON, "%s is a daemon: it may not have children",
                         family_slot(family_self())->name);
    }
    struct spork_process *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a process");
    }
    made->method = method;
    made->maker = process_of_thread() == NULL ? 0 : process_of_thread()->slot;
    made->daemon = options->daemon == SPORK_DAEMON_YES;
    made->force_fork = options->force_fork;
    made->start_timeout_ms =
        options->start_timeout_ms > 0 ? options->start_timeout_ms : DEFAULT_START_MS;
    error = prepare(self, made, &call, options);
    if (error != 0) {
        spork_process_free(made);
        return error;
    }
    *process = made;
    return 0;
}

/* ---- launching ---- */

static int launch_locked(struct self *self, struct spork_process *process) {
    int64_t deadline;
    if (process->started || process->failed) {
        return error_set(SPORK_ESTATE, "%s was started before", process->name);
    }
    int error = deadline_from(process->start_timeout_ms, &deadline);
    process->started = true; /* before a thread, which asks its own object, can run */
    if (error == 0) {
        error = process_start_by_method(self, process, deadline);
    }
    if (error != 0) {
        process->started = false;
        process->failed = true;
    }
    free(process->call);
    process->call = NULL;
    if (error == 0) {
        process_list_add(process);
    }
    return error;
}

int spork_process_launch(spork_process *process) {
    int error;
    if (process == NULL || process->role != ROLE_CHILD) {
        return error_set(SPORK_EINVAL, "this is no process that can be started");
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    plat_mutex_lock(&process->mutex);
    error = launch_locked(self, process);
    plat_mutex_unlock(&process->mutex);
    return error;
}

int spork_process_start(spork_process **process, spork_call call,
                        const spork_process_options *options) {
    spork_process *made;
    if (process == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the process (NULL)");
    }
    int error = spork_process_new(&made, call, options);
    if (error != 0) {
        return error;
    }
    error = spork_process_launch(made);
    if (error != 0) {
        spork_process_free(made);
        return error;
    }
    *process = made;
    return 0;
}

int process_launch_only(struct spork_process *process) {
    process->unawaited = true;
    return spork_process_launch(process);
}

int process_hello(struct self *self, struct spork_process *process, int64_t deadline) {
    if (process->method == SPORK_METHOD_THREAD) {
        return 0; /* it runs, or has run */
    }
    int result = launch_look_for_hello(process->slot);
    if (result == SPORK_EWOULDBLOCK && deadline != DEADLINE_NOW) {
        result = launch_await_hello(self, process->slot, deadline);
    }
    return result;
}

slot_reference process_slot_of(const struct spork_process *process) {
    return process->slot;
}

/* ---- joining ---- */

static void join_thread(struct spork_process *process) {
    plat_mutex_lock(&process->mutex);
    if (process->method == SPORK_METHOD_THREAD && !process->joined_thread) {
        plat_thread_join(&process->thread);
        process->joined_thread = true;
    }
    plat_mutex_unlock(&process->mutex);
}

bool process_ended(struct spork_process *process) {
    if (process->role != ROLE_CHILD) {
        return process->role == ROLE_PARENT && family_dead(process->slot);
    }
    /* A slot that is another's by now: the object is freed in another thread. */
    if (!family_is(process->slot) ||
        atomic_load(&family_slot(process->slot)->state) == PROCESS_ENDED) {
        return true;
    }
    if (process->method != SPORK_METHOD_THREAD && family_dead(process->slot)) {
        family_bury(process->slot);
    }
    return atomic_load(&family_slot(process->slot)->state) == PROCESS_ENDED;
}

int process_ready(struct spork_process *process, struct watch *watch) {
    if (process_ended(process)) {
        return 0;
    }
    if (process->method != SPORK_METHOD_THREAD) {
        watch_process(watch, process->slot);
    }
    return SPORK_EWOULDBLOCK;
}

static int attempt_join(void *context, struct watch *watch) {
    return process_ready(context, watch);
}

static int read_exit_code(struct spork_process *process, int *exit_code) {
    struct process_slot *slot = family_slot(process->slot);
    if (process->role != ROLE_CHILD || exit_code == NULL) {
        return 0;
    }
    if (atomic_load(&slot->exit_known) != 1) {
        return error_set(SPORK_ESYSTEM,
                         "%s has ended, but another part of the program took its exit code",
                         process->name);
    }
    *exit_code = (int)(int64_t)atomic_load(&slot->exit_code);
    return 0;
}

static int require_started(const struct spork_process *process) {
    if (process == NULL) {
        return error_set(SPORK_EINVAL, "the process is NULL");
    }
    if (process->role == ROLE_CHILD && !process->started) {
        return error_set(SPORK_ESTATE, "%s has not been started", process->name);
    }
    return 0;
}

int process_waiters(struct spork_process *process, struct waiters **waiters) {
    int error = require_started(process);
    if (error == 0 && (process->role == ROLE_SELF || process == process_of_thread())) {
        error = error_set(SPORK_ESTATE, "%s cannot wait for itself", process->name);
    }
    if (error == 0) {
        *waiters = &family_slot(process->slot)->changed;
    }
    return error;
}

int spork_process_join(spork_process *process, int64_t timeout_ms, int *exit_code) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error == 0) {
        error = require_started(process);
    }
    struct self *self = error != 0 ? NULL : family_enter(&error);
    if (self == NULL) {
        return error;
    }
    if (process->role == ROLE_SELF || process == process_of_thread()) {
        return error_set(SPORK_ESTATE, "%s cannot join itself", process->name);
    }
    struct process_slot *slot = family_slot(process->slot);
    error = family_block(self, &slot->changed, attempt_join, process, deadline);
    if (error == SPORK_EWOULDBLOCK) {
        char what[ARENA_NAME + 16];
        snprintf(what, sizeof what, "joining %s", process->name);
        return error_late(timeout_ms, what);
    }
    if (error == 0 && process->role == ROLE_CHILD) {
        join_thread(process);
        error = read_exit_code(process, exit_code);
    }
    return error;
}

int spork_process_exit_code(spork_process *process, int *exit_code) {
    int error = require_started(process);
    if (error == 0 && exit_code == NULL) {
        error = error_set(SPORK_EINVAL, "there is no place to put the exit code (NULL)");
    }
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    if (!process_ended(process)) {
        return error_set(SPORK_EBUSY, "%s still runs", process->name);
    }
    return read_exit_code(process, exit_code);
}

bool spork_process_alive(spork_process *process) {
    int error;
    if (process == NULL || (process->role == ROLE_CHILD && !process->started) ||
        family_enter(&error) == NULL) {
        return false;
    }
    return !process_ended(process);
}

/* ---- ending ---- */

static int end(struct spork_process *process, enum plat_end how) {
    int error = require_started(process);
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    if (process->method == SPORK_METHOD_THREAD && process->role == ROLE_CHILD) {
        return error_set(SPORK_ENOTSUP, "%s is a thread, which cannot be ended from outside",
                         process->name);
    }
    return process_ended(process) ? 0 : family_end(process->slot, how);
}

int spork_process_terminate(spork_process *process) {
    return end(process, PLAT_TERMINATE);
}

int spork_process_kill(spork_process *process) {
    return end(process, PLAT_KILL);
}

int spork_process_interrupt(spork_process *process) {
    return end(process, PLAT_INTERRUPT);
}

int spork_process_free(spork_process *process) {
    int error;
    if (process == NULL) {
        return 0;
    }
    if (process->role != ROLE_CHILD) {
        return error_set(SPORK_EINVAL, "%s is not yours to free", process->name);
    }
    bool detached = process->slot != 0 && (atomic_load(&family_slot(process->slot)->flags) &
                                           PROCESS_DETACHED) != 0;
    if (process->started && !detached) {
        if (family_enter(&error) != NULL && !process_ended(process)) {
            return error_set(SPORK_EBUSY, "%s still runs: join it before it is freed",
                             process->name);
        }
        join_thread(process);
    }
    process_list_remove(process);
    if (process->slot != 0 && family_self() != 0 && (!process->started || !detached)) {
        family_forget_child(process->slot);
    }
    spork_value_free(&process->decoded); /* of a thread that was never started */
    process_list_free(process);
    return 0;
}
