/* The version of these headers; spork_init refuses a library of another major or minor one. */
#ifndef SPORK_VERSION_H
#define SPORK_VERSION_H

#include "spork/export.h"

#define SPORK_VERSION_MAJOR 0
#define SPORK_VERSION_MINOR 1
#define SPORK_VERSION_PATCH 0
#define SPORK_VERSION \
    (SPORK_VERSION_MAJOR * 10000 + SPORK_VERSION_MINOR * 100 + SPORK_VERSION_PATCH)
#define SPORK_VERSION_STRING "0.1.0"

SPORK_BEGIN

/* The version of the library that is linked, as SPORK_VERSION counts. */
SPORK_API int spork_version(void);

SPORK_END

#endif
