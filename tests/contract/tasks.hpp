// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the contract suite submits: functions of values, as only those can run anywhere.

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace coeval::contract {

inline int add(int a, int b) {
  return a + b;
}
inline int square(int n) {
  return n * n;
}
inline std::string greet(const std::string& name) {
  return "hello " + name;
}
inline void do_nothing() {}
inline int raise_if_negative(int n) {
  if (n < 0) {
    throw std::invalid_argument("negative: " + std::to_string(n));
  }
  return n;
}
inline int raise_error() {
  throw std::runtime_error("no route");
}

// Runs until it is asked to stop; returns value then.
inline int run_until_stopped(std::stop_token stop, int value) {
  std::mutex mutex;
  std::condition_variable_any asked;
  std::unique_lock lock(mutex);
  asked.wait(lock, stop, [] { return false; });
  return value;
}

}  // namespace coeval::contract
