/* Windows: there are no signals, and a program is ended by TerminateProcess. */
#include "support_signals.h"

bool signals_lead_group(void) {
    return false;
}

void signals_interrupt_group(int64_t pid) {
    (void)pid;
}

void signals_terminate(int64_t pid) {
    (void)pid;
}

void signals_note_interrupts(void) {
}

bool signals_were_interrupted(void) {
    return false;
}
