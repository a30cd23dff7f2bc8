/* How threads sleep and wake each other (src/sleep.c; family_block in src/family.c), with the
   store buffers of x86 made visible: a plain store goes into a buffer of its thread's and
   reaches memory later; a load looks into its own buffer first; what is atomic read-modify-
   write, and a fence, wait until the own buffer is empty; a barrier empties the buffers of all
   that have joined it, one after the other.

   Each waker offers one token by a plain store, as ring_try_put does by that of FULL, and wakes
   one thread. Each sleeper wants a token or more, by a call each. Beside each step stands the
   function that it is in.

   Property: when nothing moves any more, no living thread sleeps while a token is left. The
   second look of family_block after FAMILY_NET_NS is not modelled: nothing here may need it.

   What a run can choose by -D:
     SLEEPERS, WAKERS   how many (2, 2)
     WANTS              how many tokens each sleeper wants (1)
     FENCES             what arena->fences is at first: WAKER, SLEEPER (default) or BOTH
     LATE_WAKER         the last waker has not joined the barrier; it tells so before it wakes
     LATE_SLEEPER       the same of the last sleeper, before it sleeps
     LATE_IS_AWAITED    after the last sleeper has told, somebody who can makes a barrier
     STRANGE_WAKER, STRANGE_SLEEPER  the same, but it had told before all this began
     LEAVES             sleeper 0 may leave with an error at any look
     GIVES_UP           sleeper 0 may leave because it is late
     DEATHS             sleeper 0 may die, except while it has been rung, has disarmed, and has
                        not gone on to another: that is what FAMILY_NET_NS is for
     BURIER_DIES        its burier may die as well, once, and another starts over
     CALLS_ON_FIRST     the burier calls on before it clears anything
   and faults, each of which has to make the property fail:
     NO_FENCE_IN_WAKE, NO_BARRIER, LOOK_BEFORE_ARMING, EVEN_BLINDLY,
     NO_PASSING_ON, NO_PASSING_ON_WHEN_TAKEN, NO_CALLING_ON, UNTOLD, BARRIER_UNLESS_BOTH,
     DIES_IN_HAND */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif
#ifndef WAKERS
#define WAKERS 2
#endif
#ifndef WANTS
#define WANTS 1
#endif
#define THREADS (SLEEPERS + WAKERS)
#define LAST_SLEEPER (SLEEPERS - 1)
#define LAST_WAKER (THREADS - 1)

/* enum sleep_fences */
#define WAKER 0
#define SLEEPER 1
#define BOTH 2
#ifndef FENCES
#define FENCES SLEEPER
#endif

/* enum plat_bell_state, as far as it matters here */
#define AWAKE 0
#define ARMED 1
#define RUNG 2

/* ---- memory ---- */

#define TOKEN(k) (k)             /* 0: not offered yet, 1: there, 2: taken */
#define WATCHING(s) (WAKERS + (s)) /* 1: these waiters */
#define BELL(s) (WAKERS + SLEEPERS + (s))
byte memory[WAKERS + 2 * SLEEPERS];
/* These are changed by read-modify-write alone, so they need no addresses. */
byte asleep;        /* arena->asleep */
byte tickets;       /* waiters->tickets */
byte fences = FENCES; /* arena->fences */

#define ROOM 2
byte place[THREADS * ROOM];
byte what[THREADS * ROOM];
byte pending[THREADS];
bool joined[THREADS]; /* plat_barrier_join has succeeded */

bool dead[SLEEPERS];
bool in_hand[SLEEPERS]; /* between disarming and having gone on */
bool over[SLEEPERS];

inline store(a, v) {
    d_step {
        place[me * ROOM + pending[me]] = a;
        what[me * ROOM + pending[me]] = v;
        pending[me]++
    }
}

/* Inside of a d_step. */
inline load(a, v) {
    v = memory[a];
    if
    :: pending[me] > 0 && place[me * ROOM] == a -> v = what[me * ROOM]
    :: else
    fi;
    if
    :: pending[me] > 1 && place[me * ROOM + 1] == a -> v = what[me * ROOM + 1]
    :: else
    fi
}

/* Inside of a d_step: the oldest store of a buffer reaches memory. */
inline drain_one(t) {
    memory[place[(t) * ROOM]] = what[(t) * ROOM];
    place[(t) * ROOM] = place[(t) * ROOM + 1];
    what[(t) * ROOM] = what[(t) * ROOM + 1];
    place[(t) * ROOM + 1] = 0;
    what[(t) * ROOM + 1] = 0;
    pending[t]--
}

#define BUFFER_IS_EMPTY (pending[me] == 0)

/* Inside of a d_step: plat_barrier reaches a thread. */
inline reach(t) {
    do
    :: joined[t] && pending[t] > 0 -> drain_one(t)
    :: else -> break
    od
}

/* plat_barrier: the wakers are reached one after the other; of sleepers' stores none is looked
   for behind a barrier, so these come in one step with the first. */
inline barrier() {
    d_step {
        for (other : 0 .. SLEEPERS) {
            reach(other)
        }
    }
    do
    :: d_step { other < THREADS -> reach(other); other++ }
    :: other == THREADS -> other = 0; break
    od
}

active proctype store_buffers() {
    byte t;
end:
    do
    :: d_step { pending[0] > 0 -> drain_one(0) }
    :: d_step { pending[1] > 0 -> drain_one(1) }
#if THREADS > 2
    :: d_step { pending[2] > 0 -> drain_one(2) }
#endif
#if THREADS > 3
    :: d_step { pending[3] > 0 -> drain_one(3) }
#endif
#if THREADS > 4
    :: d_step { pending[4] > 0 -> drain_one(4) }
#endif
    od
}

/* ---- waking ---- */

/* ring_up_to(waiters, 1); rung: 1 if somebody was. */
inline ring_one() {
    d_step { /* ring_up_to: arena->asleep, once a word, and its lowest bit */
        bits = asleep;
        next_bit()
    }
    do
    :: s < SLEEPERS && rung == 0 ->
        d_step { /* ring: the first look at watching */
            load(WATCHING(s), seen);
            if
            :: seen == 0 -> next_bit()
            :: else
            fi
        }
        if
        :: seen != 0 ->
            seen = 0;
            if /* ring_bell: a compare-and-swap, unless it is awake or rung */
            :: d_step {
                   BUFFER_IS_EMPTY && memory[BELL(s)] == ARMED -> memory[BELL(s)] = RUNG
               }
               d_step { load(WATCHING(s), rung); next_bit() } /* ring: the second look */
            :: d_step { memory[BELL(s)] != ARMED -> next_bit() } /* never in our own buffer */
            fi
        :: else
        fi
    :: s == SLEEPERS || rung != 0 -> s = 0; bits = 0; break
    od
}

/* Inside of a d_step: s is the next thread whose bit was set. */
inline next_bit() {
    s = 0;
    do
    :: s < SLEEPERS && (bits >> s & 1) == 0 -> s++
    :: else -> break
    od;
    bits = bits & ~(1 << s)
}

/* sleep_wake(waiters, 1). */
inline wake() {
#ifndef NO_FENCE_IN_WAKE
    if /* arena->fences, relaxed */
    :: fences != SLEEPER -> BUFFER_IS_EMPTY /* sleep_fence */
    :: fences == SLEEPER
    fi;
#endif
    found = tickets;
    if
    :: found % 2 == 1 ->
        ring_one(); /* sleep_wake_armed */
        if
        :: rung == 0 ->
#ifdef EVEN_BLINDLY
            d_step { BUFFER_IS_EMPTY -> tickets = tickets - tickets % 2 }
#else
            d_step { /* sleep_wake_armed: the compare-and-swap of the tickets */
                BUFFER_IS_EMPTY ->
                if
                :: tickets == found -> tickets = found - 1
                :: else
                fi
            }
#endif
        :: else
        fi
    :: else
    fi;
    found = 0;
    rung = 0
}

proctype waker(byte me) {
    byte s, bits, seen, rung, found;
#if defined(LATE_WAKER) && !defined(UNTOLD)
    if
    :: me == LAST_WAKER ->
        d_step { /* join_barrier: the compare-and-swap */
            if
            :: fences == SLEEPER -> fences = BOTH
            :: else
            fi
        }
    :: else
    fi;
#endif
    store(TOKEN(me - SLEEPERS), 1); /* put_into: the commit */
    wake()
}

/* ---- sleeping ---- */

/* One attempt: the first token that is there. result: 1 taken, 0 would block, 2 an error. */
inline attempt() {
    result = 0;
    do
    :: d_step {
           k < WAKERS && seen == 0 && result == 0 ->
           load(TOKEN(k), seen);
           if
           :: seen != 1 -> k++; seen = 0
           :: else
           fi
       }
    :: d_step {
           seen == 1 && BUFFER_IS_EMPTY ->
           if
           :: memory[TOKEN(k)] == 1 -> memory[TOKEN(k)] = 2; result = 1
           :: else -> k++
           fi;
           seen = 0
       }
    :: seen == 0 && (k == WAKERS || result != 0) -> k = 0; break
#ifdef LEAVES
    :: me == 0 && seen == 0 && result == 0 -> result = 2; k = 0; break
#endif
    od
}

inline arm() {
    store(WATCHING(me), 1);    /* show */
    store(BELL(me), ARMED);    /* show */
    d_step { BUFFER_IS_EMPTY -> asleep = asleep | 1 << me } /* show: fetch_or */
    d_step { BUFFER_IS_EMPTY -> tickets = (tickets + 2) | 1 } /* take_ticket */
}

inline fence_armed() {
    BUFFER_IS_EMPTY; /* sleep_fence */
#ifndef NO_BARRIER
    if
#ifdef BARRIER_UNLESS_BOTH
    :: joined[me] && fences == SLEEPER -> barrier()
    :: !(joined[me] && fences == SLEEPER)
#else
    :: joined[me] && fences != WAKER -> barrier()
    :: !(joined[me] && fences != WAKER)
#endif
    fi
#endif
}

proctype sleeper(byte me) {
    byte s, bits, seen, rung, found, k, result, other, got;
    bool was_rung, early;
    {
#if defined(LATE_SLEEPER)
        if
        :: me == LAST_SLEEPER ->
            d_step { /* join_barrier: the compare-and-swap */
                if
                :: fences == SLEEPER -> fences = BOTH
                :: else
                fi
            }
#ifdef LATE_IS_AWAITED
            barrier()
#endif
        :: else
        fi;
#endif
        attempt(); /* family_block: before it arms, as who never sleeps */
        do
        :: result == 1 && got < WANTS - 1 -> got++; attempt()
        :: result > 1 || (result == 1 && got == WANTS - 1) -> break
        :: result == 0 ->
            /* sleep_once */
#ifdef LOOK_BEFORE_ARMING
            attempt();
            arm();
            fence_armed();
#else
            arm();
            fence_armed();
            attempt();
#endif
            early = result != 0;
            if
            :: result == 0 ->
end_asleep:
                if /* sleep_now */
                :: memory[BELL(me)] == RUNG
#ifdef GIVES_UP
                :: me == 0 -> result = 3 /* the deadline */
#endif
                fi
            :: else
            fi;
            d_step { /* sleep_disarm: the exchange */
                BUFFER_IS_EMPTY ->
                was_rung = memory[BELL(me)] == RUNG;
                memory[BELL(me)] = AWAKE;
                in_hand[me] = was_rung
            }
            d_step { BUFFER_IS_EMPTY -> asleep = asleep & ~(1 << me) } /* clear_bits */
            d_step { BUFFER_IS_EMPTY -> memory[WATCHING(me)] = 0 } /* sleep_disarm */
            if
            :: result == 0 -> attempt()
#ifdef GIVES_UP
            :: result == 3 ->
                attempt();
                if
                :: result == 0 -> was_rung = false; result = 3
                :: else
                fi
#endif
            :: else
            fi;
            if /* sleep_once: who was rung and has no use for that passes it on */
#ifndef NO_PASSING_ON
            :: was_rung && result == 2 -> wake()
#endif
#ifndef NO_PASSING_ON_WHEN_TAKEN
            :: was_rung && result == 1 && early -> wake()
#endif
            :: else
            fi;
            d_step { was_rung = false; early = false; in_hand[me] = false }
        od;
        over[me] = true
#ifdef DEATHS
    } unless { dead[me] }
#else
    }
#endif
}

/* ---- a death ---- */

#ifdef DEATHS
active proctype killer() {
    if
    :: d_step {
#ifdef DIES_IN_HAND
           !over[0] ->
#else
           !over[0] && !in_hand[0] ->
#endif
           dead[0] = true
       }
    :: true
    fi
}

#ifdef BURIER_DIES
#define MAY_BE_CUT_SHORT \
    if \
    :: !cut -> cut = true; goto again \
    :: true \
    fi
#else
#define MAY_BE_CUT_SHORT skip
#endif

/* mourn_thread. The buffer of the dead, empty when this begins, stands for the burier's. */
active proctype burier() {
    byte me, s, bits, seen, rung, watched, bell;
    bool cut;
end_waiting:
    dead[0] && BUFFER_IS_EMPTY;
again:
    skip;
#ifdef CALLS_ON_FIRST
    d_step { bell = memory[BELL(0)]; memory[BELL(0)] = RUNG }
    MAY_BE_CUT_SHORT;
    watched = memory[WATCHING(0)];
#else
    d_step { watched = memory[WATCHING(0)]; memory[WATCHING(0)] = 0 }
    MAY_BE_CUT_SHORT;
    d_step { bell = memory[BELL(0)]; memory[BELL(0)] = AWAKE }
    MAY_BE_CUT_SHORT;
#endif
    if
#ifndef NO_CALLING_ON
    :: bell == RUNG && watched != 0 -> ring_one() /* sleep_call_on */
#endif
    :: else
    fi;
    MAY_BE_CUT_SHORT;
    d_step { /* sleep_clear */
        asleep = asleep & ~1;
        memory[WATCHING(0)] = 0;
        memory[BELL(0)] = AWAKE
    }
}
#endif

init {
    byte t;
    bool left;
    d_step {
        for (t : 0 .. THREADS - 1) {
            joined[t] = true
        }
#if FENCES == WAKER
        for (t : 0 .. THREADS - 1) {
            joined[t] = false
        }
#endif
#if defined(LATE_WAKER) || defined(STRANGE_WAKER)
        joined[LAST_WAKER] = false;
#endif
#if defined(LATE_SLEEPER) || defined(STRANGE_SLEEPER)
        joined[LAST_SLEEPER] = false;
#endif
    }
    atomic {
        for (t : 0 .. SLEEPERS - 1) {
            run sleeper(t)
        }
        for (t : SLEEPERS .. THREADS - 1) {
            run waker(t)
        }
        t = 0
    }
    timeout; /* nothing moves any more */
    d_step {
        t = 0;
        do
        :: t < WAKERS && memory[TOKEN(t)] != 1 -> t++
        :: else -> break
        od;
        left = t < WAKERS;
        for (t : 0 .. SLEEPERS - 1) {
            assert(over[t] || dead[t] || !left)
        }
    }
}
