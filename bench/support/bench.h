/* What benchmarks share: works that are measured round by round beside their limit and their
   peers, and processes that run the parts of a measurement.

   A program of bench/ is a table of works. Each work has variants, all of which are measured
   once a round, one after the other (A B C A B C ...), so that what else the machine does hits
   all of them alike; the first round is dropped. The first variant is the limit: what the
   machine can do at best. What is told of the others is their ratio to the limit of the same
   round. bench/report.py runs the programs and makes the tables. */
#ifndef BENCH_H
#define BENCH_H

#include <math.h>
#include <spork.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- works ---- */

/* One measurement: a value in the work's unit; NAN where it cannot be made here. */
typedef double bench_measure(const void *context);

/* isnan, which warns of its own conversions in mingw's math.h. */
static inline bool bench_is_nan(double value) {
    return value != value;
}

struct bench_variant {
    const char *name;
    bench_measure *measure;
    const void *context;
};

enum { BENCH_VARIANTS = 16 };
struct bench_work {
    const char *name;
    const char *unit;
    struct bench_variant variants[BENCH_VARIANTS]; /* the limit first; ends with a NULL name */
};

/* main of a benchmark: `PROGRAM [--rounds N] [WORK...]` prints lines
   "work,variant,round,value,unit". works ends with a NULL name. */
int bench_main(int argc, char **argv, const struct bench_work *works);

/* ---- processes that work together ---- */

/* What a part of a measurement is given. */
struct bench_part {
    int index;             /* among those of one role */
    uint64_t count;        /* operations of this part */
    size_t size;           /* bytes of each */
    void *memory;          /* what bench_shared gave, in this process */
    spork_queue *queue;    /* what bench_together was given; else NULL */
    spork_lock *lock;
    spork_pipe *pipe;
    void *own;             /* what prepare returned */
};
typedef void bench_role(const struct bench_part *part);
/* What goes before a part's work and is not measured; NULL where there is nothing to do. */
typedef void *bench_prepare(const struct bench_part *part);

enum { BENCH_AGENTS = 24 };
/* Parts that run at one time, each in a process of its own, pinned to one processor after the
   other. The handles are passed on. */
struct bench_plan {
    struct {
        bench_role *role;
        int count;         /* parts with this role */
        uint64_t operations; /* of each part */
        bench_prepare *prepare;
        bench_role *finish; /* when all parts are through, not measured; may be NULL */
    } roles[2];
    size_t size;
    spork_offset memory;
    spork_queue *queue;
    spork_lock *lock;
    spork_pipe *pipes[2];  /* an end for each role */
    bool unpinned;
    bool fresh;            /* the processes are ended afterwards: a library's threads stay */
};
/* Nanoseconds from the moment when all parts were let go until the last of them had ended. NAN,
   with a word, if one died or if they were not through after BENCH_DEADLINE_S. */
enum { BENCH_DEADLINE_S = 30 };
double bench_together(const struct bench_plan *plan);

/* Zeroed memory that all parts see, to be freed with bench_unshare. */
void *bench_share(spork_offset *memory, size_t size);
void bench_unshare(spork_offset memory);

/* Ends the program with the detail if a call failed: a benchmark has no errors to measure. */
void bench_must(int error, const char *call);
#define MUST(call) bench_must((call), #call)

/* Nanoseconds; the same in all processes. */
int64_t bench_now(void);

/* ---- what systems have; bench_posix.c, bench_win32.c ---- */

/* Ties this thread to a processor; -1: to all. Where that cannot be done, nothing. */
void bench_pin(int processor);
void bench_relax(void);
/* Lets another thread run. */
void bench_yield(void);

#endif
