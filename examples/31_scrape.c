/* Pages of the web by a pool of three: each result is in its place, and a page that cannot
   be had does not stop the others. Listing 004:619.

       31_scrape URL... */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>

#include "support/http.h"

enum { TIMEOUT_MS = 10000, MOST = 100 };

/* The size of a page. */
static int64_t scrape(const char *url) {
    struct http_answer answer;
    int error = http_get(url, TIMEOUT_MS, &answer);

    if (error != 0) {
        return spork_task_fail(error, "%s: %s", url, http_sentence(error));
    }
    return (int64_t)answer.size;
}
SPORK_TASK(int64_t, scrape, const char *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    int64_t sizes[MOST];
    int errors[MOST];
    const spork_map_options options = {.errors = errors};
    spork_pool *pool;

    must(spork_init(argc, argv));
    if (argc < 2 || argc > MOST + 1) {
        fprintf(stderr, "usage: scrape URL..., up to %d\n", MOST);
        return 2;
    }
    const char *const *urls = (const char *const *)argv + 1;
    size_t count = (size_t)argc - 1;
    must(spork_pool_new(&pool, &(spork_pool_options){.workers = 3}));
    int error = scrape_map_with(pool, urls, count, sizes, &options);
    must(error < 0 ? error : 0); /* Those of scrape are above 0, and are told below. */
    for (size_t i = 0; i < count; i++) {
        if (errors[i] == 0) {
            printf("URL %s scraped: %" PRId64 " bytes\n", urls[i], sizes[i]);
        } else {
            printf("URL %s not scraped: %s\n", urls[i],
                   errors[i] > 0 ? http_sentence(errors[i])
                                 : spork_error_sentence(errors[i]));
        }
    }
    must(spork_pool_free(pool));
    return 0;
}
