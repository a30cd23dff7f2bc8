/* Rank 4: the arena, the one mapping that all processes of a family share.

   It holds the tables of threads, processes and handles, and a heap. Addresses differ from
   process to process, so what is stored in it are offsets; 0 is none.

   Everything that is not lock-free is changed under the family's lock (family.h) through the
   journal: arena_set notes a word and its new value, arena_commit makes them all true. The
   journal lies in the arena: its count is the commit point. If the writer dies before the
   count is stored, nothing has happened; if it dies after, whoever takes the lock next calls
   arena_recover, which stores the same values again. So no reader under the lock ever sees
   half a change, and no structure needs a recovery of its own. */
#ifndef SRC_ARENA_H
#define SRC_ARENA_H

#include "platform.h"

enum {
    ARENA_THREADS = 8192,     /* threads that use the family at one time */
    ARENA_PROCESSES = 4096,   /* processes of a family at one time */
    ARENA_HANDLES = 1 << 20,  /* objects of a family at one time */
    ARENA_CLASSES = 160,      /* sizes of heap blocks */
    ARENA_JOURNAL = 320,      /* words of one transaction */
    ARENA_NAME = 64
};

typedef _Atomic uint64_t arena_word;

/* Who waits at one place of an object. tickets rises with each arrival and is even when
   surely nobody waits; see sleep.c. */
struct waiters {
    _Atomic uint64_t tickets;
};

/* A reference that names one incarnation of a slot: generation << 16 | index + 1. */
typedef uint64_t slot_reference;
enum { SLOT_INDEX_BITS = 16 };
static inline uint32_t slot_index(slot_reference reference) {
    return (uint32_t)(reference & 0xFFFFu) - 1;
}
static inline slot_reference slot_reference_of(uint32_t index, uint64_t generation) {
    return generation << SLOT_INDEX_BITS | (index + 1);
}

/* A thread that sleeps or works in the family. Owned by its thread, but for process, which
   the one who buries its process clears last; generation rises when it is let go, so that
   its old reference is known to be dead. */
struct thread_slot {
    /* Two lines of a cache, which are fetched together: threads do not share them. */
    _Alignas(128) struct plat_bell bell;
    arena_word process;         /* slot_reference of its process; 0: free; or STRANGER */
    _Atomic uint64_t generation;
    _Atomic uint64_t watching;  /* offset of the waiters it sleeps at; 0: none */
    _Atomic uint64_t many[8];   /* a filter of those it sleeps at, if there are many; sleep.c */
    _Atomic uint64_t busy;      /* handle whose shared state it may leave half changed */
    _Atomic uint64_t waits;     /* handle at which others count on it as a waiter */
    _Atomic uint64_t token;     /* what they know of its wait; see condition.c, barrier.c */
    _Atomic uint64_t counting;  /* hold.got as it will be with the item it is about to take */
    _Atomic uint64_t stamp;     /* of a stranger */
};
/* In place of its slot's reference, with the process's id: it has no slot yet. */
#define STRANGER ((uint64_t)1 << 63)

enum process_state {
    PROCESS_FREE,
    PROCESS_RESERVED, /* taken by its parent, not running yet */
    PROCESS_STARTED,  /* runs; has not said hello */
    PROCESS_RUNNING,  /* said hello */
    PROCESS_REFUSED,  /* said why it cannot run; ends by itself */
    PROCESS_ENDED     /* dead, exit_code stands if exit_known */
};
enum process_flag {
    PROCESS_DAEMON = 1,
    PROCESS_DETACHED = 2,
    PROCESS_THREAD = 4,  /* a thread of its parent, which has the same pid */
    PROCESS_HELPER = 8,  /* a forkserver */
    PROCESS_FORKED = 16, /* made by the host's own fork: nobody joins it */
    PROCESS_LEFT = 32    /* came to its exit handlers: was not killed */
};
struct process_slot {
    arena_word state;
    _Atomic uint64_t generation;
    arena_word parent;        /* slot_reference; 0: the root, or forgotten by its parent */
    arena_word pid, stamp;    /* plat_identity */
    arena_word buried;        /* 1: what it held has been let go */
    arena_word burier;        /* thread that is at it; 0: none */
    arena_word exit_code, exit_known;
    arena_word holds;         /* first hold record, by process; see handle.c */
    arena_word blocks;        /* first heap block that is private to it */
    arena_word launch;        /* heap block of its launch message */
    arena_word nonce;         /* told to the child; a stale mark does not have it */
    arena_word refusal;       /* SPORK_E..., when PROCESS_REFUSED */
    arena_word hello;         /* 1: it has been RUNNING */
    arena_word flags, depth, method;
    arena_word children;      /* how many it has named */
    arena_word own_code;      /* exit code as the process itself wrote it, plus 2^32 */
    struct waiters changed;   /* who waits for its end, or for a forkserver's answer */
    struct waiters greeting;  /* who waits for its hello, or for why it does not say it */
    /* The forkserver's mailbox, in the slot of the helper: a request is the reference of the
       slot to be filled, an answer the pid or a negative error. */
    arena_word request, answer;
    struct waiters request_waiters;
    char name[ARENA_NAME];
    char identity[ARENA_NAME]; /* "1:2": its number among its parent's children, and so on */
    char words[512];           /* why it refused */
};

struct handle_slot {
    arena_word generation;
    arena_word kind;   /* spork_handle_kind; 0: free */
    arena_word body;   /* heap block; next free slot + 1 when free */
    arena_word holders; /* hold records; above them HOLDERS_CHANGE for each change of them */
    arena_word first;  /* first hold record, by handle */
    arena_word dying;  /* 1: the holder of the last record is taking it apart */
    arena_word maker;  /* process */
    arena_word travelled; /* 1: a process beside the maker has held it */
};

#define HOLDERS_COUNT ((uint64_t)0xFFFFFFFF)
#define HOLDERS_CHANGE (HOLDERS_COUNT + 1)

/* In front of each heap block's contents. All words are journalled. */
enum block_state { BLOCK_FREE, BLOCK_PLAIN, BLOCK_MESSAGE, BLOCK_HOLD, BLOCK_USER };
struct block {
    arena_word size;   /* of all of it */
    arena_word state;
    arena_word stamp;  /* never the same twice; 0 when free */
    arena_word owner;  /* process that it is private to; 0: some object's */
    arena_word next, previous; /* in the owner's list; next also in the free list */
    /* A message, or a hold record in transit: offset of the slot word that shall own it, and
       the word's position there. A user's block: what it is known by; see allocator.c. */
    arena_word home, position;
};
enum { BLOCK_HEADER = sizeof(struct block) };
enum { BLOCK_RECEIVED = 1 }; /* in home: its owner is not who sent it, but who received it */

struct arena {
    uint64_t magic, version, size;
    char key[40];
    /* enum sleep_fences. Read in each wake: on a line of the cache where nothing else changes. */
    _Alignas(64) _Atomic uint64_t fences;
    /* The family's lock: a thread's slot_reference, and who waits for it. */
    _Alignas(64) arena_word lock;
    struct waiters lock_waiters;
    arena_word journal_count;
    struct {
        uint64_t offset, value;
    } journal[ARENA_JOURNAL];
    /* The heap, and how far each table has been committed and used. */
    arena_word top, committed, stamp;
    arena_word free_blocks[ARENA_CLASSES];
    arena_word live_bytes;
    arena_word handles_used, handles_free, handles_live;
    arena_word processes_used;
    arena_word threads_used; /* not journalled: raised by compare and swap */
    arena_word threads_committed;
    _Atomic uint64_t waits_begun; /* see sleep_number */
    _Alignas(64) _Atomic uint64_t asleep[ARENA_THREADS / 64];
    _Alignas(64) _Atomic uint64_t asleep_many[ARENA_THREADS / 64];
    _Alignas(4096) struct thread_slot threads[ARENA_THREADS];
    _Alignas(4096) struct process_slot processes[ARENA_PROCESSES];
    _Alignas(4096) struct handle_slot handles[ARENA_HANDLES];
};

/* The mapping; NULL before arena_create or arena_attach. */
extern struct arena *arena;

int arena_create(void);
int arena_attach(const char *name);
/* For launches. */
const struct plat_memory *arena_memory(void);

static inline void *arena_at(uint64_t offset) {
    return (unsigned char *)arena + offset;
}
static inline uint64_t arena_offset(const volatile void *address) {
    return (uint64_t)((const volatile unsigned char *)address - (unsigned char *)arena);
}
/* Whether an offset from elsewhere lies in the part of the heap that is in use. */
bool arena_valid_block(uint64_t offset);

/* ---- transactions; all below needs the family's lock ---- */

/* The word as this transaction sees it. */
uint64_t arena_get(arena_word *word);
void arena_set(arena_word *word, uint64_t value);
/* Makes all that was set true at once. */
void arena_commit(void);
/* Forgets what was set since the last commit. */
void arena_abandon(void);
/* Finishes, or forgets, a transaction whose writer died. */
void arena_recover(void);
/* Makes a table's entries up to used touchable. */
int arena_commit_range(const volatile void *from, size_t size);

/* A block with room for size bytes, its header's words set (owner 0); *offset is of its
   contents, 64-byte aligned, not cleared. Part of the present transaction.
   Errors: SPORK_ENOSPACE. */
int arena_take(uint64_t size, enum block_state state, uint64_t *offset);
/* Gives it back, out of its owner's list as well. Part of the present transaction. */
void arena_give(uint64_t offset);
/* Links a block of this transaction, or any, into a process's private list, or out of it. */
void arena_own(uint64_t offset, slot_reference owner);
void arena_disown(uint64_t offset);
struct block *arena_block(uint64_t offset);

#endif
