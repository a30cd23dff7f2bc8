/* Rank 9: the object behind spork_process, for the files that make up processes. */
#ifndef SRC_PROCESS_LOCAL_H
#define SRC_PROCESS_LOCAL_H

#include "launch.h"
#include "process.h"

enum process_role { ROLE_CHILD, ROLE_SELF, ROLE_PARENT };

struct spork_process {
    enum process_role role;
    slot_reference slot;
    spork_start_method method;
    bool started;            /* its launch succeeded */
    bool failed;             /* its launch failed: it may only be freed */
    bool force_fork;
    bool unawaited;          /* its hello is awaited by who launches it: process_launch_only */
    bool joined_thread;
    int64_t start_timeout_ms;
    intptr_t *inherit;       /* malloc */
    size_t inherit_count;
    void *call;              /* encoded; malloc, until the launch */
    size_t call_size;
    const spork_task *task;  /* of a thread: the call decoded, */
    spork_value decoded;     /* which holds the handles in it until the task has run */
    char name[ARENA_NAME];
    int64_t pid;             /* of self and parent */
    bool daemon;
    slot_reference maker;    /* of the task on a thread that made it; 0: made by none */
    struct plat_thread thread;
    plat_mutex mutex;        /* starting, and joining the thread */
    uint64_t order;             /* of the start, from 1 on */
    uint32_t pins;
    bool is_freed;              /* by its owner, while it was pinned */
    struct spork_process *next; /* children of this process, in the order of their start */
};

/* The children of this process that were started; process_list.c. */
void process_list_add(struct spork_process *process);
void process_list_remove(struct spork_process *process);
/* The first child that was started after this one (0: all), kept from being freed until it is
   unpinned: another thread may join and free it meanwhile. NULL: no more. */
struct spork_process *process_list_pin(uint64_t after);
/* What the next pin is to be after. */
uint64_t process_list_unpin(struct spork_process *process);
/* Frees the object when nobody has it pinned. */
void process_list_free(struct spork_process *process);
/* The child in this slot; NULL when there is none. */
struct spork_process *process_list_find(slot_reference slot);

/* Runs the process's start method; process_start.c. */
int process_start_by_method(struct self *self, struct spork_process *process,
                            int64_t deadline);
/* The object of a task that runs on a thread, NULL elsewhere. */
struct spork_process *process_of_thread(void);

/* SPORK_ETHREADS while this process has more threads than one, unless forced. */
int process_may_fork(bool force);

/* Whether it has ended, burying it if that is news. */
bool process_ended(struct spork_process *process);

#endif
