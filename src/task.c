/* Tasks: the registry that is filled before main, arguments in and out of values, and calls
   as they travel. */
#include <string.h>

#include "error.h"
#include "task_registry.h"

/* Filled by constructors, one after the other, before there can be a second thread. */
static spork_task *registry;

void spork_task_register_(spork_task *task) {
    task->next = registry;
    registry = task;
}

const spork_task *task_first(void) {
    return registry;
}

spork_call spork_no_call(void) {
    spork_call call;
    spork_call_begin_(&call, NULL);
    return call;
}

void spork_call_begin_(spork_call *call, const spork_task *task) {
    call->task = task;
    call->count = 0;
    call->used = 0;
}

/* ---- wrapping arguments ---- */

static void add(spork_call *call, spork_value value) {
    if (call->count < SPORK_ARGUMENTS_MAX) {
        call->arguments[call->count++] = value;
    }
}

static int64_t read_signed(const void *object, size_t size) {
    int8_t small;
    int16_t medium;
    int32_t large;
    int64_t huge = 0;
    switch (size) {
    case 1:
        memcpy(&small, object, size);
        return small;
    case 2:
        memcpy(&medium, object, size);
        return medium;
    case 4:
        memcpy(&large, object, size);
        return large;
    default:
        memcpy(&huge, object, sizeof huge);
        return huge;
    }
}

static uint64_t read_unsigned(const void *object, size_t size) {
    uint64_t bits = (uint64_t)read_signed(object, size);
    return size >= 8 ? bits : bits & (((uint64_t)1 << (8 * size)) - 1);
}

static double read_float(const void *object, size_t size) {
    float narrow;
    double wide;
    if (size == sizeof narrow) {
        memcpy(&narrow, object, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, object, sizeof wide);
    return wide;
}

void spork_wrap_signed_(spork_call *call, const void *object, size_t size) {
    add(call, spork_int(read_signed(object, size)));
}

/* A number above INT64_MAX travels as the int64_t of the same bits: both ends know the
   parameter's type. */
void spork_wrap_unsigned_(spork_call *call, const void *object, size_t size) {
    add(call, spork_int((int64_t)read_unsigned(object, size)));
}

void spork_wrap_bool_(spork_call *call, const void *object, size_t size) {
    (void)size;
    add(call, spork_bool(*(const bool *)object));
}

void spork_wrap_float_(spork_call *call, const void *object, size_t size) {
    add(call, spork_float(read_float(object, size)));
}

void spork_wrap_string_(spork_call *call, const void *object, size_t size) {
    (void)size;
    add(call, spork_str(*(const char *const *)object));
}

void spork_wrap_bytes_(spork_call *call, const void *object, size_t size) {
    const spork_bytes *bytes = object;
    (void)size;
    add(call, spork_bytes_value(bytes->data, bytes->size));
}

void spork_wrap_value_(spork_call *call, const void *object, size_t size) {
    spork_value value = *(const spork_value *)object;
    (void)size;
    value.owned = 0;
    add(call, value);
}

/* The call is returned by value, so where its storage lies changes: the data pointer is an
   offset, and reserved_[0] says so, until the call is encoded. */
void spork_wrap_struct_(spork_call *call, const void *object, size_t size) {
    spork_value value = spork_bytes_value(call->storage, size);
    value.reserved_[0] = 1;
    value.as.integer = (int64_t)call->used;
    memcpy(call->storage + call->used, object, size);
    call->used += size;
    add(call, value);
}

/* A handle that is NULL stays a handle: encoding the call says so, at the start. */
static spork_value handle_value(spork_handle_kind kind, void *handle) {
    spork_value value = {.kind = SPORK_HANDLE, .handle_kind = (uint8_t)kind};
    value.as.handle = handle;
    return value;
}

#define WRAP_HANDLE(noun, NOUN, letter, words)                                                   \
    void spork_wrap_##noun##_(spork_call *call, const void *object, size_t size) {         \
        (void)size;                                                                        \
        add(call, handle_value(SPORK_HANDLE_##NOUN, *(spork_##noun *const *)object));      \
    }
SPORK_HANDLES(WRAP_HANDLE)

/* ---- unwrapping them in the child ---- */

static int write_integer(void *object, size_t size, int64_t number, bool fits) {
    int8_t small = (int8_t)number;
    int16_t medium = (int16_t)number;
    int32_t large = (int32_t)number;
    if (!fits) {
        return error_set(SPORK_ERANGE, "%lld does not fit into %zu bytes", (long long)number,
                         size);
    }
    const void *source = size == 1   ? (const void *)&small
                         : size == 2 ? (const void *)&medium
                         : size == 4 ? (const void *)&large
                                     : (const void *)&number;
    memcpy(object, source, size);
    return 0;
}

int spork_unwrap_signed_(void *object, size_t size, const spork_value *value) {
    int64_t number;
    int error = spork_value_get_int(value, &number);
    if (error != 0) {
        return error;
    }
    int64_t most = size >= 8 ? INT64_MAX : ((int64_t)1 << (8 * size - 1)) - 1;
    return write_integer(object, size, number, number <= most && number >= -most - 1);
}

int spork_unwrap_unsigned_(void *object, size_t size, const spork_value *value) {
    int64_t number;
    int error = spork_value_get_int(value, &number);
    if (error != 0) {
        return error;
    }
    bool fits = size >= 8 || (number >= 0 && number < (int64_t)1 << (8 * size));
    return write_integer(object, size, number, fits);
}

int spork_unwrap_bool_(void *object, size_t size, const spork_value *value) {
    (void)size;
    return spork_value_get_bool(value, object);
}

int spork_unwrap_float_(void *object, size_t size, const spork_value *value) {
    double wide;
    int error = spork_value_get_float(value, &wide);
    if (error != 0) {
        return error;
    }
    float narrow = (float)wide;
    memcpy(object, size == sizeof narrow ? (const void *)&narrow : (const void *)&wide, size);
    return 0;
}

int spork_unwrap_string_(void *object, size_t size, const spork_value *value) {
    (void)size;
    if (value->kind == SPORK_NIL) {
        *(const char **)object = NULL;
        return 0;
    }
    return spork_value_get_str(value, object);
}

int spork_unwrap_bytes_(void *object, size_t size, const spork_value *value) {
    (void)size;
    return spork_value_get_bytes(value, object);
}

int spork_unwrap_value_(void *object, size_t size, const spork_value *value) {
    (void)size;
    *(spork_value *)object = *value;
    ((spork_value *)object)->owned = 0;
    return 0;
}

int spork_unwrap_struct_(void *object, size_t size, const spork_value *value) {
    spork_bytes bytes;
    int error = spork_value_get_bytes(value, &bytes);
    if (error != 0) {
        return error;
    }
    if (bytes.size != size) {
        return error_set(SPORK_ETYPE, "a struct of %zu bytes where one of %zu was expected",
                         bytes.size, size);
    }
    memcpy(object, bytes.data, size);
    return 0;
}

#define UNWRAP_HANDLE(noun, NOUN, letter, words)                                          \
    int spork_unwrap_##noun##_(void *object, size_t size, const spork_value *value) {      \
        (void)size;                                                                        \
        return spork_value_get_##noun(value, object);                                      \
    }
SPORK_HANDLES(UNWRAP_HANDLE)

/* ---- results ---- */

int spork_result_signed_(spork_value *out, const void *object, size_t size) {
    *out = spork_int(read_signed(object, size));
    return 0;
}

int spork_result_unsigned_(spork_value *out, const void *object, size_t size) {
    *out = spork_int((int64_t)read_unsigned(object, size));
    return 0;
}

int spork_result_bool_(spork_value *out, const void *object, size_t size) {
    (void)size;
    *out = spork_bool(*(const bool *)object);
    return 0;
}

int spork_result_float_(spork_value *out, const void *object, size_t size) {
    *out = spork_float(read_float(object, size));
    return 0;
}

int spork_result_value_(spork_value *out, const void *object, size_t size) {
    (void)size;
    *out = *(const spork_value *)object;
    return 0;
}
