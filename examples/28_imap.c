/* Results one by one, while others are still computed: in the order of the input, or as
   they come. Listing 002:99. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

enum { COUNT = 3 };

static const int64_t durations[COUNT] = {700, 100, 400};

static int64_t doze(int64_t duration_ms) {
    spork_sleep_ms(duration_ms);
    return duration_ms;
}
SPORK_TASK(int64_t, doze, int64_t);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

static void show(spork_pool *pool, const char *title, const spork_imap_options *options) {
    spork_imap *results;
    int64_t slept;
    int error;

    printf("%s\n", title);
    must(doze_imap(&results, pool, durations, COUNT, options));
    while ((error = doze_next(results, &slept, SPORK_FOREVER)) == 0) {
        printf("    item %zu slept %" PRId64 " ms\n", spork_imap_index(results), slept);
    }
    must(error == SPORK_EEOF ? 0 : error); /* the end of the results */
    spork_imap_free(results);
}

int main(int argc, char **argv) {
    spork_pool *pool;

    must(spork_init(argc, argv));
    must(spork_pool_new(&pool, &(spork_pool_options){.workers = COUNT}));
    show(pool, "in the order of the input:", NULL);
    show(pool, "as they come:", &(spork_imap_options){.unordered = true});
    must(spork_pool_free(pool));
    return 0;
}
