/* ZeroMQ: a writer has a PUSH socket for each reader's PULL socket and goes from one to the
   next, so that all readers have the same share. The sockets' names are abstract, and so none
   is left. */
#include <zmq.h>

#include "support/bench.h"
#include "support/bench_names.h"
#include "support/bench_peers.h"

enum { READERS = 8, RETRY_MS = 5 };

/* In shared memory. */
struct place {
    char name[64];
    int writers, readers;
};

struct end {
    void *context;
    void *sockets[READERS];
    int count, next;
};

static void must(bool well, const char *what) {
    if (!well) {
        fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(EXIT_FAILURE);
    }
}

static bool make(void *memory, const struct bench_channel_shape *shape) {
    struct place *place = memory;
    bench_name(place->name, sizeof place->name, "");
    place->writers = shape->writers;
    place->readers = shape->readers;
    return shape->readers <= READERS;
}

static void unmake(void *memory) {
    (void)memory;
}

static void open_socket(struct end *end, const struct place *place, int reader, bool writes) {
    const int retry = RETRY_MS;
    char address[96];
    void *socket = zmq_socket(end->context, writes ? ZMQ_PUSH : ZMQ_PULL);
    must(socket != NULL, "zmq_socket");
    snprintf(address, sizeof address, "ipc://@%s-%d", place->name, reader);
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &retry, sizeof retry);
    must((writes ? zmq_connect : zmq_bind)(socket, address) == 0, address);
    end->sockets[end->count++] = socket;
}

/* A first message through each connection: when it has come, it does not cost time later. */
static void *open_end(void *memory, int index, bool writes) {
    const struct place *place = memory;
    char hello = 0;
    struct end *end = calloc(1, sizeof *end);
    must(end != NULL, "calloc");
    end->context = zmq_ctx_new();
    for (int i = 0; i < (writes ? place->readers : 1); i++) {
        open_socket(end, place, writes ? i : index, writes);
        for (int j = 0; !writes && j < place->writers; j++) {
            must(zmq_recv(end->sockets[0], &hello, sizeof hello, 0) >= 0, "zmq_recv");
        }
        if (writes) {
            must(zmq_send(end->sockets[i], &hello, sizeof hello, 0) >= 0, "zmq_send");
        }
    }
    return end;
}

static void put(void *to, const void *data, size_t size) {
    struct end *end = to;
    must(zmq_send(end->sockets[end->next], data, size, 0) >= 0, "zmq_send");
    end->next = end->next + 1 < end->count ? end->next + 1 : 0;
}

static void get(void *from, void *data, size_t size) {
    struct end *end = from;
    must(zmq_recv(end->sockets[0], data, size, 0) >= 0, "zmq_recv");
}

static void close_end(void *closed) {
    struct end *end = closed;
    for (int i = 0; i < end->count; i++) {
        zmq_close(end->sockets[i]);
    }
    zmq_ctx_term(end->context);
    free(end);
}

extern const struct bench_channel bench_zmq_channel;
const struct bench_channel bench_zmq_channel = {
    make, unmake, open_end, put, get, close_end, 600,
};
