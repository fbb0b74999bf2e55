// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A program with a pool is killed: its workers end with it, whatever they are at.

#include "executors/processes/support.hpp"
#include "support/shared_memory_names.hpp"
#include "support/watchdog.hpp"

#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

constexpr int default_kills = under_sanitizer ? 60 : 1000;

// Of the test; COEVAL_PARENT_KILLS sets another number.
int wanted_kills() {
  const char* const asked = std::getenv("COEVAL_PARENT_KILLS");  // NOLINT(concurrency-mt-unsafe)
  return asked == nullptr ? default_kills : std::atoi(asked);
}

constexpr int workers = 3;

// ---- the program: what its workers are at. It tells when they are.

std::string copy(const std::string& text) {
  return text;
}
void spin(const Ticket& ticket) {
  ticket.arrive();
  while (true) {
    asm volatile("");
  }
}

void start(ProcessPoolExecutor& pool) {
  for (int i = 0; i < workers; ++i) {
    pool.submit(square, i);
  }
}

// They have started, and have nothing to do.
void idle(ProcessPoolExecutor& pool, Connection& test) {
  start(pool);
  pool.submit(square, 1).result();
  test.send_bytes({});
  ::pause();
}

void busy(ProcessPoolExecutor& pool, Connection& test) {
  CrossProcessGate gate;
  for (int i = 0; i < workers; ++i) {
    pool.submit(spin, gate.ticket());
  }
  gate.wait_for_arrivals(1);
  test.send_bytes({});
  ::pause();
}

void starting(ProcessPoolExecutor& pool, Connection& test) {
  test.send_bytes({});
  start(pool);
  ::pause();
}

template <class Submit>
void in_a_stream(Connection& test, Submit submit) {
  std::vector<decltype(submit())> flying;
  while (true) {
    for (int i = 0; i < 2 * workers; ++i) {
      flying.push_back(submit());
    }
    for (const auto& future : flying) {
      future.result();
    }
    flying.clear();
    test.send_bytes({});
  }
}

void with_large_results(ProcessPoolExecutor& pool, Connection& test) {
  const std::string text(300'000, 'x');
  in_a_stream(test, [&] { return pool.submit(copy, text); });
}

void with_small_tasks(ProcessPoolExecutor& pool, Connection& test) {
  in_a_stream(test, [&] { return pool.submit(square, 3); });
}

constexpr int kinds = 5;

void be_killed(Connection test, int kind) {
  ProcessPoolExecutor pool({.max_workers = workers});
  switch (kind) {
    case 0:
      return idle(pool, test);
    case 1:
      return busy(pool, test);
    case 2:
      return starting(pool, test);
    case 3:
      return with_large_results(pool, test);
    default:
      return with_small_tasks(pool, test);
  }
}

// ---- the test

// What a killed program leaves behind becomes a child of this process, which sees its end.
class OrphansComeHere {
 public:
  OrphansComeHere() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~OrphansComeHere() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }
  OrphansComeHere(const OrphansComeHere&) = delete;
  OrphansComeHere& operator=(const OrphansComeHere&) = delete;

  // Waits until each of them has ended: how many there were.
  static int reap() {
    int orphans = 0;
    while (true) {
      if (::waitpid(-1, nullptr, 0) > 0) {
        ++orphans;
      } else if (errno == ECHILD) {
        return orphans;
      }
    }
  }
};

struct Kill {
  int orphans = 0;
  std::chrono::microseconds until_all_gone{0};
};

Kill kill_a_program(int kind, std::mt19937& random) {
  auto [here, there] = Pipe();
  Process program(be_killed, std::move(there), kind);
  program.start();
  const bool at_once = random() % 8 == 0;
  if (!at_once) {
    static_cast<void>(here.recv_bytes());
  }
  for (unsigned delay = random() % 1'000'000; delay > 0; --delay) {
    asm volatile("");
  }
  const auto killed = std::chrono::steady_clock::now();
  program.kill();
  program.join();
  EXPECT_EQ(program.exitcode(), -SIGKILL);
  Kill kill;
  kill.orphans = OrphansComeHere::reap();
  kill.until_all_gone = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - killed);
  return kill;
}

TEST(ProcessPoolParentDeath, leaves_no_worker) {
  const OrphansComeHere scope;
  const std::set<std::string> names = support::names_of_shared_memory();
  std::mt19937 random(17);
  const int kills = wanted_kills();
  int orphans = 0;
  std::vector<double> ends_ms;
  for (int i = 0; i < kills; ++i) {
    const Kill kill = kill_a_program(i % kinds, random);
    support::feed_watchdogs();
    EXPECT_LE(kill.orphans, workers);
    orphans += kill.orphans;
    ends_ms.push_back(static_cast<double>(kill.until_all_gone.count()) / 1000);
  }
  support::until_no_new_name(names);
  EXPECT_GT(orphans, 0) << "no worker was there to be left behind";
  std::ranges::sort(ends_ms);
  std::printf(
      "programs with a pool killed: %d, workers that they had: %d, left: 0, names in /dev/shm: 0, "
      "all gone after: %.1f ms (median), %.1f ms (99 of 100), %.1f ms (all)\n",
      kills, orphans, ends_ms.at(ends_ms.size() / 2), ends_ms.at(ends_ms.size() * 99 / 100),
      ends_ms.back());
}

}  // namespace
}  // namespace process_pool_test
