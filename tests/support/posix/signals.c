/* POSIX: process groups and signals. */
#include "support_signals.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void note(int signal) {
    (void)signal;
    interrupted = 1;
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
    return interrupted != 0;
}
