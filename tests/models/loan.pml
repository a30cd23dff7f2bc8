/* Loans of a ring (src/ring_loan.c tells how they work): a slot, through which messages go that
   lie in loans, step by step as ring_lend, fill_slot, ring_own, ring_finish and the rest load,
   store and compare-and-swap, with a death between any two steps and the burial after it. What
   slots do by themselves is ring.pml's: here a slot is claimed and taken in one step. Memory is
   sequentially consistent.

   Properties: who has a loan finds in it what he wrote; a message that is read is what was
   committed; each committed message is delivered once; and in the end, with all messages read,
   nobody has a loan.

   What a run can choose by -D:
     LOANS (1 or 2), WRITERS, READERS, HOLDERS, PUTS, TAKES   how many; a holder has something
                      lent to it, and gives it back
     VICTIM, SECOND   which of them may die, at any step
   and faults, each of which has to make a property fail:
     NO_STAMP             a burier does not ask whether the slot's message is of this lending
     NO_GENERATION        an end of a loan does not look which lending it is the end of
     OWN_AFTER_FREE       a reader frees the slot, then makes the loan its own
     END_AFTER_FREE       a reader frees the slot, then ends the loan
     SEND_AFTER_COMMIT    a writer commits, then says that the loan is sent
     NO_MESSAGES          a burier ends loans that are messages'
     MOURN_BY_STORE       a burier ends a loan by a store */

#ifndef LOANS
#define LOANS 1
#endif
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef HOLDERS
#define HOLDERS 0
#endif
#ifndef PUTS
#define PUTS 2
#endif
#ifndef TAKES
#define TAKES 2
#endif
#ifndef VICTIM
#define VICTIM 0
#endif
#ifndef SECOND
#define SECOND 0
#endif
#define PARTS (WRITERS + READERS + HOLDERS)
#define MESSAGES (WRITERS * PUTS)
#define NOBODY 0
#define IS_MORTAL (me == VICTIM || me == SECOND)

/* enum slot_state */
#define FREE 0
#define CLAIM 1
#define FULL 2
#define TAKE 3
#define FREEING 4

/* The slot: its word, whose three parts change in one step, and what a claim writes. */
byte state, position, thread;
byte block; /* a loan's index + 1 */
byte stamp; /* its ticket */

/* struct loan: word, in three parts too; home, which is the slot; position; what lies in it. */
byte generation[LOANS], holder[LOANS];
bool sent[LOANS];
byte home[LOANS];
byte data[LOANS];
#define TICKET(loan) (generation[loan] * LOANS + (loan) + 1)
#define LOAN_OF(ticket) (((ticket) - 1) % LOANS)
#define GENERATION_OF(ticket) (((ticket) - 1) / LOANS)

bool dead[PARTS + 1], buried[PARTS + 1];
byte writers_over, readers_over, parts_over;

/* Ghosts. */
byte at; /* the message that was committed into the slot */
byte committed[MESSAGES + 1], delivered[MESSAGES + 1];

#ifdef NO_GENERATION
#define IS_LENDING(its_ticket) true
#else
#define IS_LENDING(its_ticket) (generation[LOAN_OF(its_ticket)] == GENERATION_OF(its_ticket))
#endif

#define MAY_DIE \
    if \
    :: IS_MORTAL -> goto died \
    :: true \
    fi

/* seize, for the first loan that nobody has. */
inline lend() {
    d_step {
        mine = 0;
        if
        :: holder[0] != NOBODY -> mine = 1
        :: else
        fi;
        if
        :: mine == 1 && LOANS == 2 && holder[LOANS - 1] != NOBODY -> mine = 2
        :: else
        fi;
        if
        :: mine < LOANS -> generation[mine]++; holder[mine] = me; ticket = TICKET(mine)
        :: else
        fi
    }
}

/* ring_end_loan: the swap succeeds if nothing has changed since the look. */
inline end_loan(its_ticket) {
    d_step {
        if
        :: its_ticket != 0 && holder[LOAN_OF(its_ticket)] != NOBODY && IS_LENDING(its_ticket) ->
           holder[LOAN_OF(its_ticket)] = NOBODY;
           sent[LOAN_OF(its_ticket)] = false
        :: else
        fi
    }
}

inline free_slot() {
    d_step {
        state = FREE;
        thread = NOBODY;
        position++
    }
}

inline deliver() {
    assert(block != 0 && data[block - 1] == at && committed[at] == 1);
    delivered[at]++;
    assert(delivered[at] == 1)
}

proctype writer(byte me) {
    byte mine, ticket, message, i;
    for (i : 1 .. PUTS) {
        lend();
        if
        :: mine == LOANS -> break
        :: else
        fi;
        MAY_DIE;
        message = (me - 1) * PUTS + i;
        data[mine] = message;
        MAY_DIE;
        if
        :: d_step { state == FREE -> state = CLAIM; thread = me }
        :: readers_over == READERS -> end_loan(ticket); break
        fi;
        MAY_DIE;
        block = mine + 1;
        MAY_DIE;
        stamp = ticket;
        MAY_DIE;
        home[mine] = position + 1;
        MAY_DIE;
#ifndef SEND_AFTER_COMMIT
        d_step { holder[mine] = me; sent[mine] = true }
        MAY_DIE;
#endif
        d_step {
            assert(state == CLAIM && thread == me && data[mine] == message);
            state = FULL;
            thread = NOBODY;
            at = message;
            committed[message]++
        }
        MAY_DIE
#ifdef SEND_AFTER_COMMIT
        ;
        d_step { holder[mine] = me; sent[mine] = true }
        MAY_DIE
#endif
    }
    goto ended;
died:
    dead[me] = true;
    buried[me];
ended:
    skip;
    d_step { writers_over++; parts_over++ }
}

proctype reader(byte me) {
    byte mine, ticket, i;
    for (i : 1 .. TAKES) {
        if
        :: d_step { state == FULL -> state = TAKE; thread = me }
        :: writers_over == WRITERS && state != FULL -> break
        fi;
        mine = block - 1;
        ticket = stamp;
        MAY_DIE;
        if
        :: true -> /* ring_own, ring_finish; then ring_give_loan */
#ifndef OWN_AFTER_FREE
           d_step { holder[mine] = me; sent[mine] = false }
           MAY_DIE;
#endif
           d_step {
               deliver();
               state = FREE;
               thread = NOBODY;
               position++
           }
           MAY_DIE;
#ifdef OWN_AFTER_FREE
           d_step { holder[mine] = me; sent[mine] = false }
           MAY_DIE;
#endif
           data[mine] = 100 + me;
           MAY_DIE;
           assert(data[mine] == 100 + me);
           end_loan(ticket);
           MAY_DIE
        :: true -> /* ring_finish of one that was copied */
           d_step {
               deliver();
               state = FREEING
           }
           MAY_DIE;
#ifdef END_AFTER_FREE
           free_slot();
           MAY_DIE;
           end_loan(ticket);
#else
           end_loan(ticket);
           MAY_DIE;
           free_slot();
#endif
           MAY_DIE
        fi
    }
    goto ended;
died:
    dead[me] = true;
    buried[me];
ended:
    skip;
    d_step { readers_over++; parts_over++ }
}

proctype lender(byte me) {
    byte mine, ticket;
    lend();
    if
    :: mine < LOANS ->
       MAY_DIE;
       data[mine] = 100 + me;
       MAY_DIE;
       assert(data[mine] == 100 + me && holder[mine] == me);
       end_loan(ticket)
    :: else
    fi;
    goto ended;
died:
    dead[me] = true;
    buried[me];
ended:
    skip;
    d_step { parts_over++ }
}

/* mourn_slot, then ring_mourn_loans. */
inline bury(victim) {
    if
    :: thread == victim && state == CLAIM ->
       d_step { block = 0; state = FREEING };
       free_slot()
    :: thread == victim && state == TAKE -> d_step { state = FULL; thread = NOBODY }
    :: thread == victim && state == FREEING ->
       ticket = stamp;
       end_loan(ticket);
       free_slot()
    :: else
    fi;
    for (i : 0 .. LOANS - 1) {
        d_step {
            seen_generation = generation[i];
            seen_sent = sent[i];
            is_message = holder[i] == victim;
            is_holder = is_message
        }
        if
        :: is_holder ->
#ifdef NO_MESSAGES
           is_message = false;
#else
#ifndef NO_STAMP
           is_message = stamp == seen_generation * LOANS + i + 1;
#endif
           d_step {
               is_message = is_message && home[i] == position + 1 &&
                            (state == FULL || state == TAKE || state == FREEING)
           }
           is_message = is_message && block == i + 1;
#endif
           if
           :: is_message
#ifdef MOURN_BY_STORE
           :: else -> d_step { holder[i] = NOBODY; sent[i] = false }
#else
           :: else ->
              d_step {
                  if
                  :: holder[i] == victim && sent[i] == seen_sent &&
                     generation[i] == seen_generation ->
                     holder[i] = NOBODY;
                     sent[i] = false
                  :: else
                  fi
              }
#endif
           fi
        :: else
        fi
    }
    buried[victim] = true
}

proctype burier() {
    byte i, ticket, seen_generation;
    bool seen_sent, is_message, is_holder;
    do
    :: VICTIM != 0 && dead[VICTIM] && !buried[VICTIM] -> bury(VICTIM)
    :: SECOND != 0 && dead[SECOND] && !buried[SECOND] -> bury(SECOND)
    :: parts_over == PARTS -> break
    od;
    /* What is left is read: the last reader copies. */
    if
    :: state == FULL -> d_step { deliver() }; ticket = stamp; end_loan(ticket); free_slot()
    :: else
    fi;
    assert(state == FREE);
    for (i : 0 .. LOANS - 1) {
        assert(holder[i] == NOBODY)
    }
    for (i : 1 .. MESSAGES) {
        assert(committed[i] == delivered[i])
    }
}

init {
    byte i;
    atomic {
        for (i : 1 .. WRITERS) {
            run writer(i)
        }
        for (i : WRITERS + 1 .. WRITERS + READERS) {
            run reader(i)
        }
        for (i : WRITERS + READERS + 1 .. PARTS) {
            run lender(i)
        }
        run burier()
    }
}
