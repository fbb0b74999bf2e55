// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A parent that is killed leaves nobody behind.

#include "support/sanitizers.hpp"
#include "support/shared_memory_names.hpp"
#include "support/watchdog.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

namespace coeval::multiprocessing {
namespace {

constexpr int default_rounds = support::under_sanitizer ? 100 : 1000;

// Keeps the end open for as long as it lives, and a hand on everything that processes share.
void stay(Connection connection, const Queue<int>& queue, const SharedMemory& memory,
          const Lock& lock, bool busy) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  queue.put(1);
  memory.data()[0] = std::byte{1};
  if (busy) {
    lock.acquire();  // and keeps it
  }
  connection.send_bytes({});
  while (busy) {
    static_cast<void>(connection.poll());
  }
  static_cast<void>(connection.poll(never));
}

void have_children(Connection connection, bool busy) {
  const Queue<int> queue;
  const SharedMemory memory(5'000);
  const Lock lock;
  Process first(stay, connection, queue, memory, lock, busy);
  Process second(stay, connection, queue, memory, lock, false);
  first.start();
  second.start();
  first.join();
}

// Starts a process with two children of its own, kills it after a while and waits until nobody has
// the other end of the connection any more: the time from the kill to the last one's end.
std::chrono::microseconds kill_a_parent(int round) {
  auto [here, there] = Pipe();
  Process parent(have_children, std::move(there), round % 2 == 0);
  parent.start();
  // After none, one or both of them have told that they run, and at any moment between.
  for (int heard = 0; heard < round % 3; ++heard) {
    static_cast<void>(here.recv_bytes());
  }
  for (volatile int delay = round % 50 * 1000; delay > 0;) {
    delay = delay - 1;
  }
  const auto killed = std::chrono::steady_clock::now();
  parent.kill();
  try {
    while (true) {
      static_cast<void>(here.recv_bytes());
    }
  } catch (const EOFError&) {  // everybody is gone
  }
  const auto gone = std::chrono::steady_clock::now();
  parent.join();
  EXPECT_EQ(parent.exitcode(), -SIGKILL);
  return std::chrono::duration_cast<std::chrono::microseconds>(gone - killed);
}

TEST(ParentDeath, leaves_no_orphan) {
  const char* const asked = std::getenv("COEVAL_PARENT_KILLS");
  const int rounds = asked != nullptr ? std::atoi(asked) : default_rounds;
  const std::set<std::string> names = support::names_of_shared_memory();
  std::chrono::microseconds slowest{0};
  for (int round = 0; round < rounds; ++round) {
    slowest = std::max(slowest, kill_a_parent(round));
    support::feed_watchdogs();
  }
  support::until_no_new_name(names);
  std::printf("parents killed: %d, orphans: 0, names in /dev/shm: 0, slowest end: %.1f ms\n",
              rounds, static_cast<double>(slowest.count()) / 1000);
}

}  // namespace
}  // namespace coeval::multiprocessing
