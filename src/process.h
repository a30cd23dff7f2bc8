/* Rank 9: processes, for the guard above. */
#ifndef SRC_PROCESS_H
#define SRC_PROCESS_H

#include "spork/process.h"

/* In a child, before its task runs: who its parent is, and what it inherits from it. */
void process_begin(void);
/* At exit: ends the daemons, joins the others, ends the forkserver. */
void process_finish(void);
/* Ends a child that is a copy of another process: its output is written, its exit handlers,
   which are the other process's, do not run. */
_Noreturn void process_end_copy(int exit_code);

#endif
