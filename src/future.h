/* Rank 11: futures, for the pools that fulfil them. */
#ifndef SRC_FUTURE_H
#define SRC_FUTURE_H

#include "pool_owner.h"

/* A future that is in an order (as-completed) is done. Under its pool's mutex. */
void future_deliver(spork_future *future);

/* Before a wait for it, while it is not done: whoever ends it rings. */
void future_want(const spork_future *future);
/* For pool_wait: whether this future (the context) is done. */
bool future_is_done(struct pool_owner *owner, void *context);

/* Cancels what has not begun, and nothing else. */
void future_cancel_queued(spork_future *future);
/* Moves a value that a task returned into a C object of the task's type: result may be NULL. The
   value is freed, if it is owned. Errors: SPORK_ETYPE, SPORK_ERANGE. */
int future_take(const spork_task *task, spork_value *value, void *result, bool owned);

/* Makes futures known to spork_wait. */
void future_register(void);
void future_register_order(void);

#endif
