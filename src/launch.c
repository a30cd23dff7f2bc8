/* The guard's state, and both sides of a launch. */
#include "launch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spork/version.h"

/* The mark: "memory:process:nonce:role", in an environment variable that a constructor takes
   away before main, so that nobody else sees it and it is not handed on. */
#define MARK_NAME "SPORK_CHILD_MARK_"

enum { MARK_SIZE = 192 };
static char mark[MARK_SIZE];
static enum { GUARD_AHEAD, GUARD_PENDING, GUARD_PASSED } guard;
static struct plat_program program;

static const uint64_t LAUNCH_MAGIC = 0x6B726F70734C0001u;
struct launch_header {
    uint64_t magic, version, size, file_stamp;
};

static void SPORK_BEFORE_MAIN take_mark(void) {
    if (plat_environment_take(MARK_NAME, mark, sizeof mark)) {
        guard = GUARD_PENDING;
    }
}

bool launch_is_pending(void) {
    return guard == GUARD_PENDING;
}

static int may_found(void) {
    if (guard == GUARD_PASSED) {
        return 0;
    }
    return error_set(SPORK_ENOGUARD, "main has to call spork_init(argc, argv) first");
}

/* Before main: a family is never founded without the guard. */
static void SPORK_BEFORE_MAIN set_founding_rule(void) {
    family_on_found(may_found);
}

int launch_pass_guard(int argc, char **argv) {
    if (guard == GUARD_PASSED) {
        return 0;
    }
    int error = plat_program_self(&program, argc, argv);
    if (error == 0) {
        guard = GUARD_PASSED;
    }
    return error;
}

int launch_require_guard(void) {
    if (guard == GUARD_PENDING) {
        launch_refuse(SPORK_ENOGUARD, "main of this re-executed child wants to start a process, "
                                      "but did not call spork_init first");
        plat_exit_now(EXIT_FAILURE);
    }
    return may_found();
}

/* ---- the parent's side ---- */

int launch_write(struct self *self, slot_reference process, const void *call, size_t size) {
    struct launch_header header = {LAUNCH_MAGIC, SPORK_VERSION, size, program.file_stamp};
    uint64_t nonce;
    uint64_t block;
    int error = plat_random(&nonce, sizeof nonce);
    if (error != 0) {
        return error;
    }
    family_lock(self);
    error = arena_take(sizeof header + size, BLOCK_PLAIN, &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    memcpy(arena_at(block), &header, sizeof header);
    memcpy((unsigned char *)arena_at(block) + sizeof header, call, size);
    arena_set(&family_slot(process)->launch, block);
    arena_set(&family_slot(process)->nonce, nonce);
    family_commit(self);
    return 0;
}

struct hello {
    slot_reference process;
};

static int attempt_hello(void *context, struct watch *watch) {
    const struct hello *hello = context;
    switch ((enum process_state)atomic_load(&family_slot(hello->process)->state)) {
    case PROCESS_RUNNING:
        return 0;
    case PROCESS_REFUSED:
        return SPORK_ESTART;
    case PROCESS_ENDED:
        return SPORK_EPEERDIED;
    default:
        watch_process(watch, hello->process);
        return SPORK_EWOULDBLOCK;
    }
}

/* Ends a child that is of no use, and waits until it is buried. */
static void put_away(slot_reference process) {
    family_end(process, PLAT_KILL);
    while (family_is(process) && atomic_load(&family_slot(process)->state) != PROCESS_ENDED) {
        family_bury(process);
        plat_sleep_ns(200000);
    }
}

static int explain_death(struct process_slot *slot) {
    int code = (int)(int64_t)atomic_load(&slot->exit_code);
    int refusal = (int)(int64_t)atomic_load(&slot->refusal);
    if (refusal != 0) {
        return error_set(refusal, "the child refused: %s", slot->words);
    }
    if (atomic_load(&slot->hello) != 0) {
        return 0; /* so quick that its hello was overtaken by its end */
    }
    if (code < 0 && plat_signal_name(-code) != NULL) {
        return error_set(SPORK_ESTART,
                         "the child was ended by %s before its task began, in spork_init or "
                         "before that line",
                         plat_signal_name(-code));
    }
    return error_set(SPORK_ESTART,
                     "the child ended with exit code %d before its task began: its main ended, "
                     "or left, before it reached spork_init, or spork_init could not join the "
                     "family and said why on the standard error",
                     code);
}

int launch_await_hello(struct self *self, slot_reference process, int64_t deadline) {
    struct process_slot *slot = family_slot(process);
    struct hello hello = {process};
    int result = family_block(self, &slot->greeting, attempt_hello, &hello, deadline);
    if (result == 0) {
        return 0;
    }
    put_away(process);
    if (result == SPORK_EWOULDBLOCK) {
        return error_set(SPORK_ENOGUARD,
                         "the child did not reach spork_init in time and was ended: main has "
                         "to call spork_init(argc, argv) first, before it waits for anything");
    }
    return explain_death(slot);
}

int launch_look_for_hello(slot_reference process) {
    struct watch watch = {0};
    struct hello hello = {process};
    int result = attempt_hello(&hello, &watch);
    if (result == 0 || result == SPORK_EWOULDBLOCK) {
        return result;
    }
    put_away(process);
    return explain_death(family_slot(process));
}

/* The file must be the one that this process runs, or the child would be another program. */
static int check_program(void) {
    uint64_t stamp;
    int error = plat_program_stamp(program.path, &stamp);
    if (error != 0) {
        return error;
    }
    if (stamp != program.file_stamp) {
        return error_set(SPORK_EPROGRAM, "%s is another file than the one that runs: it was "
                                         "replaced since this process began",
                         program.path);
    }
    return 0;
}

int launch_program_anew(struct self *self, const struct launch_request *request) {
    char variable[MARK_SIZE + sizeof MARK_NAME + 1];
    struct process_slot *slot = family_slot(request->process);
    struct plat_process process;
    int error = check_program();
    if (error != 0) {
        return error;
    }
    snprintf(variable, sizeof variable, "%s=%s:%" PRIu64 ":%" PRIu64 ":%c", MARK_NAME,
             arena_memory()->name, request->process, (uint64_t)atomic_load(&slot->nonce),
             (char)request->role);
    const char *add[] = {variable, NULL};
    struct plat_launch launch = {
        .path = program.path,
        .argv = (const char *const *)program.argv,
        .add_environment = add,
        .streams = {PLAT_STREAM_INHERIT, PLAT_STREAM_INHERIT, PLAT_STREAM_INHERIT},
        .inherit = request->inherit,
        .inherit_count = request->inherit_count,
        .memory = arena_memory(),
        .detached = request->detached,
    };
    atomic_store(&slot->state, PROCESS_STARTED);
    error = plat_launch(&process, &launch);
    if (error != 0) {
        atomic_store(&slot->state, PROCESS_RESERVED);
        return error;
    }
    family_started(request->process, &process);
    return request->unawaited
               ? 0
               : launch_await_hello(self, request->process, request->deadline);
}

/* ---- the child's side ---- */

int launch_attach(enum launch_role *role) {
    char memory[64];
    slot_reference process;
    uint64_t nonce;
    char letter;
    if (sscanf(mark, "%63[^:]:%" SCNu64 ":%" SCNu64 ":%c", memory, &process, &nonce,
               &letter) != 4) {
        return error_set(SPORK_EMALFORMED, "the mark of a child is damaged: %s", mark);
    }
    int error = arena != NULL ? 0 : arena_attach(memory);
    if (error != 0) {
        return error;
    }
    if (!family_is(process) || atomic_load(&family_slot(process)->nonce) != nonce ||
        atomic_load(&family_slot(process)->state) != PROCESS_STARTED) {
        return error_set(SPORK_ESTALE, "the mark of a child is an old one");
    }
    error = family_become(process);
    if (error == 0) {
        bool detached =
            (atomic_load(&family_slot(process)->flags) & PROCESS_DETACHED) != 0;
        error = plat_lifeline_hold(detached);
    }
    *role = (enum launch_role)letter;
    return error;
}

void launch_refuse(int error, const char *words) {
    enum launch_role role;
    fprintf(stderr,
            "spork: %s.\nspork: this process was started as a child. Its main has to call "
            "spork_init(argc, argv) as its first line, as in\n"
            "spork:     int main(int argc, char **argv) { spork_init(argc, argv); ... }\n",
            words);
    fflush(stderr);
    if (family_self() == 0 && launch_attach(&role) != 0) {
        return;
    }
    struct process_slot *slot = family_slot(family_self());
    snprintf(slot->words, sizeof slot->words, "%s", words);
    atomic_store(&slot->refusal, (uint64_t)(int64_t)error);
    family_set_state(family_self(), PROCESS_REFUSED);
}

static int refuse(int error) {
    struct process_slot *slot = family_slot(family_self());
    snprintf(slot->words, sizeof slot->words, "%s", spork_error_detail());
    atomic_store(&slot->refusal, (uint64_t)(int64_t)error);
    family_set_state(family_self(), PROCESS_REFUSED);
    return EXIT_FAILURE;
}

/* Checks and decodes the message; from then on the arena's copy is not needed. */
static int take_message(const spork_task **task, spork_value *call) {
    struct launch_header header;
    uint64_t block = atomic_load(&family_slot(family_self())->launch);
    if (!arena_valid_block(block)) {
        return error_set(SPORK_EMALFORMED, "there is no launch message");
    }
    memcpy(&header, arena_at(block), sizeof header);
    if (header.magic != LAUNCH_MAGIC || header.version != SPORK_VERSION) {
        return error_set(SPORK_EVERSION, "parent and child are of different versions");
    }
    if (header.file_stamp != program.file_stamp) {
        return error_set(SPORK_EPROGRAM, "%s was replaced since the parent began",
                         program.path);
    }
    const unsigned char *data = (unsigned char *)arena_at(block) + sizeof header;
    return task_decode(data, (size_t)header.size, task, call);
}

static void drop_message(void) {
    struct process_slot *slot = family_slot(family_self());
    struct self *self = sleep_self();
    if (self != NULL && atomic_load(&slot->launch) != 0) {
        family_lock(self);
        arena_give(atomic_load(&slot->launch));
        arena_set(&slot->launch, 0);
        family_commit(self);
    }
}

void launch_hello(void) {
    atomic_store(&family_slot(family_self())->hello, 1);
    family_set_state(family_self(), PROCESS_RUNNING);
}

int launch_exit_code(const spork_value *result) {
    int64_t code = 0;
    bool truth;
    if (spork_value_get_int(result, &code) != 0 && spork_value_get_bool(result, &truth) == 0) {
        code = truth;
    }
    /* A thread's code must be what the system would have made of a process's; and a negative
       one means a signal there. */
    return (int)(plat_capabilities()->has_signals ? code & 0xFF : code);
}

int launch_run(void) {
    const spork_task *task;
    spork_value call;
    spork_value result = spork_nil();
    int error = take_message(&task, &call);
    if (error != 0) {
        return refuse(error);
    }
    drop_message();
    launch_hello();
    error = task_run(task, &call, &result);
    if (error != 0) {
        fprintf(stderr, "spork: %s: %s\n", family_slot(family_self())->name,
                spork_error_detail());
    }
    int code = error != 0 ? EXIT_FAILURE : launch_exit_code(&result);
    spork_value_free(&result);
    spork_value_free(&call);
    return code;
}
