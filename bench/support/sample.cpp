// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/sample.hpp"

#include "support/clock.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>
#include <string_view>
#include <system_error>

namespace bench {
namespace {

// What the child writes: "value 12.5", "none", or "problem text".
std::string measured(const Measure& measure) {
  try {
    const std::optional<double> value = measure();
    return value ? fmt::format("value {}", *value) : "none";
  } catch (const std::exception& error) {
    return fmt::format("problem {}", error.what());
  }
}

[[noreturn]] void run_child(const Measure& measure, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string text = measured(measure);
  const bool written = write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  _exit(written ? 0 : 1);
}

// Reads to the end of the pipe; false if the limit passes first.
bool read_all(int fd, double limit_seconds, std::string& text) {
  const double deadline = now_ns() + limit_seconds * 1e9;
  for (;;) {
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    const double left_ms = (deadline - now_ns()) / 1e6;
    const int ready = poll(&readable, 1, left_ms > 0 ? static_cast<int>(left_ms) + 1 : 0);
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return false;
    }
    char buffer[512];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) {
      return true;
    }
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

Sample sample_of(std::string_view text, int status) {
  constexpr std::string_view value_mark = "value ";
  constexpr std::string_view problem_mark = "problem ";
  if (WIFSIGNALED(status)) {
    return {.problem = fmt::format("died of {}", strsignal(WTERMSIG(status)))};
  }
  if (text == "none") {
    return {};
  }
  if (text.starts_with(value_mark)) {
    double value = 0;
    std::from_chars(text.data() + value_mark.size(), text.data() + text.size(), value);
    return {.value = value};
  }
  if (text.starts_with(problem_mark)) {
    return {.problem = std::string(text.substr(problem_mark.size()))};
  }
  return {.problem = "ended without a word"};
}

}  // namespace

Sample take_sample(const Measure& measure, double limit_seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  const pid_t child = fork();
  if (child < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  if (child == 0) {
    close(ends[0]);
    run_child(measure, ends[1]);
  }
  close(ends[1]);
  std::string text;
  const bool in_time = read_all(ends[0], limit_seconds, text);
  close(ends[0]);
  if (!in_time) {
    kill(child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return {.problem = fmt::format("not done after {} s", limit_seconds)};
  }
  return sample_of(text, status);
}

}  // namespace bench
