// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "peers/cpython.hpp"

#include <fmt/format.h>

namespace bench {
namespace {

// Prints one number. A process that is left behind by a hang ends by its alarm.
constexpr const char* script = R"(
import multiprocessing, os, signal, statistics, sys, time
from multiprocessing import shared_memory

workload, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
now = time.perf_counter_ns
context = multiprocessing.get_context("fork")
value = "x" * size if size else 1
signal.alarm(60)

# The median in microseconds, after a warm-up.
def median(step):
    times = []
    warm_up = count // 10 + 1
    for i in range(warm_up + count):
        start = now()
        step()
        if i >= warm_up:
            times.append(now() - start)
    return statistics.median(times) / 1e3

def run(target, *arguments):
    def guarded():
        signal.alarm(60)
        target(*arguments)
    process = context.Process(target=guarded, daemon=True)
    process.start()
    return process

def start(kind):
    memory = b"x" * size
    how = multiprocessing.get_context(kind)
    def step():
        process = how.Process(target=os.getpid)
        process.start()
        process.join()
    return median(step)

def for_ever(step):
    while True:
        step()

def pipe_round_trip():
    left, right = context.Pipe()
    run(for_ever, lambda: right.send(right.recv()))
    def step():
        left.send(value)
        left.recv()
    return median(step)

def queue_round_trip(make):
    there, back = make(), make()
    run(for_ever, lambda: back.put(there.get()))
    def step():
        there.put(value)
        back.get()
    return median(step)

# Starts the functions in processes of their own, each of which calls begin() when it is ready: the
# nanoseconds from the moment when all are, to the end of the last.
def together(functions):
    def member(function, end):
        def begin():
            end.send(0)
            end.recv()
        function(begin)
        end.send(0)
    ends = []
    for function in functions:
        ours, theirs = context.Pipe()
        run(member, function, theirs)
        ends.append(ours)
    for end in ends:
        end.recv()
    begun = now()
    for end in ends:
        end.send(0)
    for end in ends:
        end.recv()
    return now() - begun

def throughput(queue, sides):
    def produce(begin):
        begin()
        for _ in range(count // sides):
            queue.put(value)
    def consume(begin):
        begin()
        for _ in range(count // sides):
            queue.get()
    return together([produce] * sides + [consume] * sides) / count

def touch(data):
    return sum(data[::4096])

def send_bytes(both):
    left, right = context.Pipe()
    def answer():
        data = right.recv_bytes()
        right.send(touch(data))
        if both:
            right.send_bytes(data)
    run(for_ever, answer)
    data = b"x" * size
    def step():
        left.send_bytes(data)
        left.recv()
        if both:
            touch(left.recv_bytes())
    return median(step)

def send_shared(both, fresh):
    left, right = context.Pipe()
    def answer():
        memory = shared_memory.SharedMemory(name=right.recv())
        touched = touch(memory.buf) if fresh else memory.buf[0] + memory.buf[size - 1]
        memory.close()
        right.send(touched)
    run(for_ever, answer)
    data = b"x" * size
    kept = None if fresh else shared_memory.SharedMemory(create=True, size=size)
    def step():
        memory = kept or shared_memory.SharedMemory(create=True, size=size)
        if fresh:
            memory.buf[:size] = data
        left.send(memory.name)
        left.recv()
        if both:
            touch(bytes(memory.buf))
        if fresh:
            memory.close()
            memory.unlink()
    answered = median(step)
    if kept:
        kept.close()
        kept.unlink()
    return answered

def pairs(lock):
    acquire, release = lock.acquire, lock.release
    for _ in range(count):
        acquire()
        release()

def uncontended(lock):
    begun = now()
    pairs(lock)
    return (now() - begun) / count

def contended(lock):
    def use(begin):
        begin()
        pairs(lock)
    return together([use] * 2) / (2 * count)

def event_round_trip():
    there, back = context.Event(), context.Event()
    def answer():
        there.wait()
        there.clear()
        back.set()
    run(for_ever, answer)
    def step():
        there.set()
        back.wait()
        back.clear()
    return median(step)

def semaphore_round_trip():
    there, back = context.Semaphore(0), context.Semaphore(0)
    def answer():
        there.acquire()
        back.release()
    run(for_ever, answer)
    def step():
        there.release()
        back.acquire()
    return median(step)

print({
    "start_fork": lambda: start("fork"),
    "start_forkserver": lambda: start("forkserver"),
    "start_spawn": lambda: start("spawn"),
    "pipe_round_trip": pipe_round_trip,
    "queue_round_trip": lambda: queue_round_trip(context.Queue),
    "simple_round_trip": lambda: queue_round_trip(context.SimpleQueue),
    "queue_1": lambda: throughput(context.Queue(1000), 1),
    "queue_2": lambda: throughput(context.Queue(1000), 2),
    "simple_1": lambda: throughput(context.SimpleQueue(), 1),
    "simple_2": lambda: throughput(context.SimpleQueue(), 2),
    "send_in": lambda: send_bytes(False),
    "send_both": lambda: send_bytes(True),
    "shared_in": lambda: send_shared(False, True),
    "shared_both": lambda: send_shared(True, True),
    "shared_handle": lambda: send_shared(False, False),
    "lock": lambda: uncontended(context.Lock()),
    "lock_contended": lambda: contended(context.Lock()),
    "semaphore": lambda: uncontended(context.Semaphore(1)),
    "semaphore_round_trip": semaphore_round_trip,
    "event_round_trip": event_round_trip,
}[workload](), flush=True)
)";

}  // namespace

double cpython_processes(const std::string& workload, std::size_t count, std::size_t size) {
  return run_python(script, fmt::format("{} {} {}", workload, count, size));
}

}  // namespace bench
