// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// oneTBB: task_group, parallel_for, and task_arena::enqueue with a std::promise for a future. The
// thread that waits for a task_group works too, so there is one thread more than workers.

#include "peers/countdown.hpp"
#include "peers/thread_pools.hpp"

#if COEVAL_BENCH_HAS_TBB

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <future>
#include <memory>

namespace bench {
namespace {

struct Tbb {
  explicit Tbb(int workers)
      : control(tbb::global_control::max_allowed_parallelism,
                static_cast<std::size_t>(workers) + 1),
        arena(workers + 1, 1) {
    arena.initialize();
  }

  std::future<int> submit() {
    auto promise = std::make_shared<std::promise<int>>();
    auto future = promise->get_future();
    arena.enqueue([promise] { promise->set_value(1); });
    return future;
  }

  tbb::global_control control;
  tbb::task_arena arena;
};

void run_group(std::size_t tasks) {
  tbb::task_group group;
  for (std::size_t i = 0; i < tasks; ++i) {
    group.run([] {});
  }
  group.wait();
}

long fib(int n) {
  if (n < 2) {
    return n;
  }
  long a = 0;
  tbb::task_group group;
  group.run([&a, n] { a = fib(n - 1); });
  const long b = fib(n - 2);
  group.wait();
  return a + b;
}

// A pipeline of single elements, with tokens for as many as coeval has ahead of the reader at first.
long lazy_map(std::size_t tokens, int count) {
  int next = 0;
  long sum = 0;
  tbb::parallel_pipeline(
      tokens,
      tbb::make_filter<void, int>(tbb::filter_mode::serial_in_order,
                                  [&](tbb::flow_control& control) {
                                    if (next == count) {
                                      control.stop();
                                      return 0;
                                    }
                                    return next++;
                                  }) &
          tbb::make_filter<int, int>(tbb::filter_mode::parallel, [](int n) { return twice(n); }) &
          tbb::make_filter<int, void>(tbb::filter_mode::serial_in_order,
                                      [&](int result) { sum += result; }));
  return sum;
}

PoolWorkloads start(int workers) {
  auto pool = std::make_shared<Tbb>(workers);
  PoolWorkloads work;
  work.fire_and_wait = [pool](std::size_t tasks) {
    pool->arena.execute([tasks] { run_group(tasks); });
  };
  work.fire_and_forget = [pool](std::size_t tasks) {
    Countdown left(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      pool->arena.enqueue([&left] { left.count_down(); });
    }
    left.wait();
  };
  work.future_each = [pool](std::size_t tasks) {
    std::vector<std::future<int>> futures;
    futures.reserve(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      futures.push_back(pool->submit());
    }
    for (auto& future : futures) {
      future.get();
    }
  };
  work.round_trip = [pool] { pool->submit().get(); };
  work.nested = [pool](std::size_t outer, std::size_t inner) {
    pool->arena.execute([=] {
      tbb::task_group group;
      for (std::size_t i = 0; i < outer; ++i) {
        group.run([inner] { run_group(inner); });
      }
      group.wait();
    });
  };
  work.fib = [pool](int n) { return pool->arena.execute([n] { return fib(n); }); };
  work.lazy_map = [pool, workers](int count) {
    const std::size_t tokens = 4 * static_cast<std::size_t>(workers);
    return pool->arena.execute([=] { return lazy_map(tokens, count); });
  };
  work.map = [pool](std::span<const double> from, std::span<double> to) {
    pool->arena.execute([=] {
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, from.size()), [=](const auto& range) {
        for (std::size_t i = range.begin(); i < range.end(); ++i) {
          to[i] = 2.0 * from[i] + 1.0;
        }
      });
    });
  };
  return work;
}

}  // namespace

PoolLibrary one_tbb() {
  return {.name = "oneTBB", .start = start};
}

}  // namespace bench

#else

bench::PoolLibrary bench::one_tbb() {
  return {.name = "oneTBB"};
}

#endif
