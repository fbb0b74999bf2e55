// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/process_status.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <poll.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace coeval::multiprocessing::detail {
namespace {

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

constexpr ProcessStatus unknown(int error) noexcept {
  return {.error = error, .state = '?', .threads = 0, .start = 0, .stack = 0};
}

// Whether the numbers of /proc are those of this process's PID namespace. It is mounted once, so this
// is asked once.
enum class ProcNumbers : std::uint8_t { not_asked, ours, others };
constinit atomic<ProcNumbers> proc_numbers{ProcNumbers::not_asked};

// Source: proc(5), /proc/pid/stat. The name in parentheses may contain anything, so the fields are
// counted from the last parenthesis: the state is the third of all.
ProcessStatus status_in(std::string_view text) noexcept {
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) {
    return unknown(EIO);
  }
  text.remove_prefix(name_end + 2);
  return {.error = 0,
          .state = text.empty() ? '?' : text.front(),
          .threads = number_in<long>(word_at(text, 17)),
          .start = number_in<std::uint64_t>(word_at(text, 19)),
          .stack = number_in<std::uint64_t>(word_at(text, 25))};
}

// 0 or an errno value.
int check_proc_numbers() noexcept {
  if (proc_numbers.load(std::memory_order_relaxed) == ProcNumbers::not_asked) {
    std::array<char, 32> buffer{};
    const ssize_t size = sys().read_file("/proc/self/stat", buffer.data(), buffer.size());
    if (size < 0) {
      return static_cast<int>(-size);
    }
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    const bool is_ours = number_in<pid_t>(text) == sys().getpid();
    proc_numbers.store(is_ours ? ProcNumbers::ours : ProcNumbers::others,
                       std::memory_order_relaxed);
  }
  return proc_numbers.load(std::memory_order_relaxed) == ProcNumbers::ours ? 0 : EXDEV;
}

// An error of pidfd_open(2), or 0 for a process that has not ended; ESRCH for one that has.
int error_of_process(pid_t id) noexcept {
  const int opened = sys().process.open(id);
  const FileDescriptor process(opened);
  if (!process) {
    return -opened;
  }
  pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
  return sys().descriptor.poll(&end, 1, 0) > 0 ? ESRCH : 0;
}

}  // namespace

ProcessStatus status_of(pid_t id) noexcept {
  if (const int error = check_proc_numbers(); error != 0) {
    return unknown(error);
  }
  std::array<char, 32> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/stat", id);
  std::array<char, 1024> buffer{};
  const ssize_t size = sys().read_file(path.data(), buffer.data(), buffer.size());
  return size < 0 ? unknown(static_cast<int>(-size))
                  : status_in({buffer.data(), static_cast<std::size_t>(size)});
}

bool process_has_ended(pid_t pid) noexcept {
  const int error = error_of_process(pid);
  return error == ESRCH || error == EINVAL || error == ENOENT;
}

bool thread_has_ended(pid_t id) noexcept {
  return error_of_process(id) == ESRCH;
}

void forget_proc_numbers() noexcept {
  proc_numbers.store(ProcNumbers::not_asked, std::memory_order_relaxed);
}

}  // namespace coeval::multiprocessing::detail
