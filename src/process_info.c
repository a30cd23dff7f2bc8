/* What can be asked of a process, who this process is, and the start methods' names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "process_local.h"
#include "value_utf8.h"

static plat_mutex mutex;
static struct spork_process *children;
static uint64_t last_order;
static struct spork_process self_object;
static struct spork_process parent_object;
static spork_start_method program_method;
static bool hook_is_set;

/* ---- the children of this process ---- */

/* A forked child has none of its parent's children, and another self. */
static void forked(void) {
    memset(&mutex, 0, sizeof mutex);
    children = NULL;
    memset(&self_object, 0, sizeof self_object);
    memset(&parent_object, 0, sizeof parent_object);
}

void process_list_add(struct spork_process *process) {
    plat_mutex_lock(&mutex);
    if (!hook_is_set) {
        family_on_fork(forked);
        hook_is_set = true;
    }
    struct spork_process **at = &children;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    process->next = NULL;
    process->order = ++last_order;
    *at = process;
    plat_mutex_unlock(&mutex);
}

void process_list_remove(struct spork_process *process) {
    plat_mutex_lock(&mutex);
    for (struct spork_process **at = &children; *at != NULL; at = &(*at)->next) {
        if (*at == process) {
            *at = process->next;
            break;
        }
    }
    plat_mutex_unlock(&mutex);
}

struct spork_process *process_list_pin(uint64_t after) {
    plat_mutex_lock(&mutex);
    struct spork_process *at = children;
    while (at != NULL && at->order <= after) {
        at = at->next;
    }
    if (at != NULL) {
        at->pins++;
    }
    plat_mutex_unlock(&mutex);
    return at;
}

static void free_object(struct spork_process *process) {
    free(process->inherit);
    free(process->call);
    free(process);
}

uint64_t process_list_unpin(struct spork_process *process) {
    uint64_t order = process->order;
    plat_mutex_lock(&mutex);
    process->pins--;
    bool last = process->pins == 0 && process->is_freed;
    plat_mutex_unlock(&mutex);
    if (last) {
        free_object(process);
    }
    return order;
}

void process_list_free(struct spork_process *process) {
    plat_mutex_lock(&mutex);
    bool pinned = process->pins > 0;
    process->is_freed = true;
    plat_mutex_unlock(&mutex);
    if (!pinned) {
        free_object(process);
    }
}

struct spork_process *process_list_find(slot_reference slot) {
    plat_mutex_lock(&mutex);
    struct spork_process *at = children;
    while (at != NULL && (slot == 0 || at->slot != slot)) {
        at = at->next;
    }
    plat_mutex_unlock(&mutex);
    return at;
}

int spork_active_children(spork_process **list, size_t capacity, size_t *count) {
    if (count == NULL || (list == NULL && capacity > 0)) {
        return error_set(SPORK_EINVAL, "there is no place to put the children");
    }
    size_t running = 0;
    /* Locked throughout: another thread that frees a child waits at its removal until the
       walk is over. No burial, which process_ended may begin, comes back to this list. */
    plat_mutex_lock(&mutex);
    for (struct spork_process *child = children; child != NULL; child = child->next) {
        if (process_ended(child)) {
            continue;
        }
        if (running < capacity) {
            list[running] = child;
        }
        running++;
    }
    plat_mutex_unlock(&mutex);
    *count = running;
    return 0;
}

/* ---- self and parent ---- */

static void describe_slot(struct spork_process *object, enum process_role role,
                          slot_reference process) {
    struct process_slot *slot = family_slot(process);
    memset(object, 0, sizeof *object);
    object->slot = process;
    object->started = true;
    object->pid = (int64_t)atomic_load(&slot->pid);
    object->daemon = (atomic_load(&slot->flags) & PROCESS_DAEMON) != 0;
    memcpy(object->name, slot->name, sizeof object->name);
    object->role = role;
}

void process_begin(void) {
    struct process_slot *slot = family_slot(family_self());
    slot_reference parent = atomic_load(&slot->parent);
    plat_mutex_lock(&mutex);
    if (!hook_is_set) {
        family_on_fork(forked);
        hook_is_set = true;
    }
    describe_slot(&self_object, ROLE_SELF, family_self());
    if (parent != 0 && family_is(parent)) {
        describe_slot(&parent_object, ROLE_PARENT, parent);
    }
    plat_mutex_unlock(&mutex);
    spork_start_method method = (spork_start_method)atomic_load(&slot->method);
    if (method != SPORK_METHOD_DEFAULT) {
        program_method = method;
    }
}

spork_process *spork_current_process(void) {
    int error;
    struct spork_process *here = process_of_thread();
    if (here != NULL) {
        return here;
    }
    if (family_enter(&error) != NULL && self_object.slot != family_self()) {
        process_begin();
    }
    return &self_object;
}

spork_process *spork_parent_process(void) {
    spork_current_process();
    return parent_object.slot != 0 ? &parent_object : NULL;
}

/* ---- questions ---- */

int64_t spork_process_pid(const spork_process *process) {
    if (process == NULL || !process->started) {
        return -1;
    }
    if (process->role != ROLE_CHILD) {
        return process->pid;
    }
    bool thread = process->method == SPORK_METHOD_THREAD;
    slot_reference slot = thread ? family_self() : process->slot;
    return (int64_t)atomic_load(&family_slot(slot)->pid);
}

const char *spork_process_name(const spork_process *process) {
    return process == NULL ? "" : process->name;
}

int spork_process_set_name(spork_process *process, const char *name) {
    if (process == NULL || name == NULL || strlen(name) >= sizeof process->name ||
        !value_utf8_valid(name, strlen(name))) {
        return error_set(SPORK_EINVAL, "a process's name is 0 to %d bytes of UTF-8",
                         ARENA_NAME - 1);
    }
    if (process->started || process->failed) {
        return error_set(SPORK_ESTATE, "%s has been started: it keeps its name",
                         process->name);
    }
    memcpy(process->name, name, strlen(name) + 1);
    memcpy(family_slot(process->slot)->name, process->name, sizeof process->name);
    return 0;
}

bool spork_process_daemon(const spork_process *process) {
    return process != NULL && process->daemon;
}

spork_process_state spork_process_get_state(spork_process *process) {
    if (process == NULL || !process->started) {
        return SPORK_STATE_INITIAL;
    }
    return spork_process_alive(process) ? SPORK_STATE_STARTED : SPORK_STATE_STOPPED;
}

size_t spork_process_describe(spork_process *process, char *text, size_t size) {
    static const char *const words[] = {"initial", "started", "stopped"};
    spork_process_state state = spork_process_get_state(process);
    int code = 0;
    int length;
    if (state != SPORK_STATE_STOPPED || process->role != ROLE_CHILD ||
        spork_process_exit_code(process, &code) != 0 || code == 0) {
        length = snprintf(text, size, "%s", words[state]);
    } else if (code < 0 && plat_signal_name(-code) != NULL) {
        length = snprintf(text, size, "stopped[%s]", plat_signal_name(-code));
    } else {
        length = snprintf(text, size, "stopped[%d]", code);
    }
    return length < 0 ? 0 : (size_t)length;
}

int spork_process_sentinel(spork_process *process, intptr_t *sentinel) {
    if (process == NULL || sentinel == NULL) {
        return error_set(SPORK_EINVAL, "a process and a place for its sentinel are needed");
    }
    if (!process->started || process->role != ROLE_CHILD) {
        return error_set(SPORK_ESTATE, "%s is no child that was started", process->name);
    }
    if (process->method == SPORK_METHOD_THREAD) {
        return error_set(SPORK_ENOTSUP, "a thread has no sentinel");
    }
    return family_sentinel(process->slot, sentinel);
}

/* ---- start methods ---- */

static const char *const method_names[] = {"default", "spawn", "fork", "forkserver",
                                           "thread"};

const char *spork_start_method_name(spork_start_method method) {
    return method >= SPORK_METHOD_DEFAULT && method <= SPORK_METHOD_THREAD
               ? method_names[method]
               : "unknown";
}

bool spork_has_start_method(spork_start_method method) {
    switch (method) {
    case SPORK_METHOD_FORK:
    case SPORK_METHOD_FORKSERVER:
        return plat_capabilities()->can_fork;
    case SPORK_METHOD_DEFAULT:
    case SPORK_METHOD_SPAWN:
    case SPORK_METHOD_THREAD:
        return true;
    default:
        return false;
    }
}

int process_check_method(spork_start_method method) {
    if (method < SPORK_METHOD_DEFAULT || method > SPORK_METHOD_THREAD) {
        return error_set(SPORK_EINVAL, "%d is no start method", (int)method);
    }
    if (!spork_has_start_method(method)) {
        return error_set(SPORK_ENOTSUP, "this platform cannot start processes by %s",
                         spork_start_method_name(method));
    }
    return 0;
}

int spork_set_start_method(spork_start_method method) {
    int error = process_check_method(method);
    if (error == 0) {
        program_method = method;
    }
    return error;
}

int process_program_method(spork_start_method *method) {
    if (program_method != SPORK_METHOD_DEFAULT) {
        *method = program_method;
        return 0;
    }
    const char *wanted = getenv("SPORK_START_METHOD");
    if (wanted == NULL || wanted[0] == '\0') {
        *method = SPORK_METHOD_SPAWN;
        return 0;
    }
    for (int i = SPORK_METHOD_SPAWN; i <= SPORK_METHOD_THREAD; i++) {
        if (strcmp(wanted, method_names[i]) == 0) {
            *method = (spork_start_method)i;
            return 0;
        }
    }
    return error_set(SPORK_EINVAL,
                     "SPORK_START_METHOD is \"%s\", which is none of spawn, fork, forkserver and "
                     "thread",
                     wanted);
}

spork_start_method spork_get_start_method(void) {
    spork_start_method method = SPORK_METHOD_SPAWN;
    process_program_method(&method);
    return method;
}

int spork_fork(int64_t *pid, bool force) {
    int error;
    if (pid == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the child's id (NULL)");
    }
    if (!plat_capabilities()->can_fork) {
        return error_set(SPORK_ENOTSUP, "this platform has no fork: start a task instead");
    }
    /* The child belongs to the family, so there must be one that it can inherit. */
    if (family_enter(&error) == NULL) {
        return error;
    }
    error = process_may_fork(force);
    if (error != 0) {
        return error;
    }
    slot_reference parent = family_self();
    fflush(stdout);
    fflush(stderr);
    error = plat_fork_plain(pid);
    if (error == 0 && *pid == 0) {
        describe_slot(&parent_object, ROLE_PARENT, parent);
    }
    return error;
}
