// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>

namespace bench {

// How the libraries whose tasks have no wait for all of them get one: every task counts down.
class Countdown {
 public:
  explicit Countdown(std::size_t tasks) : left_(tasks) {}

  void count_down() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      left_.notify_one();
    }
  }

  void wait() {
    for (std::size_t left = left_.load(); left != 0; left = left_.load()) {
      left_.wait(left);
    }
  }

 private:
  std::atomic<std::size_t> left_;
};

}  // namespace bench
