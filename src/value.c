/* Values as single things: made, and read. What they hold is in value_items.c. */
#include "value.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "value_parts.h"

static _Atomic(const struct value_handle_hooks *) handle_hooks;

/* ---- Constructors ---- */

static spork_value of_kind(spork_kind kind) {
    spork_value value;
    memset(&value, 0, sizeof value);
    value.kind = (uint8_t)kind;
    return value;
}

spork_value spork_nil(void) {
    return of_kind(SPORK_NIL);
}

spork_value spork_bool(bool boolean) {
    spork_value value = of_kind(SPORK_BOOL);
    value.as.boolean = boolean;
    return value;
}

spork_value spork_int(int64_t integer) {
    spork_value value = of_kind(SPORK_INT);
    value.as.integer = integer;
    return value;
}

spork_value spork_float(double real) {
    spork_value value = of_kind(SPORK_FLOAT);
    value.as.real = real;
    return value;
}

/* Nothing is not something of that size: NULL makes nil, unless it stands for emptiness. */
static spork_value of_bytes(spork_kind kind, const void *data, size_t size) {
    if (data == NULL && size > 0) {
        return spork_nil();
    }
    spork_value value = of_kind(kind);
    value.size = size;
    value.as.data = data;
    return value;
}

static spork_value of_items(spork_kind kind, const spork_value *items, size_t count) {
    if (items == NULL && count > 0) {
        return spork_nil();
    }
    spork_value value = of_kind(kind);
    value.size = count;
    value.as.items = items;
    return value;
}

spork_value spork_str(const char *text) {
    if (text == NULL) {
        return spork_nil();
    }
    return of_bytes(SPORK_STRING, text, strlen(text));
}

spork_value spork_str_size(const char *text, size_t size) {
    return of_bytes(SPORK_STRING, text, size);
}

spork_value spork_bytes_value(const void *data, size_t size) {
    return of_bytes(SPORK_BYTES, data, size);
}

spork_value spork_list(const spork_value *items, size_t count) {
    return of_items(SPORK_LIST, items, count);
}

spork_value spork_map(const spork_value *pairs, size_t count) {
    return of_items(SPORK_MAP, pairs, count);
}

static spork_value of_handle(spork_handle_kind kind, void *handle) {
    if (handle == NULL) {
        return spork_nil();
    }
    spork_value value = of_kind(SPORK_HANDLE);
    value.handle_kind = (uint8_t)kind;
    value.as.handle = handle;
    return value;
}

#define VALUE_OF_HANDLE(noun, NOUN, letter, words)        \
    spork_value spork_##noun##_value(spork_##noun *noun) { \
        return of_handle(SPORK_HANDLE_##NOUN, noun);       \
    }
SPORK_HANDLES(VALUE_OF_HANDLE)

int value_own_bytes(spork_value *out, spork_kind kind, const void *data, size_t size) {
    char *own = size < SIZE_MAX ? malloc(size + 1) : NULL;
    if (own == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %s of %zu bytes",
                         kind == SPORK_STRING ? "a string" : "bytes", size);
    }
    if (size > 0) {
        memcpy(own, data, size);
    }
    own[size] = '\0';
    *out = of_bytes(kind, own, size);
    out->owned = 1;
    return 0;
}

/* ---- Names ---- */

const char *spork_kind_name(spork_kind kind) {
    switch (kind) {
    case SPORK_NIL:
        return "nil";
    case SPORK_BOOL:
        return "bool";
    case SPORK_INT:
        return "int";
    case SPORK_FLOAT:
        return "float";
    case SPORK_STRING:
        return "string";
    case SPORK_BYTES:
        return "bytes";
    case SPORK_LIST:
        return "list";
    case SPORK_MAP:
        return "map";
    case SPORK_HANDLE:
        return "handle";
    }
    return "unknown";
}

/* "a queue", "an event" ... */
static const char *handle_noun(spork_handle_kind kind) {
#define HANDLE_WORDS(noun, NOUN, letter, words) words,
    static const char *const nouns[] = {"a handle", SPORK_HANDLES(HANDLE_WORDS)};
    return nouns[kind < SPORK_HANDLE_END_ ? kind : SPORK_HANDLE_NONE];
}

const char *value_handle_name(spork_handle_kind kind) {
    return strchr(handle_noun(kind), ' ') + 1;
}

const char *value_noun(const spork_value *value) {
    static const char *const nouns[] = {"nil",      "a bool", "an int", "a float",
                                        "a string", "bytes",  "a list", "a map"};
    if (value == NULL) {
        return "no value";
    }
    if (value->kind == SPORK_HANDLE) {
        return handle_noun((spork_handle_kind)value->handle_kind);
    }
    if (value->kind < sizeof nouns / sizeof nouns[0]) {
        return nouns[value->kind];
    }
    return "a value of an unknown kind";
}

int value_wrong_kind(const spork_value *value, const char *wanted) {
    return error_set(SPORK_ETYPE, "%s where %s was asked for", value_noun(value), wanted);
}

/* ---- Accessors ---- */

/* What every accessor asks first. A missing value is only one more wrong kind, so that the
   result of spork_value_find can be handed on unread. */
static int expect(const spork_value *value, spork_kind kind, const char *wanted,
                  const void *out) {
    if (out == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to write %s to", wanted);
    }
    if (value == NULL || value->kind != kind) {
        return value_wrong_kind(value, wanted);
    }
    return 0;
}

int spork_value_get_bool(const spork_value *value, bool *out) {
    int error = expect(value, SPORK_BOOL, "a bool", out);
    if (error == 0) {
        *out = value->as.boolean;
    }
    return error;
}

int spork_value_get_int(const spork_value *value, int64_t *out) {
    int error = expect(value, SPORK_INT, "an int", out);
    if (error == 0) {
        *out = value->as.integer;
    }
    return error;
}

static int exact_float(int64_t integer, double *out) {
    double real = (double)integer;
    /* INT64_MAX rounds up to 2 to the 63rd, which does not go back. */
    if (real >= 0x1p63 || (int64_t)real != integer) {
        return error_set(SPORK_ERANGE, "the int %lld is not exact as a float",
                         (long long)integer);
    }
    *out = real;
    return 0;
}

int spork_value_get_float(const spork_value *value, double *out) {
    if (value != NULL && value->kind == SPORK_INT && out != NULL) {
        return exact_float(value->as.integer, out);
    }
    int error = expect(value, SPORK_FLOAT, "a float", out);
    if (error == 0) {
        *out = value->as.real;
    }
    return error;
}

int spork_value_get_str(const spork_value *value, const char **out) {
    int error = expect(value, SPORK_STRING, "a string", out);
    if (error == 0) {
        *out = value->as.data != NULL ? value->as.data : "";
    }
    return error;
}

int spork_value_get_bytes(const spork_value *value, spork_bytes *out) {
    int error = expect(value, SPORK_BYTES, "bytes", out);
    if (error == 0) {
        *out = (spork_bytes){value->as.data, value->size};
    }
    return error;
}

static int expect_handle(const spork_value *value, spork_handle_kind kind,
                         const void *out) {
    const char *wanted = handle_noun(kind);
    int error = expect(value, SPORK_HANDLE, wanted, out);
    if (error == 0 && value->handle_kind != kind) {
        error = value_wrong_kind(value, wanted);
    }
    return error;
}

#define GET_HANDLE(noun, NOUN, letter, words)                               \
    int spork_value_get_##noun(const spork_value *value, spork_##noun **out) {  \
        int error = expect_handle(value, SPORK_HANDLE_##NOUN, out);             \
        if (error == 0) {                                                       \
            *out = value->as.handle;                                            \
        }                                                                       \
        return error;                                                           \
    }
SPORK_HANDLES(GET_HANDLE)

/* ---- Handles ---- */

void value_set_handle_hooks(const struct value_handle_hooks *hooks) {
    atomic_store(&handle_hooks, hooks);
}

int value_share_handle(spork_value *out, const spork_value *handle) {
    const struct value_handle_hooks *hooks = atomic_load(&handle_hooks);
    spork_value shared = *handle;
    shared.owned = 0;
    if (hooks != NULL) {
        int error =
            hooks->share((spork_handle_kind)handle->handle_kind, handle->as.handle);
        if (error != 0) {
            return error;
        }
        shared.owned = 1;
    }
    *out = shared;
    return 0;
}

void value_release_handle(const spork_value *handle) {
    const struct value_handle_hooks *hooks = atomic_load(&handle_hooks);
    if (hooks != NULL) {
        hooks->release((spork_handle_kind)handle->handle_kind, handle->as.handle);
    }
}
