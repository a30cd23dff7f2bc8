/* Python's multiprocessing: a program, bench/peers/peer.py, that prints what it measured. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bench.h"
#include "support/bench_names.h"
#include "support/bench_peers.h"

enum { WORDS = 16, LINE = 256, GRACE_MS = 3000 };

/* In a process group of its own, so that all that it starts can be ended. -1: there is none. */
static pid_t start(char *const argv[], int output) {
    pid_t child = -1;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (posix_spawnp(&child, argv[0], &actions, &attributes, argv, environ) != 0) {
        child = -1;
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return child;
}

/* Its first line; false if it ended without one, or at the deadline. What it started may have
   the other end of the pipe longer than it lives itself. */
static bool read_line(int fd, char *line, size_t size) {
    int64_t deadline = bench_now() + BENCH_DEADLINE_S * INT64_C(1000000000);
    size_t length = 0;
    while (length < size - 1) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int left_ms = (int)((deadline - bench_now()) / 1000000);
        if (poll(&readable, 1, left_ms > 0 ? left_ms : 0) == 0) {
            fprintf(stderr, "bench: Python was not over after %d s\n", BENCH_DEADLINE_S);
            return false;
        }
        ssize_t got = read(fd, line + length, size - 1 - length);
        if (got <= 0) {
            return false;
        }
        length += (size_t)got;
        line[length] = '\0';
        if (strchr(line, '\n') != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_ended(pid_t child, int64_t timeout_ms) {
    siginfo_t info = {0};
    for (int64_t i = 0; i < timeout_ms; i++) {
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid == child) {
            return true;
        }
        spork_sleep_ms(1);
    }
    return false;
}

/* It ends by itself, or is asked to, and at last all that is left of its group is killed; its
   id stays its own until it is reaped. */
static void end(pid_t child, bool well) {
    if (!well || !has_ended(child, GRACE_MS)) {
        kill(-child, SIGTERM);
        (void)has_ended(child, GRACE_MS);
    }
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
}

double bench_python(const void *command) {
    char words[LINE];
    char line[LINE] = "";
    char *argv[WORDS] = {(char[]){"python3"}, (char[]){BENCH_PEER_SCRIPT}};
    int ends[2];
    snprintf(words, sizeof words, "%s", (const char *)command);
    char *rest = words;
    for (int i = 2; i < WORDS - 1 && (argv[i] = strsep(&rest, " ")) != NULL; i++) {
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return NAN;
    }
    pid_t child = start(argv, ends[1]);
    bool well = false;
    close(ends[1]);
    if (child != -1) {
        bench_group_keep(child);
        well = read_line(ends[0], line, sizeof line);
        end(child, well);
        bench_group_keep(0);
    }
    close(ends[0]);
    return well ? strtod(line, NULL) : NAN;
}
