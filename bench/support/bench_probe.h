/* What systems are asked for by the benchmarks of latency, growth and memory: the barest sleep
   and wake, processes that only are there, and how much memory there is. Each call is in
   probe_posix.c and in probe_win32.c; what a system lacks is NAN or -1 there. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "bench.h"

/* ---- a bell: one sleeps, another wakes it, and nothing more ---- */

enum { BENCH_BELL_SIZE = 128 };
typedef struct bench_bell bench_bell;
/* Makes one in the process of main, in zeroed memory that all parts see. */
void bench_bell_make(void *memory);
void bench_bell_unmake(void *memory);
bench_bell *bench_bell_open(void *memory);
void bench_bell_close(bench_bell *bell);
void bench_bell_ring(bench_bell *bell);
/* Sleeps until it is rung, or has been since the last time. */
void bench_bell_wait(bench_bell *bell);

/* ---- idle processes ---- */

/* A process that does nothing until it is ended: a copy of this one, or the program executed
   anew with the argument --idle. Its id, or -1. They end with this program at the latest. */
int64_t bench_idle_copy(void);
int64_t bench_idle_program(const char *path);
void bench_end_idle(int64_t process);
/* What a program does that was given --idle. */
void bench_be_idle(void);

/* ---- memory ---- */

/* Bytes that a process shares with nobody: its own pages on Linux, what it has committed on
   Windows. */
double bench_private_bytes(int64_t process);
/* Bytes that programs can still have. */
double bench_memory_available(void);
/* How many queues a process may have, as far as the system's own objects behind them go. */
int64_t bench_most_queues(void);

#endif
