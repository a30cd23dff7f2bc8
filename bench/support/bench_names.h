/* Names outside of the family, which POSIX systems keep until somebody removes them: of files,
   semaphores, message queues, shared memory; and programs that a benchmark runs. All of them
   are gone when the benchmark is interrupted, too. */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "DIRECTORY/spork-bench-..." with a number that is in use nowhere else. */
void bench_name(char *name, size_t size, const char *directory);

/* From now on the name is removed by this function, which may do no more than a system call
   (unlink, sem_unlink, mq_unlink, shm_unlink): when it is dropped, or at an interrupt. */
void bench_name_keep(const char *name, int (*remove)(const char *name));
void bench_name_drop(const char *name);

/* This process group is ended (SIGTERM) at an interrupt; 0: none any more. */
void bench_group_keep(pid_t group);

#ifdef __cplusplus
}
#endif

#endif
