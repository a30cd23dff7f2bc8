/* White box: a process dies at every point of a piece of work at which its death could leave
   something new, and others have to make the best of each. */
#ifndef TESTS_SUPPORT_DEATHS_H
#define TESTS_SUPPORT_DEATHS_H

#include <stdbool.h>

/* All but early run in copies of the test's process, which see its variables as they are. */
struct death {
    const char *name;
    int (*prepare)(void); /* in the victim, before: 0. NULL: it joins the family */
    int (*work)(void);    /* in the victim: dies within */
    int (*early)(void);   /* in the test's process, before anybody has noticed; or NULL */
    bool early_only;      /* all is judged by what early did */
    int (*verify)(void);  /* in a fresh process, after the burial: 0 when all is well */
    /* Besides, buriers die at every point of the burial, for every nth point of the victim's
       (0: never). */
    int burier_stride;
    /* Only every nth point, from one on that the clock chooses (0: all): for work whose points a
       sibling test goes through one by one. */
    int victim_stride;
};

/* Fails the test when one of the deaths left something that is not right. What the test made
   is let go of on the way, in the copies, to see that nothing is lost; it still has it. */
void die_everywhere(const struct death *death);

/* Skips the test where none of this can be done; else prepares the family. */
void deaths_set_up(void);

/* In a copy: puts right what all that are dead have left. */
int bury_all_dead(void);

#endif
