/* How far a long map has come: for a callback of one's own, or on the terminal.

       spork_map_options options = {.progress = spork_progress_bar,
                                    .progress_context = "copying"};
       square_map_with(pool, in, count, out, &options); */
#ifndef SPORK_PROGRESS_H
#define SPORK_PROGRESS_H

#include "spork/base.h"

typedef struct spork_progress {
    uint64_t done, total;  /* items */
    double seconds;        /* since the begin */
    double rate;           /* items a second, since the begin */
    double seconds_left;   /* at that rate; negative: it cannot be told yet */
} spork_progress;

/* Called in the thread that waits: at the begin, at most ten times a second meanwhile, and when
   all is done. */
typedef void spork_progress_callback(void *context, const spork_progress *progress);

SPORK_BEGIN

/* A callback that shows a bar on the standard error, redrawn on one line when that is a
   terminal (a console of Windows is one), with what is done, the rate and the time left; else a
   plain line at the begin, every ten seconds and at the end. In colour, unless the environment
   has NO_COLOR set to something or TERM is dumb. context is a title (const char *, UTF-8), or
   NULL.
   Thread-safe; two at once share the line. */
SPORK_API void spork_progress_bar(void *context, const spork_progress *progress);

/* The text of a bar, without colours and without a newline: what spork_progress_bar draws for a
   terminal of that many columns, 20 or more. Writes at most size bytes with the NUL, and returns
   the length that it would have had, as snprintf. title may be NULL. */
SPORK_API size_t spork_progress_format(const char *title, const spork_progress *progress,
                                       int columns, char *text, size_t size);

SPORK_END

#endif
