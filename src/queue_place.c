/* Queues: items that are written, and read, where they lie. */
#include "deadline.h"
#include "queue_core.h"

static struct ring *ring_of(spork_queue *queue) {
    return &queue_body_of(queue)->ring;
}

static struct ring_loan loan_of(const spork_queue_item *item) {
    return (struct ring_loan){arena_offset(item->data), item->ticket};
}

static void fill_in(spork_queue_item *item, const struct ring_loan *loan, size_t size) {
    *item = (spork_queue_item){
        .data = arena_at(loan->block), .size = size, .room = size, .ticket = loan->ticket};
}

/* An item that is to be filled in. */
static int check_free(const spork_queue_item *item) {
    if (item == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the item (NULL)");
    }
    if (item->data != NULL) {
        return error_set(SPORK_EINVAL, "the item is in use: commit or release it first");
    }
    return 0;
}

/* An item that was filled in here, and which this process still has. */
static int check_held(spork_queue *queue, const spork_queue_item *item) {
    size_t room;
    if (item == NULL || item->data == NULL) {
        return error_set(SPORK_EINVAL, "%s", item == NULL ? "there is no item (NULL)"
                                                          : "the item holds nothing");
    }
    const struct ring_loan loan = loan_of(item);
    if (!ring_has_loan(ring_of(queue), &loan, &room)) {
        return error_set(SPORK_EINVAL,
                         "the item is none that this process has reserved in, or borrowed "
                         "from, this queue");
    }
    if (item->size > item->room || item->room > room) {
        return error_set(SPORK_EINVAL, "the item has a size of %zu bytes, and room for %zu",
                         item->size, item->room < room ? item->room : room);
    }
    return 0;
}

int spork_queue_reserve(spork_queue *queue, size_t size, spork_queue_item *item) {
    struct ring_loan loan;
    int error = check_free(item);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = ring_lend(self, ring_of(queue), size, &loan);
    if (error == 0) {
        fill_in(item, &loan, size);
    }
    return error;
}

int spork_queue_commit(spork_queue *queue, spork_queue_item *item, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = check_held(queue, item);
    if (error != 0) {
        return error;
    }
    const struct ring_loan loan = loan_of(item);
    struct ring_message message = ring_message_of_loan(&loan, item->size);
    error = queue_put_message(self, queue, &message, deadline);
    if (error == 0) {
        *item = (spork_queue_item){0};
    }
    return error;
}

int spork_queue_borrow(spork_queue *queue, spork_queue_item *item, int64_t timeout_ms) {
    struct ring_taken taken;
    struct ring_loan loan;
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    error = error == 0 ? check_free(item) : error;
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = queue_take_message(self, queue, &taken, deadline);
    if (error != 0) {
        return error;
    }
    error = (taken.flags & MESSAGE_RAW) == 0
                ? error_set(SPORK_ETYPE, "the next item is a value, not bytes")
                : carrier_of(queue_body_of(queue))->own(self, queue, &taken, &loan);
    if (error != 0) {
        carrier_of(queue_body_of(queue))->give_back(self, queue, &taken);
        return error;
    }
    queue_got_message(self, queue, &taken);
    fill_in(item, &loan, taken.size);
    return 0;
}

int spork_queue_release(spork_queue *queue, spork_queue_item *item) {
    int error;
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    if (item != NULL && item->data == NULL) {
        return 0;
    }
    error = check_held(queue, item);
    if (error != 0) {
        return error;
    }
    const struct ring_loan loan = loan_of(item);
    ring_give_loan(self, ring_of(queue), &loan);
    *item = (spork_queue_item){0};
    return 0;
}
