/* Rank 8: the forkserver: a clean helper process, this program run anew, that forks children
   on request. They become children of who asked, who joins them as any other. */
#ifndef SRC_FORKSERVER_H
#define SRC_FORKSERVER_H

#include "launch.h"

/* Has the helper fork a child for the slot, whose launch message is written. The helper is
   started at the first request. Errors: those of a launch, SPORK_EPEERDIED (the helper was
   killed: the next request starts another). */
int forkserver_start_child(struct self *self, const struct launch_request *request);
/* The helper's life: serves requests until it is ended. Returns in each child that it forked,
   which has its slot then and a task to run. */
void forkserver_serve(struct self *self);
/* Ends this process's helper, if it has one. */
void forkserver_stop(void);

#endif
