/* What a host program does with processes of its own. */
#define _GNU_SOURCE
#include "../../support_native.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

bool native_fork_host(int64_t *pid, int64_t sleep_ms, int exit_code) {
    pid_t child = fork();
    if (child == 0) {
        struct timespec duration = {(time_t)(sleep_ms / 1000),
                                    (long)(sleep_ms % 1000) * 1000000};
        nanosleep(&duration, NULL);
        _exit(exit_code);
    }
    *pid = child;
    return child > 0;
}

int native_reap_host(int64_t pid) {
    int status;
    if (waitpid((pid_t)pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static volatile sig_atomic_t counted;

static void count(int number) {
    (void)number;
    counted++;
}

static bool handle(void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    return sigaction(SIGCHLD, &action, NULL) == 0;
}

static bool is_handled_by(void (*handler)(int)) {
    struct sigaction action;
    return sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == handler;
}

bool native_ignore_children(void) {
    return handle(SIG_IGN);
}

bool native_count_children(void) {
    return handle(count);
}

bool native_children_are_ignored(void) {
    return is_handled_by(SIG_IGN);
}

bool native_children_are_counted(void) {
    return is_handled_by(count);
}

int native_children_counted(void) {
    return counted;
}
