/* A libFuzzer target: whatever decodes must come back the same from another round, and must
   be printable, comparable and copyable. `scons fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "spork/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Handles are read from their bytes alone, so that the fuzzer gets behind them too. */
static int receive(void *context, spork_handle_kind kind,
                   const uint8_t in[CODEC_HANDLE_SIZE], spork_value *out) {
    (void)context;
    if (in[0] == 0) {
        return SPORK_ESTALE;
    }
    uintptr_t place = in[0];
    *out = spork_queue_value((spork_queue *)place);
    out->handle_kind = (uint8_t)kind;
    return 0;
}

static int send(void *context, const spork_value *handle,
                uint8_t out[CODEC_HANDLE_SIZE]) {
    (void)context;
    memset(out, 0, CODEC_HANDLE_SIZE);
    out[0] = (uint8_t)(uintptr_t)handle->as.handle;
    return 0;
}

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static void print(const spork_value *value) {
    char few[16];
    size_t length = spork_value_format(value, few, sizeof few);
    char *text = malloc(length + 1);
    require(text != NULL && spork_value_format(value, text, length + 1) == length);
    require(strlen(text) == length);
    free(text);
}

static void round_trip(const spork_value *value, const struct codec_handles *handles) {
    void *data = NULL;
    size_t size = 0;
    spork_value back = spork_nil();
    require(codec_encode(value, handles, &data, &size) == 0);
    require(codec_decode(&back, data, size, handles) == 0);
    require(spork_value_compare(value, &back) == 0);
    require(spork_value_equal(value, &back));
    void *again = NULL;
    size_t again_size = 0;
    require(codec_encode(&back, handles, &again, &again_size) == 0);
    require(again_size == size && memcmp(data, again, size) == 0);
    spork_value_free(&back);
    free(again);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct codec_handles handles = {send, receive, NULL};
    spork_value value = spork_nil();
    int error = codec_decode(&value, data, size, &handles);
    if (error != 0) {
        require(value.kind == SPORK_NIL);
        return 0;
    }
    round_trip(&value, &handles);
    print(&value);
    spork_value copy = spork_nil();
    require(spork_value_copy(&copy, &value) == 0);
    require(spork_value_equal(&copy, &value));
    spork_value_free(&copy);
    spork_value_free(&value);
    return 0;
}
