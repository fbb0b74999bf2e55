// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// coeval's own side of the comparison.

#include "peers/countdown.hpp"
#include "peers/thread_pools.hpp"

#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/task_group.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <memory>
#include <ranges>
#include <vector>

namespace bench {
namespace {

using Pool = std::shared_ptr<coeval::ThreadPoolExecutor>;

void run_group(coeval::ThreadPoolExecutor& pool, std::size_t tasks) {
  coeval::TaskGroup group(pool);
  for (std::size_t i = 0; i < tasks; ++i) {
    group.run([] {});
  }
  group.wait();
}

void fire_and_forget(coeval::ThreadPoolExecutor& pool, std::size_t tasks) {
  Countdown left(tasks);
  for (std::size_t i = 0; i < tasks; ++i) {
    pool.submit([&left] { left.count_down(); });
  }
  left.wait();
}

void future_each(coeval::ThreadPoolExecutor& pool, std::size_t tasks) {
  std::vector<coeval::Future<int>> futures;
  futures.reserve(tasks);
  for (std::size_t i = 0; i < tasks; ++i) {
    futures.push_back(pool.submit([] { return 1; }));
  }
  for (const auto& future : futures) {
    future.result();
  }
}

void nested(coeval::ThreadPoolExecutor& pool, std::size_t outer, std::size_t inner) {
  coeval::TaskGroup group(pool);
  for (std::size_t i = 0; i < outer; ++i) {
    group.run([&pool, inner] { run_group(pool, inner); });
  }
  group.wait();
}

template <class F>
void submit_and_wait(coeval::ThreadPoolExecutor& pool, std::size_t tasks, const F& f) {
  std::vector<coeval::Future<void>> futures;
  futures.reserve(tasks);
  for (std::size_t i = 0; i < tasks; ++i) {
    futures.push_back(pool.submit(f));
  }
  for (const auto& future : futures) {
    future.result();
  }
}

long fib(coeval::ThreadPoolExecutor& pool, int n) {
  if (n < 2) {
    return n;
  }
  long a = 0;
  coeval::TaskGroup group(pool);
  group.run([&] { a = fib(pool, n - 1); });
  const long b = fib(pool, n - 2);
  group.wait();
  return a + b;
}

}  // namespace

PoolWorkloads start_coeval(int workers) {
  const Pool pool = std::make_shared<coeval::ThreadPoolExecutor>(
      coeval::ThreadPoolOptions{.max_workers = workers});
  PoolWorkloads work;
  work.fire_and_wait = [pool](std::size_t tasks) { run_group(*pool, tasks); };
  work.fire_and_forget = [pool](std::size_t tasks) { fire_and_forget(*pool, tasks); };
  work.future_each = [pool](std::size_t tasks) { future_each(*pool, tasks); };
  work.round_trip = [pool] { pool->submit([] { return 1; }).result(); };
  work.nested = [pool](std::size_t outer, std::size_t inner) { nested(*pool, outer, inner); };
  work.nested_futures = [pool](std::size_t outer, std::size_t inner) {
    submit_and_wait(*pool, outer, [&pool, inner] { submit_and_wait(*pool, inner, [] {}); });
  };
  work.fib = [pool](int n) { return fib(*pool, n); };
  work.lazy_map = [pool](int count) {
    long sum = 0;
    for (const int result : pool->map(twice, std::views::iota(0, count))) {
      sum += result;
    }
    return sum;
  };
  work.map = [pool](std::span<const double> from, std::span<double> to) {
    coeval::parallel_for(*pool, std::size_t{0}, from.size(),
                         [=](std::size_t i) { to[i] = 2.0 * from[i] + 1.0; });
  };
  return work;
}

}  // namespace bench
