/* A queue and a child in libuv's loop, beside a timer of the loop's own. Built where libuv is,
   on Linux: libuv polls descriptors, but no HANDLEs. */
#include <spork.h>
#include <stdio.h>
#include <uv.h>

static spork_queue *results;
static spork_doorbell *doorbell;
static uv_timer_t timer;
static int ticks;

static int square(spork_queue *out) {
    int error = 0;

    for (int64_t i = 1; i <= 5 && error == 0; i++) {
        error = spork_queue_put(out, spork_int(i * i), SPORK_FOREVER);
    }
    return error;
}
SPORK_TASK(int, square, spork_queue *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

static void tick(uv_timer_t *unused) {
    (void)unused;
    ticks++;
}

/* libuv calls this again as long as something is ready. */
static void answer(uv_poll_t *poll, int status, int events) {
    spork_waitable things[2];
    spork_value item;

    must(spork_doorbell_answer(doorbell, things, NULL));
    if (things[0].ready) {
        must(spork_queue_get_nowait(results, &item));
        spork_value_print(&item);
        printf("\n");
    } else if (things[1].ready) {
        uv_close((uv_handle_t *)poll, NULL); /* the loop has nothing more to do */
        uv_close((uv_handle_t *)&timer, NULL);
    }
    (void)status;
    (void)events;
}

int main(int argc, char **argv) {
    spork_process *child;
    intptr_t native;
    uv_poll_t poll;

    must(spork_init(argc, argv));
    must(spork_queue_new(&results, NULL));
    must(spork_process_start(&child, square_call(results), NULL));
    const spork_waitable things[] = {spork_on_queue(results), spork_on_process(child)};
    must(spork_doorbell_new(&doorbell, things, 2));
    must(spork_doorbell_native(doorbell, &native));
    uv_timer_init(uv_default_loop(), &timer);
    uv_timer_start(&timer, tick, 0, 1);
    uv_poll_init(uv_default_loop(), &poll, (int)native);
    uv_poll_start(&poll, UV_READABLE, answer);
    answer(&poll, 0, 0);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    printf("the child has ended; the timer %s\n", ticks > 0 ? "ticked" : "did not tick");
    spork_doorbell_free(doorbell);
    must(spork_process_join(child, 0, NULL));
    spork_process_free(child);
    spork_queue_free(results);
    uv_loop_close(uv_default_loop());
    return 0;
}
