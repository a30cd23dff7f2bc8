/* What benchmarks ask of POSIX systems, and what these have of their own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_names.h"
#include "bench_system.h"

int64_t bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (processor < 0 || i == processor) {
            CPU_SET((size_t)i, &set);
        }
    }
    sched_setaffinity(0, sizeof set, &set);
}

void bench_relax(void) {
    __builtin_ia32_pause();
}

void bench_yield(void) {
    sched_yield();
}

static void must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(EXIT_FAILURE);
    }
}

/* ---- messages ---- */

/* In shared memory: how the parts come to it. */
struct meeting_place {
    enum bench_stream_kind kind;
    size_t size;
    char name[64];
};

struct bench_stream {
    enum bench_stream_kind kind;
    int fd;
};

/* A packet has to fit into the socket's buffer. */
enum { LONGEST_PACKET = 65536 };

/* The name is a file's, a socket's in the abstract space, or a message queue's. */
static bool make_mqueue(const struct meeting_place *place) {
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = (long)place->size};
    mqd_t queue = mq_open(place->name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    if (queue == (mqd_t)-1) {
        return false;
    }
    mq_close(queue);
    bench_name_keep(place->name, mq_unlink);
    return true;
}

static bool make_pipe(const struct meeting_place *place) {
    if (mkfifo(place->name, 0600) != 0) {
        return false;
    }
    bench_name_keep(place->name, unlink);
    return true;
}

bool bench_stream_make(void *memory, enum bench_stream_kind kind, size_t size) {
    struct meeting_place *place = memory;
    *place = (struct meeting_place){.kind = kind, .size = size};
    bench_name(place->name, sizeof place->name, kind == BENCH_STREAM_PIPE ? "/tmp" : "");
    switch (kind) {
    case BENCH_STREAM_PIPE:
        return make_pipe(place);
    case BENCH_STREAM_MQUEUE:
        return make_mqueue(place);
    default:
        return size <= LONGEST_PACKET;
    }
}

void bench_stream_unmake(void *memory) {
    const struct meeting_place *place = memory;
    bench_name_drop(place->name); /* a socket's is not kept */
}

/* One writer and one reader; whoever comes first listens, or waits for who does. */
static int open_packets(const struct meeting_place *place, bool writes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    must(fd, "socket");
    memcpy(address.sun_path + 1, place->name, strlen(place->name));
    const struct sockaddr *name = (const struct sockaddr *)&address;
    if (writes) {
        for (int i = 0; i < 5000 && connect(fd, name, sizeof address) != 0; i++) {
            usleep(1000);
        }
        return fd;
    }
    must(bind(fd, name, sizeof address), "bind");
    must(listen(fd, 1), "listen");
    int peer = accept(fd, NULL, NULL);
    must(peer, "accept");
    close(fd);
    return peer;
}

bench_stream *bench_stream_open(void *memory, bool writes) {
    const struct meeting_place *place = memory;
    bench_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        abort();
    }
    stream->kind = place->kind;
    switch (place->kind) {
    case BENCH_STREAM_PIPE:
        stream->fd = open(place->name, writes ? O_WRONLY : O_RDONLY);
        break;
    case BENCH_STREAM_MQUEUE:
        stream->fd = (int)mq_open(place->name, writes ? O_WRONLY : O_RDONLY);
        break;
    default:
        stream->fd = open_packets(place, writes);
        break;
    }
    must(stream->fd, place->name);
    return stream;
}

void bench_stream_close(bench_stream *stream) {
    if (stream->kind == BENCH_STREAM_MQUEUE) {
        mq_close((mqd_t)stream->fd);
    } else {
        close(stream->fd);
    }
    free(stream);
}

void bench_stream_put(bench_stream *stream, const void *data, size_t size) {
    if (stream->kind == BENCH_STREAM_MQUEUE) {
        must(mq_send((mqd_t)stream->fd, data, size, 0), "mq_send");
        return;
    }
    for (size_t done = 0; done < size;) {
        ssize_t written = write(stream->fd, (const char *)data + done, size - done);
        must((int)(written < 0 ? -1 : 0), "write");
        done += (size_t)written;
    }
}

void bench_stream_get(bench_stream *stream, void *data, size_t size) {
    if (stream->kind == BENCH_STREAM_MQUEUE) {
        must((int)mq_receive((mqd_t)stream->fd, data, size, NULL), "mq_receive");
        return;
    }
    for (size_t done = 0; done < size;) {
        ssize_t got = read(stream->fd, (char *)data + done, size - done);
        must((int)(got <= 0 ? -1 : 0), "read");
        done += (size_t)got;
    }
}

/* ---- starting ---- */

double bench_start_copy(void) {
    int64_t begin = bench_now();
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    must(child, "fork");
    waitpid(child, NULL, 0);
    return (double)(bench_now() - begin);
}

double bench_start_program(const char *path) {
    char *const argv[] = {(char *)(uintptr_t)path, (char[]){"--nothing"}, NULL};
    int64_t begin = bench_now();
    pid_t child = vfork();
    if (child == 0) {
        execve(path, argv, environ);
        _exit(127);
    }
    must(child, "vfork");
    waitpid(child, NULL, 0);
    return (double)(bench_now() - begin);
}

bool bench_has_memory(size_t size) {
    char line[128];
    unsigned long long free_kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "MemAvailable: %llu", &free_kib) != 1) {
    }
    if (file != NULL) {
        fclose(file);
    }
    return free_kib * 1024 >= size;
}

/* ---- locks ---- */

/* The lock of U. Drepper's "Futexes Are Tricky": 0 open, 1 held, 2 held and waited for. */
void bench_lock(void *memory) {
    _Atomic uint32_t *word = memory;
    uint32_t found = 0;
    if (atomic_compare_exchange_strong(word, &found, 1)) {
        return;
    }
    for (int spin = 0; spin < 100; spin++) {
        found = 0;
        if (atomic_compare_exchange_strong(word, &found, 1)) {
            return;
        }
        bench_relax();
    }
    while (atomic_exchange(word, 2) != 0) {
        syscall(SYS_futex, word, FUTEX_WAIT, 2, NULL, NULL, 0);
    }
}

void bench_unlock(void *memory) {
    _Atomic uint32_t *word = memory;
    if (atomic_exchange(word, 0) == 2) {
        syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}
