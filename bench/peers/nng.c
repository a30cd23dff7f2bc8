/* nng: a writer has a push socket for each reader's pull socket and goes from one to the next,
   so that all readers have the same share. The sockets' names are abstract: none is left. */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include "support/bench.h"
#include "support/bench_names.h"
#include "support/bench_peers.h"

enum { READERS = 8, TRIES = 1000, RETRY_MS = 5 };

/* In shared memory. */
struct place {
    char name[64];
    int writers, readers, slots;
};

struct end {
    nng_socket sockets[READERS];
    int count, next;
};

static void must(int error, const char *what) {
    if (error != 0) {
        fprintf(stderr, "bench: %s: %s\n", what, nng_strerror(error));
        exit(EXIT_FAILURE);
    }
}

static bool make(void *memory, const struct bench_channel_shape *shape) {
    struct place *place = memory;
    bench_name(place->name, sizeof place->name, "");
    place->writers = shape->writers;
    place->readers = shape->readers;
    place->slots = (int)shape->slots;
    return shape->readers <= READERS;
}

static void unmake(void *memory) {
    (void)memory;
}

static void open_writer(nng_socket *socket, const char *address, int slots) {
    int error = NNG_ECONNREFUSED;
    must(nng_push0_open(socket), "nng_push0_open");
    must(nng_socket_set_int(*socket, NNG_OPT_SENDBUF, slots), "NNG_OPT_SENDBUF");
    /* Readers may come later. */
    for (int i = 0; error != 0 && i < TRIES; i++) {
        error = nng_dial(*socket, address, NULL, 0);
        if (error != 0) {
            spork_sleep_ms(RETRY_MS);
        }
    }
    must(error, address);
}

static void open_reader(nng_socket *socket, const char *address, int slots) {
    must(nng_pull0_open(socket), "nng_pull0_open");
    must(nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
    must(nng_socket_set_int(*socket, NNG_OPT_RECVBUF, slots), "NNG_OPT_RECVBUF");
    must(nng_listen(*socket, address, NULL, 0), address);
}

static void get(void *from, void *data, size_t size) {
    struct end *end = from;
    must(nng_recv(end->sockets[0], data, &size, 0), "nng_recv");
}

/* A first message through each connection: when it has come, it does not cost time later. */
static void *open_end(void *memory, int index, bool writes) {
    const struct place *place = memory;
    char hello = 0;
    struct end *end = calloc(1, sizeof *end);
    must(end == NULL ? NNG_ENOMEM : 0, "calloc");
    for (int i = 0; i < (writes ? place->readers : 1); i++) {
        char address[96];
        nng_socket *socket = &end->sockets[end->count++];
        snprintf(address, sizeof address, "abstract:/%s-%d", place->name, writes ? i : index);
        (writes ? open_writer : open_reader)(socket, address, place->slots);
        for (int j = 0; !writes && j < place->writers; j++) {
            get(end, &hello, sizeof hello);
        }
        if (writes) {
            must(nng_send(*socket, &hello, sizeof hello, 0), "nng_send");
        }
    }
    return end;
}

static void put(void *to, const void *data, size_t size) {
    struct end *end = to;
    must(nng_send(end->sockets[end->next], (void *)(uintptr_t)data, size, 0), "nng_send");
    end->next = end->next + 1 < end->count ? end->next + 1 : 0;
}

static void close_end(void *closed) {
    struct end *end = closed;
    for (int i = 0; i < end->count; i++) {
        nng_close(end->sockets[i]);
    }
    free(end);
}

extern const struct bench_channel bench_nng_channel;
const struct bench_channel bench_nng_channel = {
    make, unmake, open_end, put, get, close_end, 25000,
};
