/* Deaths at every point. */
#include "support/deaths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle_local.h"
#include "harness.h"
#include "spork/process.h"
#include "support/image.h"
#include "support/step.h"

enum { LIMIT_MS = 4000, MOST_STEPS = 3000000, MOST_FAILURES = 20 };

/* The points of one run: an image each time the arena has changed. */
struct points {
    struct image *images;
    int count, capacity;
    uint64_t longest; /* words of the longest transaction seen */
};

static void points_free(struct points *points) {
    for (int i = 0; i < points->count; i++) {
        image_free(&points->images[i]);
    }
    free(points->images);
    *points = (struct points){0};
}

static void add_point(struct points *points, uintptr_t address) {
    if (points->count == points->capacity) {
        points->capacity = points->capacity * 2 + 64;
        points->images =
            realloc(points->images, (size_t)points->capacity * sizeof points->images[0]);
        assert_non_null(points->images);
    }
    struct image *image = &points->images[points->count++];
    image->address = address;
    assert_true(image_take(image));
    uint64_t words = atomic_load(&arena->journal_count);
    points->longest = words > points->longest ? words : points->longest;
}

/* Steps through work in a copy, and kills it at its end: each image is what its death at that
   point would have left. */
static void collect(struct points *points, int (*prepare)(void), int (*work)(void)) {
    struct stepped stepped;
    assert_true(step_begin(&stepped, prepare, work));
    add_point(points, 0);
    for (long i = 0; step_next(&stepped); i++) {
        if (image_differs(&points->images[points->count - 1])) {
            add_point(points, stepped.address);
        }
        assert_true(i < MOST_STEPS);
    }
    step_kill(&stepped);
}

/* ---- what runs in the copies ---- */

static const struct death *death; /* the present one */
static bool early;

static int join_family(void) {
    int error;
    return family_enter(&error) == NULL;
}

int bury_all_dead(void) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 1; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference process = slot_reference_of(i, atomic_load(&slot->generation));
        if (process != family_self() && atomic_load(&slot->state) != PROCESS_FREE &&
            family_dead(process)) {
            family_bury(process);
        }
    }
    return 0;
}

/* Lets everything go in everybody's name. */
static void drop_all_holds(struct self *self) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 0; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference process = slot_reference_of(i, atomic_load(&slot->generation));
        for (uint64_t at = atomic_load(&slot->holds), last = 0; at != 0 && at != last;
             last = at, at = atomic_load(&slot->holds)) {
            handle_drop_record(self, at, process);
        }
    }
}

static const char *find_leak(void) {
    static char words[160];
    uint64_t bytes = atomic_load(&arena->live_bytes);
    uint64_t handles = atomic_load(&arena->handles_live);
    if (bytes == 0 && handles == 0) {
        return NULL;
    }
    snprintf(words, sizeof words, "%llu bytes and %llu objects are lost",
             (unsigned long long)bytes, (unsigned long long)handles);
    return words;
}

static int complain(const char *when, const char *flaw) {
    fprintf(stderr, "%s: %s\n", when, flaw);
    return 2;
}

static int judge(void) {
    int error;
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return complain("joining the family", spork_error_detail());
    }
    bury_all_dead();
    const char *flaw = arena_flaw();
    if (flaw != NULL) {
        return complain("after the burial", flaw);
    }
    if (death->verify() != 0) {
        return complain("verifying", "see above");
    }
    flaw = arena_flaw();
    if (flaw != NULL) {
        return complain("after verifying", flaw);
    }
    drop_all_holds(self);
    flaw = arena_flaw();
    if (flaw == NULL) {
        flaw = find_leak();
    }
    return flaw == NULL ? 0 : complain("at the end", flaw);
}

/* ---- the test's side ---- */

static int trials;
static int failures;

static void try_image(const struct image *image, int victim, int burier) {
    image_put_back(image);
    /* Not in a copy: a new member of the family would notice at its joining. */
    int result = early ? death->early() : 0;
    result = result != 0 ? result : step_run_copy(judge, LIMIT_MS);
    trials++;
    if (result == 0) {
        return;
    }
    failures++;
    fprintf(stderr, "%s: death at point %d, burier's at %d%s: %s (before main%+lld)\n",
            death->name, victim, burier, early ? ", noticed late" : "",
            result == -2   ? "the survivors hang"
            : result == -1 ? "a survivor crashed"
                           : "it was not put right",
            (long long)(image->address - (uintptr_t)die_everywhere));
}

static void kill_buriers(const struct image *image, int victim) {
    struct points points = {0};
    image_put_back(image);
    collect(&points, join_family, bury_all_dead);
    for (int i = 0; i < points.count; i += death->burier_stride) {
        try_image(&points.images[i], victim, i);
    }
    points_free(&points);
}

void die_everywhere(const struct death *the_death) {
    struct image before = {0};
    struct points points = {0};
    death = the_death;
    trials = failures = 0;
    image_set_up();
    assert_true(image_take(&before));
    collect(&points, death->prepare != NULL ? death->prepare : join_family, death->work);
    int stride = death->victim_stride > 0 ? death->victim_stride : 1;
    int first = (int)(spork_now_ms() % stride);
    for (int i = first; i < points.count && failures < MOST_FAILURES; i += stride) {
        for (int way = 0; way < 2; way++) {
            early = way == 1;
            if (early ? death->early != NULL : !death->early_only) {
                try_image(&points.images[i], i, -1);
            }
        }
        early = false;
        if (death->burier_stride > 0 && i % death->burier_stride == 0) {
            kill_buriers(&points.images[i], i);
        }
    }
    printf("%s: %d points, %d trials, %d failed; the longest transaction has %d of %d words\n",
           death->name, points.count, trials, failures, (int)points.longest,
           (int)ARENA_JOURNAL);
    image_put_back(&before);
    image_free(&before);
    points_free(&points);
    assert_int_equal(failures, 0);
}

void deaths_set_up(void) {
    int error;
    const char *obstacle = step_obstacle();
    if (obstacle != NULL) {
        SKIP("%s", obstacle);
    }
    assert_non_null(family_enter(&error));
    /* Opened at the first sleep or death otherwise, within a copy that is stepped. */
    assert_null(arena_flaw());
}
