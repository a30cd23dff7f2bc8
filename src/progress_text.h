/* Rank 9: how far something has come, in words: the line of a terminal, and a plain one. */
#ifndef SRC_PROGRESS_TEXT_H
#define SRC_PROGRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "spork/progress.h"

enum { PROGRESS_TEXT_MOST = 2048 };

/* text has size bytes and a NUL behind them. What stands from filled_from on is ASCII, and
   filled_size bytes of it are the part of the bar that is done. */
struct progress_text {
    char text[PROGRESS_TEXT_MOST];
    size_t size;
    size_t filled_from;
    size_t filled_size;
};

bool progress_is_over(const spork_progress *progress);
/* For a terminal of that many columns: one less is what it takes at most, as a terminal may
   begin the next line when its last column is written to. */
void progress_text_line(struct progress_text *text, const char *title,
                        const spork_progress *progress, int columns);
/* For a file: without a bar, without blanks that align, and whatever its length is. */
void progress_text_plain(struct progress_text *text, const char *title,
                         const spork_progress *progress);

#endif
