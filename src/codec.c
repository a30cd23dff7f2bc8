/* Values to MessagePack. The way back is in codec_unpack.c. */
#include "codec.h"

#include <stdlib.h>
#include <string.h>

#include "codec_msgpack.h"
#include "error.h"
#include "value_parts.h"
#include "value_utf8.h"

/* The library is not written for this project's warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <msgpack/pack.h>
#pragma GCC diagnostic pop

enum { FIRST_CAPACITY = 256 };

struct encoder {
    msgpack_packer packer;
    const struct codec_handles *handles;
    char *data;
    size_t size;
    size_t capacity;
};

/* ---- The buffer ---- */

static int grow(struct encoder *encoder, size_t more) {
    if (more > SIZE_MAX / 2 - encoder->size) {
        return -1;
    }
    size_t needed = encoder->size + more;
    size_t capacity = encoder->capacity > 0 ? encoder->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = realloc(encoder->data, capacity);
    if (data == NULL) {
        return -1;
    }
    encoder->data = data;
    encoder->capacity = capacity;
    return 0;
}

/* msgpack-c's packing calls hand on what this returns, and fail in no other way. */
static int write_bytes(void *context, const char *bytes, size_t size) {
    struct encoder *encoder = context;
    if (size > encoder->capacity - encoder->size && grow(encoder, size) != 0) {
        return -1;
    }
    if (size > 0) {
        memcpy(encoder->data + encoder->size, bytes, size);
    }
    encoder->size += size;
    return 0;
}

static int checked(const struct encoder *encoder, int packed) {
    if (packed != 0) {
        return error_set(SPORK_ENOMEM, "no memory for more than %zu encoded bytes",
                         encoder->size);
    }
    return 0;
}

/* ---- Values ---- */

/* MessagePack writes sizes and counts in 32 bits. */
static int check_size(const spork_value *value) {
    if ((uint64_t)value->size > UINT32_MAX) {
        return error_set(SPORK_ERANGE, "%s of %zu is more than MessagePack can hold",
                         value_noun(value), value->size);
    }
    return 0;
}

static int encode_string(struct encoder *encoder, const spork_value *value) {
    int error = check_size(value);
    if (error != 0) {
        return error;
    }
    if (!value_utf8_valid(value->as.data, value->size)) {
        return error_set(SPORK_EMALFORMED, "a string that is not UTF-8");
    }
    return checked(encoder, msgpack_pack_str_with_body(&encoder->packer, value->as.data,
                                                       value->size));
}

static int encode_bytes(struct encoder *encoder, const spork_value *value) {
    int error = check_size(value);
    if (error != 0) {
        return error;
    }
    return checked(encoder, msgpack_pack_bin_with_body(&encoder->packer, value->as.data,
                                                       value->size));
}

static int encode_handle(struct encoder *encoder, const spork_value *value) {
    const struct codec_handles *handles = encoder->handles;
    if (handles == NULL || handles->send == NULL) {
        return error_set(SPORK_ETYPE, "%s cannot leave the family", value_noun(value));
    }
    uint8_t body[1 + CODEC_HANDLE_SIZE] = {value->handle_kind};
    int error = handles->send(handles->context, value, body + 1);
    if (error != 0) {
        return error;
    }
    return checked(encoder, msgpack_pack_ext_with_body(&encoder->packer, body,
                                                       sizeof body, CODEC_HANDLE_TYPE));
}

static int encode_at(struct encoder *encoder, const spork_value *value, int depth);

static int encode_items(struct encoder *encoder, const spork_value *value, int depth) {
    int error = check_size(value);
    if (error != 0) {
        return error;
    }
    if (value_too_deep(depth)) {
        return error_set(SPORK_EMALFORMED, "lists and maps nested deeper than %d",
                         SPORK_VALUE_DEPTH);
    }
    msgpack_packer *packer = &encoder->packer;
    error = checked(encoder, value->kind == SPORK_MAP
                                 ? msgpack_pack_map(packer, value->size)
                                 : msgpack_pack_array(packer, value->size));
    size_t count = value_slots(value);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = encode_at(encoder, &value->as.items[i], depth + 1);
    }
    return error;
}

static int encode_at(struct encoder *encoder, const spork_value *value, int depth) {
    msgpack_packer *packer = &encoder->packer;
    switch (value->kind) {
    case SPORK_NIL:
        return checked(encoder, msgpack_pack_nil(packer));
    case SPORK_BOOL:
        return checked(encoder, value->as.boolean ? msgpack_pack_true(packer)
                                                  : msgpack_pack_false(packer));
    case SPORK_INT:
        return checked(encoder, msgpack_pack_int64(packer, value->as.integer));
    case SPORK_FLOAT:
        return checked(encoder, msgpack_pack_double(packer, value->as.real));
    case SPORK_STRING:
        return encode_string(encoder, value);
    case SPORK_BYTES:
        return encode_bytes(encoder, value);
    case SPORK_LIST:
    case SPORK_MAP:
        return encode_items(encoder, value, depth);
    case SPORK_HANDLE:
        return encode_handle(encoder, value);
    default:
        return error_set(SPORK_ETYPE, "a value of the unknown kind %d", value->kind);
    }
}

/* ---- Whole messages ---- */

int codec_encode(const spork_value *value, const struct codec_handles *handles,
                 void **data, size_t *size) {
    struct encoder encoder = {.handles = handles};
    msgpack_packer_init(&encoder.packer, &encoder, write_bytes);
    int error = encode_at(&encoder, value, 0);
    if (error != 0) {
        free(encoder.data);
        return error;
    }
    *data = encoder.data;
    *size = encoder.size;
    return 0;
}

int spork_value_encode(const spork_value *value, void **data, size_t *size) {
    if (value == NULL || data == NULL || size == NULL) {
        return error_set(SPORK_EINVAL,
                         "encoding needs a value, and places for the result");
    }
    return codec_encode(value, NULL, data, size);
}

int spork_value_decode(spork_value *out, const void *data, size_t size) {
    if (out == NULL || (data == NULL && size > 0)) {
        return error_set(SPORK_EINVAL, "decoding needs bytes, and a place for the value");
    }
    return codec_decode(out, data, size, NULL);
}
