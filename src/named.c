/* Names of objects, in the arena. */
#include "named.h"

#include <string.h>

int named_check(const char *name) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    if (name == NULL) {
        return error_set(SPORK_EINVAL, "the name is NULL");
    }
    size_t length = strlen(name);
    if (length < 1 || length > PLAT_NAME_MOST) {
        return error_set(SPORK_EINVAL, "a name of %zu bytes: 1 to %d are allowed", length,
                         (int)PLAT_NAME_MOST);
    }
    if (strspn(name, allowed) != length || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return error_set(SPORK_EINVAL,
                         "the name %s: letters, digits, '_', '-' and '.' are allowed", name);
    }
    return 0;
}

int named_check_options(const char *name, bool persist) {
    if (name == NULL) {
        return persist ? error_set(SPORK_EINVAL, "what has no name cannot persist") : 0;
    }
    return named_check(name);
}

int named_init(arena_word *place, const struct named_facts *facts) {
    uint64_t offset;
    int error = arena_take(sizeof(struct named_record), BLOCK_PLAIN, &offset);
    if (error != 0) {
        return error;
    }
    struct named_record *record = arena_at(offset);
    memset(record, 0, sizeof *record);
    memcpy(record->name, facts->name, strlen(facts->name) + 1);
    memcpy(record->identity, facts->opened->identity, sizeof record->identity);
    record->maker = facts->made ? family_self() : 0;
    record->persist = facts->opened->persist;
    record->read_only = facts->read_only;
    arena_set(place, offset);
    return 0;
}

void named_destroy(struct self *self, arena_word *place) {
    if (atomic_load(place) == 0) {
        return;
    }
    family_lock(self);
    uint64_t offset = arena_get(place);
    if (offset != 0) {
        arena_give(offset);
        arena_set(place, 0);
    }
    family_commit(self);
}

void named_ready(arena_word *place) {
    atomic_store(&named_record(place)->ready, 1);
}

int named_may_open(const struct named_record *record) {
    if (atomic_load(&record->unlinked) != 0) {
        return error_set(SPORK_ESTALE, "the name %s was unlinked before this arrived",
                         record->name);
    }
    return 0;
}

int named_judge(const struct named_record *record, int error,
                const struct plat_named *opened) {
    if (error == SPORK_ENOTFOUND) {
        return error_prefix(SPORK_ESTALE, "an object that was sent");
    }
    if (error == 0 && memcmp(record->identity, opened->identity, sizeof record->identity) != 0) {
        return error_set(SPORK_ESTALE, "the name %s is another object's by now", record->name);
    }
    return error;
}

int named_unlink(arena_word *place, struct plat_named *named) {
    struct named_record *record = named_record(place);
    if (record == NULL) {
        return error_set(SPORK_ESTATE, "it has no name");
    }
    if (record->maker != family_self()) {
        return error_set(SPORK_ESTATE, "the name %s is for the process that made it to take away",
                         record->name);
    }
    if (atomic_exchange(&record->unlinked, 1) != 0) {
        return error_set(SPORK_ESTATE, "the name %s was taken away before", record->name);
    }
    return plat_named_unlink(named, record->name);
}
