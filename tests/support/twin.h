/* For tests/test_task.c: tasks that agree in their name, made in two files. */
#ifndef TESTS_SUPPORT_TWIN_H
#define TESTS_SUPPORT_TWIN_H

#include "spork/task.h"

/* Calls of two static tasks `twin`, one of a/twin.c, which returns 1, one of b/twin.c, which
   returns 2. */
spork_call twin_of_a(void);
spork_call twin_of_b(void);
/* Calls of the one task of twin_task.h, which both files include. */
spork_call shared_of_a(void);
spork_call shared_of_b(void);

#endif
