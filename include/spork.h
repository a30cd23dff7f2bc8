/* spork.h - processes, queues, pipes and locks for C, the same on POSIX and on Windows.
   The umbrella: it includes every public header. Each of them also stands alone. */
#ifndef SPORK_H
#define SPORK_H

#include "spork/allocator.h"
#include "spork/array.h"
#include "spork/barrier.h"
#include "spork/base.h"
#include "spork/condition.h"
#include "spork/error.h"
#include "spork/event.h"
#include "spork/future.h"
#include "spork/guard.h"
#include "spork/lock.h"
#include "spork/pipe.h"
#include "spork/pool.h"
#include "spork/process.h"
#include "spork/progress.h"
#include "spork/queue.h"
#include "spork/rwlock.h"
#include "spork/semaphore.h"
#include "spork/shareable_list.h"
#include "spork/shared_memory.h"
#include "spork/task.h"
#include "spork/value.h"
#include "spork/version.h"
#include "spork/wait.h"

#endif
