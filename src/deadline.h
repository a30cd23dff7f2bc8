/* Rank 1: a caller's timeout_ms becomes an absolute deadline once, at the API. */
#ifndef SRC_DEADLINE_H
#define SRC_DEADLINE_H

#include <stdint.h>

/* The deadline of a wait that tries once. */
#define DEADLINE_NOW ((int64_t)0)

/* Writes PLAT_NEVER for SPORK_FOREVER, DEADLINE_NOW for 0, else now + timeout_ms.
   Errors: SPORK_EINVAL for any other negative number. */
int deadline_from(int64_t timeout_ms, int64_t *deadline);

#endif
