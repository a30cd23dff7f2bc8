/* This platform has no mailslots (can_mailslot is false): queues use the portable ring. */
#define _GNU_SOURCE
#include "native.h"

static int none(void) {
    return error_set(SPORK_ENOTSUP, "this platform has no mailslots");
}

int plat_mailslot_create(struct plat_mailslot *slot, const char *name) {
    (void)slot;
    (void)name;
    return none();
}

int plat_mailslot_open(struct plat_mailslot *slot, const char *name) {
    (void)slot;
    (void)name;
    return none();
}

int plat_mailslot_share(struct plat_mailslot *slot, struct plat_identity owner,
                        intptr_t native) {
    (void)slot;
    (void)owner;
    (void)native;
    return none();
}

int plat_mailslot_write(struct plat_mailslot *slot, const void *data, size_t size) {
    (void)slot;
    (void)data;
    (void)size;
    return none();
}

int plat_mailslot_read(struct plat_mailslot *slot, void *data, size_t capacity,
                       size_t *size) {
    (void)slot;
    (void)data;
    (void)capacity;
    (void)size;
    return none();
}

void plat_mailslot_close(struct plat_mailslot *slot) {
    (void)slot;
}
