/* Rank 2: values to MessagePack and back, by msgpack-c. */
#ifndef SRC_CODEC_H
#define SRC_CODEC_H

#include "spork/value.h"

/* A handle on the wire is an extension of type CODEC_HANDLE_TYPE: one byte that is the
   spork_handle_kind, then CODEC_HANDLE_SIZE bytes that only the handle layer can read. */
enum { CODEC_HANDLE_TYPE = 0x53, CODEC_HANDLE_SIZE = 16 };

/* How a handle is written and read; either function may be NULL: then a handle is
   SPORK_ETYPE ("a handle cannot leave the family"). receive makes a value that owns. */
struct codec_handles {
    int (*send)(void *context, const spork_value *handle, uint8_t out[CODEC_HANDLE_SIZE]);
    int (*receive)(void *context, spork_handle_kind kind,
                   const uint8_t in[CODEC_HANDLE_SIZE], spork_value *out);
    void *context;
};

/* Encodes into *data (malloc; the caller frees it). handles may be NULL.
   Errors: SPORK_ENOMEM, SPORK_EMALFORMED (too deep, a string that is not UTF-8), SPORK_ETYPE
   (a handle, an unknown kind), and what handles->send said. */
int codec_encode(const spork_value *value, const struct codec_handles *handles, void **data,
                 size_t *size);

/* Decodes exactly one value that fills the bytes; *out owns all it points to. On failure
   *out is untouched and everything made on the way is freed.
   Errors: SPORK_EMALFORMED, SPORK_ERANGE, SPORK_ENOMEM, what handles->receive said. */
int codec_decode(spork_value *out, const void *data, size_t size,
                 const struct codec_handles *handles);

#endif
