/* The main guard. A child started by spawn is this program run again: spork_init is the
   line at which it turns into the child and runs its task, instead of running main. */
#ifndef SPORK_GUARD_H
#define SPORK_GUARD_H

#include <stdlib.h>

#include "spork/export.h"
#include "spork/version.h"

SPORK_BEGIN

/* What spork_init calls; use spork_init. */
SPORK_API int spork_guard_enter(int argc, char **argv, int version,
                                int (*at_exit)(void (*)(void)));

/* Call it as the first thing in main, before threads and files are opened. In the program
   that a person started it returns 0 and allows starts; in a child it never returns: it
   runs the child's task and ends the process with the task's result. Calling it again does
   nothing. argv is copied; a child gets the same one.
   At exit() it joins the children that are not daemons and ends those that are. A task on a
   thread that calls exit() ends the program: it, and those that began it, are not joined.
   In a child by fork or forkserver whose task returns no exit handlers run: they are those of
   the process that it was copied from. When a task calls exit(), they do.
   Errors: SPORK_EINVAL (argc and argv do not belong together), SPORK_EVERSION (headers and
   library differ), SPORK_ENOMEM, SPORK_ESYSTEM. */
static inline SPORK_UNUSED int spork_init(int argc, char **argv) {
    /* exit handlers must belong to the program, not to a library that is unloaded first. */
    return spork_guard_enter(argc, argv, SPORK_VERSION, atexit);
}

SPORK_END

#endif
