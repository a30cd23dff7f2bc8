/* Rank 0, below everything, the backends included: failures in words. */
#ifndef SRC_ERROR_H
#define SRC_ERROR_H

#include <stdint.h>

#include "spork/error.h"

/* Keeps "words" as this thread's detail and returns error, so that a failing function ends
   with `return error_set(SPORK_EINVAL, "...")`. Texts longer than 1,000 bytes are cut at a
   character's border. */
int error_set(int error, const char *format, ...) SPORK_PRINTF(2, 3);

/* Puts "context: " before the present detail, and returns error. */
int error_prefix(int error, const char *format, ...) SPORK_PRINTF(2, 3);

/* Says that a deadline passed: SPORK_EWOULDBLOCK if timeout was 0, SPORK_ETIMEDOUT else. */
int error_late(int64_t timeout_ms, const char *what);

#endif
