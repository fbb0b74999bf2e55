// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "process_token.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <pthread.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace coeval::multiprocessing::detail {

constinit atomic<ProcessToken> known_process{0};

namespace {

// This thread; 0 until it is asked for. A forked child forgets it with its process: its only thread
// is the one that forked.
constinit thread_local pid_t known_thread = 0;

void forget() noexcept {
  known_process.store(0, std::memory_order_relaxed);
  known_thread = 0;
}

// Whether what is known may be kept.
bool forgets_in_children() noexcept {
  static const bool registered = pthread_atfork(nullptr, nullptr, forget) == 0;
  return registered;
}

struct Status {
  int error;     // 0 or an errno value
  char state;    // R, S, D, Z, X …
  long threads;  // including a first thread that has ended
  std::uint64_t start;
};

// The word at a place of a text that is separated by single blanks, from 0.
std::string_view word_at(std::string_view text, int place) noexcept {
  for (; place > 0; --place) {
    const std::size_t blank = text.find(' ');
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  }
  return text.substr(0, text.find(' '));
}

template <class Number>
Number number_in(std::string_view text) noexcept {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Source: proc(5), /proc/pid/stat. The name in parentheses may contain anything, so the fields are
// counted from the last parenthesis: the state is the third of all.
Status status_of(pid_t pid) noexcept {
  std::array<char, 32> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/stat", pid);
  std::array<char, 1024> buffer{};
  const ssize_t size = sys().read_file(path.data(), buffer.data(), buffer.size());
  if (size < 0) {
    return {.error = static_cast<int>(-size), .state = '?', .threads = 0, .start = 0};
  }
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) {
    return {.error = EIO, .state = '?', .threads = 0, .start = 0};
  }
  text.remove_prefix(name_end + 2);
  return {.error = 0,
          .state = text.empty() ? '?' : text.front(),
          .threads = number_in<long>(word_at(text, 17)),
          .start = number_in<std::uint64_t>(word_at(text, 19))};
}

// Asks the kernel itself: /proc may hide the processes of other users, or not be there.
bool exists(pid_t pid) noexcept {
  const int fd = sys().process.open(pid);
  if (fd >= 0) {
    sys().descriptor.close(fd);
  }
  return fd != -ESRCH && fd != -EINVAL && fd != -ENOENT;  // the latter two: a thread's id by now
}

ProcessToken token_of(pid_t pid, std::uint64_t start) noexcept {
  return (start << 32) | static_cast<std::uint32_t>(pid);
}

}  // namespace

ProcessToken find_this_process() noexcept {
  const bool keep = forgets_in_children();
  const pid_t pid = sys().getpid();
  const Status status = status_of(pid);
  const ProcessToken token = token_of(pid, status.start);
  if (keep && status.error == 0) {
    known_process.store(token, std::memory_order_relaxed);
  }
  return token;
}

bool is_gone(ProcessToken token) noexcept {
  const Status status = status_of(pid_of(token));
  if (status.error != 0) {
    return !exists(pid_of(token));
  }
  const ProcessToken now = token_of(pid_of(token), status.start);
  if ((token >> 32) != 0 && now != token) {
    return true;
  }
  // A process is a zombie from the end of its first thread on, while others may still run.
  return (status.state == 'Z' || status.state == 'X') && status.threads <= 1;
}

pid_t this_thread_id() noexcept {
  if (known_thread == 0) [[unlikely]] {
    const pid_t thread = sys().gettid();
    if (!forgets_in_children()) {
      return thread;
    }
    known_thread = thread;
  }
  return known_thread;
}

}  // namespace coeval::multiprocessing::detail
