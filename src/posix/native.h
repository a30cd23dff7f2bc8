/* What the files of this backend share. */
#ifndef SRC_POSIX_NATIVE_H
#define SRC_POSIX_NATIVE_H

#ifndef _GNU_SOURCE
#error "a file of this backend defines _GNU_SOURCE before its first include"
#endif

#include "platform.h"

/* The numbers that the family's descriptors have in a child that was run anew. */
enum { CHILD_MEMORY_FD = 3, CHILD_LIFELINE_FD = 4, CHILD_FIRST_OTHER_FD = 5 };
/* Descriptors of our own stay out of the way of those, and of 0 to 2 in a program that has
   closed them. */
enum { LOWEST_OWN_FD = 10 };

/* Moves a descriptor up to LOWEST_OWN_FD or higher, close-on-exec; closes the old one. */
int native_move_up(int fd);
/* error_set with the system's words: "what: words (number)". */
int native_error(int error, const char *what, int number);

/* The lifeline of this process: a pipe whose writing end only this process has. */
int lifeline_open(int *read_fd);
/* What a forked child keeps open of this backend. */
int lifeline_held_fd(void);
int memory_fd(void);
/* Runs the hooks that pthread_atfork would have run, after a fork that goes around it. */
void native_after_raw_fork(void);

#endif
