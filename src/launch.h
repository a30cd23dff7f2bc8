/* Rank 7: how a child learns what it is: the mark in its environment, the launch message in
   the arena, and the guard's state. guard.h in include/ tells the user's side. */
#ifndef SRC_LAUNCH_H
#define SRC_LAUNCH_H

#include "task.h"

/* ---- the guard's state ---- */

/* Whether main has reached spork_init; if not, SPORK_ENOGUARD with what to do. In a child
   that has not reached it, this ends the process: nothing may be started there. */
int launch_require_guard(void);
/* This is a re-executed child that has yet to reach spork_init. */
bool launch_is_pending(void);
/* spork_init was reached: keeps what this program is, for running it anew. */
int launch_pass_guard(int argc, char **argv);

/* ---- the parent's side ---- */

enum launch_role { LAUNCH_TASK = 'T', LAUNCH_FORKSERVER = 'F' };

/* Writes the launch message of a reserved slot: an encoded call, and what the child's program
   has to be. Errors: SPORK_ENOSPACE. */
int launch_write(struct self *self, slot_reference process, const void *call, size_t size);

struct launch_request {
    slot_reference process;
    enum launch_role role;
    int64_t deadline; /* until it has to say hello */
    const intptr_t *inherit;
    size_t inherit_count;
    bool detached;
    bool unawaited; /* return when the child runs; who asks for this awaits its hello */
};
/* Runs this program anew for the slot, and waits for the child's hello. On failure the child
   is dead and buried. Errors: those of spork_process_launch. */
int launch_program_anew(struct self *self, const struct launch_request *request);
/* Waits until a child in the slot has said hello, or turns its refusal, its death or its
   silence into an error. */
int launch_await_hello(struct self *self, slot_reference process, int64_t deadline);
/* The same without waiting: SPORK_EWOULDBLOCK when it has not said anything yet. */
int launch_look_for_hello(slot_reference process);

/* ---- the child's side ---- */

/* In a pending child: attaches the family as what the mark says. */
int launch_attach(enum launch_role *role);
/* Takes the launch message, says hello, runs the task; the exit code. A message that cannot
   be run is refused: the parent's start fails with the words. */
int launch_run(void);
/* Tells the parent that this child is at work. */
void launch_hello(void);
/* Tells the parent why this child cannot run, and says it on the standard error. */
void launch_refuse(int error, const char *words);
/* What a task's result means as an exit code, 0 to 255 where there are signals. */
int launch_exit_code(const spork_value *result);

#endif
