/* THE contract: all that a platform must supply, in words and prototypes.

   A backend is one folder (posix, win32) that defines every function below, in files of the
   same names as its sibling. It is mechanism only: it takes no decision, keeps no list that
   the core keeps, and calls nothing of the core but error_set (src/error.h, which stands
   below both). Unless it says otherwise a function returns 0 or a SPORK_E... number, with the
   detail set and the native code in it; on failure its outputs are untouched and nothing has
   leaked. All are safe to call from several threads.

   Deadlines are absolute nanoseconds of plat_now_ns; PLAT_NEVER never comes. Text is UTF-8.
   Descriptors and HANDLEs are intptr_t here ("native"); none that a backend opens may reach
   a child, except those that a launch lists. */
#ifndef SRC_PLATFORM_H
#define SRC_PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define PLAT_NEVER INT64_MAX
#define PLAT_NO_NATIVE ((intptr_t)-1)

/* ---- What this platform can do; policy above reads it instead of asking for its name ---- */

struct plat_capabilities {
    bool can_fork;        /* plat_fork, and with it the forkserver */
    bool can_mailslot;    /* plat_mailslot_... */
    bool can_message_pipe; /* plat_message_pipe_...; else pipes are rings in the arena */
    bool has_signals;     /* terminate and kill differ, and can be handled */
};
const struct plat_capabilities *plat_capabilities(void);

/* ---- clock.c: time, chance, processors ---- */

/* Monotonic, the same for every process of the machine. Cannot fail. */
int64_t plat_now_ns(void);
void plat_sleep_ns(int64_t duration);
/* Lets another thread run; tells the processor that this is a spin loop. */
void plat_yield(void);
void plat_relax(void);
/* size bytes that nobody can guess. */
int plat_random(void *bytes, size_t size);
/* Processors that this process may use, at least 1. */
int plat_cpu_count(void);
/* A fence on behalf of others: when plat_barrier returns 0, every thread of every process that
   has called plat_barrier_join, which lasts as long as the process, has passed a full memory
   fence since the call, or does before it runs again. Who is rarely the one that waits so pays
   for who often passes. Errors of both: SPORK_ENOTSUP (this system, or kernel, has no such
   thing), without a detail. */
int plat_barrier_join(void);
int plat_barrier(void);

/* ---- thread.c: threads of this process ---- */

/* A mutex between threads of one process. Zeroed memory is an open one; no end is needed. */
typedef union plat_mutex {
    uint64_t words[8];
    void *align;
} plat_mutex;
void plat_mutex_lock(plat_mutex *mutex);
void plat_mutex_unlock(plat_mutex *mutex);

struct plat_thread {
    intptr_t native;
};
/* Starts run(argument) in a thread of its own; plat_thread_join waits for its end (without
   limit: call it only when the thread is known to be over or about to be). */
int plat_thread_start(struct plat_thread *thread, void (*run)(void *), void *argument);
void plat_thread_join(struct plat_thread *thread);
/* From now on hook(value) is called at the end of each thread that has set a value other than
   NULL by plat_thread_set_value, in that thread. One hook for the process; the main thread's
   end by return from main need not call it. */
int plat_thread_on_exit(void (*hook)(void *value));
void plat_thread_set_value(void *value);
/* Threads of this process at this moment; 1 if it cannot be told. */
int plat_thread_count(void);
/* From now on hook() runs in the child of every fork of this process, whoever forks. Does
   nothing where there is no fork. */
int plat_on_fork(void (*hook)(void));

/* ---- memory.c: the family's one shared mapping ---- */

struct plat_memory {
    unsigned char *base;
    size_t size;      /* bytes of address space reserved */
    intptr_t native;  /* memfd, section */
    char name[64];    /* how a child finds it; see plat_memory_attach */
};
/* Reserves up to size bytes (less, halving, where the system does not allow that much;
   never less than 64 MiB) that read as zero. Nothing of it outlives the last process that
   has it, whatever kills them. Errors: SPORK_ENOSPACE, SPORK_ESYSTEM. */
int plat_memory_create(struct plat_memory *memory, size_t size);
/* In a child that was launched with .memory: maps it by the name that plat_memory_create had
   written (POSIX: plat_launch tells the child the number of the descriptor).
   Errors: SPORK_ESTALE (there is no such memory), SPORK_ENOSPACE, SPORK_ESYSTEM. */
int plat_memory_attach(struct plat_memory *memory, const char *name);
/* Makes sure that bytes offset to offset + size can be touched by every process of the
   family: the system's memory is reserved now. Pages that are committed already are fine.
   Errors: SPORK_ENOSPACE. */
int plat_memory_commit(struct plat_memory *memory, size_t offset, size_t size);
/* Gives the whole pages within that range back to the system where that can be done; they
   read as zero afterwards or keep their contents. */
void plat_memory_discard(struct plat_memory *memory, size_t offset, size_t size);

/* ---- process.c: processes ---- */

/* A process id and a stamp that tells it from an earlier process of the same id. */
struct plat_identity {
    int64_t pid;
    uint64_t stamp;
};
int plat_self_identity(struct plat_identity *identity);

/* A process that can be watched: pidfd, process handle. */
struct plat_process {
    struct plat_identity identity;
    intptr_t native; /* PLAT_NO_NATIVE where the kernel lacks pidfds */
    bool own;        /* a child of this process: plat_process_reap is ours to call */
};
/* Opens a process of the family that may or may not be alive.
   Errors: SPORK_EPEERDIED (it is dead, or its id is another's now), SPORK_ESYSTEM. */
int plat_process_open(struct plat_process *process, struct plat_identity identity);
void plat_process_close(struct plat_process *process);
/* Whether it has ended (a zombie has). Does not wait. */
bool plat_process_dead(const struct plat_process *process);
/* Of an own child that is dead: takes its exit code (0.., or a negative signal number; on
   Windows the codes that plat_process_end uses become -15 and -2). known is false when the
   system no longer knows (another part of the program reaped it). Call it once. */
void plat_process_reap(struct plat_process *process, int *exit_code, bool *known);
enum plat_end { PLAT_TERMINATE, PLAT_KILL, PLAT_INTERRUPT };
/* Asks it to end, or ends it. A process that has ended is no error. */
int plat_process_end(struct plat_process *process, enum plat_end how);
/* "SIGTERM" for 15 and so on; NULL for a number that has no name. */
const char *plat_signal_name(int number);

/* Ends this process at once, running no exit handlers. */
_Noreturn void plat_exit_now(int exit_code);

/* What this program is: to run it anew, and to notice that its file is another one. */
struct plat_program {
    char *path;            /* malloc */
    char **argv;           /* malloc, NULL-ended, as this process got it */
    int argc;
    uint64_t file_stamp;   /* of the file's size and time, at this process's start */
};
/* argc and argv are main's (Windows asks the system instead, for the sake of Unicode). */
int plat_program_self(struct plat_program *program, int argc, char **argv);
/* The stamp of the file at path now. Errors: SPORK_EPROGRAM (it is gone). */
int plat_program_stamp(const char *path, uint64_t *file_stamp);

/* Takes a variable out of this process's environment: copies it into value when it is
   there and removes it. False when it is not there or does not fit. Runs before main. */
bool plat_environment_take(const char *name, char *value, size_t size);

/* ---- launch.c: starting a program, this one again or another ---- */

enum { PLAT_STREAM_INHERIT = -1, PLAT_STREAM_NULL = -2 };

struct plat_launch {
    const char *path;                /* of the executable */
    const char *const *argv;         /* NULL-ended, argv[0] included */
    const char *const *add_environment; /* "NAME=value", NULL-ended: in place of or beside
                                           this process's own variables; NULL: none */
    intptr_t streams[3];             /* natives, or PLAT_STREAM_... */
    const intptr_t *inherit;         /* further natives that keep their numbers, whatever
                                         these are, but not the streams' 0 to 2 of POSIX */
    size_t inherit_count;
    const struct plat_memory *memory; /* not NULL: the child can plat_memory_attach it, and
                                         ends when this process ends, unless detached */
    bool detached;
};
/* Runs it. The child has its three streams, what is listed, spork's own two descriptors if
   memory was given, and nothing else, whatever other threads open or start meanwhile; no
   signal is blocked, handled or ignored in it. The cost does not grow with this process.
   Errors: SPORK_EPROGRAM (the file cannot be run; path in the detail), SPORK_EINVAL (an
   argument that cannot be passed, a native that is not open), SPORK_ENOMEM, SPORK_ESYSTEM. */
int plat_launch(struct plat_process *process, const struct plat_launch *launch);

/* Forks. *in_child tells which side this is; the child keeps the descriptors that launch
   would have kept (standard streams, inherit, the family's) and loses all others, its life
   is tied to requester's, and its signal mask is open. With told the child becomes a child of
   this process's parent (the forkserver's way), who opens it: its id is stored there, in
   shared memory that held 0, before it runs, and also when this process is killed in between.
   So who finds 0 there after this process's end knows that there is no child.
   Errors: SPORK_ENOTSUP, SPORK_EINVAL (a native that is not open), SPORK_ESYSTEM. */
int plat_fork(struct plat_process *process, const intptr_t *inherit, size_t inherit_count,
              _Atomic uint64_t *told, bool detached, bool *in_child);
/* A plain fork for spork_fork: nothing is closed or tied. *pid is 0 in the child. */
int plat_fork_plain(int64_t *pid);
/* An own child that plat_fork made for this process through a forkserver: opened by its id,
   before anybody can have reaped it, but the system itself: one that is gone is opened as one
   that is dead. One that cannot be watched is killed and reaped. Errors: SPORK_ESYSTEM. */
int plat_process_adopt(struct plat_process *process, int64_t pid);

/* ---- terminal.c: where people look ---- */

/* The columns of the terminal (a console, on Windows) that the standard error is, 80 where the
   system does not know; 0: it is none. */
int plat_terminal_columns(void);
/* One line for it: text in UTF-8, narrower than the terminal, of which a part may be coloured.
   What stands from coloured_from on is ASCII. */
enum { PLAT_LINE_MOST = 4096 }; /* bytes */
struct plat_terminal_line {
    const char *text;
    size_t size;
    size_t coloured_from;
    size_t coloured_size; /* 0: nothing is */
    bool ends;            /* the cursor goes on to the next line */
};
/* Draws it over the line in which the cursor stands. Modes, code page and colours of the
   terminal are others' too: they stay as they are, at every moment. Who draws has nobody to
   tell that it failed. */
void plat_terminal_draw(const struct plat_terminal_line *line);

/* ---- lifeline.c: children end with their parent ---- */

/* In a child: ties this process's life to its launcher's as plat_launch promised. A backend
   whose kernel does that by itself does nothing. */
int plat_lifeline_hold(bool detached);

/* ---- sleep.c: the one way to block, and to be woken ---- */

/* A bell is where one thread of the family sleeps; it lives in the arena, zeroed at first.
   Its number and generation, with the family's key, make the names a backend needs. The
   protocol on state is the core's: a sleeper stores PLAT_BELL_ARMED, looks once more at what
   it waits for, and calls plat_bell_sleep; a waker exchanges PLAT_BELL_RUNG into it and,
   if what it finds is not AWAKE or RUNG, calls plat_bell_ring with what it found. Between
   ARMED and RUNG a backend may use states of its own from PLAT_BELL_OWN on. */
enum { PLAT_BELL_AWAKE, PLAT_BELL_ARMED, PLAT_BELL_RUNG, PLAT_BELL_OWN };
struct plat_bell {
    _Atomic uint32_t state;
    uint32_t number;
    uint32_t generation;
    uint32_t reserved;
};
/* What the backend keeps for a thread that sleeps; zeroed at first, opened at need, closed
   by plat_bell_close, used by one thread only. */
struct plat_sleeper {
    intptr_t natives[3];
    bool open;
};
/* The family's key, 128 random bits in hexadecimal, told once before the first sleep. */
void plat_bell_family(const char *key);
/* Returns 0 when the state is RUNG (or something spurious happened: callers loop), 
   SPORK_ETIMEDOUT at the deadline, SPORK_EPEERDIED when one of the watched processes is
   dead: its index is then in *dead. Judged in this order. Sets no detail for these. Never
   polls faster than 20 times a second, and that only where the kernel lacks pidfds. */
int plat_bell_sleep(struct plat_sleeper *sleeper, struct plat_bell *bell, int64_t deadline,
                    const struct plat_process *const *watched, size_t count, size_t *dead);
/* Wakes the thread that sleeps at this bell, whose state was `found`. Nobody there is fine. */
void plat_bell_ring(struct plat_bell *bell, uint32_t found);
void plat_bell_close(struct plat_sleeper *sleeper);
/* In a forked child: forgets, and closes, what it inherited of this file's state. */
void plat_bell_forked(void);

/* ---- doorbell.c: what a host's event loop polls ---- */

/* A doorbell: a sleeper for whom the host's own event loop sleeps. *native is what it polls:
   readable or signalled from a ring of the bell, or a death among the watched, on; it stays
   the same until plat_bell_close, to which it belongs. */
int plat_doorbell_open(struct plat_sleeper *sleeper, struct plat_bell *bell,
                       intptr_t *native);
/* The bell is ARMED, or RUNG already: takes the native's signal away, and makes a ring that
   comes from now on a signal. */
int plat_doorbell_quiet(struct plat_sleeper *sleeper, struct plat_bell *bell);
/* Signals the native, whatever state the bell is in. */
void plat_doorbell_ring(struct plat_sleeper *sleeper, const struct plat_bell *bell);
/* Whose death is a signal, in place of those of the last call. Errors: SPORK_EPEERDIED: one is
   dead, and in *dead; one that died just now may be a signal instead. */
int plat_doorbell_watch(struct plat_sleeper *sleeper,
                        const struct plat_process *const *watched, size_t count,
                        size_t *dead);
/* Natives of the host may be slept for as processes are, with an identity of zeros: ready is
   what dead is else. This tells whether one is readable, at its end or in error; a HANDLE is
   signalled. Asking may take the signal, and so may a sleep that ends for whatever reason: the
   sleeper has that kept for it, and is told so here, once. Errors: SPORK_EINVAL (it is not
   open). */
int plat_native_ready(struct plat_sleeper *sleeper, intptr_t native, bool *ready);

/* ---- mailslot.c: messages through the system's mailslots (can_mailslot) ---- */

enum { PLAT_MAILSLOT_MAX = 60 * 1024 }; /* bytes of a message */
struct plat_mailslot {
    intptr_t reader; /* PLAT_NO_NATIVE until created or shared */
    intptr_t writer; /* PLAT_NO_NATIVE until opened */
};
/* Creates the slot `name` (random, without the system's prefix) and opens both sides. */
int plat_mailslot_create(struct plat_mailslot *slot, const char *name);
/* Opens the writing side of a slot that exists. */
int plat_mailslot_open(struct plat_mailslot *slot, const char *name);
/* Takes a copy of the reading side from the process that has it as `native`.
   Errors: SPORK_EPEERDIED (that process or its native is gone), SPORK_ESYSTEM. */
int plat_mailslot_share(struct plat_mailslot *slot, struct plat_identity owner,
                        intptr_t native);
/* Writes one message of 1 to PLAT_MAILSLOT_MAX bytes; the caller keeps so few outstanding
   that it cannot block. Errors: SPORK_EPIPE (no slot of that name is left), SPORK_ESYSTEM. */
int plat_mailslot_write(struct plat_mailslot *slot, const void *data, size_t size);
/* Reads one message without waiting. Errors: SPORK_EEMPTY, SPORK_ETOOSHORT, SPORK_ESYSTEM. */
int plat_mailslot_read(struct plat_mailslot *slot, void *data, size_t capacity,
                       size_t *size);
void plat_mailslot_close(struct plat_mailslot *slot);

/* ---- pipe.c: message pipes of the system (can_message_pipe) ---- */

enum { PLAT_MESSAGE_MAX = 32 * 1024 }; /* bytes; the core sends longer ones another way */
/* One end: an overlapped, message-mode native. Several threads may use it at once. */
struct plat_message_pipe {
    intptr_t native;
};
/* Makes both ends of a pipe with a random name; room is about buffer_size bytes a way. */
int plat_message_pipe_create(struct plat_message_pipe ends[2], size_t buffer_size);
/* Takes a copy of an end from the process that has it as `native`.
   Errors: SPORK_EPEERDIED, SPORK_ESYSTEM. */
int plat_message_pipe_share(struct plat_message_pipe *end, struct plat_identity owner,
                            intptr_t native);
/* Writes one message of 0 to PLAT_MESSAGE_MAX bytes whole, or nothing. While it has to wait for
   room it is woken by the bell (whose state is ARMED or RUNG already), the deadline or a
   death, and has then written nothing (a write that is cancelled but turns out to be complete
   is done): results as plat_bell_sleep's, and SPORK_EPIPE (the other side's natives are all
   closed), SPORK_ESYSTEM; *done tells whether the message was written (a result of 0 with
   *done false: the bell rang). */
int plat_message_pipe_write(struct plat_message_pipe *end, const void *data, size_t size,
                            struct plat_sleeper *sleeper, struct plat_bell *bell,
                            int64_t deadline, const struct plat_process *const *watched,
                            size_t count, size_t *dead, bool *done);
/* How many bytes the next message has; SPORK_EEMPTY when there is none, SPORK_EEOF when there
   is none and the other side is closed. Does not wait. */
int plat_message_pipe_peek(struct plat_message_pipe *end, size_t *size);
/* Reads the next message, which must fit. Does not wait: SPORK_EEMPTY, SPORK_EEOF,
   SPORK_ETOOSHORT (nothing was taken). */
int plat_message_pipe_read(struct plat_message_pipe *end, void *data, size_t capacity,
                           size_t *size);
void plat_message_pipe_close(struct plat_message_pipe *end);

/* ---- named.c: memory that has a name, for programs that are no family ---- */

/* A name is 1 to PLAT_NAME_MOST bytes out of A-Z a-z 0-9 _ - and dot, not "." or "..". The
   kinds share one set of names, which is this user's. A name is its maker's: it goes when that
   process unlinks or closes it, or ends, whatever ends it; what it named stays for who has it
   open. A persistent one is the system's own (shm_open's, sem_open's). */
enum { PLAT_NAME_MOST = 200 };
enum plat_named_kind {
    PLAT_NAMED_MEMORY = 'm',
    PLAT_NAMED_LOCK = 'l',
    PLAT_NAMED_SEMAPHORE = 's'
};
struct plat_named {
    unsigned char *base;
    size_t size;
    uint64_t identity[2]; /* another of the same name, before it or after, has another */
    intptr_t maker;       /* what its maker keeps to keep the name; 0 for others */
    enum plat_named_kind kind;
    bool persist;
};
/* Takes the name, and reserves zeroed memory that nobody can open before it is published.
   Errors: SPORK_EEXISTS, SPORK_ENOSPACE, SPORK_ENOMEM, SPORK_ENOTSUP (persist, on Windows),
   SPORK_ESYSTEM. */
int plat_named_create(struct plat_named *named, enum plat_named_kind kind, const char *name,
                      size_t size, bool persist);
/* What has been written to it is what openers find. Errors: SPORK_EEXISTS, SPORK_ESYSTEM. */
int plat_named_publish(struct plat_named *named, const char *name);
/* Errors: SPORK_ENOTFOUND, SPORK_ENOSPACE (no room to map it), SPORK_ESYSTEM (it is another
   user's, or its maker cannot be seen from here, as in another container). */
int plat_named_open(struct plat_named *named, enum plat_named_kind kind, const char *name,
                    bool read_only);
/* For its maker: takes the name away. Errors: SPORK_ENOTFOUND (a persistent name is gone, or
   another object's), SPORK_ESYSTEM. */
int plat_named_unlink(struct plat_named *named, const char *name);
/* Lets go of the memory, and of the name if it is kept and does not persist. */
void plat_named_close(struct plat_named *named);
/* Errors: SPORK_ENOTFOUND, SPORK_ENOTSUP (Windows), SPORK_ESYSTEM. */
int plat_named_unlink_persistent(enum plat_named_kind kind, const char *name);

/* ---- named_sync.c: locks and semaphores that have a name ---- */

/* A lock between threads of whatever processes; the first PLAT_LOCK_SIZE bytes of a named
   memory are the backend's for it. The system tells if its holder, a thread, ended. */
enum { PLAT_LOCK_SIZE = 64 };
struct plat_lock {
    void *place;
    intptr_t native;
};
/* Before the memory is published, and after it was opened. Errors: SPORK_ESYSTEM,
   SPORK_ENOTFOUND (opening; its maker has just gone). */
int plat_lock_create(struct plat_lock *lock, const struct plat_named *named);
int plat_lock_open(struct plat_lock *lock, const struct plat_named *named);
/* Not for a thread that holds it. 0, SPORK_EOWNERDIED (it is the caller's), SPORK_ETIMEDOUT (a
   deadline that has passed tries once; no detail for these), SPORK_ESYSTEM. */
int plat_lock_acquire(struct plat_lock *lock, int64_t deadline);
/* For the thread that holds it. */
void plat_lock_release(struct plat_lock *lock);
/* Nobody of this process holds it. */
void plat_lock_close(struct plat_lock *lock);

struct plat_semaphore {
    struct plat_named named;
    intptr_t native;
};
/* most: a release above it is refused; INT32_MAX if it persists. Errors: as the memory's. */
int plat_semaphore_create(struct plat_semaphore *semaphore, const char *name, int32_t value,
                          int32_t most, bool persist);
int plat_semaphore_open(struct plat_semaphore *semaphore, const char *name);
/* 0, SPORK_ETIMEDOUT (as above), SPORK_ESYSTEM. One who is woken and killed before it could
   take may leave others asleep: call it with deadlines that are not far away. */
int plat_semaphore_take(struct plat_semaphore *semaphore, int64_t deadline);
/* All of count or nothing (a persistent one: one by one). Errors: SPORK_EOVERRELEASE. */
int plat_semaphore_give(struct plat_semaphore *semaphore, int32_t count);
int32_t plat_semaphore_count(struct plat_semaphore *semaphore);
void plat_semaphore_close(struct plat_semaphore *semaphore);

#endif
