// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// coeval's own side of the comparison.

#include "peers/countdown.hpp"
#include "peers/thread_pools.hpp"

#include <coeval/executors/thread_pool_executor.hpp>

#include <memory>
#include <ranges>
#include <vector>

namespace bench {

PoolWorkloads start_coeval(int workers) {
  auto pool = std::make_shared<coeval::ThreadPoolExecutor>(
      coeval::ThreadPoolOptions{.max_workers = workers});
  PoolWorkloads work;
  work.fire_and_wait = [pool](std::size_t tasks) {
    Countdown left(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      pool->submit([&left] { left.count_down(); });
    }
    left.wait();
  };
  work.future_each = [pool](std::size_t tasks) {
    std::vector<coeval::Future<int>> futures;
    futures.reserve(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      futures.push_back(pool->submit([] { return 1; }));
    }
    for (const auto& future : futures) {
      future.result();
    }
  };
  work.round_trip = [pool] { pool->submit([] { return 1; }).result(); };
  work.nested = [pool](std::size_t outer, std::size_t inner) {
    const auto parent = [&pool, inner] {
      std::vector<coeval::Future<void>> children;
      children.reserve(inner);
      for (std::size_t i = 0; i < inner; ++i) {
        children.push_back(pool->submit([] {}));
      }
      for (const auto& child : children) {
        child.result();
      }
    };
    std::vector<coeval::Future<void>> parents;
    parents.reserve(outer);
    for (std::size_t i = 0; i < outer; ++i) {
      parents.push_back(pool->submit(parent));
    }
    for (const auto& future : parents) {
      future.result();
    }
  };
  work.map = [pool, workers](std::span<const double> from, std::span<double> to) {
    const std::size_t chunks = 4 * static_cast<std::size_t>(workers);
    const auto chunk = [=](std::size_t number) { map_chunk(from, to, number, chunks); };
    coeval::list(pool->map(chunk, std::views::iota(std::size_t{0}, chunks)));
  };
  return work;
}

}  // namespace bench
