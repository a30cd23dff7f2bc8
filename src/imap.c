/* Iterators over results: a window of calls that are under way, filled up at each next. */
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "future.h"
#include "pool_owner.h"

/* A call that was given to the pool. */
struct entry {
    spork_future *future; /* NULL: it was delivered */
    size_t index;         /* in the input */
};

struct spork_imap {
    spork_pool *pool;
    spork_producer *producer;
    void *context;
    /* Of an array. */
    const spork_task *task;
    const unsigned char *in;
    size_t count, next_item;
    bool unordered;
    struct entry *window; /* a ring of look_ahead entries */
    size_t look_ahead;
    size_t given, taken;  /* of the input; ordered: places in the window */
    size_t under_way;
    bool ended;           /* the input has; with this error, once all results are delivered */
    int error;
    char *words;
    bool over;
    size_t index;         /* of what was delivered last */
    spork_waitable *things; /* unordered: look_ahead */
};

/* The producer of an array's items. */
static int produce_item(void *context, spork_call *call) {
    spork_imap *imap = context;
    if (imap->next_item == imap->count) {
        return SPORK_EEOF;
    }
    imap->task->wrap(call, imap->in + imap->next_item * imap->task->item_size);
    imap->next_item++;
    return 0;
}

/* ---- making ---- */

static int make(spork_imap **imap, spork_pool *pool, const spork_imap_options *options) {
    int error;
    if (imap == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the iterator (NULL)");
    }
    if (pool_enter(pool, false, &error) == NULL) {
        return error;
    }
    pool_leave(pool, false);
    size_t look_ahead = options == NULL ? 0 : options->look_ahead;
    if (look_ahead == 0) {
        look_ahead = 4 * (size_t)spork_pool_workers(pool);
    }
    if (look_ahead > SIZE_MAX / sizeof(struct entry)) {
        return error_set(SPORK_EINVAL, "a look_ahead of %zu", look_ahead);
    }
    spork_imap *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->window = calloc(look_ahead, sizeof made->window[0]);
        made->things = calloc(look_ahead, sizeof made->things[0]);
    }
    if (made == NULL || made->window == NULL || made->things == NULL) {
        spork_imap_free(made);
        return error_set(SPORK_ENOMEM, "no memory for an iterator of %zu calls", look_ahead);
    }
    made->pool = pool;
    made->look_ahead = look_ahead;
    made->unordered = options != NULL && options->unordered;
    *imap = made;
    return 0;
}

int spork_pool_imap(spork_imap **imap, spork_pool *pool, spork_producer *producer, void *context,
                    const spork_imap_options *options) {
    if (producer == NULL) {
        return error_set(SPORK_EINVAL, "there is nothing that makes the input (NULL)");
    }
    int error = make(imap, pool, options);
    if (error == 0) {
        (*imap)->producer = producer;
        (*imap)->context = context;
    }
    return error;
}

int spork_pool_imap_(spork_imap **imap, spork_pool *pool, const spork_task *task, const void *in,
                     size_t count, const spork_imap_options *options) {
    if (in == NULL && count > 0) {
        return error_set(SPORK_EINVAL, "the items are NULL, their count is %zu", count);
    }
    int error = make(imap, pool, options);
    if (error == 0) {
        (*imap)->producer = produce_item;
        (*imap)->context = *imap;
        (*imap)->task = task;
        (*imap)->in = in;
        (*imap)->count = count;
    }
    return error;
}

/* ---- the input ---- */

static void end_input(spork_imap *imap, int error) {
    imap->ended = true;
    if (error == SPORK_EEOF) {
        return;
    }
    const char *detail = spork_error_detail();
    size_t size = strlen(detail) + 1;
    imap->error = error;
    imap->words = malloc(size);
    if (imap->words != NULL) {
        memcpy(imap->words, detail, size);
    }
}

/* A place in the window; unordered, one that was delivered. */
static struct entry *free_place(spork_imap *imap) {
    if (!imap->unordered) {
        return &imap->window[imap->given % imap->look_ahead];
    }
    size_t at = 0;
    while (imap->window[at].future != NULL) {
        at++;
    }
    return &imap->window[at];
}

static void fill_up(spork_imap *imap) {
    while (!imap->ended && imap->under_way < imap->look_ahead) {
        spork_call call = spork_no_call();
        spork_future *future;
        error_set(0, "%s", "the input failed");
        int error = imap->producer(imap->context, &call);
        if (error == 0) {
            error = spork_pool_apply_async(&future, imap->pool, call, NULL);
        }
        if (error != 0) {
            end_input(imap, error);
            return;
        }
        *free_place(imap) = (struct entry){future, imap->given};
        imap->given++;
        imap->under_way++;
    }
}

/* ---- the output ---- */

/* The one that was done first; NULL: none is. */
static struct entry *first_done(const spork_imap *imap) {
    struct entry *first = NULL;
    for (size_t i = 0; i < imap->look_ahead; i++) {
        struct entry *entry = &imap->window[i];
        if (entry->future != NULL && atomic_load(&entry->future->done) &&
            (first == NULL || entry->future->number < first->future->number)) {
            first = entry;
        }
    }
    return first;
}

/* Waits for the one that is to be delivered next, in the order of the input or as they come. */
static int find_next(spork_imap *imap, int64_t timeout_ms, struct entry **entry) {
    size_t count = 0;
    *entry = &imap->window[imap->taken % imap->look_ahead];
    if (!imap->unordered) {
        imap->things[count++] = spork_on_future((*entry)->future);
    }
    for (size_t i = 0; i < imap->look_ahead && imap->unordered; i++) {
        if (imap->window[i].future != NULL) {
            imap->things[count++] = spork_on_future(imap->window[i].future);
        }
    }
    int error = spork_wait(imap->things, count, SPORK_WAIT_ANY, timeout_ms, NULL);
    if (error == 0 && imap->unordered) {
        *entry = first_done(imap);
    }
    return error == 0 && *entry == NULL
               ? error_set(SPORK_ESTATE, "an iterator is used by two threads")
               : error;
}

static int tell_end(spork_imap *imap) {
    int error = imap->over || imap->error == 0 ? SPORK_EEOF : imap->error;
    imap->over = true;
    imap->index = imap->given;
    return error_set(error, "%s", error == SPORK_EEOF    ? "all results have been delivered"
                                  : imap->words != NULL ? imap->words
                                                        : "the input failed");
}

/* The future whose result is next; the caller's. */
static int take_next(spork_imap *imap, int64_t timeout_ms, spork_future **future) {
    struct entry *entry = NULL;
    int64_t ignored;
    int error = deadline_from(timeout_ms, &ignored);
    if (error == 0 && imap == NULL) {
        error = error_set(SPORK_EINVAL, "the iterator is NULL");
    }
    if (error != 0) {
        return error;
    }
    fill_up(imap);
    if (imap->under_way == 0) {
        return tell_end(imap);
    }
    error = find_next(imap, timeout_ms, &entry);
    if (error != 0) {
        return error;
    }
    *future = entry->future;
    imap->index = entry->index;
    entry->future = NULL;
    imap->taken++;
    imap->under_way--;
    imap->over = imap->ended && imap->under_way == 0 && imap->error == 0;
    return 0;
}

static int take_value(spork_future *future, const spork_task *task, void *result) {
    int error = spork_future_get(future, NULL, 0);
    if (error == 0) {
        spork_value value = future->result;
        future->result = spork_nil();
        error = task != NULL ? future_take(task, &value, result, true) : 0;
        if (task == NULL && result != NULL) {
            memcpy(result, &value, sizeof value);
        } else if (task == NULL) {
            spork_value_free(&value);
        }
    }
    spork_future_free(future);
    return error;
}

int spork_imap_next(spork_imap *imap, spork_value *result, int64_t timeout_ms) {
    spork_future *future;
    int error = take_next(imap, timeout_ms, &future);
    return error == 0 ? take_value(future, NULL, result) : error;
}

int spork_imap_take_(spork_imap *imap, const spork_task *task, void *result,
                     int64_t timeout_ms) {
    spork_future *future;
    if (imap != NULL && imap->task != NULL && imap->task != task) {
        return error_set(SPORK_ETYPE, "this is an iterator over results of %s, not of %s",
                         imap->task->name, task->name);
    }
    int error = take_next(imap, timeout_ms, &future);
    return error == 0 ? take_value(future, task, result) : error;
}

size_t spork_imap_index(const spork_imap *imap) {
    return imap == NULL ? 0 : imap->index;
}

bool spork_imap_over(const spork_imap *imap) {
    return imap == NULL || imap->over;
}

void spork_imap_free(spork_imap *imap) {
    if (imap == NULL) {
        return;
    }
    for (size_t i = 0; i < imap->look_ahead && imap->window != NULL; i++) {
        if (imap->window[i].future != NULL) {
            future_cancel_queued(imap->window[i].future);
            spork_future_free(imap->window[i].future);
        }
    }
    free(imap->window);
    free(imap->things);
    free(imap->words);
    free(imap);
}
