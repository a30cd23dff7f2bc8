/* MessagePack to values: msgpack-c's parser template with callbacks that make values.

   The template keeps a stack of the lists and maps that are open, and calls back with each
   thing that it read. A list or map gets its whole memory when it begins. What makes that safe
   against a hostile count is that every value takes a byte at least: what all open lists and
   maps still wait for must fit into the bytes left, so that all memory ever held for items
   is bounded by the size of the message. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "codec_msgpack.h"
#include "error.h"
#include "value_parts.h"
#include "value_utf8.h"

enum { FAILED = -1 }; /* What a callback returns; the error itself is in the state. */

struct decoder {
    const struct codec_handles *handles;
    size_t awaited; /* Values that have been announced and not begun. */
    int error;
};

/* ---- Single values ---- */

static spork_value decode_root(struct decoder *decoder) {
    (void)decoder;
    return spork_nil();
}

/* One of the awaited values is here. */
static int deliver(struct decoder *decoder, spork_value *out, spork_value value) {
    decoder->awaited--;
    *out = value;
    return 0;
}

static int fail(struct decoder *decoder, int error) {
    decoder->error = error;
    return FAILED;
}

static int decode_nil(struct decoder *decoder, spork_value *out) {
    return deliver(decoder, out, spork_nil());
}

static int decode_false(struct decoder *decoder, spork_value *out) {
    return deliver(decoder, out, spork_bool(false));
}

static int decode_true(struct decoder *decoder, spork_value *out) {
    return deliver(decoder, out, spork_bool(true));
}

static int decode_int64(struct decoder *decoder, int64_t integer, spork_value *out) {
    return deliver(decoder, out, spork_int(integer));
}

static int decode_uint64(struct decoder *decoder, uint64_t integer, spork_value *out) {
    if (integer > INT64_MAX) {
        return fail(decoder,
                    error_set(SPORK_ERANGE, "the integer %llu is above INT64_MAX",
                              (unsigned long long)integer));
    }
    return deliver(decoder, out, spork_int((int64_t)integer));
}

static int decode_double(struct decoder *decoder, double real, spork_value *out) {
    return deliver(decoder, out, spork_float(real));
}

/* Every narrower number fits into a wide one. */
#define decode_int8 decode_int64
#define decode_int16 decode_int64
#define decode_int32 decode_int64
#define decode_uint8 decode_int64
#define decode_uint16 decode_int64
#define decode_uint32 decode_int64
#define decode_float decode_double

static int decode_owned(struct decoder *decoder, spork_kind kind, const void *data,
                        size_t size, spork_value *out) {
    spork_value value = spork_nil();
    int error = value_own_bytes(&value, kind, data, size);
    if (error != 0) {
        return fail(decoder, error);
    }
    return deliver(decoder, out, value);
}

static int decode_str(struct decoder *decoder, const char *base, const char *data,
                      unsigned size, spork_value *out) {
    (void)base;
    if (!value_utf8_valid(data, size)) {
        return fail(decoder, error_set(SPORK_EMALFORMED, "a string that is not UTF-8"));
    }
    return decode_owned(decoder, SPORK_STRING, data, size, out);
}

static int decode_bin(struct decoder *decoder, const char *base, const char *data,
                      unsigned size, spork_value *out) {
    (void)base;
    return decode_owned(decoder, SPORK_BYTES, data, size, out);
}

static int decode_handle(struct decoder *decoder, const uint8_t *body, spork_value *out) {
    const struct codec_handles *handles = decoder->handles;
    if (handles == NULL || handles->receive == NULL) {
        return fail(decoder, error_set(SPORK_ETYPE, "a handle from another family"));
    }
    spork_value value = spork_nil();
    int error =
        handles->receive(handles->context, (spork_handle_kind)body[0], body + 1, &value);
    if (error != 0) {
        return fail(decoder, error);
    }
    return deliver(decoder, out, value);
}

/* The type's byte comes first, and size counts it; 0 is what an impossible size wraps to. */
static int decode_ext(struct decoder *decoder, const char *base, const char *data,
                      unsigned size, spork_value *out) {
    (void)base;
    const uint8_t *bytes = (const uint8_t *)data;
    if (size < 1 || bytes[0] != CODEC_HANDLE_TYPE) {
        return fail(decoder, error_set(SPORK_EMALFORMED, "an extension of unknown type"));
    }
    bool known = size == 2 + CODEC_HANDLE_SIZE && bytes[1] > SPORK_HANDLE_NONE &&
                 bytes[1] < SPORK_HANDLE_END_;
    if (!known) {
        return fail(decoder,
                    error_set(SPORK_EMALFORMED, "a handle of unknown kind or size"));
    }
    return decode_handle(decoder, bytes + 1, out);
}

/* ---- Lists and maps ---- */

/* Refuses a count of values, each_takes for one item, that cannot come any more. */
static int announce(struct decoder *decoder, size_t count, size_t each_takes,
                    size_t left) {
    decoder->awaited--;
    size_t free_bytes = left > decoder->awaited ? left - decoder->awaited : 0;
    if (count > free_bytes / each_takes) {
        return fail(decoder,
                    error_set(SPORK_EMALFORMED,
                              "a count of %zu is more than the bytes that follow",
                              count));
    }
    decoder->awaited += count * each_takes;
    return 0;
}

/* Begins a list or map of so many slots, which is empty at first: what is in it already can
   be freed at any time. */
static int begin(struct decoder *decoder, spork_value empty, size_t slots,
                 spork_value *out) {
    spork_value *items = NULL;
    if (slots > 0 && slots <= SIZE_MAX / sizeof *items) {
        items = malloc(slots * sizeof *items);
    }
    if (slots > 0 && items == NULL) {
        return fail(decoder, error_set(SPORK_ENOMEM, "no memory for %s of %zu values",
                                       value_noun(&empty), slots));
    }
    empty.as.items = items;
    empty.owned = 1;
    *out = empty;
    return 0;
}

static int begin_list(struct decoder *decoder, size_t count, size_t left,
                      spork_value *out) {
    if (announce(decoder, count, 1, left) != 0) {
        return FAILED;
    }
    return begin(decoder, spork_list(NULL, 0), count, out);
}

static int begin_map(struct decoder *decoder, size_t count, size_t left,
                     spork_value *out) {
    if (announce(decoder, count, 2, left) != 0) {
        return FAILED;
    }
    return begin(decoder, spork_map(NULL, 0), count * 2, out);
}

/* The template does not tell its callbacks where it is, but p, its place (the last byte of
   what announced the count), and pe, the end, are in sight where these are expanded. */
#define decode_array(decoder, count, out) \
    begin_list(decoder, count, (size_t)(pe - p) - 1, out)
#define decode_map(decoder, count, out) \
    begin_map(decoder, count, (size_t)(pe - p) - 1, out)

static int decode_array_item(struct decoder *decoder, spork_value *list,
                             spork_value item) {
    (void)decoder;
    spork_value *items = (spork_value *)list->as.items;
    items[list->size++] = item;
    return 0;
}

static int decode_map_item(struct decoder *decoder, spork_value *map, spork_value key,
                           spork_value value) {
    (void)decoder;
    spork_value *pair = (spork_value *)map->as.items + 2 * map->size++;
    pair[0] = key;
    pair[1] = value;
    return 0;
}

/* ---- The template ---- */

#define msgpack_unpack_struct(name) struct template##name
#define msgpack_unpack_func(result, name) static result template##name
#define msgpack_unpack_callback(name) decode##name
#define msgpack_unpack_object spork_value
#define msgpack_unpack_user struct decoder

/* The library is not written for this project's warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#include <msgpack/unpack_template.h>
#pragma GCC diagnostic pop

/* Frees what a parse that did not end well left on the stack. */
static void free_unfinished(struct template_context *context) {
    for (unsigned i = 0; i < context->top; i++) {
        spork_value_free(&context->stack[i].obj);
        if (context->stack[i].ct == MSGPACK_CT_MAP_VALUE) {
            spork_value_free(&context->stack[i].map_key);
        }
    }
}

/* What the template itself found wrong, where no callback has spoken. */
static int parse_error(const struct template_context *context, int parsed, size_t size) {
    if (context->user.error != 0) {
        return context->user.error;
    }
    if (parsed == MSGPACK_UNPACK_CONTINUE) {
        return error_set(SPORK_EMALFORMED, "a value that is cut off after %zu bytes",
                         size);
    }
    if (parsed == MSGPACK_UNPACK_NOMEM_ERROR) {
        return error_set(SPORK_EMALFORMED, "lists and maps nested deeper than %d",
                         SPORK_VALUE_DEPTH);
    }
    return error_set(SPORK_EMALFORMED, "a byte that begins no value");
}

int codec_decode(spork_value *out, const void *data, size_t size,
                 const struct codec_handles *handles) {
    if (size == 0) {
        return error_set(SPORK_EMALFORMED, "no bytes where a value should be");
    }
    struct template_context context;
    context.user = (struct decoder){handles, 1, 0};
    template_init(&context);
    size_t parsed_size = 0;
    int parsed = template_execute(&context, data, size, &parsed_size);
    if (parsed != 1) {
        int error = parse_error(&context, parsed, size);
        free_unfinished(&context);
        return error;
    }
    spork_value value = template_data(&context);
    if (parsed_size != size) {
        spork_value_free(&value);
        return error_set(SPORK_EMALFORMED, "%zu bytes behind the value",
                         size - parsed_size);
    }
    *out = value;
    return 0;
}
