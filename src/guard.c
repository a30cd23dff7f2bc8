/* Rank 12: spork_init, where main turns into a child, and where the library's parts are put
   together: it alone knows every kind of handle. */
#include "spork/guard.h"

#include <stdio.h>

#include "array.h"
#include "barrier.h"
#include "condition.h"
#include "event.h"
#include "forkserver.h"
#include "lock.h"
#include "pipe.h"
#include "pool.h"
#include "process.h"
#include "queue.h"
#include "rwlock.h"
#include "semaphore.h"
#include "shareable_list.h"
#include "shared_memory.h"

static void register_kinds(void) {
    queue_register();
    pipe_register();
    lock_register();
    condition_register();
    semaphore_register();
    event_register();
    barrier_register();
    rwlock_register();
    array_register();
    shareable_list_register();
    shared_memory_register();
    pool_register();
}

/* main of a re-executed child has ended, and was never in spork_init. */
static void SPORK_UNUSED __attribute__((destructor)) complain(void) {
    if (launch_is_pending()) {
        launch_refuse(SPORK_ENOGUARD, "main ended without having called spork_init");
    }
}

static _Noreturn void run_child(void) {
    enum launch_role role;
    int error = launch_attach(&role);
    if (error != 0) {
        fprintf(stderr, "spork: a child could not join its family: %s\n",
                spork_error_detail());
        plat_exit_now(EXIT_FAILURE);
    }
    if (role == LAUNCH_FORKSERVER) {
        struct self *self = family_enter(&error);
        if (self == NULL) {
            fprintf(stderr, "spork: the forkserver: %s\n", spork_error_detail());
            plat_exit_now(EXIT_FAILURE);
        }
        forkserver_serve(self);
        process_begin();
        process_end_copy(launch_run());
    }
    process_begin();
    int code = launch_run();
    atomic_store(&family_slot(family_self())->own_code,
                 (uint64_t)1 << 32 | (uint32_t)code);
    exit(code);
}

int spork_guard_enter(int argc, char **argv, int version, int (*at_exit)(void (*)(void))) {
    bool is_child = launch_is_pending();
    static bool done;
    if (version / 100 != SPORK_VERSION / 100) {
        return error_set(SPORK_EVERSION, "headers of version %d, library of version %d",
                         version, SPORK_VERSION);
    }
    if (done) {
        return 0;
    }
    if (argc < 0 || (argc > 0 && argv == NULL)) {
        return error_set(SPORK_EINVAL, "argc is %d, argv is NULL", argc);
    }
    int error = launch_pass_guard(argc, argv);
    if (error != 0) {
        return error;
    }
    register_kinds();
    at_exit(process_finish);
    done = true;
    if (is_child) {
        run_child();
    }
    return 0;
}
