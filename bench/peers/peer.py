#!/usr/bin/env python3
"""What Python's multiprocessing takes for a work of the benchmarks: prints the time of one
operation, in microseconds for starts and in nanoseconds for all else.

usage: bench/peers/peer.py queue WRITERS READERS SIZE COUNT
                           pipe SIZE COUNT
                           lock PARTS COUNT
                           start fork|spawn|forkserver COUNT [RESIDENT_MIB]
                           map pool|futures CHUNK COUNT       (CHUNK 0: the default)
                           apply pool|futures COUNT
"""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import time

WORKERS = 2
FORKING = multiprocessing.get_context("fork")  # all but starts: the quickest way to the work


def pin(number):
    """Ties this process to a processor, as the parts of the other variants are."""
    os.sched_setaffinity(0, {number % os.cpu_count()})


def together(parts):
    """Nanoseconds until all parts, which are (function, arguments), have ended."""
    barrier, ends = FORKING.Barrier(len(parts) + 1), FORKING.SimpleQueue()
    processes = [FORKING.Process(target=follow, args=(number, barrier, ends, *part))
                 for number, part in enumerate(parts)]
    for process in processes:
        process.start()
    barrier.wait()
    begin = time.monotonic_ns()
    last = max(ends.get() for _ in processes)
    for process in processes:
        process.join()
    return last - begin


def follow(number, barrier, ends, function, arguments):
    pin(number)
    barrier.wait()
    function(*arguments)
    ends.put(time.monotonic_ns())


# ---- queues and pipes ----

def put(queue, size, count):
    data = b"x" * size
    for _ in range(count):
        queue.put(data)


def get(queue, count):
    for _ in range(count):
        queue.get()


def measure_queue(writers, readers, size, count):
    queue = FORKING.Queue()
    count -= count % (writers * readers)
    parts = [(put, (queue, size, count // writers))] * writers
    parts += [(get, (queue, count // readers))] * readers
    return together(parts) / count


def throw(end, size, count):
    data = b"x" * size
    for _ in range(count):
        end.send_bytes(data)
        end.recv_bytes()


def give_back(end, count):
    for _ in range(count):
        end.send_bytes(end.recv_bytes())


def measure_pipe(size, count):
    ends = FORKING.Pipe()
    return together([(throw, (ends[0], size, count)), (give_back, (ends[1], count))]) / count


# ---- locks ----

def use(lock, count):
    for _ in range(count):
        lock.acquire()
        lock.release()


def measure_lock(parts, count):
    return together([(use, (FORKING.Lock(), count // parts))] * parts) / count


# ---- starts ----

def nothing():
    pass


def measure_start(method, count, resident_mib=0):
    context = multiprocessing.get_context(method)
    resident = b"x" * (resident_mib << 20)
    start_one(context)  # the forkserver itself is not counted
    begin = time.monotonic_ns()
    for _ in range(count):
        start_one(context)
    duration = time.monotonic_ns() - begin
    del resident
    return duration / count / 1e3


def start_one(context):
    process = context.Process(target=nothing)
    process.start()
    process.join()


# ---- pools ----

def identity(number):
    return number


def map_by_pool(chunk, count):
    with FORKING.Pool(WORKERS) as pool:
        pool.map(identity, range(WORKERS))
        begin = time.monotonic_ns()
        pool.map(identity, range(count), chunksize=chunk or None)
        return (time.monotonic_ns() - begin) / count


def map_by_futures(chunk, count):
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=FORKING) as pool:
        list(pool.map(identity, range(WORKERS)))
        begin = time.monotonic_ns()
        list(pool.map(identity, range(count), chunksize=chunk or 1))
        return (time.monotonic_ns() - begin) / count


def apply_by_pool(count):
    with FORKING.Pool(WORKERS) as pool:
        pool.apply(identity, (0,))
        begin = time.monotonic_ns()
        for number in range(count):
            pool.apply(identity, (number,))
        return (time.monotonic_ns() - begin) / count


def apply_by_futures(count):
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=FORKING) as pool:
        pool.submit(identity, 0).result()
        begin = time.monotonic_ns()
        for number in range(count):
            pool.submit(identity, number).result()
        return (time.monotonic_ns() - begin) / count


def measure_map(kind, chunk, count):
    return {"pool": map_by_pool, "futures": map_by_futures}[kind](chunk, count)


def measure_apply(kind, count):
    return {"pool": apply_by_pool, "futures": apply_by_futures}[kind](count)


WORKS = {"queue": measure_queue, "pipe": measure_pipe, "lock": measure_lock,
         "start": measure_start, "map": measure_map, "apply": measure_apply}


def main(arguments):
    if not arguments or arguments[0] not in WORKS:
        print(__doc__, file=sys.stderr)
        return 2
    # The benchmark's way to end it early; what it has in the file system goes then, too. Workers
    # are ended by the same signal, and shall not clean up what is not theirs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    words = [int(word) if word.isdecimal() else word for word in arguments[1:]]
    print(WORKS[arguments[0]](*words), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
