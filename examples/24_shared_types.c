/* Values and arrays in shared memory, of any type, with a lock, a given one, or none.
   Listing 001:150. */
#include <spork.h>
#include <stdio.h>

struct point {
    double x, y;
};

static int change(spork_array *number, spork_array *squares, spork_array *points,
                  spork_array *hits) {
    double value = 3.1415927;
    int *items = SPORK_ITEMS(squares, int);
    struct point *corner = SPORK_ITEMS(points, struct point);
    SPORK_SET(number, double, 0, &value); /* under the value's own lock */
    for (size_t i = 0; i < spork_array_count(squares); i++) {
        items[i] = -items[i]; /* raw: the lock is ours to take, or not */
    }
    corner[1].x = corner[0].x + 1;
    return spork_array_add(hits, 0, 1, NULL); /* one atomic step */
}
SPORK_TASK(int, change, spork_array *, spork_array *, spork_array *, spork_array *);

int main(int argc, char **argv) {
    const int first[] = {0, 1, 4, 9, 16};
    spork_array *number, *squares, *points, *hits;
    spork_process *child;
    double value;
    spork_init(argc, argv);
    SPORK_VALUE_NEW(&number, double, NULL);
    SPORK_ARRAY_NEW(&squares, int, 5, &(spork_array_options){.raw = true, .initial = first});
    SPORK_ARRAY_NEW(&points, struct point, 2, NULL);
    SPORK_VALUE_NEW(&hits, long, NULL);
    for (int i = 0; i < 3; i++) {
        spork_process_start(&child, change_call(number, squares, points, hits), NULL);
        spork_process_join(child, SPORK_FOREVER, NULL);
        spork_process_free(child);
    }
    SPORK_GET(number, double, 0, &value);
    printf("%.7f\n", value);
    for (size_t i = 0; i < 5; i++) {
        printf("%d%c", SPORK_ITEMS(squares, int)[i], i < 4 ? ' ' : '\n');
    }
    printf("%.1f, %ld hits\n", SPORK_ITEMS(points, struct point)[1].x, *SPORK_ITEMS(hits, long));
    spork_array_free(hits);
    spork_array_free(points);
    spork_array_free(squares);
    spork_array_free(number);
    return 0;
}
