/* This platform's pipes are slower than the portable ring, which is crash-safe as well, so
   none are offered (can_message_pipe is false). */
#define _GNU_SOURCE
#include "native.h"

static int none(void) {
    return error_set(SPORK_ENOTSUP, "this platform offers no message pipes");
}

int plat_message_pipe_create(struct plat_message_pipe ends[2], size_t buffer_size) {
    (void)ends;
    (void)buffer_size;
    return none();
}

int plat_message_pipe_share(struct plat_message_pipe *end, struct plat_identity owner,
                            intptr_t native) {
    (void)end;
    (void)owner;
    (void)native;
    return none();
}

int plat_message_pipe_write(struct plat_message_pipe *end, const void *data, size_t size,
                            struct plat_sleeper *sleeper, struct plat_bell *bell,
                            int64_t deadline, const struct plat_process *const *watched,
                            size_t count, size_t *dead, bool *done) {
    (void)end;
    (void)data;
    (void)size;
    (void)sleeper;
    (void)bell;
    (void)deadline;
    (void)watched;
    (void)count;
    (void)dead;
    (void)done;
    return none();
}

int plat_message_pipe_peek(struct plat_message_pipe *end, size_t *size) {
    (void)end;
    (void)size;
    return none();
}

int plat_message_pipe_read(struct plat_message_pipe *end, void *data, size_t capacity,
                           size_t *size) {
    (void)end;
    (void)data;
    (void)capacity;
    (void)size;
    return none();
}

void plat_message_pipe_close(struct plat_message_pipe *end) {
    (void)end;
}
