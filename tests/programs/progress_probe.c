/* For tests/test_progress.c: shows a bar on the standard error. The first argument is its title,
   "-" for none; each further one is a call, as DONE/TOTAL@SECONDS, or "=MS", a pause. "threads"
   alone: four threads show bars of their own at once. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "support_native.h"

enum { THREADS = 4, ROUNDS = 200 };

static bool call(const char *title, const char *step) {
    unsigned done;
    unsigned total;
    unsigned seconds;
    if (step[0] == '=') {
        spork_sleep_ms(atoi(step + 1));
        return true;
    }
    if (sscanf(step, "%u/%u@%u", &done, &total, &seconds) != 3) {
        return false;
    }
    spork_progress progress = {.done = done, .total = total, .seconds = seconds,
                               .seconds_left = -1};
    if (seconds > 0 && done > 0) {
        progress.rate = (double)done / seconds;
        progress.seconds_left = ((double)total - done) / progress.rate;
    }
    spork_progress_bar((void *)(uintptr_t)title, &progress);
    return true;
}

static void show_many(void *title) {
    for (int i = 0; i < ROUNDS; i++) {
        call(title, "0/7@0");
        call(title, "3/7@1");
        call(title, "7/7@2");
    }
}

static int show_by_threads(void) {
    static char titles[THREADS][16] = {"first", "second", "third", "fourth"};
    struct plat_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (plat_thread_start(&threads[i], show_many, titles[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        plat_thread_join(&threads[i]);
    }
    return 0;
}

int main(int argc, char **argv) {
    static char title[1024];
    if (argc > 1 && strcmp(argv[1], "threads") == 0) {
        return show_by_threads();
    }
    const char *given = native_argument(argc, argv, 1);
    snprintf(title, sizeof title, "%s", given != NULL ? given : "-");
    for (int i = 2; i < argc; i++) {
        if (!call(strcmp(title, "-") == 0 ? NULL : title, argv[i])) {
            return 2;
        }
    }
    return 0;
}
