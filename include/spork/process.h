/* Processes: start one, wait for it, end it, ask about it.

   A spork_process belongs to the process that made it; several of its threads may use it at
   once. In this header "the child" is what it stands for. */
#ifndef SPORK_PROCESS_H
#define SPORK_PROCESS_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/task.h"

typedef enum spork_start_method {
    SPORK_METHOD_DEFAULT, /* the program's: see spork_set_start_method */
    SPORK_METHOD_SPAWN,   /* the program run anew; everywhere */
    SPORK_METHOD_FORK,    /* a copy of this process; POSIX */
    SPORK_METHOD_FORKSERVER, /* a copy of a clean helper process; POSIX */
    SPORK_METHOD_THREAD   /* a thread of this process; everywhere */
} spork_start_method;

/* Whether the child is a daemon: ended, not joined, when its parent exits. */
typedef enum spork_daemon {
    SPORK_DAEMON_DEFAULT, /* no */
    SPORK_DAEMON_NO,
    SPORK_DAEMON_YES
} spork_daemon;

/* Zeroed, or NULL in its place, means the defaults. */
typedef struct spork_process_options {
    const char *name;          /* NULL: "Process-1", "Process-2" ..., "Process-1:1" in it */
    spork_start_method method;
    spork_daemon daemon;
    bool detached;             /* it may outlive its parent */
    bool force_fork;           /* fork although this process has more threads than one */
    int64_t start_timeout_ms;  /* until the child has to reach spork_init; 0: 10,000 */
    /* Descriptors (POSIX; from 3 on, any number) or HANDLEs (Windows) that the child gets
       under the same numbers, beside its standard streams and spork's own. A thread has all
       in any case. Not for forkserver: SPORK_ENOTSUP. */
    const intptr_t *inherit;
    size_t inherit_count;
} spork_process_options;

typedef enum spork_process_state {
    SPORK_STATE_INITIAL, /* made, not started */
    SPORK_STATE_STARTED, /* running, as far as is known */
    SPORK_STATE_STOPPED  /* ended; the exit code stands */
} spork_process_state;

SPORK_BEGIN

/* Makes a child that is not started yet. The call's arguments are encoded now, so nothing
   that it borrows is needed afterwards. *process is to be freed with spork_process_free.
   Errors: SPORK_EINVAL (also: SPORK_START_METHOD names no method, or there are two tasks of
   that name and file), SPORK_ENOTSUP (a method that this platform lacks, whoever chose it;
   forkserver with inherit), SPORK_EDAEMON (in a daemon), SPORK_ENOGUARD (this process has not
   called spork_init), SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT, SPORK_ESYSTEM, and what
   encoding the arguments said (SPORK_ESTALE, SPORK_EMALFORMED ...). */
SPORK_API int spork_process_new(spork_process **process, spork_call call,
                                const spork_process_options *options);

/* Starts a child that was made. Returns when the child has reached spork_init (spawn,
   forkserver) or runs (fork, thread). A child that cannot be started is an error here.
   Errors: SPORK_ESTATE (started before), SPORK_ENOGUARD (the child does not call spork_init),
   SPORK_EPROGRAM (the file of this program is gone or another one; the path is in the
   detail), SPORK_ENOTASK (the child does not have the task), SPORK_ESTART (the child ended
   first; how is in the detail), SPORK_ETHREADS, SPORK_EINVAL (NULL, or what is not a child; a
   descriptor to be inherited is not open, or is 0 to 2), SPORK_EVERSION, SPORK_ENOMEM,
   SPORK_ENOSPACE, SPORK_ELIMIT, SPORK_ESYSTEM. After an error the child is gone and the
   object may only be freed. */
SPORK_API int spork_process_launch(spork_process *process);

/* spork_process_new and spork_process_launch in one. On failure *process is untouched.
   Errors: of both, SPORK_ENOGUARD and SPORK_EDAEMON among them. */
SPORK_API int spork_process_start(spork_process **process, spork_call call,
                                  const spork_process_options *options);

/* Waits until the child has ended and, when exit_code is not NULL, writes its exit code.
   May be called again, and by several threads: each gets the same code.
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK (a time-out of 0), SPORK_ESTATE (not started, or
   a process that joins itself), SPORK_ESYSTEM (it has ended, but the program has taken its
   exit code by a waitpid of its own; only when exit_code is not NULL), SPORK_EINVAL. */
SPORK_API int spork_process_join(spork_process *process, int64_t timeout_ms, int *exit_code);

/* What the task returned or exit() was given, 0 to 255 on POSIX, else any int; the negative
   number of the signal that ended the child: -15 after terminate, -9 after kill, -2 after
   interrupt. Windows has no signals: terminate and kill are both -15 there, interrupt is -2.
   Errors: SPORK_ESTATE (not started), SPORK_EBUSY (it still runs), SPORK_ESYSTEM (see join),
   SPORK_EINVAL. */
SPORK_API int spork_process_exit_code(spork_process *process, int *exit_code);

/* Whether the child has been started and has not ended. False for NULL. */
SPORK_API bool spork_process_alive(spork_process *process);

/* End the child: SIGTERM, SIGKILL, SIGINT. On Windows all three end it at once, without
   running handlers. A child that has ended already is no error.
   Errors: SPORK_EINVAL (NULL), SPORK_ESTATE (not started), SPORK_ENOTSUP (a thread),
   SPORK_ESYSTEM. */
SPORK_API int spork_process_terminate(spork_process *process);
SPORK_API int spork_process_kill(spork_process *process);
SPORK_API int spork_process_interrupt(spork_process *process);

/* Frees the object. A child that was never started is forgotten. NULL is fine.
   Errors: SPORK_EBUSY (the child still runs: join it first), SPORK_EINVAL (the current or the
   parent process). */
SPORK_API int spork_process_free(spork_process *process);

/* The process id, or -1 before the start. Of a thread: this process's. */
SPORK_API int64_t spork_process_pid(const spork_process *process);
/* The name; it belongs to the object. "" for NULL. */
SPORK_API const char *spork_process_name(const spork_process *process);
/* Renames it, at most 63 bytes of UTF-8. Errors: SPORK_EINVAL, SPORK_ESTATE (started). */
SPORK_API int spork_process_set_name(spork_process *process, const char *name);
SPORK_API bool spork_process_daemon(const spork_process *process);
SPORK_API spork_process_state spork_process_get_state(spork_process *process);
/* The state in words, as Python prints it: "initial", "started", "stopped" (exit code 0),
   "stopped[3]", "stopped[SIGTERM]"; on Windows also "stopped[SIGTERM]" after terminate. Writes
   at most size bytes with the NUL, returns the length that it would have had. */
SPORK_API size_t spork_process_describe(spork_process *process, char *text, size_t size);

/* A descriptor (POSIX) or HANDLE (Windows) that becomes readable or signalled when the child
   ends, for poll or WaitForSingleObject. It belongs to the object: do not close it.
   Errors: SPORK_EINVAL (NULL), SPORK_ESTATE (not started, or no child), SPORK_ENOTSUP (a
   thread; a kernel before 5.3). */
SPORK_API int spork_process_sentinel(spork_process *process, intptr_t *sentinel);

/* The process that calls, as its own object: name, pid and daemon can be asked. Never NULL
   after spork_init; not to be freed. Inside a task on a thread: that thread's. */
SPORK_API spork_process *spork_current_process(void);
/* The process that started this one: pid, name, alive and join; NULL in the main process.
   Not to be freed. */
SPORK_API spork_process *spork_parent_process(void);

/* Writes up to capacity children of this process that run, in the order of their start, and
   how many there are to *count. Children that have ended are reaped on the way, as
   multiprocessing.active_children does. The objects stay their owner's.
   Errors: SPORK_EINVAL. */
SPORK_API int spork_active_children(spork_process **children, size_t capacity, size_t *count);

/* The method that SPORK_METHOD_DEFAULT stands for: what was set here, else what the
   environment variable SPORK_START_METHOD names (spawn, fork, forkserver, thread), else
   spawn. Children inherit it. A variable that names none of them counts as spawn here, but
   each start by SPORK_METHOD_DEFAULT is SPORK_EINVAL then; one that names a method which the
   platform lacks makes it SPORK_ENOTSUP. Errors of setting: SPORK_EINVAL, SPORK_ENOTSUP. */
SPORK_API int spork_set_start_method(spork_start_method method);
SPORK_API spork_start_method spork_get_start_method(void);
/* Whether this platform has the method. */
SPORK_API bool spork_has_start_method(spork_start_method method);
/* "spawn", "fork", "forkserver", "thread"; "default". */
SPORK_API const char *spork_start_method_name(spork_start_method method);

/* fork(), as os.fork: *pid is the child's in the parent and 0 in the child, which belongs to
   the family and goes on from here. Nobody joins it but the caller, by waitpid. force: also
   while this process has more threads than one.
   Errors: SPORK_EINVAL, SPORK_ENOTSUP (Windows), SPORK_ETHREADS (not forced),
   SPORK_ENOGUARD, SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT, SPORK_ESYSTEM. */
SPORK_API int spork_fork(int64_t *pid, bool force);

SPORK_END

/* A kind of process of one's own, what a subclass of Process is in Python: state in a flat
   struct, and a run task.

       struct counter { int64_t from, to; };
       static int count(struct counter self) { ... }
       SPORK_PROCESS_KIND(counter, struct counter, count);

   emits counter_new(&process, state, options) and counter_start(&process, state, options). */
#define SPORK_PROCESS_KIND(kind, state_type, run)                                        \
    SPORK_TASK(int, run, state_type);                                                     \
    static inline SPORK_UNUSED int kind##_new(spork_process **process, state_type state,  \
                                              const spork_process_options *options) {     \
        return spork_process_new(process, run##_call(state), options);                    \
    }                                                                                     \
    static inline SPORK_UNUSED int kind##_start(spork_process **process, state_type state, \
                                                const spork_process_options *options) {   \
        return spork_process_start(process, run##_call(state), options);                  \
    }                                                                                     \
    struct spork_semicolon_

#endif
