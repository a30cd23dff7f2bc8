/* What the files of this backend share. */
#ifndef SRC_POSIX_NATIVE_H
#define SRC_POSIX_NATIVE_H

#ifndef _GNU_SOURCE
#error "a file of this backend defines _GNU_SOURCE before its first include"
#endif

#include "platform.h"

/* Descriptors of our own stay out of the way of those that a program opens first, and of 0 to
   2 in one that has closed them. */
enum { LOWEST_OWN_FD = 10 };

/* Moves a descriptor up to LOWEST_OWN_FD or higher, close-on-exec; closes the old one. */
int native_move_up(int fd);
/* error_set with the system's words: "what: words (number)". */
int native_error(int error, const char *what, int number);
/* Whether something that is used where the kernel has it is to be done without, as where it
   has it not: SPORK_WITHOUT names such things, with commas between them. For tests. */
bool native_does_without(const char *what);

/* The lifeline of this process: a pipe whose writing end only this process has. */
int lifeline_open(int *read_fd);
/* The number that the family's memory has in this child, which was run anew; -1 in others. */
int launch_memory_fd(void);
/* In a forked child: the writing end is not its own. */
void lifeline_forked(void);
/* In a forked child: it hangs on the pipe of this reading end (-1: none) from now on. */
bool lifeline_change(int lifeline);
/* The number that the lifeline has in this child, which was run anew; -1 in others. */
int launch_lifeline_fd(void);
/* What a forked child keeps open of this backend. */
int lifeline_held_fd(void);
int memory_fd(void);
/* Whether the family's memory still is what its descriptor names: a program that closes all
   descriptors closes this one too, and may have opened another file as that number. */
bool memory_fd_is_open(void);
/* Whether the system has this much memory left, by all limits of this process. */
bool native_is_room(uint64_t size);
/* named.c: keeps others from a name (SPORK_EEXISTS) while what persists is being made. */
int native_named_claim(intptr_t *claim, const char *name);
void native_named_disclaim(intptr_t claim);
/* plat_named_open for what does not persist. */
int native_named_open_claimed(struct plat_named *named, enum plat_named_kind kind,
                              const char *name);
/* Forgets, in a forked child, what its parent has made. */
void native_named_forked(void);
enum { NATIVE_KEY_SIZE = 34 };
/* named_memory.c: a name, or what stands for one that is too long for a socket's. */
void native_named_key(char key[NATIVE_KEY_SIZE], const char *name);
/* Makes sure that size bytes of a file can be touched (an errno); maps them. */
int native_named_reserve(int fd, size_t size);
int native_named_map(struct plat_named *named, int fd, size_t size, bool read_only);
/* Runs the hooks that pthread_atfork would have run, after a fork that goes around it. */
void native_after_raw_fork(void);

/* ---- sleep.c ---- */

/* Natives of a sleeper: 0 is the socket; these are of doorbells, 0 when there is none. */
enum { NATIVE_DOORBELL = 1, NATIVE_DOORBELL_WATCHES = 2 };
/* The state of a bell whose sleeper waits at its socket. */
enum { NATIVE_BELL_SOCKET = PLAT_BELL_OWN };
/* Opens the sleeper's socket, where it is not open yet; takes away what was sent there. */
int native_open_bell(struct plat_sleeper *sleeper, const struct plat_bell *bell);
void native_empty_bell(int fd);
/* Through any datagram socket of this process. */
void native_send_to_bell(int fd, const struct plat_bell *bell);

#endif
