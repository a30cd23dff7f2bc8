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

/* For who waits for many things: 0 when it has ended, SPORK_EWOULDBLOCK when not, as an
   attempt; and where he waits. Errors of process_waiters: SPORK_ESTATE, SPORK_EINVAL. */
int process_ready(struct spork_process *process, struct watch *watch);
int process_waiters(struct spork_process *process, struct waiters **waiters);

#endif
