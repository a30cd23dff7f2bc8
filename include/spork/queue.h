/* Queues: first in, first out, for any number of writing and reading processes and threads.

   A queue is a handle: it travels as an argument, and through queues and pipes. A put that
   returned is committed: it survives the death of who put it. An item is taken when get
   returns; a reader killed inside a get gives the item back (it is then delivered once to
   another, perhaps after later ones). Items of one writer come out in the order of its puts.

   An item is a spork_value or bytes; bytes are the fast way (nothing is encoded), and a
   value of kind bytes is the same item as its bytes. */
#ifndef SPORK_QUEUE_H
#define SPORK_QUEUE_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/value.h"

typedef enum spork_queue_backing {
    SPORK_QUEUE_DEFAULT, /* the ring on POSIX, the mailslot on Windows */
    SPORK_QUEUE_RING,    /* a ring in shared memory; everywhere */
    SPORK_QUEUE_MAILSLOT /* a mailslot; Windows */
} spork_queue_backing;

typedef struct spork_queue_options {
    int64_t maxsize; /* items that it holds; 0 and less: no bound but memory */
    spork_queue_backing backing;
    /* Items up to this size are stored in the ring itself; 0: 112 bytes. For larger ones, up to
       16 KiB and 4 MiB in all, the ring keeps memory as it has come to need it, until it is
       gone. */
    size_t item_size;
} spork_queue_options;

/* An item's bytes where they lie: shared memory that this process has for itself, to write what
   it will put, or to read what it has got. */
typedef struct spork_queue_item {
    void *data;  /* on a border of 64 bytes; NULL: it holds nothing */
    size_t size; /* of a borrowed item; of a reserved one, how much of it will be put */
    size_t room; /* how much there is */
    uint64_t ticket; /* spork's */
} spork_queue_item;

SPORK_BEGIN

/* Errors: SPORK_EINVAL, SPORK_ENOTSUP (the backing), SPORK_ENOGUARD (before spork_init),
   SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT (threads, processes or objects of the family),
   SPORK_ESYSTEM. A bounded queue on the ring takes the memory of maxsize slots at once; others
   grow. */
SPORK_API int spork_queue_new(spork_queue **queue, const spork_queue_options *options);

/* Lets go of the queue. It is gone, with what is in it, when no process holds it. NULL is
   fine. Not for a handle that was borrowed from a task's argument or from a value. A handle
   in an item counts as holding: a queue that lies in itself stays as long as the family. */
SPORK_API void spork_queue_free(spork_queue *queue);

/* Puts a value (it is encoded; the caller keeps it) or size bytes (data may be NULL when
   size is 0), waiting for room until the time-out.
   Errors: SPORK_EFULL (no room until the time-out), SPORK_ECLOSED, SPORK_ENOSPACE (no shared
   memory for an item this large), SPORK_ENOMEM, SPORK_EINVAL, SPORK_ESTALE, and what
   encoding said. Nothing was put then. */
SPORK_API int spork_queue_put(spork_queue *queue, spork_value item, int64_t timeout_ms);
SPORK_API int spork_queue_put_bytes(spork_queue *queue, const void *data, size_t size,
                                    int64_t timeout_ms);
/* With a time-out of 0. */
SPORK_API int spork_queue_put_nowait(spork_queue *queue, spork_value item);

/* Takes the next item; *item is to be freed with spork_value_free.
   Errors: SPORK_EEMPTY (nothing came until the time-out), SPORK_ECLOSED (closed, and nothing
   is left), SPORK_EMALFORMED (the item cannot be decoded; it was taken off the queue),
   SPORK_ENOMEM (the item is kept), SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_queue_get(spork_queue *queue, spork_value *item, int64_t timeout_ms);
/* With a time-out of 0. */
SPORK_API int spork_queue_get_nowait(spork_queue *queue, spork_value *item);

/* Takes the next item's bytes into buffer and writes their number to *size.
   Errors: as above, and SPORK_ETOOSHORT (*size is what is needed; the item is kept),
   SPORK_ETYPE (the item is a value other than bytes; it is kept). */
SPORK_API int spork_queue_get_bytes(spork_queue *queue, void *buffer, size_t capacity,
                                    size_t *size, int64_t timeout_ms);

/* ---- items in place: put and got without a copy, at the same price for every size ----

   reserve, fill in, commit; borrow, read, release. A reserved item has no place in the queue
   before its commit, and a borrowed one has none any more, so neither is in anybody's way, for
   as long as they are held. They are bytes as those of put_bytes and get_bytes, which may meet
   them at the other end. The memory goes from hand to hand with the item; the ring keeps up to
   64 MiB of it for the next ones, until it is gone. An item that was put by other means is
   copied once by borrow if it lies in the ring (see item_size).

   What is held belongs to the process: any of its threads may use it, one at a time; no other
   process, nor a forked copy, may. It ends with spork_queue_free, and with the process: a
   borrowed item is gone then, as one that was got. */

/* Memory for an item of size bytes, not cleared; *item must not hold anything yet.
   Errors: SPORK_ENOSPACE, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_queue_reserve(spork_queue *queue, size_t size, spork_queue_item *item);
/* Puts the first item->size bytes of what was reserved (or borrowed: it goes to the end of this
   queue again), waiting for room until the time-out. *item holds nothing then.
   Errors: SPORK_EFULL, SPORK_ECLOSED, SPORK_ENOSPACE (a queue that cannot grow), SPORK_EINVAL
   (nothing that this process holds, or a size above item->room), SPORK_ESTALE. The item is still
   held then. */
SPORK_API int spork_queue_commit(spork_queue *queue, spork_queue_item *item, int64_t timeout_ms);
/* Takes the next item and lets its bytes be read, or changed, where they are.
   Errors: SPORK_EEMPTY, SPORK_ECLOSED, SPORK_ETYPE (a value other than bytes), SPORK_ENOSPACE,
   SPORK_EINVAL, SPORK_ESTALE. The item is kept in the queue then. */
SPORK_API int spork_queue_borrow(spork_queue *queue, spork_queue_item *item, int64_t timeout_ms);
/* Gives back what was borrowed, or what was reserved and shall not be put. *item holds nothing
   then. One that holds nothing is fine. Errors: SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_queue_release(spork_queue *queue, spork_queue_item *item);

/* Items in it; exact while nobody is inside a put or a get. 0 for NULL. */
SPORK_API int64_t spork_queue_size(spork_queue *queue);
SPORK_API bool spork_queue_empty(spork_queue *queue);
/* Never full when it has no bound. */
SPORK_API bool spork_queue_full(spork_queue *queue);
/* As asked at its making; 0: no bound. */
SPORK_API int64_t spork_queue_maxsize(spork_queue *queue);

/* Closes it for all: puts are SPORK_ECLOSED from now on, gets deliver what is left and are
   SPORK_ECLOSED then. Closing twice is fine. Errors: SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_queue_close(spork_queue *queue);

/* Says that an item which was got has been dealt with. Errors: SPORK_EOVERRELEASE (more often
   than items were put), SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_queue_task_done(spork_queue *queue);

/* Waits until task_done was called once for every item put.
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, SPORK_EPEERDIED (items are left that were got
   by a process which died before its task_done: they will never be done), SPORK_EINVAL,
   SPORK_ESTALE. */
SPORK_API int spork_queue_join(spork_queue *queue, int64_t timeout_ms);

SPORK_END

#endif
