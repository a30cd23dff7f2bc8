/* POSIX: process groups and signals. */
#include "support_signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

/* Asked by other threads, too: lock-free, so a handler may set it. */
static atomic_bool interrupted;

static void note(int signal) {
    (void)signal;
    atomic_store(&interrupted, true);
}

bool signals_lead_group(void) {
    return setpgid(0, 0) == 0;
}

void signals_interrupt_group(int64_t pid) {
    kill((pid_t)-pid, SIGINT);
}

void signals_terminate(int64_t pid) {
    kill((pid_t)pid, SIGTERM);
}

void signals_note_interrupts(void) {
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

bool signals_were_interrupted(void) {
    return atomic_load(&interrupted);
}
