// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "kill_points.hpp"

#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace coeval::testing {
namespace {

KillPoints* stepping = nullptr;

#if defined(__x86_64__)
__attribute__((always_inline)) inline void set_trap_flag() {
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}
__attribute__((always_inline)) inline void clear_trap_flag() {
  __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}
#else
inline void set_trap_flag() {}
inline void clear_trap_flag() {}
#endif

// The id of a process or a thread, and the time of its start as field 22 of /proc/pid/stat has it: a
// ProcessToken, and a ThreadToken.
std::uint64_t token_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) {
    fields >> field;
  }
  return (std::stoull(field) << 32) | static_cast<std::uint32_t>(pid);
}

std::uint64_t token_of_a_process_that_is_gone() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::uint64_t token = token_of(pid);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return token;
}

// The mark of a RobustMutex that somebody may sleep.
constexpr std::uint64_t sleepers = 0x8000'0000;

template <class Number>
Number read_at(std::span<const std::byte> memory, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, memory.data() + at, sizeof number);
  return number;
}

}  // namespace

bool can_single_step() {
#if defined(__x86_64__)
  return !support::under_sanitizer;
#else
  return false;
#endif
}

KillPoints::KillPoints(std::vector<Window> windows, std::function<void()> survivor)
    : windows_(std::move(windows)),
      survivor_(std::move(survivor)),
      this_token_(token_of(::getpid())),
      gone_token_(token_of_a_process_that_is_gone()) {
  for (const Window& window : windows_) {
    seen_.emplace_back(window.live.size());
  }
  thread_ = std::thread([this] { run_survivor(); });
}

KillPoints::~KillPoints() {
  baton_.store(Baton::end);
  thread_.join();
}

void KillPoints::step(const std::function<void()>& operation) {
  const auto thread = static_cast<pid_t>(::syscall(SYS_gettid));
  thread_token_ = token_of(thread);
  if (thread == ::getpid()) {
    throw std::logic_error("KillPoints: a thread whose id is not that of its process is needed");
  }
  stepping = this;
  struct sigaction before{};
  struct sigaction action{};
  action.sa_handler = on_step;
  ::sigaction(SIGTRAP, &action, &before);
  set_trap_flag();
  operation();
  clear_trap_flag();
  ::sigaction(SIGTRAP, &before, nullptr);
}

void KillPoints::on_step(int) {
  const int error = errno;
  ++stepping->points_;
  if (stepping->has_changed()) {
    ++stepping->states_;
    stepping->look();
  }
  errno = error;
}

bool KillPoints::has_changed() const {
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (std::memcmp(seen_[i].data(), windows_[i].live.data(), seen_[i].size()) != 0) {
      return true;
    }
  }
  return false;
}

void KillPoints::look() {
  support::feed_watchdogs();
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    std::ranges::copy(windows_[i].live, seen_[i].begin());
    std::ranges::copy(windows_[i].live, windows_[i].copy.begin());
    bury(windows_[i].copy);
  }
  baton_.store(Baton::survivor);
  while (baton_.load() == Baton::survivor) {
    ::sched_yield();
  }
}

// The words of mutexes keep the mark of their sleepers.
void KillPoints::bury(std::span<std::byte> copy) const {
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= copy.size(); at += sizeof(std::uint64_t)) {
    auto word = read_at<std::uint64_t>(copy, at);
    if (word == this_token_) {
      word = gone_token_;
    } else if ((word & ~sleepers) == thread_token_) {
      word = gone_token_ | (word & sleepers);
    } else {
      continue;
    }
    std::memcpy(copy.data() + at, &word, sizeof word);
  }
}

void KillPoints::run_survivor() {
  while (true) {
    const Baton baton = baton_.load();
    if (baton == Baton::end) {
      return;
    }
    if (baton == Baton::survivor) {
      survivor_();
      baton_.store(Baton::stepped);
    } else {
      ::sched_yield();
    }
  }
}

}  // namespace coeval::testing
