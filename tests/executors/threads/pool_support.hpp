// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the executors share.

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/semaphore.hpp>

#include <cstddef>
#include <thread>

namespace support {

// Looks again and again until it is so; the watchdog ends a test in which it never is.
template <class Predicate>
void until(Predicate predicate) {
  while (!predicate()) {
    std::this_thread::yield();
  }
}

// Holds every worker of a pool in a task until release() or its own end. It waits for an Event and
// not for a future, for which the pool would put another thread in the worker's place.
class Occupied {
 public:
  explicit Occupied(coeval::ThreadPoolExecutor& pool) {
    const std::size_t workers = pool.stats().max_workers;
    for (std::size_t i = 0; i < workers; ++i) {
      pool.submit([this] {
        arrivals_.release();
        gate_.wait();
        left_.release();
      });
    }
    for (std::size_t i = 0; i < workers; ++i) {
      arrivals_.acquire();
    }
    workers_ = workers;
  }
  ~Occupied() {
    release();
    for (std::size_t i = 0; i < workers_; ++i) {
      left_.acquire();
    }
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;

  void release() { gate_.set(); }

 private:
  coeval::threading::Semaphore arrivals_{0};
  coeval::threading::Semaphore left_{0};
  coeval::threading::Event gate_;
  std::size_t workers_ = 0;
};

}  // namespace support
