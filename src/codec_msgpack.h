/* Rank 2: what both halves of the codec need before they include msgpack-c.

   Only its headers are used, inline code and a template, so that nothing has to be built or
   found for another target. They would find out the byte order by a generated header. */
#ifndef SRC_CODEC_MSGPACK_H
#define SRC_CODEC_MSGPACK_H

#include "spork/value.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MSGPACK_ENDIAN_LITTLE_BYTE 1
#define MSGPACK_ENDIAN_BIG_BYTE 0
#else
#define MSGPACK_ENDIAN_LITTLE_BYTE 0
#define MSGPACK_ENDIAN_BIG_BYTE 1
#endif

/* The template's stack of open lists and maps. */
#define MSGPACK_EMBED_STACK_SIZE SPORK_VALUE_DEPTH

#endif
