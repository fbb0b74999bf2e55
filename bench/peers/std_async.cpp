// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// std::async with launch::async: a new thread for each task, whatever the number of workers.

#include "peers/thread_pools.hpp"

#include <future>

namespace bench {
namespace {

template <class F>
auto launch(F f) {
  return std::async(std::launch::async, std::move(f));
}

template <class T>
void get_all(std::vector<std::future<T>>& futures) {
  for (auto& future : futures) {
    future.get();
  }
}

PoolWorkloads start(int workers) {
  PoolWorkloads work;
  work.future_each = [](std::size_t tasks) {
    std::vector<std::future<int>> futures;
    for (std::size_t i = 0; i < tasks; ++i) {
      futures.push_back(launch([] { return 1; }));
    }
    get_all(futures);
  };
  work.round_trip = [] { launch([] { return 1; }).get(); };
  work.nested_futures = [](std::size_t outer, std::size_t inner) {
    std::vector<std::future<void>> parents;
    for (std::size_t i = 0; i < outer; ++i) {
      parents.push_back(launch([inner] {
        std::vector<std::future<void>> children;
        for (std::size_t j = 0; j < inner; ++j) {
          children.push_back(launch([] {}));
        }
        get_all(children);
      }));
    }
    get_all(parents);
  };
  work.map = [workers](std::span<const double> from, std::span<double> to) {
    const auto chunks = static_cast<std::size_t>(workers);
    std::vector<std::future<void>> futures;
    for (std::size_t i = 0; i < chunks; ++i) {
      futures.push_back(launch([=] { map_chunk(from, to, i, chunks); }));
    }
    get_all(futures);
  };
  return work;
}

}  // namespace

PoolLibrary std_async() {
  return {.name = "std::async", .start = start, .fewer = 100};
}

}  // namespace bench
