// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "peers/cpython.hpp"

#include <fmt/format.h>

namespace bench {
namespace {

// Prints one number. A process that is left behind by a hang ends by its alarm. What workers call is
// built in where they cannot import this program, which has no name.
constexpr const char* script = R"(
import multiprocessing, os, signal, statistics, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory

kind, workload = sys.argv[1], sys.argv[2]
count, size, workers = (int(text) for text in sys.argv[3:6])
now = time.perf_counter_ns
limit = 60
signal.alarm(limit)

def executor(context):
    how = multiprocessing.get_context(context)
    return ProcessPoolExecutor(workers, how, initializer=signal.alarm, initargs=(limit,))

# Each has a call that returns a call for the result, and a call for many.
class Executor:
    def __init__(self, context):
        self.pool = executor(context)
    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments).result
    def map(self, function, values):
        return self.pool.map(function, values)
    def close(self):
        self.pool.shutdown()

class Pool:
    def __init__(self, chunk):
        self.pool = multiprocessing.get_context("fork").Pool(workers, signal.alarm, (limit,))
        self.chunk = chunk
    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments).get
    def map(self, function, values):
        return self.pool.map(function, values, self.chunk)
    def close(self):
        self.pool.terminate()

class Joblib:
    def __init__(self):
        from joblib import Parallel, delayed
        self.delayed = delayed
        self.one_by_one = Parallel(n_jobs=workers, batch_size=1)
        self.batched = Parallel(n_jobs=workers)
    def submit(self, function, *arguments):
        results = self.one_by_one([self.delayed(function)(*arguments)])
        return lambda: results[0]
    def each(self, function, values):
        return self.one_by_one(self.delayed(function)(value) for value in values)
    def map(self, function, values):
        return self.batched(self.delayed(function)(value) for value in values)
    def close(self):
        pass

def make():
    if kind == "joblib":
        return Joblib()
    if kind in ("pool", "chunked"):
        return Pool(1 if kind == "pool" else None)
    return Executor(kind)

def median_of(step, gap=0):
    times = []
    warm_up = count // 10 + 1
    for i in range(warm_up + count):
        if gap:
            time.sleep(gap)
        start = now()
        step()
        if i >= warm_up:
            times.append(now() - start)
    return statistics.median(times) / 1e3

def futures():
    pool = make()
    def run(tasks):
        start = now()
        if kind == "joblib":
            pool.each(abs, range(tasks))
        else:
            for result in [pool.submit(abs, 1) for _ in range(tasks)]:
                result()
        return (now() - start) / tasks
    run(count // 10 + 1)
    print(run(count), flush=True)
    pool.close()

def mapped():
    pool = make()
    def run(tasks):
        start = now()
        for _ in pool.map(abs, range(tasks)):
            pass
        return (now() - start) / tasks
    run(count // 10 + 1)
    print(run(count), flush=True)
    pool.close()

# By a Pool, with chunks of the given size.
def mapped_in_chunks(method):
    pool = make()
    call = getattr(pool.pool, method)
    def run(tasks):
        start = now()
        for _ in call(abs, range(tasks), size):
            pass
        return (now() - start) / tasks
    run(count // 10 + 1)
    print(run(count), flush=True)
    pool.close()

def round_trip_idle():
    pool = make()
    print(median_of(lambda: pool.submit(abs, 1)(), 500e-6), flush=True)
    pool.close()

# Until so many processes have answered, of a parent that has written to size bytes.
def start():
    memory = b"x" * size
    times = []
    for _ in range(count):
        begun = now()
        pool = make()
        seen = set()
        while len(seen) < workers:
            seen |= {answer() for answer in [pool.submit(os.getpid) for _ in range(workers)]}
        times.append(now() - begun)
        pool.close()
    print(statistics.median(times) / 1e3, flush=True)

def count_zeros(data):
    return float(data.count(0))

def count_zeros_and_return(data):
    data.count(0)
    return data

def same(data):
    return data

# Element by element, as they come.
def map_same():
    pool = make()
    data = b"x" * size
    def run(tasks):
        start = now()
        for _ in pool.pool.imap(same, (data for _ in range(tasks))):
            pass
        return (now() - start) / tasks / 1e3
    run(count // 10 + 1)
    print(run(count), flush=True)
    pool.close()

def send(function):
    pool = make()
    data = b"x" * size
    print(median_of(lambda: pool.submit(function, data)()), flush=True)
    pool.close()

def touch_shared(name):
    memory = shared_memory.SharedMemory(name=name)
    touched = sum(memory.buf[::4096])
    memory.close()
    return touched

def send_shared(both):
    pool = make()
    data = b"x" * size
    def step():
        memory = shared_memory.SharedMemory(create=True, size=size)
        memory.buf[:size] = data
        pool.submit(touch_shared, memory.name)()
        if both:
            bytes(memory.buf)
        memory.close()
        memory.unlink()
    print(median_of(step), flush=True)
    pool.close()

def tell_and_sleep(end):
    os.write(end, b"%10d" % os.getpid())
    time.sleep(limit)

def kill_one(end, pool):
    future = pool.submit(tell_and_sleep, end[1])
    pid = int(os.read(end[0], 10))
    killed = now()
    os.kill(pid, signal.SIGKILL)
    future.exception()
    return killed

# part: which of the sorted times; the pool is lost with each.
def death(part, refill):
    end = os.pipe()
    times = []
    for _ in range(count):
        pool = executor("fork")
        pool.submit(abs, 1).result()
        killed = kill_one(end, pool)
        if refill:
            with executor("fork") as another:
                another.submit(abs, 1).result()
                times.append(now() - killed)
        else:
            times.append(now() - killed)
        pool.shutdown()
    print(sorted(times)[min(int(part * count), count - 1)] / 1e3, flush=True)

{
    "futures": futures,
    "map": mapped,
    "chunks_map": lambda: mapped_in_chunks("map"),
    "chunks_imap": lambda: mapped_in_chunks("imap"),
    "chunks_imap_unordered": lambda: mapped_in_chunks("imap_unordered"),
    "round_trip_idle": round_trip_idle,
    "start": start,
    "map_same": map_same,
    "send_in": lambda: send(count_zeros),
    "send_both": lambda: send(count_zeros_and_return),
    "shared_in": lambda: send_shared(False),
    "shared_both": lambda: send_shared(True),
    "death": lambda: death(0.5, False),
    "death_p99": lambda: death(0.99, False),
    "refill": lambda: death(0.5, True),
}[workload]()
)";

}  // namespace

double cpython_process_pool(const PythonPool& pool, const std::string& workload, std::size_t count,
                            std::size_t size) {
  return run_python(script,
                    fmt::format("{} {} {} {} {}", pool.kind, workload, count, size, pool.workers));
}

bool has_joblib() {
  try {
    return run_python("import joblib; print(1)", "") == 1;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace bench
