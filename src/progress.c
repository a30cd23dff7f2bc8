/* The bar on the standard error.

   A terminal needs no memory of what was drawn: each call draws the whole line. What is kept
   here of a bar is for files, which get a line now and then, and for its end, of which a caller
   may tell twice: a map of nothing is over when it begins. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "platform.h"
#include "progress_text.h"

#define SECOND INT64_C(1000000000)
#define PLAIN_EVERY 10.0 /* seconds */

struct bar {
    bool used;
    bool over;
    const void *context;
    uint64_t total;
    double seconds; /* of its last call */
    double told;    /* of its last line in a file */
    int64_t called; /* when that was, by the clock */
};

/* Bars that are told apart at once; with more of them, files get more lines. */
enum { BARS = 8 };

static plat_mutex mutex; /* for all here, and so that lines do not mix */
static bool hook_is_set;
static struct bar bars[BARS];

static void forked(void) {
    memset(&mutex, 0, sizeof mutex);
}

/* ---- which bar it is ---- */

/* The bar that was called with these, or else the place of the one not called for longest. */
static struct bar *find(const void *context, uint64_t total) {
    struct bar *oldest = &bars[0];
    for (int i = 0; i < BARS; i++) {
        struct bar *bar = &bars[i];
        if (bar->used && bar->context == context && bar->total == total) {
            return bar;
        }
        if (!bar->used || (oldest->used && bar->called < oldest->called)) {
            oldest = bar;
        }
    }
    oldest->used = false;
    return oldest;
}

/* Whether this is no call of the bar that was called last with the same title and total: that
   one's end may be told twice, but one right after the other. */
static bool is_another(const struct bar *bar, const spork_progress *progress, int64_t now) {
    bool is_over = progress_is_over(progress);
    bool may_begin = progress->done == 0 || bar->over;
    bool is_late = bar->over && now - bar->called >= SECOND / 2;
    return !bar->used || (bar->over && !is_over) || is_late ||
           (may_begin && progress->seconds < bar->seconds);
}

/* ---- how it is shown ---- */

static bool has_words(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

/* 0: the standard error is no terminal, or one that can only write on and on. */
static int columns_to_draw_in(void) {
    const char *kind = getenv("TERM");
    bool is_dumb = kind != NULL && strcmp(kind, "dumb") == 0;
    return is_dumb ? 0 : plat_terminal_columns();
}

static void draw(const char *title, const spork_progress *progress, int columns) {
    struct progress_text text;
    progress_text_line(&text, title, progress, columns);
    struct plat_terminal_line line = {.text = text.text,
                                      .size = text.size,
                                      .coloured_from = text.filled_from,
                                      .coloured_size = text.filled_size,
                                      .ends = progress_is_over(progress)};
    if (has_words("NO_COLOR")) {
        line.coloured_size = 0;
    }
    plat_terminal_draw(&line);
}

/* In one write, so that lines of other processes come before it or behind it. */
static void tell(const char *title, const spork_progress *progress) {
    struct progress_text text;
    progress_text_plain(&text, title, progress);
    text.text[text.size] = '\n'; /* in place of the NUL */
    fwrite(text.text, 1, text.size + 1, stderr);
    fflush(stderr);
}

static void show(struct bar *bar, const char *title, const spork_progress *progress,
                 bool is_first) {
    int columns = columns_to_draw_in();
    if (columns > 0) {
        draw(title, progress, columns);
    } else if (is_first || bar->over || bar->seconds - bar->told >= PLAIN_EVERY) {
        tell(title, progress);
        bar->told = bar->seconds;
    }
}

void spork_progress_bar(void *context, const spork_progress *progress) {
    if (progress == NULL) {
        return;
    }
    plat_mutex_lock(&mutex);
    if (!hook_is_set) {
        family_on_fork(forked);
        hook_is_set = true;
    }
    int64_t now = plat_now_ns();
    struct bar *bar = find(context, progress->total);
    bool is_first = is_another(bar, progress, now);
    if (is_first) {
        *bar = (struct bar){.used = true, .context = context, .total = progress->total};
    }
    bool is_told = bar->over;
    bar->over = progress_is_over(progress);
    bar->seconds = progress->seconds;
    bar->called = now;
    if (!is_told) {
        show(bar, context, progress, is_first);
    }
    plat_mutex_unlock(&mutex);
}
