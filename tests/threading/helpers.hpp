// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/sanitizers.hpp"

#include <coeval/core/log.hpp>
#include <coeval/core/system.hpp>
#include <coeval/threading/threading.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// These tests break the rules of locks on purpose, take recursive locks twice, and ask in macros
// whether a lock was taken: all beyond clang's analysis.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace threading_test {

using support::under_thread_sanitizer;

// Waits for something that another thread is certain to do.
template <class Condition>
void until(Condition condition) {
  while (!condition()) {
    std::this_thread::yield();
  }
}

// Several threads that run the same function; join() and the destructor wait for them.
class Bunch {
 public:
  Bunch(int count, const std::function<void()>& function) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, function] {
        function();
        ++finished_;
      });
    }
    for (coeval::threading::Thread& thread : threads_) {
      thread.start();
    }
  }
  Bunch(const Bunch&) = delete;
  Bunch& operator=(const Bunch&) = delete;
  ~Bunch() { join(); }

  void join() {
    for (const coeval::threading::Thread& thread : threads_) {
      thread.join();
    }
  }
  int finished() const { return finished_; }

 private:
  std::atomic<int> finished_{0};
  std::vector<coeval::threading::Thread> threads_;
};

// Puts another table of system calls in force while it lives. The table must be static: another
// thread may be about to read it when the scope ends.
class SystemScope {
 public:
  explicit SystemScope(const coeval::SystemCalls& table)
      : before_(coeval::replace_system_calls(table)) {}
  SystemScope(const SystemScope&) = delete;
  SystemScope& operator=(const SystemScope&) = delete;
  ~SystemScope() { coeval::replace_system_calls(before_); }

 private:
  const coeval::SystemCalls& before_;
};

// Counts the sleeps and wakes that the library asks the kernel for, while it lives.
class CountFutexCalls {
 public:
  CountFutexCalls() { waits_ = wakes_ = 0; }

  // Sleeps that have begun.
  int waits() const { return waits_; }
  int waits_of_this_thread() const { return waits_here_; }
  int wakes() const { return wakes_; }
  void until_waits(int count) const {
    until([count] { return waits_ >= count; });
  }

 private:
  static const coeval::SystemCalls& table() {
    static const coeval::SystemCalls counting = [] {
      coeval::SystemCalls calls = coeval::kernel();
      calls.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                            std::int64_t deadline) noexcept {
        ++waits_;
        ++waits_here_;
        return coeval::kernel().futex_wait(word, expected, deadline);
      };
      calls.futex_wake = [](const std::uint32_t* word, int count) noexcept {
        ++wakes_;
        return coeval::kernel().futex_wake(word, count);
      };
      return calls;
    }();
    return counting;
  }

  static inline std::atomic<int> waits_{0};
  static inline thread_local int waits_here_ = 0;
  static inline std::atomic<int> wakes_{0};
  SystemScope scope_{table()};
};

// Collects what the library logs while it lives.
class CaptureLog {
 public:
  CaptureLog() : before_(coeval::set_log_handler(&collect)) {
    const std::scoped_lock guard(mutex());
    lines().clear();
  }
  CaptureLog(const CaptureLog&) = delete;
  CaptureLog& operator=(const CaptureLog&) = delete;
  ~CaptureLog() { coeval::set_log_handler(before_); }

  std::vector<std::string> text() const {
    const std::scoped_lock guard(mutex());
    return lines();
  }

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static std::vector<std::string>& lines() {
    static std::vector<std::string> lines;
    return lines;
  }
  static void collect(coeval::Severity, std::string_view source, std::string_view text) {
    const std::scoped_lock guard(mutex());
    lines().push_back(std::string(source) + ": " + std::string(text));
  }

  coeval::LogHandler before_;
};

}  // namespace threading_test
