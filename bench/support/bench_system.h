/* What systems have of their own: peers and limits that are measured beside spork. Each call is
   in bench_posix.c and in bench_win32.c; what a system lacks is NAN or false there. */
#ifndef BENCH_SYSTEM_H
#define BENCH_SYSTEM_H

#include "bench.h"

/* ---- messages ---- */

enum bench_stream_kind {
    BENCH_STREAM_PIPE,    /* a pipe; every message behind its size */
    BENCH_STREAM_PACKETS, /* a socket pair that keeps messages apart; Windows: a message pipe */
    BENCH_STREAM_MQUEUE   /* POSIX message queues */
};
/* What a stream takes of memory. */
enum { BENCH_STREAM_SIZE = 256 };
typedef struct bench_stream bench_stream;
/* Makes one in the process of main; memory tells the parts how to come to it. */
bool bench_stream_make(void *memory, enum bench_stream_kind kind, size_t size);
void bench_stream_unmake(void *memory);
bench_stream *bench_stream_open(void *memory, bool writes);
void bench_stream_close(bench_stream *stream);
void bench_stream_put(bench_stream *stream, const void *data, size_t size);
void bench_stream_get(bench_stream *stream, void *data, size_t size);

/* ---- starting ---- */

/* Nanoseconds to start a process that does nothing, and to see its end: a copy of this one, or
   this program executed anew with the argument --nothing, in the cheapest way. */
double bench_start_copy(void);
double bench_start_program(const char *path);

/* Whether so many bytes can be taken without anybody else's having to make room. */
bool bench_has_memory(size_t size);

/* ---- locks ---- */

/* The cheapest lock of the system between processes; memory of 64 bytes, zeroed at first. */
void bench_lock(void *memory);
void bench_unlock(void *memory);

#endif
