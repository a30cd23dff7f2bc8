/* Rank 9: processes, for the layers above. */
#ifndef SRC_PROCESS_H
#define SRC_PROCESS_H

#include "family.h"
#include "spork/process.h"

/* In a child, before its task runs: who its parent is, and what it inherits from it. */
void process_begin(void);
/* At exit: ends the daemons, joins the others, ends the forkserver. */
void process_finish(void);
/* Ends a child that is a copy of another process: its output is written, its exit handlers,
   which are the other process's, do not run. */
_Noreturn void process_end_copy(int exit_code);

/* spork_process_launch that returns as soon as the child runs. Then process_hello, until it is
   0: the child has said hello. SPORK_EWOULDBLOCK: not before the deadline (DEADLINE_NOW: yet);
   any other: it never will, and is gone. Errors: those of spork_process_launch. */
int process_launch_only(struct spork_process *process);
int process_hello(struct self *self, struct spork_process *process, int64_t deadline);
/* Its slot in the family. */
slot_reference process_slot_of(const struct spork_process *process);
/* What SPORK_METHOD_DEFAULT stands for. Errors: SPORK_EINVAL (SPORK_START_METHOD names no
   method; *method is untouched). */
int process_program_method(spork_start_method *method);
/* Errors: SPORK_EINVAL (no method), SPORK_ENOTSUP (not on this platform). */
int process_check_method(spork_start_method method);
/* Called at a normal exit, before the children are ended and joined. */
void process_on_finish(void (*hook)(void));

/* For who waits for many things: 0 when it has ended, SPORK_EWOULDBLOCK when not, as an
   attempt; and where he waits. Errors of process_waiters: SPORK_ESTATE, SPORK_EINVAL. */
int process_ready(struct spork_process *process, struct watch *watch);
int process_waiters(struct spork_process *process, struct waiters **waiters);

#endif
