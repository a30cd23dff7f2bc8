/* The ring (src/ring.c, src/ring_segment.c; ring.h tells how it works): one segment with a bound,
   step by step as its functions load, store and compare-and-swap, with a death between any two
   steps and the burial after it. Memory is sequentially consistent here; sleep.pml is about
   store buffers. Beside each step stands the function that it is in.

   A message is what is delivered by the store that ends its TAKE (ring_finish). Properties:
   each committed message is delivered exactly once; what is delivered was committed, is what
   was committed at that position, and its block is given back once and not before; where no
   message was put back, a reader gets those of one writer in their order; and in the end the
   ring, emptied, takes as many messages as it has slots. Who finds nothing to do waits for the
   slot that was in the way to change, so a slot that never does is a deadlock.

   What a run can choose by -D:
     CAP, WRITERS, READERS, PUTS, TAKES   slots; how many of each, and what each of them does
     VICTIM        which of them may die, at any step
     BURIER_DIES   its burier may die as well, once, at any step
     RETURNS       a reader may give one message back
     BLOCKS        messages lie in blocks of their own: FREEING, and the family's lock to finish
                   (without it: in the slot, or in a block that the slot keeps, which is one)
   and faults, each of which has to make a property fail:
     HINT_IS_TRUTH        a reader takes what is at the hint without looking at the word
     REDO_BY_LOOKS        what is put back is looked for below what is seen to be taken
     COMMIT_BEFORE_FILL, STORE_FOR_CAS, NO_REDO, REDO_AFTER, REDO_BY_HINT_ALONE,
     NO_LOCK_TO_RETURN, CLAIM_STAYS, HOLE_KEEPS_BLOCK, FREEING_STAYS, NO_STAMP,
     FREES_BEFORE_GIVING */

#ifndef CAP
#define CAP 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2
#endif
#ifndef PUTS
#define PUTS 2
#endif
#ifndef TAKES
#define TAKES 2
#endif
#ifdef VICTIM
#define IS_MORTAL(t) ((t) == VICTIM)
#else
#define IS_MORTAL(t) false
#endif
#define MESSAGES (WRITERS * PUTS)
/* Threads: 1.. writers, then readers. */
#define THREADS (WRITERS + READERS)
#define NOBODY 0
#define BURIER (THREADS + 1)
#define GHOST (THREADS + 2)    /* a burier that died */
#define LAST (THREADS + 3)     /* a reader that comes when all is over */

/* enum slot_state; slot_word and its parts. */
#define FREE 0
#define CLAIM 1
#define FULL 2
#define TAKE 3
#define FREEING 4
#define WORD(position, thread, state) ((position) << 6 | (thread) << 3 | (state))
#define POSITION(word) ((word) >> 6)
#define THREAD(word) ((word) >> 3 & 7)
#define STATE(word) ((word) & 7)
#define INDEX(position) ((position) % CAP)

short word[CAP];
byte data[CAP];  /* what fill_slot writes: the number of the message, from 1 */
byte put_hint, take_hint;
byte redo;      /* ring->redo */
byte lock;       /* arena->lock */
/* The journal, as far as it is to be seen without the lock: mourn_slot's transaction. */
bool noted;
byte noted_slot;
short noted_word;

bool dead[THREADS + 4], buried[THREADS + 4], over[THREADS + 4];
byte victim;
byte writers_over;

/* Ghosts. */
byte at[CAP];    /* what was committed into a slot */
byte committed[MESSAGES + 1], delivered[MESSAGES + 1];
bool given[MESSAGES + 1];
bool put_back;

/* arena_commit, and arena_recover once more: what has been noted is stored. */
inline store_again() {
    word[noted_slot] = noted_word;
#ifndef HOLE_KEEPS_BLOCK
    data[noted_slot] = 0;
#endif
    noted = false;
    noted_word = 0;
    noted_slot = 0
}

/* family_lock; take_from_dead, with arena_recover. */
inline take_lock() {
    if
    :: d_step { lock == NOBODY -> lock = me }
    :: d_step {
           lock != NOBODY && lock != me && dead[lock] ->
           lock = me;
           if
           :: noted -> store_again()
           :: else
           fi
       }
    fi
}

inline give_lock() {
    lock = NOBODY
}

/* A death. A load changes nothing for others, so to die behind it is to die before it: it is
   enough to die behind each step that others see. */
#ifdef VICTIM
#define MAY_DIE \
    if \
    :: mortal -> goto died \
    :: true \
    fi
#else
#define MAY_DIE skip
#endif

/* Inside of a d_step: the walk of put_into and take_next. */
inline walk(next) {
    if
    :: (next) > position -> position = (next)
    :: else -> position++
    fi
}

inline move_hint(hint) {
    MAY_DIE;
    seen = hint;
    if
    :: seen <= position -> hint = position + 1
    :: else
    fi;
    seen = 0
}

#define LOOK 0    /* at the word of a position */
#define SWAP 1    /* it is what is wanted */
#define BLOCKED 2 /* it is in the way */

inline die() {
    dead[me] = true;
    victim = me;
    found = 0;
    position = 0;
    act = LOOK
}

/* ---- put ---- */

/* Inside of a d_step: put_into, once the word is loaded. */
inline judge_put() {
    if
    :: found == WORD(position, 0, FREE) -> act = SWAP
    :: else ->
        if
        :: POSITION(found) < position -> act = BLOCKED
        :: else ->
            if
            :: STATE(found) == FREE -> walk(POSITION(found) - CAP + 1)
            :: else -> walk(POSITION(found) + 1)
            fi
        fi
    fi
}

/* put_into's commit: store-release of FULL. */
inline commit() {
    d_step {
        word[INDEX(position)] = WORD(position, 0, FULL);
        at[INDEX(position)] = message;
        committed[message] = true
    }
}

proctype writer(byte me) {
    byte message, seen;
    short found, position;
    byte act;
    bool mortal = IS_MORTAL(me);
    message = (me - 1) * PUTS + 1;
    do
    :: message > me * PUTS -> break
    :: message <= me * PUTS ->
again:
        position = put_hint; /* put_into */
        act = LOOK;
look:
        do
        :: act == LOOK ->
            d_step { found = word[INDEX(position)]; judge_put() } /* put_into: the word */
        :: act != LOOK -> break
        od;
        if
        :: act == BLOCKED ->
            word[INDEX(position)] != found; /* asleep at ring->writers */
            goto again
        :: act == SWAP
        fi;
        act = LOOK;
        if /* put_into: the compare-and-swap */
#ifdef STORE_FOR_CAS
        :: true -> word[INDEX(position)] = WORD(position, me, CLAIM)
#else
        :: d_step {
               word[INDEX(position)] == found ->
               word[INDEX(position)] = WORD(position, me, CLAIM)
           }
        :: word[INDEX(position)] != found -> goto look
#endif
        fi;
        move_hint(put_hint);
        MAY_DIE;
#ifdef COMMIT_BEFORE_FILL
        commit();
        MAY_DIE;
        data[INDEX(position)] = message;
#else
        data[INDEX(position)] = message; /* fill_slot */
        MAY_DIE;
        commit();
#endif
        atomic { message++; position = 0; found = 0 };
        MAY_DIE
    od;
    message = 0;
    over[me] = true;
    goto done;
died:
    skip;
    d_step { die() }
done:
    skip
}

/* ---- take ---- */

/* Inside of a d_step: take_next, once the word is loaded. */
inline judge_take() {
    if
    :: found == WORD(position, 0, FULL) -> act = SWAP
    :: else ->
        if
        :: POSITION(found) < position ||
           (POSITION(found) == position && (STATE(found) == FREE || STATE(found) == CLAIM)) ->
            act = BLOCKED
        :: else ->
            if
            :: STATE(found) == FREE -> walk(POSITION(found) - 2 * CAP + 1)
            :: else -> walk(POSITION(found) - CAP + 1)
            fi
        fi
    fi
}

/* take_again: step by step, under the lock. taken: whether it took position. */
inline take_again() {
    take_lock();
    MAY_DIE;
    do
    :: redo != 0 && !taken ->
#ifdef REDO_BY_LOOKS
        /* All below the highest position that is seen to be taken: what is in flight is not. */
        best = take_hint;
        do
        :: d_step {
               i < CAP ->
               found = word[i];
               if
               :: (STATE(found) == TAKE || STATE(found) == FREEING) && POSITION(found) > best ->
                   best = POSITION(found)
               :: STATE(found) == FREE && POSITION(found) >= CAP &&
                  POSITION(found) - CAP > best ->
                   best = POSITION(found) - CAP
               :: else
               fi;
               i++
           }
        :: i == CAP -> break
        od;
#elif defined(REDO_BY_HINT_ALONE)
        best = take_hint;
#else
        best = redo;
#endif
        atomic { i = 0; act = BLOCKED; found = 0 };
        do /* take_again: the lowest that is FULL below */
        :: d_step {
               i < CAP ->
               found = word[i];
               if
               :: STATE(found) == FULL && POSITION(found) < best ->
                   best = POSITION(found);
                   act = SWAP
               :: else
               fi;
               i++
           }
        :: i == CAP -> break
        od;
        atomic { i = 0; found = 0 };
        if
        :: act == BLOCKED -> redo = 0; break
        :: act == SWAP ->
            act = LOOK;
            if
            :: d_step {
                   word[INDEX(best)] == WORD(best, 0, FULL) ->
                   word[INDEX(best)] = WORD(best, me, TAKE);
                   position = best;
                   taken = true
               }
            :: word[INDEX(best)] != WORD(best, 0, FULL)
            fi
        fi
    :: redo == 0 || taken -> break
    od;
    atomic { act = LOOK; best = 0 };
    MAY_DIE;
    give_lock();
    MAY_DIE
}

/* Inside of a d_step: the message in hand is delivered. */
inline deliver() {
    assert(got != 0 && committed[got] && got == at[INDEX(position)]);
    delivered[got]++;
    assert(delivered[got] == 1);
    if
    :: !put_back ->
        assert(last[(got - 1) / PUTS] < got);
        last[(got - 1) / PUTS] = got
    :: else
    fi
}

/* ring_free_block, whose give is a transaction of the journal. */
inline free_block(index, block, next) {
#ifdef FREES_BEFORE_GIVING
    word[index] = next;
#endif
    MAY_DIE;
    d_step {
        if
#ifdef NO_STAMP
        :: block != 0 ->
#else
        :: block != 0 && !given[block] -> /* by its stamp */
#endif
            assert(!given[block] && delivered[block] == 1);
            given[block] = true
        :: else
        fi
    }
    MAY_DIE;
#ifndef FREES_BEFORE_GIVING
    word[index] = next;
    MAY_DIE
#endif
}

inline finish() {
    MAY_DIE;
#ifdef BLOCKS
    d_step { deliver(); word[INDEX(position)] = WORD(position, me, FREEING) }
    MAY_DIE;
    take_lock();
    free_block(INDEX(position), data[INDEX(position)], WORD(position + CAP, 0, FREE));
    give_lock();
#else
    d_step { deliver(); word[INDEX(position)] = WORD(position + CAP, 0, FREE) }
#endif
    MAY_DIE
}

/* note_redo (ring_slot.h): under the lock. */
inline note_redo() {
    d_step {
        if
        :: redo <= position -> redo = position + 1
        :: else
        fi
    }
}

/* ring_return. */
inline return_it() {
#ifndef NO_LOCK_TO_RETURN
    take_lock();
#endif
    MAY_DIE;
#ifndef NO_REDO
    note_redo();
#endif
    MAY_DIE;
    d_step { word[INDEX(position)] = WORD(position, 0, FULL); put_back = true }
    MAY_DIE;
#ifndef NO_LOCK_TO_RETURN
    give_lock();
#endif
    MAY_DIE
}

#define WRITERS_ARE_OVER (writers_over == WRITERS)

proctype reader(byte me; byte takes) {
    byte n, got, i, seen, act;
    short found, position, best;
    bool taken, returned;
    byte last[WRITERS];
    bool mortal = IS_MORTAL(me);
    do
    :: n == takes -> break
    :: n < takes ->
again:
        if /* ring_try_take */
        :: redo != 0 -> take_again()
        :: redo == 0
        fi;
        if
        :: taken -> goto in_hand
        :: !taken
        fi;
        position = take_hint; /* take_next */
look:
        do
        :: act == LOOK ->
#ifdef HINT_IS_TRUTH
            d_step { found = word[INDEX(position)]; act = SWAP }
#else
            d_step { found = word[INDEX(position)]; judge_take() } /* take_next: the word */
#endif
        :: act != LOOK -> break
        od;
        if
        :: act == BLOCKED ->
            act = LOOK;
            if /* asleep at ring->readers; or no more is to come */
            :: word[INDEX(position)] != found || redo != 0 -> goto again
            :: WRITERS_ARE_OVER && word[INDEX(position)] == found && redo == 0 -> break
            fi
        :: act == SWAP
        fi;
        act = LOOK;
        if /* take_next: the compare-and-swap */
        :: d_step {
               word[INDEX(position)] == found ->
               word[INDEX(position)] = WORD(position, me, TAKE)
           }
        :: word[INDEX(position)] != found -> goto look
        fi;
        move_hint(take_hint);
in_hand:
        got = data[INDEX(position)]; /* describe, and the caller's reading */
        if
#ifdef RETURNS
        :: !returned -> return_it(); returned = true
#endif
        :: true -> finish(); n++
        fi;
        atomic { taken = false; got = 0; position = 0; found = 0 }
    od;
    n = 0;
    d_step { over[me] = true; position = 0; found = 0; returned = false };
    goto done;
died:
    skip;
    d_step { die(); n = 0; got = 0; i = 0; seen = 0; best = 0; taken = false }
done:
    skip
}

active proctype counter() {
    byte t = 1;
    do
    :: t > WRITERS -> break
    :: d_step { t <= WRITERS && (over[t] || buried[t]) -> t++; writers_over++ }
    od
}

/* ---- a death ---- */

#ifdef VICTIM
/* ring_mourn and mourn_slot. */
active proctype burier() {
    byte me = BURIER;
    byte i;
    short found, position;
#ifdef BURIER_DIES
    bool mortal = true;
#else
    bool mortal = false;
#endif
end_waiting:
    victim != 0;
again:
    skip;
    take_lock();
    MAY_DIE;
    do
    :: i == CAP -> break
    :: i < CAP ->
        d_step { found = word[i]; position = POSITION(found) }
        if
#ifndef CLAIM_STAYS
        :: THREAD(found) == victim && STATE(found) == CLAIM ->
            d_step { noted = true; noted_slot = i; noted_word = WORD(position, victim, FREEING) }
            MAY_DIE;
            d_step { store_again() }
            MAY_DIE;
            free_block(i, data[i], WORD(position + CAP, 0, FREE))
#endif
        :: THREAD(found) == victim && STATE(found) == TAKE ->
#ifdef REDO_AFTER
            d_step { word[i] = WORD(position, 0, FULL); put_back = true }
            MAY_DIE;
            note_redo()
#else
#ifndef NO_REDO
            note_redo();
#endif
            MAY_DIE;
            d_step { word[i] = WORD(position, 0, FULL); put_back = true }
#endif
#ifndef FREEING_STAYS
        :: THREAD(found) == victim && STATE(found) == FREEING ->
            free_block(i, data[i], WORD(position + CAP, 0, FREE))
#endif
        :: else
        fi;
        MAY_DIE;
        i++
    od;
    give_lock();
    MAY_DIE;
    buried[victim] = true;
    goto done;
died: /* another starts over */
    atomic {
        mortal = false; i = 0; found = 0; position = 0;
        if
        :: lock == me -> lock = GHOST
        :: else
        fi
    };
    goto again;
done:
    skip
}
#endif

/* ---- all of it ---- */

init {
    byte t;
    short found, position;
    byte act;
    d_step {
        for (t : 0 .. CAP - 1) {
            word[t] = WORD(t, 0, FREE)
        }
        dead[GHOST] = true
    }
    atomic {
        for (t : 1 .. WRITERS) {
            run writer(t)
        }
        for (t : WRITERS + 1 .. THREADS) {
            run reader(t, TAKES)
        }
        t = 1
    }
    do
    :: d_step { t <= THREADS && (over[t] || buried[t]) -> t++ }
    :: t > THREADS -> break
    od;
    atomic { writers_over == WRITERS -> run reader(LAST, MESSAGES + 1) }
    over[LAST];
    d_step {
        assert(lock == NOBODY);
        for (t : 1 .. MESSAGES) {
            assert(delivered[t] == committed[t]);
#ifdef BLOCKS
            assert(given[t] == committed[t])
#endif
        }
        /* No slot was lost. */
        for (t : 1 .. CAP) {
            position = put_hint;
            act = LOOK;
            do
            :: act == LOOK -> found = word[INDEX(position)]; judge_put()
            :: else -> break
            od;
            assert(act == SWAP);
            word[INDEX(position)] = WORD(position, 0, FULL);
            put_hint = position + 1
        }
    }
}
