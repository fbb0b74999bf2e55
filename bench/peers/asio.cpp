// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Boost.Asio: thread_pool, post, and a packaged_task for a future. A task that waits for another
// one holds its thread, so nested waits deadlock: it has no such workload.

#include "peers/thread_pools.hpp"

#if COEVAL_BENCH_HAS_ASIO

#include "peers/countdown.hpp"

#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <vector>

namespace bench {
namespace {

using Pool = boost::asio::thread_pool;

template <class F>
auto submit(Pool& pool, F f) {
  return boost::asio::post(pool, std::packaged_task<std::invoke_result_t<F>()>(std::move(f)));
}

// Chunks that are cut by hand, each of as many elements as suits a function of some nanoseconds, and
// a few of them ahead of the reader.
long lazy_map(Pool& pool, std::size_t ahead, int count) {
  constexpr int chunk = 1000;
  const auto run = [](int begin, int end) {
    std::vector<int> results;
    results.reserve(static_cast<std::size_t>(end - begin));
    for (int n = begin; n != end; ++n) {
      results.push_back(twice(n));
    }
    return results;
  };
  std::deque<std::future<std::vector<int>>> futures;
  long sum = 0;
  for (int begin = 0; begin < count || !futures.empty();) {
    if (begin < count && futures.size() < ahead) {
      const int end = std::min(begin + chunk, count);
      futures.push_back(submit(pool, [=] { return run(begin, end); }));
      begin = end;
      continue;
    }
    for (const int result : futures.front().get()) {
      sum += result;
    }
    futures.pop_front();
  }
  return sum;
}

PoolWorkloads start(int workers) {
  auto pool = std::make_shared<Pool>(workers);
  PoolWorkloads work;
  work.fire_and_wait = [pool](std::size_t tasks) {
    Countdown left(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      boost::asio::post(*pool, [&left] { left.count_down(); });
    }
    left.wait();
  };
  work.fire_and_forget = work.fire_and_wait;
  work.future_each = [pool](std::size_t tasks) {
    std::vector<std::future<int>> futures;
    futures.reserve(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      futures.push_back(submit(*pool, [] { return 1; }));
    }
    for (auto& future : futures) {
      future.get();
    }
  };
  work.round_trip = [pool] { submit(*pool, [] { return 1; }).get(); };
  work.lazy_map = [pool, workers](int count) {
    return lazy_map(*pool, 3 * static_cast<std::size_t>(workers), count);
  };
  work.map = [pool, workers](std::span<const double> from, std::span<double> to) {
    const std::size_t chunks = 4 * static_cast<std::size_t>(workers);
    std::vector<std::future<void>> futures;
    for (std::size_t i = 0; i < chunks; ++i) {
      futures.push_back(submit(*pool, [=] { map_chunk(from, to, i, chunks); }));
    }
    for (auto& future : futures) {
      future.get();
    }
  };
  return work;
}

}  // namespace

PoolLibrary boost_asio() {
  return {.name = "Asio", .start = start};
}

}  // namespace bench

#else

bench::PoolLibrary bench::boost_asio() {
  return {.name = "Asio"};
}

#endif
