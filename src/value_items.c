/* Lists and maps: what they hold, how they grow, and how whole trees are copied and freed. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "value_parts.h"

/* An owned list or map that has grown has room for 2 to the reserved_[ROOM_SHIFT] values; 0
   there means that it has room for what is in it and no more. */
enum { ROOM_SHIFT = 0, ROOM_SHIFT_LEAST = 2 };

static bool holds_items(const spork_value *value) {
    return value->kind == SPORK_LIST || value->kind == SPORK_MAP;
}

size_t value_slots(const spork_value *value) {
    if (value->kind == SPORK_MAP) {
        return value->size <= SIZE_MAX / 2 ? value->size * 2 : SIZE_MAX;
    }
    return value->kind == SPORK_LIST ? value->size : 0;
}

/* ---- Reading ---- */

size_t spork_value_count(const spork_value *value) {
    if (value == NULL || value->kind < SPORK_STRING || value->kind > SPORK_MAP) {
        return 0;
    }
    return value->size;
}

const spork_value *spork_value_at(const spork_value *list, size_t index) {
    if (list == NULL || list->kind != SPORK_LIST || index >= list->size) {
        return NULL;
    }
    return &list->as.items[index];
}

int spork_value_pair(const spork_value *map, size_t index, const spork_value **key,
                     const spork_value **value) {
    if (map == NULL || map->kind != SPORK_MAP) {
        return value_wrong_kind(map, "a map");
    }
    if (index >= map->size) {
        return error_set(SPORK_ERANGE, "pair %zu of a map that has %zu", index,
                         map->size);
    }
    if (key != NULL) {
        *key = &map->as.items[2 * index];
    }
    if (value != NULL) {
        *value = &map->as.items[2 * index + 1];
    }
    return 0;
}

const spork_value *spork_value_find(const spork_value *map, const char *key) {
    if (map == NULL || map->kind != SPORK_MAP || key == NULL) {
        return NULL;
    }
    size_t size = strlen(key);
    for (size_t i = map->size; i-- > 0;) {
        const spork_value *other = &map->as.items[2 * i];
        if (other->kind == SPORK_STRING && other->size == size &&
            (size == 0 || memcmp(other->as.data, key, size) == 0)) {
            return other + 1;
        }
    }
    return NULL;
}

/* ---- Freeing ---- */

static void free_slots(const spork_value *slots, size_t count) {
    spork_value *mine = (spork_value *)slots;
    for (size_t i = 0; i < count; i++) {
        spork_value_free(&mine[i]);
    }
    free(mine);
}

/* This goes no deeper than SPORK_VALUE_DEPTH: whatever makes a value that owns stops there. */
void spork_value_free(spork_value *value) {
    if (value == NULL) {
        return;
    }
    spork_value gone = *value;
    *value = spork_nil();
    if (!gone.owned) {
        return;
    }
    if (holds_items(&gone)) {
        free_slots(gone.as.items, value_slots(&gone));
    } else if (gone.kind == SPORK_STRING || gone.kind == SPORK_BYTES) {
        free((void *)gone.as.data);
    } else if (gone.kind == SPORK_HANDLE) {
        value_release_handle(&gone);
    }
}

/* ---- Copying ---- */

static int copy_at(spork_value *out, const spork_value *value, int depth);

static int copy_items(spork_value *out, const spork_value *value, int depth) {
    if (value_too_deep(depth)) {
        return error_set(SPORK_EMALFORMED, "lists and maps nested deeper than %d",
                         SPORK_VALUE_DEPTH);
    }
    size_t count = value_slots(value);
    spork_value *slots = NULL;
    if (count > 0 && count <= SIZE_MAX / sizeof *slots) {
        slots = malloc(count * sizeof *slots);
    }
    if (count > 0 && slots == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %s of %zu", value_noun(value),
                         value->size);
    }
    for (size_t i = 0; i < count; i++) {
        int error = copy_at(&slots[i], &value->as.items[i], depth + 1);
        if (error != 0) {
            free_slots(slots, i);
            return error;
        }
    }
    *out = value->kind == SPORK_MAP ? spork_map(slots, 0) : spork_list(slots, 0);
    out->size = value->size;
    out->owned = 1;
    return 0;
}

static int copy_at(spork_value *out, const spork_value *value, int depth) {
    switch (value->kind) {
    case SPORK_NIL:
    case SPORK_BOOL:
    case SPORK_INT:
    case SPORK_FLOAT:
        *out = *value;
        out->owned = 0;
        return 0;
    case SPORK_STRING:
    case SPORK_BYTES:
        return value_own_bytes(out, (spork_kind)value->kind, value->as.data, value->size);
    case SPORK_LIST:
    case SPORK_MAP:
        return copy_items(out, value, depth);
    case SPORK_HANDLE:
        return value_share_handle(out, value);
    default:
        return error_set(SPORK_ETYPE, "a value of the unknown kind %d", value->kind);
    }
}

int spork_value_copy(spork_value *out, const spork_value *value) {
    if (out == NULL || value == NULL) {
        return error_set(SPORK_EINVAL, "a copy needs a value and a place");
    }
    spork_value copy;
    int error = copy_at(&copy, value, 0);
    if (error == 0) {
        *out = copy;
    }
    return error;
}

/* ---- Growing ---- */

/* Room for more values behind those that are there; doubling makes appends cheap. */
static int make_room(spork_value *owner, size_t more) {
    size_t used = value_slots(owner);
    unsigned shift = owner->reserved_[ROOM_SHIFT];
    size_t room = shift != 0 ? (size_t)1 << shift : used;
    if (more <= room - used) {
        return 0;
    }
    shift = shift != 0 ? shift : ROOM_SHIFT_LEAST;
    while (shift < sizeof(size_t) * 8 - 1 && (size_t)1 << shift < used + more) {
        shift++;
    }
    room = (size_t)1 << shift;
    spork_value *slots = NULL;
    if (room <= SIZE_MAX / sizeof *slots) {
        slots = realloc((void *)owner->as.items, room * sizeof *slots);
    }
    if (slots == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %s of %zu", value_noun(owner),
                         owner->size + 1);
    }
    owner->as.items = slots;
    owner->reserved_[ROOM_SHIFT] = (uint8_t)shift;
    return 0;
}

/* Writes a list or map that may be changed to *out: the same if it owns, else a copy. Until
   that is put back in its place, the place is as it was. */
static int to_owner(spork_value *out, const spork_value *value, spork_kind kind) {
    if (value->kind == SPORK_NIL) {
        *out = kind == SPORK_MAP ? spork_map(NULL, 0) : spork_list(NULL, 0);
        out->owned = 1;
        return 0;
    }
    if (value->owned) {
        *out = *value;
        return 0;
    }
    return copy_at(out, value, 0);
}

/* Moves count owned values to the end of *target, which must be nil or of this kind. On
   failure they are freed and *target is as it was. */
static int push(spork_value *target, spork_kind kind, spork_value *moved, size_t count) {
    spork_value owner = spork_nil();
    int error = to_owner(&owner, target, kind);
    if (error == 0) {
        error = make_room(&owner, count);
        if (error != 0 && !target->owned) {
            spork_value_free(&owner);
        }
    }
    if (error != 0) {
        for (size_t i = 0; i < count; i++) {
            spork_value_free(&moved[i]);
        }
        return error;
    }
    memcpy((spork_value *)owner.as.items + value_slots(&owner), moved,
           count * sizeof *moved);
    owner.size++;
    *target = owner;
    return 0;
}

int spork_value_append(spork_value *list, const spork_value *item) {
    if (list == NULL || item == NULL) {
        return error_set(SPORK_EINVAL, "an append needs a list and an item");
    }
    if (list->kind != SPORK_NIL && list->kind != SPORK_LIST) {
        return value_wrong_kind(list, "a list");
    }
    spork_value copy;
    int error = copy_at(&copy, item, 1);
    if (error != 0) {
        return error;
    }
    return push(list, SPORK_LIST, &copy, 1);
}

/* The pair that a new value under key replaces: the one that spork_value_find would find. */
static size_t last_with_key(const spork_value *map, const spork_value *key) {
    for (size_t i = map->kind == SPORK_MAP ? map->size : 0; i-- > 0;) {
        if (spork_value_equal(&map->as.items[2 * i], key)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static int replace(spork_value *map, size_t index, spork_value *moved) {
    spork_value owner;
    int error = to_owner(&owner, map, SPORK_MAP);
    if (error != 0) {
        spork_value_free(moved);
        return error;
    }
    spork_value *place = (spork_value *)owner.as.items + 2 * index + 1;
    spork_value_free(place);
    *place = *moved;
    *map = owner;
    return 0;
}

int spork_value_set(spork_value *map, const spork_value *key, const spork_value *value) {
    if (map == NULL || key == NULL || value == NULL) {
        return error_set(SPORK_EINVAL, "a set needs a map, a key and a value");
    }
    if (map->kind != SPORK_NIL && map->kind != SPORK_MAP) {
        return value_wrong_kind(map, "a map");
    }
    spork_value pair[2];
    int error = copy_at(&pair[1], value, 1);
    if (error != 0) {
        return error;
    }
    size_t index = last_with_key(map, key);
    if (index != SIZE_MAX) {
        return replace(map, index, &pair[1]);
    }
    error = copy_at(&pair[0], key, 1);
    if (error != 0) {
        spork_value_free(&pair[1]);
        return error;
    }
    return push(map, SPORK_MAP, pair, 2);
}
