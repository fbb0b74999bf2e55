// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Tasks that do not end, or meddle with their process: timeouts, stop(), stopped workers, forks.

#include "executors/processes/support.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::CancelledError;
using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::TimeoutError;
using coeval::WorkerDied;

[[noreturn]] void run_for_ever() {
  while (true) {
    asm volatile("");
  }
}
int tell_and_run_for_ever(const SharedNumbers& told) {
  told.set(0, ::getpid());
  run_for_ever();
}
int ignore_sigterm(const SharedNumbers& told) {
  ::signal(SIGTERM, SIG_IGN);
  told.set(0, ::getpid());
  run_for_ever();
}
int wait_at(const SharedNumbers& told, const Ticket& ticket) {
  told.set(0, ::getpid());
  ticket.pass();
  return 7;
}
int until_stopped(const std::stop_token& stop, const SharedNumbers& told) {
  told.set(0, ::getpid());
  until([&] { return stop.stop_requested(); });
  return 8;
}

int square_slowly(int n) {
  for (int spin = 0; spin < 100'000; ++spin) {
    asm volatile("");
  }
  return n * n;
}

void expect_gone(long pid) {
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1);
}

TEST(ProcessTimeout, ends_a_task_that_runs_for_ever) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const SharedNumbers told;
  const auto endless =
      pool.with({.name = "endless", .timeout = 50ms}).submit(tell_and_run_for_ever, told);
  std::vector<Future<int>> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(pool.submit(square, i));
  }
  const std::string text = text_of<TimeoutError>(endless);
  EXPECT_NE(text.find("endless"), std::string::npos) << text;
  EXPECT_NE(text.find("timeout of 50 ms"), std::string::npos) << text;
  expect_gone(told.get());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(others[static_cast<std::size_t>(i)].result(), i * i);
  }
}

TEST(ProcessTimeout, ends_a_task_that_ignores_sigterm_after_the_grace) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 20ms});
  const SharedNumbers told;
  EXPECT_THROW(pool.with({.timeout = 20ms}).submit(ignore_sigterm, told).result(), TimeoutError);
  expect_gone(told.get());
  EXPECT_EQ(pool.submit(square, 4).result(), 16);
}

TEST(ProcessTimeout, asks_a_task_with_a_stop_token_and_leaves_its_process_alone) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 1h});
  const SharedNumbers told;
  EXPECT_THROW(pool.with({.timeout = 20ms}).submit(until_stopped, told).result(), TimeoutError);
  EXPECT_EQ(pool.submit(own_pid).result(), told.get());
}

TEST(ProcessTimeout, ends_a_task_that_does_not_look_at_its_stop_token) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 20ms});
  const auto deaf = [](const std::stop_token&) { run_for_ever(); };
  EXPECT_THROW(pool.with({.timeout = 20ms}).submit(deaf).result(), TimeoutError);
  EXPECT_EQ(pool.submit(square, 4).result(), 16);
}

TEST(ProcessTimeout, is_not_retried) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers runs;
  const auto task = [](const SharedNumbers& counts) {
    ++counts[0];
    run_for_ever();
  };
  EXPECT_THROW(pool.with({.timeout = 20ms, .max_retries = 3}).submit(task, runs).result(),
               TimeoutError);
  EXPECT_EQ(runs.get(), 1);
}

TEST(ProcessTimeout, does_not_count_the_time_in_the_queue) {
  ProcessPoolExecutor pool({.max_workers = 1});
  CrossProcessGate gate;
  const auto first = pool.submit(coeval::contract::pass<Ticket>, gate.ticket(), 1);
  gate.wait_for_arrivals(1);
  std::vector<Future<int>> queued;
  for (int i = 0; i < 10; ++i) {
    queued.push_back(pool.with({.timeout = 10s}).submit(square, i));
  }
  gate.open();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(queued[static_cast<std::size_t>(i)].result(), i * i);
  }
}

TEST(ProcessStop, kills_a_running_task) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers told;
  const auto endless = pool.submit(tell_and_run_for_ever, told);
  until([&] { return told.get() != 0; });
  const auto next = pool.submit(square, 5);
  endless.stop();
  EXPECT_THROW(endless.result(), CancelledError);
  expect_gone(told.get());
  EXPECT_EQ(next.result(), 25);
}

TEST(ProcessStop, of_a_task_that_ignores_sigterm_kills_it_after_the_grace) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 10ms});
  const SharedNumbers told;
  const auto endless = pool.submit(ignore_sigterm, told);
  until([&] { return told.get() != 0; });
  endless.stop();
  EXPECT_THROW(endless.result(), CancelledError);
  expect_gone(told.get());
}

TEST(ProcessStop, asks_a_task_with_a_stop_token) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers told;
  const auto task = pool.submit(until_stopped, told);
  until([&] { return told.get() != 0; });
  task.stop();
  EXPECT_EQ(task.result(), 8);
  EXPECT_EQ(pool.submit(own_pid).result(), told.get());
}

// Short tasks are stopped at the moment of their end, when the worker may have begun the next one.
TEST(ProcessStop, never_costs_another_task) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int round = 0; round < 300; ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 20; ++i) {
      futures.push_back(pool.submit(square_slowly, i));
    }
    const auto target = static_cast<std::size_t>(round % 20);
    until([&] { return futures[target].running() || futures[target].done(); });
    futures[target].stop();
    for (std::size_t i = 0; i < futures.size(); ++i) {
      try {
        EXPECT_EQ(futures[i].result(), static_cast<int>(i * i));
      } catch (const CancelledError&) {
        EXPECT_EQ(i, target);
      }
    }
  }
}

TEST(ProcessSigstop, of_a_worker_lets_the_others_go_on) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const SharedNumbers told;
  CrossProcessGate gate;
  const auto stopped = pool.submit(wait_at, told, gate.ticket());
  gate.wait_for_arrivals(1);
  ::kill(static_cast<pid_t>(told.get()), SIGSTOP);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(pool.submit(square, i).result(), i * i);
  }
  EXPECT_FALSE(stopped.done());
  gate.open();
  ::kill(static_cast<pid_t>(told.get()), SIGCONT);
  EXPECT_EQ(stopped.result(), 7);
}

// Some were taken from it as if it ran a long one, and the rest, which it never began, was cancelled.
TEST(ProcessSigstop, a_worker_that_is_left_with_nothing_gets_tasks_again) {
  ProcessPoolExecutor pool({.max_workers = 2});
  SharedNumbers told;
  CrossProcessGate both;
  std::vector<Future<int>> first;
  for (int i = 0; i < 2; ++i) {
    first.push_back(pool.submit(wait_at, told, both.ticket()));
  }
  both.wait_for_arrivals(2);
  both.open();
  coeval::wait(first);
  for (int i = 0; i < 1000; ++i) {
    pool.submit(square, i).result();  // so that tasks are handed over ahead
  }
  const auto stopped = static_cast<pid_t>(told.get());
  ::kill(stopped, SIGSTOP);
  until([&] { return multiprocessing_test::state_of_process(stopped) == 'T'; });

  constexpr int count = 200;
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) {
    futures.push_back(pool.submit(square, i));
  }
  const auto is_done = [](const Future<int>& future) { return future.done(); };
  until([&] { return std::ranges::count_if(futures, is_done) >= count - 1; });
  for (const Future<int>& future : futures) {
    future.cancel();
  }
  ::kill(stopped, SIGCONT);

  CrossProcessGate again;  // it takes two to come here
  std::vector<Future<int>> second;
  for (int i = 0; i < 2; ++i) {
    second.push_back(pool.submit(wait_at, told, again.ticket()));
  }
  again.wait_for_arrivals(2);
  again.open();
  EXPECT_EQ(second.front().result() + second.back().result(), 14);
}

// Its worker is ended, and another one runs it in its time.
TEST(ProcessSigstop, an_idle_worker_that_is_stopped_does_not_keep_a_task_with_a_time_limit) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t stopped = pool.submit(own_pid).result();
  ::kill(stopped, SIGSTOP);
  until([&] { return multiprocessing_test::state_of_process(stopped) == 'T'; });
  EXPECT_NE(pool.with({.timeout = 200ms}).submit(own_pid).result(), stopped);
}

// The worker that had it for itself takes others again.
TEST(ProcessSigstop, a_task_with_a_time_limit_that_is_cancelled_before_it_begins_is_forgotten) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t worker = pool.submit(own_pid).result();
  ::kill(worker, SIGSTOP);
  until([&] { return multiprocessing_test::state_of_process(worker) == 'T'; });
  EXPECT_TRUE(pool.with({.timeout = 1h}).submit(square, 3).cancel());
  ::kill(worker, SIGCONT);
  EXPECT_EQ(pool.submit(own_pid).result(), worker);
  EXPECT_EQ(pool.with({.timeout = 1h}).submit(own_pid).result(), worker);
}

TEST(ProcessSigstop, of_a_worker_is_ended_by_the_timeout) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 20ms});
  const auto task = pool.with({.timeout = 20ms}).submit([] { ::raise(SIGSTOP); });
  EXPECT_THROW(task.result(), TimeoutError);
  EXPECT_EQ(pool.submit(square, 4).result(), 16);
}

TEST(ProcessSigint, is_ignored_by_the_workers) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers told;
  CrossProcessGate gate;
  const auto task = pool.submit(wait_at, told, gate.ticket());
  gate.wait_for_arrivals(1);
  EXPECT_EQ(::kill(static_cast<pid_t>(told.get()), SIGINT), 0);
  gate.open();
  EXPECT_EQ(task.result(), 7);
  EXPECT_EQ(::kill(static_cast<pid_t>(told.get()), SIGINT), 0);
  EXPECT_EQ(pool.submit(own_pid).result(), told.get());
}

// ---- forks and descriptors -------------------------------------------------------------------------------

int fork_and_end_by_exit() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(9);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

// Both come back from the task.
int fork_and_return(const SharedNumbers& told) {
  const pid_t child = ::fork();
  if (child != 0) {
    told.set(0, child);
    int status = 0;
    ::waitpid(child, &status, 0);
    return 1;
  }
  return 2;
}
int fork_and_throw() {
  const pid_t child = ::fork();
  if (child == 0) {
    throw std::runtime_error("of the child");
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return 1;
}

TEST(ProcessFork, in_a_task_is_of_no_concern_to_the_pool) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(fork_and_end_by_exit).result(), 9);
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

TEST(ProcessFork, whose_child_returns_from_the_task_has_one_result) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers told;
  const auto both = pool.submit(fork_and_return, told);
  std::vector<Future<int>> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(pool.submit(square, i));
  }
  EXPECT_EQ(both.result(), 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(others[static_cast<std::size_t>(i)].result(), i * i);
  }
  expect_gone(told.get());
  EXPECT_EQ(pool.submit(fork_and_throw).result(), 1);
}

TEST(ProcessDescriptors, that_a_task_closes_cost_no_other_task) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 300; ++i) {
    futures.push_back(pool.submit(
        [](int n) {
          if (n % 30 == 29) {
            ::close_range(3, ~0U, 0);
          }
          return n;
        },
        i));
  }
  for (int i = 0; i < 300; ++i) {
    try {
      EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i);
    } catch (const WorkerDied& error) {
      EXPECT_EQ(i % 30, 29) << error.what();
    }
  }
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

}  // namespace
}  // namespace process_pool_test
