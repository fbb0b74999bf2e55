// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A worker that is stopped, by a debugger or a frozen control group, before it has begun a task.

#include "executors/processes/support.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::Future;
using coeval::ProcessPoolExecutor;

int meet(const Ticket& ticket) {
  ticket.pass();
  return ::getpid();
}

// Tells processes apart by which of them came to a gate: all of the pool's.
std::vector<pid_t> pids_of(ProcessPoolExecutor& pool, int count) {
  CrossProcessGate gate;
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) {
    futures.push_back(pool.submit(meet, gate.ticket()));
  }
  gate.wait_for_arrivals(static_cast<std::size_t>(count));
  gate.open();
  std::vector<pid_t> pids;
  for (const Future<int>& future : futures) {
    pids.push_back(future.result());
  }
  return pids;
}

// While it lives the process is stopped.
class Stopped {
 public:
  explicit Stopped(pid_t pid) : pid_(pid) {
    ::kill(pid_, SIGSTOP);
    until([this] { return multiprocessing_test::state_of_process(pid_) == 'T'; });
  }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  ~Stopped() { ::kill(pid_, SIGCONT); }

 private:
  const pid_t pid_;
};

TEST(SilentWorker, does_not_keep_a_single_task_that_it_has_not_begun) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  for (const pid_t pid : pids) {
    const Stopped stopped(pid);
    for (int i = 0; i < 5; ++i) {
      EXPECT_NE(pool.submit(own_pid).result(), pid);
    }
  }
}

TEST(SilentWorker, does_not_keep_tasks_that_nobody_waits_for) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  const Stopped stopped(pids.front());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) {
    futures.push_back(pool.submit(own_pid));
  }
  until([&] { return std::ranges::all_of(futures, [](const auto& one) { return one.done(); }); });
  for (const Future<int>& future : futures) {
    EXPECT_EQ(future.result(), pids.back());
  }
}

TEST(SilentWorker, does_not_keep_elements_of_a_map) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  std::vector<int> numbers(2000);
  for (int i = 0; i < 2000; ++i) {
    numbers[static_cast<std::size_t>(i)] = i;
  }
  for (const int n : pool.map(square, numbers)) {  // so that the next ones go in chunks
    EXPECT_GE(n, 0);
  }
  const Stopped stopped(pids.front());
  int expected = 0;
  for (const int n : pool.map(square, numbers)) {
    EXPECT_EQ(n, expected * expected);
    ++expected;
  }
  EXPECT_EQ(expected, 2000);
}

TEST(SilentWorker, lives_on_where_another_takes_its_task_with_a_time_limit) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  for (const pid_t pid : pids) {
    const Stopped stopped(pid);
    EXPECT_NE(pool.with({.timeout = 1h}).submit(own_pid).result(), pid);
  }
  EXPECT_NE(pids_of(pool, 2), std::vector<pid_t>(2));
}

// One that is busy is no help; what it comes to have room for, it takes.
TEST(SilentWorker, gives_its_task_to_one_that_becomes_idle_later) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  CrossProcessGate gate;
  const Future<int> held = pool.submit(meet, gate.ticket());
  gate.wait_for_arrivals(1);
  CrossProcessGate other;
  const Future<int> probe = pool.submit(meet, other.ticket());
  other.wait_for_arrivals(1);
  other.open();
  const pid_t idle = probe.result();
  const Stopped stopped(idle);
  const Future<int> waits = pool.submit(own_pid);
  gate.open();
  EXPECT_EQ(waits.result(), held.result());
  EXPECT_NE(waits.result(), idle);
}

TEST(SilentWorker, gets_tasks_again_when_it_goes_on) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<pid_t> pids = pids_of(pool, 2);
  {
    const Stopped stopped(pids.front());
    EXPECT_EQ(pool.submit(own_pid).result(), pids.back());
  }
  pids_of(pool, 2);  // each task waits for the other
}

}  // namespace
}  // namespace process_pool_test
