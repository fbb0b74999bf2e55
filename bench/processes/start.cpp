// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A process that does nothing: from the start to the end of join(), in a small parent and in a large
// one.

#include "processes/forked.hpp"
#include "processes/rows.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <fcntl.h>
#include <spawn.h>

namespace bench {
namespace {

void nothing() {}

void by_coeval() {
  coeval::multiprocessing::Process process(nothing);
  process.start();
  process.join();
}

void wait_for(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void by_fork() {
  const pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid == 0) {
    _exit(0);
  }
  wait_for(pid);
}

void by_posix_spawn() {
  pid_t pid = 0;
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  errno = posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, environ);
  check(errno == 0, "posix_spawn");
  wait_for(pid);
}

Row start_row(const std::string& name, const Settings& settings, std::size_t memory) {
  const std::size_t often = settings.count(100);
  const std::size_t seldom = settings.count(memory == 0 ? 20 : 10);
  const auto contestant = [=](const char* contestant_name, std::size_t count, void (*start)()) {
    return Contestant{.name = contestant_name, .measure = [=] {
                        const std::vector<char> touched(memory, 'x');
                        return median_us(count, start);
                      }};
  };
  return {.name = name,
          .unit = "us",
          .contestants = {contestant("coeval", often, by_coeval),
                          contestant("fork", memory == 0 ? often : seldom, by_fork),
                          contestant("posix_spawn", often, by_posix_spawn),
                          cpython("start_fork", seldom, memory, "CPython fork"),
                          cpython("start_forkserver", seldom, memory, "CPython forkserver"),
                          cpython("start_spawn", seldom, memory, "CPython spawn")}};
}

}  // namespace

std::vector<Row> start_rows(const Settings& settings) {
  constexpr std::size_t gigabyte = std::size_t{1} << 30;
  return {start_row("processes/start", settings, 0),
          start_row("processes/start_1GB", settings, gigabyte)};
}

}  // namespace bench
