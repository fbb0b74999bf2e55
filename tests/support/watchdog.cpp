// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include "support/sanitizers.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace support {
namespace {

constexpr int sanitizer_factor = under_sanitizer ? 3 : 1;

// Steps of tests since the start of the program.
std::atomic<unsigned long> steps = 0;

void print_stacks() {
  // Where only a parent may trace its children, gdb needs to be let in.
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  // A gdb that had to be ended, as a thread does not stop for it, leaves this process stopped.
  const std::string pid = std::to_string(getpid());
  const std::string command =
      "command -v gdb >/dev/null && timeout 30 gdb -batch -nx -iex 'set debuginfod enabled off'"
      " -ex 'thread apply all backtrace' -p " +
      pid + " </dev/null >&2 2>/dev/null; status=$?; kill -CONT " + pid + "; exit $status";
  if (std::system(command.c_str()) != 0) {
    std::fputs("(no stacks: gdb is not installed or may not look)\n", stderr);
  }
}

}  // namespace

Watchdog::Watchdog(std::string what, std::chrono::milliseconds limit)
    : what_(std::move(what)), limit_(limit), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
  }
  finished_.notify_one();
  thread_.join();
}

// False when it has made no step for as long.
bool Watchdog::ended_within_limit(std::unique_lock<std::mutex>& lock) {
  for (unsigned long before = steps;; before = steps) {
    if (finished_.wait_for(lock, limit_, [this] { return is_finished_; })) {
      return true;
    }
    if (steps == before) {
      return false;
    }
  }
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  if (ended_within_limit(lock)) {
    return;
  }
  std::fprintf(stderr, "\nwatchdog: %s hung: it made no step for %.1f seconds\n", what_.c_str(),
               std::chrono::duration<double>(limit_).count());
  print_stacks();
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void feed_watchdogs() noexcept {
  steps.fetch_add(1, std::memory_order_relaxed);
}

std::chrono::milliseconds test_time_limit() {
  const char* text = std::getenv("COEVAL_TEST_TIMEOUT");
  const double seconds = text != nullptr ? std::strtod(text, nullptr) : 60.0;
  return std::chrono::milliseconds(static_cast<long>(seconds * 1000 * sanitizer_factor));
}

}  // namespace support
