// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace support {

// Ends the process when its scope stands still for as long as the limit: says what hung, shows the
// stacks of all threads where gdb is installed, and aborts. A hang thus costs one test and names
// itself. The test programs' main holds one over each test; a test may hold a shorter one of its own.
// A test stands still from its last feed_watchdogs() on, or from its begin. A long test feeds them
// with each step that it makes, so that it lives on a slow machine and yet ends when it hangs.
// It knows nothing of coeval, so it works whatever coeval does.
class Watchdog {
 public:
  Watchdog(std::string what, std::chrono::milliseconds limit);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch();
  bool ended_within_limit(std::unique_lock<std::mutex>& lock);

  const std::string what_;
  const std::chrono::milliseconds limit_;
  std::mutex mutex_;
  std::condition_variable finished_;
  bool is_finished_ = false;
  std::thread thread_;  // the last member: it uses the others
};

// Tells all watchdogs of this process that the test has made a step. Thread-safe, and costs next to
// nothing.
void feed_watchdogs() noexcept;

// The limit of one test: 60 seconds, or COEVAL_TEST_TIMEOUT seconds, and three times that under a
// sanitizer.
std::chrono::milliseconds test_time_limit();

}  // namespace support
