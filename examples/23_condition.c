/* A condition: wait until something is so, without asking again and again. The children add to
   a shared value, and notify; the parent waits until there is enough. */
#include <spork.h>
#include <stdio.h>

enum { CHILDREN = 3, EACH = 5 };

static int64_t *stock; /* in shared memory, where this process sees it */

static int deliver(spork_condition *changed, spork_array *shared) {
    int64_t *items = SPORK_ITEMS(shared, int64_t);
    for (int i = 0; i < EACH; i++) {
        spork_condition_acquire(changed, SPORK_FOREVER);
        *items += 1;
        spork_condition_notify_all(changed);
        spork_condition_release(changed);
        spork_sleep_ms(5);
    }
    return 0;
}
SPORK_TASK(int, deliver, spork_condition *, spork_array *);

static bool is_enough(void *wanted) {
    return *stock >= *(int64_t *)wanted;
}

int main(int argc, char **argv) {
    spork_process *children[CHILDREN];
    spork_condition *changed;
    spork_array *shared;
    int64_t wanted = CHILDREN * EACH;
    spork_init(argc, argv);
    spork_condition_new(&changed, NULL);
    SPORK_VALUE_NEW(&shared, int64_t, &(spork_array_options){.raw = true});
    stock = SPORK_ITEMS(shared, int64_t);
    for (int i = 0; i < CHILDREN; i++) {
        spork_process_start(&children[i], deliver_call(changed, shared), NULL);
    }
    spork_condition_acquire(changed, SPORK_FOREVER);
    spork_condition_wait_for(changed, is_enough, &wanted, SPORK_FOREVER);
    printf("%lld were delivered\n", (long long)*stock);
    spork_condition_release(changed);
    for (int i = 0; i < CHILDREN; i++) {
        spork_process_join(children[i], SPORK_FOREVER, NULL);
        spork_process_free(children[i]);
    }
    spork_array_free(shared);
    spork_condition_free(changed);
    return 0;
}
