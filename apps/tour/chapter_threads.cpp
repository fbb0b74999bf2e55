// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "chapters.hpp"
#include "shown_code.hpp"

#include <coeval/coeval.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <thread>

namespace tour {

namespace {

using namespace std::chrono_literals;

void worker(const char* name, std::chrono::seconds delay) {
  std::this_thread::sleep_for(delay);
  std::printf("%s done\n", name);
}

// clang-format off: the lesson's own lines
void two_threads() {
  // shown: two threads
  coeval::threading::Thread t1(worker, "A", 1s);
  coeval::threading::Thread t2(worker, "B", 2s);

  t1.start(); t2.start();
  t1.join();  t2.join();  // wait for both
  std::puts("All done");
  // shown: end
}
// clang-format on

}  // namespace

Outcome chapter_threads(Terminal& terminal) {
  terminal.chapter(1, "Two threads");
  terminal.text(
      "worker(name, delay) sleeps for the delay and says that it is done. A takes one second, B "
      "takes two, and each has a thread of its own:");
  terminal.code(shown_code("two threads"));

  const double both = seconds_of(two_threads);

  terminal.blank_line();
  terminal.bar({.label = "A, then B would take", .seconds = 3, .kind = BarKind::before}, 3);
  terminal.bar({.label = "A beside B took", .seconds = both, .note = "the longer one"}, 3);
  terminal.learned(
      "Threads wait side by side: two waits cost as much as the longer of them, not their sum.");
  return {.summary = fmt::format("{}, not 3 s", readable_time(both))};
}

}  // namespace tour
