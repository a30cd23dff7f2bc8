/* How cmocka.c is compiled for the tests, on every target: what its CMake would find out.
   cmocka.c includes this first, so the two changes below reach it and nothing else. */
#ifndef TESTS_CMOCKA_CONFIG_H
#define TESTS_CMOCKA_CONFIG_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define HAVE_INTTYPES_H 1
#define HAVE_MALLOC_H 1
#define HAVE_SIGNAL_H 1
#define HAVE_GCC_THREAD_LOCAL_STORAGE 1
#define HAVE_STRUCT_TIMESPEC 1
#define HAVE_SNPRINTF 1
#define HAVE_VSNPRINTF 1

#ifndef _WIN32
#define HAVE_STRINGS_H 1
#define HAVE_STRSIGNAL 1
#define HAVE_SIGLONGJMP 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_CLOCK_REALTIME 1
#if defined(__SIZEOF_POINTER__)
#define WORDS_SIZEOF_VOID_P __SIZEOF_POINTER__
#endif
#endif

/* cmocka would catch SIGSEGV and its like, which hides a sanitizer's report, and in a forked
   child would jump into that child's copy of the runner. A crash is left to be one: each test
   has a process of its own, and the runner tells how it ended. */
#define signal(number, handler) ((void)(handler), SIG_DFL)

/* cmocka ends the process so when an assertion fails outside the thread that runs the test:
   in a child, or in a thread. The words are printed first, which cmocka forgets, and exit
   handlers do not run: a child that failed must not wait for children of its own. */
#define exit(code) (fprintf(stderr, "%s", cm_error_message), fflush(NULL), _Exit(1))

#endif
