/* Events: a flag that any number of processes and threads wait for.

   An event is a handle: it travels as an argument, and through queues and pipes. It has no
   owner, and stays as it is when who set it dies. */
#ifndef SPORK_EVENT_H
#define SPORK_EVENT_H

#include "spork/base.h"
#include "spork/error.h"

/* No options yet; pass NULL. */
typedef struct spork_event_options {
    int reserved;
} spork_event_options;

SPORK_BEGIN

/* The event is clear at first. Errors: SPORK_EINVAL, SPORK_ENOMEM, SPORK_ENOSPACE. */
SPORK_API int spork_event_new(spork_event **event, const spork_event_options *options);
/* Lets go of the object. NULL is fine. */
SPORK_API void spork_event_free(spork_event *event);

/* Sets it: everybody who waits at this moment goes on, even if it is cleared at once, and
   nobody waits until it is cleared. Never waits. Errors: SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_event_set(spork_event *event);
/* Errors: SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_event_clear(spork_event *event);
/* Whether it is set at this moment. False for NULL. */
SPORK_API bool spork_event_is_set(spork_event *event);

/* Waits until it is set. Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, SPORK_EINVAL,
   SPORK_ESTALE. */
SPORK_API int spork_event_wait(spork_event *event, int64_t timeout_ms);

SPORK_END

#endif
