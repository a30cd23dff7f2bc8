/* There is no fork and no SIGCHLD on this system. */
#include "../../support_native.h"

bool native_fork_host(int64_t *pid, int64_t sleep_ms, int exit_code) {
    (void)pid;
    (void)sleep_ms;
    (void)exit_code;
    return false;
}

int native_reap_host(int64_t pid) {
    (void)pid;
    return -1;
}

bool native_ignore_children(void) {
    return false;
}

bool native_count_children(void) {
    return false;
}

bool native_children_are_ignored(void) {
    return false;
}

bool native_children_are_counted(void) {
    return false;
}

int native_children_counted(void) {
    return 0;
}
