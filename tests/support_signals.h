/* What a terminal does to the programs in it: tests/support/<backend>/signals.c. Nothing here
   needs spork or the harness. */
#ifndef TESTS_SUPPORT_SIGNALS_H
#define TESTS_SUPPORT_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* From now on this process and its children are a group. False where there are no groups. */
bool signals_lead_group(void);
/* What Ctrl-C does to all of the group that this process leads. */
void signals_interrupt_group(int64_t pid);
/* What a system does to this process alone to make it end. */
void signals_terminate(int64_t pid);
/* From now on this process notes that it was interrupted, and goes on. */
void signals_note_interrupts(void);
bool signals_were_interrupted(void);

#endif
