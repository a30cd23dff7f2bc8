/* Values and bytes as messages. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "value.h"

int message_of_bytes(struct ring_message *message, const void *data, size_t size) {
    if (data == NULL && size > 0) {
        return error_set(SPORK_EINVAL, "the data are NULL, their size is %zu", size);
    }
    *message = (struct ring_message){.data = data, .size = size, .flags = MESSAGE_RAW};
    return 0;
}

int message_from_value(struct outgoing *out, struct self *self, const spork_value *value) {
    if (value->kind == SPORK_BYTES) {
        out->has_parcel = false;
        out->encoded = NULL;
        return message_of_bytes(&out->message, value->as.data, value->size);
    }
    *out = (struct outgoing){.has_parcel = true};
    parcel_open(&out->parcel, self, 0);
    size_t size;
    int error = codec_encode(value, &out->parcel.codec, &out->encoded, &size);
    if (error != 0) {
        parcel_cancel(&out->parcel);
        return error;
    }
    uint32_t flags = out->parcel.count > 0 ? MESSAGE_HANDLES : 0u;
    out->message = (struct ring_message){.data = out->encoded,
                                         .size = size,
                                         .flags = flags,
                                         .records = out->parcel.records,
                                         .record_count = out->parcel.count};
    return 0;
}

void message_sent(struct outgoing *out) {
    if (out->has_parcel) {
        parcel_sent(&out->parcel);
    }
    free(out->encoded);
}

void message_cancelled(struct outgoing *out) {
    if (out->has_parcel) {
        parcel_cancel(&out->parcel);
    }
    free(out->encoded);
}

static int deliver_value(struct incoming *in, struct self *self,
                         const struct ring_taken *taken, bool *keep) {
    int error;
    if ((taken->flags & MESSAGE_RAW) != 0) {
        error = value_own_bytes(in->value, SPORK_BYTES, taken->data, taken->size);
    } else {
        receipt_open(in->receipt, self, taken->home, taken->position);
        error = codec_decode(in->value, taken->data, taken->size, &in->receipt->codec);
    }
    *keep = error == SPORK_ENOMEM || error == SPORK_ENOSPACE;
    if (*keep) {
        receipt_close(in->receipt, true);
    }
    return error;
}

void message_received(struct incoming *in) {
    if (in->receipt != NULL) {
        receipt_close(in->receipt, false);
    }
}

int message_deliver(struct incoming *in, struct self *self, const struct ring_taken *taken,
                    bool *keep) {
    *keep = false;
    if (in->value != NULL) {
        return deliver_value(in, self, taken, keep);
    }
    *keep = true;
    if ((taken->flags & MESSAGE_RAW) == 0) {
        return error_set(SPORK_ETYPE, "the next message is a value, not bytes");
    }
    *in->size = taken->size;
    if (taken->size > in->capacity) {
        return error_set(SPORK_ETOOSHORT, "the next message has %zu bytes, the buffer %zu",
                         taken->size, in->capacity);
    }
    if (taken->size > 0) {
        memcpy(in->buffer, taken->data, taken->size);
    }
    *keep = false;
    return 0;
}
