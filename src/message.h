/* Rank 8: values and bytes as messages, for what carries messages: queues and pipes. */
#ifndef SRC_MESSAGE_H
#define SRC_MESSAGE_H

#include "ring.h"

/* A value or bytes, made ready to be put. */
struct outgoing {
    struct ring_message message;
    struct parcel parcel;
    void *encoded; /* malloc */
    bool has_parcel;
};
/* Encodes a value; one that is bytes is not copied. Then message_sent or message_cancelled. */
int message_from_value(struct outgoing *out, struct self *self, const spork_value *value);
/* Bytes need no more than this, which fails for NULL. */
int message_of_bytes(struct ring_message *message, const void *data, size_t size);
void message_sent(struct outgoing *out);
void message_cancelled(struct outgoing *out);

/* What a reader asks for: a value, or bytes in a buffer. */
struct incoming {
    spork_value *value; /* NULL: bytes */
    void *buffer;
    size_t capacity;
    size_t *size;
    struct receipt *receipt; /* of a value; zeroed by who asks */
};
/* Delivers a message that was taken. *keep: the message has to go back, since it was not
   delivered (SPORK_ETOOSHORT, SPORK_ETYPE, SPORK_ENOMEM). Else call message_received once it
   is gone from where it was. */
int message_deliver(struct incoming *in, struct self *self, const struct ring_taken *taken,
                    bool *keep);
void message_received(struct incoming *in);

#endif
