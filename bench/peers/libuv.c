/* libuv: starts of a program, in a loop of events. */
#define _GNU_SOURCE /* uv.h takes more than C has */
#include <uv.h>

#include "support/bench.h"
#include "support/bench_peers.h"

static void end(uv_process_t *process, int64_t status, int signal) {
    (void)signal;
    *(bool *)process->data = status == 0;
    uv_close((uv_handle_t *)process, NULL);
}

static bool start(uv_loop_t *loop, const char *path) {
    bool well = false;
    uv_process_t process = {.data = &well};
    char *arguments[] = {(char *)(uintptr_t)path, (char[]){"--nothing"}, NULL};
    const uv_process_options_t options = {.file = path, .args = arguments, .exit_cb = end};
    if (uv_spawn(loop, &process, &options) != 0) {
        uv_close((uv_handle_t *)&process, NULL);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    return well;
}

double bench_starts_libuv(const char *path, int count) {
    uv_loop_t loop;
    bool well = true;
    if (uv_loop_init(&loop) != 0) {
        return NAN;
    }
    int64_t begin = bench_now();
    for (int i = 0; well && i < count; i++) {
        well = start(&loop, path);
    }
    double duration = (double)(bench_now() - begin) / count;
    uv_loop_close(&loop);
    return well ? duration : NAN;
}
