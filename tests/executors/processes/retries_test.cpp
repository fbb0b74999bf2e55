// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// max_retries, the initializer, and when a pool is broken.

#include "executors/processes/support.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::BrokenExecutor;
using coeval::BrokenProcessPool;
using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::WorkerDied;

// ---- max_retries -----------------------------------------------------------------------------------------

int die_at_first(const SharedNumbers& runs, int deaths) {
  if (++runs[0] <= deaths) {
    ::raise(SIGKILL);
  }
  return 5;
}

TEST(ProcessRetries, run_the_task_again_until_it_lives) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const SharedNumbers runs;
  const auto future = pool.with({.max_retries = 2}).submit(die_at_first, runs, 2);
  EXPECT_EQ(future.result(), 5);
  EXPECT_EQ(runs.get(), 3);
}

TEST(ProcessRetries, end_after_so_many_and_block_nobody) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const SharedNumbers runs;
  const auto poisonous = pool.with({.max_retries = 3}).submit(die_at_first, runs, 1'000'000);
  std::vector<Future<int>> others;
  for (int i = 0; i < 200; ++i) {
    others.push_back(pool.submit(square, i));
  }
  const std::string text = text_of<WorkerDied>(poisonous);
  EXPECT_NE(text.find("4 processes have died of it"), std::string::npos) << text;
  EXPECT_EQ(runs.get(), 4);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(others[static_cast<std::size_t>(i)].result(), i * i);
  }
}

TEST(ProcessRetries, are_none_by_default) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers runs;
  EXPECT_THROW(pool.submit(die_at_first, runs, 1).result(), WorkerDied);
  EXPECT_EQ(runs.get(), 1);
}

TEST(ProcessRetries, are_not_for_errors) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers runs;
  const auto raise = [](const SharedNumbers& counts) {
    ++counts[0];
    throw std::runtime_error("once");
  };
  EXPECT_THROW(pool.with({.max_retries = 5}).submit(raise, runs).result(), std::runtime_error);
  EXPECT_EQ(runs.get(), 1);
}

TEST(ProcessRetries, of_a_pool_that_shuts_down_still_run) {
  const SharedNumbers runs;
  Future<int> future;
  {
    ProcessPoolExecutor pool({.max_workers = 1});
    future = pool.with({.max_retries = 2}).submit(die_at_first, runs, 2);
  }
  EXPECT_EQ(future.result(), 5);
}

// Workers that die again and again in tasks do not break a pool, whose processes work.
TEST(ProcessRetries, of_many_poisonous_tasks_do_not_break_the_pool) {
  ProcessPoolExecutor pool({.max_workers = 2, .max_restarts = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) {
    futures.push_back(pool.with({.max_retries = 1}).submit(die_at_first, SharedNumbers(), 10));
  }
  for (const Future<int>& future : futures) {
    EXPECT_THROW(future.result(), WorkerDied);
  }
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

// ---- initializer -----------------------------------------------------------------------------------------

std::string greeting;  // NOLINT: of a worker

void set_greeting(const std::string& text, int number, const SharedNumbers& calls) {
  greeting = text + std::to_string(number);
  ++calls[0];
}
void raise_in_initializer() {
  throw std::invalid_argument("no licence");
}
void exit_in_initializer(const SharedNumbers& calls) {
  ++calls[0];
  std::exit(3);  // NOLINT(concurrency-mt-unsafe)
}
void abort_in_initializer(const SharedNumbers& calls) {
  ++calls[0];
  std::abort();
}
// The first ones die.
void die_in_initializer(const SharedNumbers& calls, int deaths) {
  if (++calls[0] <= deaths) {
    ::raise(SIGKILL);
  }
}

TEST(ProcessInitializer, runs_once_in_each_worker_before_its_tasks) {
  const SharedNumbers calls;
  ProcessPoolExecutor pool({.max_workers = 3}, set_greeting, std::string("hello"), 7, calls);
  EXPECT_EQ(calls.get(), 0);
  CrossProcessGate gate;
  std::vector<Future<int>> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(pool.submit(coeval::contract::pass<Ticket>, gate.ticket(), i));
  }
  gate.wait_for_arrivals(3);
  EXPECT_EQ(calls.get(), 3);
  gate.open();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pool.submit([] { return greeting; }).result(), "hello7");
  }
  EXPECT_EQ(calls.get(), 3);
}

TEST(ProcessInitializer, runs_in_those_that_replace_the_dead) {
  const SharedNumbers calls;
  ProcessPoolExecutor pool({.max_workers = 1}, set_greeting, std::string("hello"), 7, calls);
  EXPECT_THROW(pool.submit([] { ::raise(SIGKILL); }).result(), WorkerDied);
  EXPECT_EQ(pool.submit([] { return greeting; }).result(), "hello7");
  EXPECT_EQ(calls.get(), 2);
}

TEST(ProcessInitializer, may_have_arguments_of_a_megabyte) {
  const std::string large(1'000'000, 'x');
  ProcessPoolExecutor pool({.max_workers = 2}, set_greeting, large, 1, SharedNumbers());
  EXPECT_EQ(pool.submit([] { return greeting.size(); }).result(), large.size() + 1);
}

TEST(ProcessInitializer, that_raises_breaks_the_pool) {
  ProcessPoolExecutor pool({.max_workers = 2, .name = "licensed"}, raise_in_initializer);
  std::vector<Future<int>> pending;
  for (int i = 0; i < 50; ++i) {
    try {
      pending.push_back(pool.submit(square, i));
    } catch (const BrokenProcessPool&) {
      EXPECT_GT(i, 0);  // it was broken meanwhile
    }
  }
  for (const Future<int>& future : pending) {
    const std::string text = text_of<BrokenProcessPool>(future);
    EXPECT_NE(text.find("'licensed'"), std::string::npos) << text;
    EXPECT_NE(text.find("std::invalid_argument: no licence"), std::string::npos) << text;
  }
  EXPECT_THROW(pool.submit(square, 1), BrokenProcessPool);
  EXPECT_THROW(pool.submit(square, 1), BrokenExecutor);
  EXPECT_THROW(pool.try_submit(square, 1), coeval::RuntimeError);
  pool.shutdown();
  EXPECT_EQ(pool.stats().workers, 0U);
  EXPECT_EQ(pool.stats().failed, pending.size());
}

template <class... Args>
void expect_broken_after(int deaths, const std::string& how, void (*initializer)(Args...)) {
  const SharedNumbers calls;
  ProcessPoolExecutor pool({.max_workers = 1, .max_restarts = deaths}, initializer, calls);
  const auto first = pool.submit(square, 1);
  const std::string text = text_of<BrokenProcessPool>(first);
  EXPECT_NE(text.find(how), std::string::npos) << text;
  EXPECT_EQ(calls.get(), deaths);
  EXPECT_THROW(pool.submit(square, 1), BrokenProcessPool);
  pool.shutdown();
  EXPECT_EQ(calls.get(), deaths) << "it goes on with restarts";
}

TEST(ProcessInitializer, that_ends_the_process_breaks_the_pool_after_some_restarts) {
  expect_broken_after(3, "exit code 3", exit_in_initializer);
  expect_broken_after(1, "exit code 3", exit_in_initializer);
  expect_broken_after(2, "SIGABRT", abort_in_initializer);
}

TEST(ProcessInitializer, that_dies_less_often_does_not_break_the_pool) {
  const SharedNumbers calls;
  ProcessPoolExecutor pool({.max_workers = 1, .max_restarts = 3}, die_in_initializer, calls, 2);
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
  EXPECT_EQ(calls.get(), 3);
}

TEST(ProcessInitializer, that_raises_releases_a_submitter_that_waits_for_room) {
  const auto slow = [](const Ticket& ticket) {
    ticket.pass();
    throw std::runtime_error("late");
  };
  CrossProcessGate gate;
  ProcessPoolExecutor pool({.max_workers = 1, .max_queue = 1}, slow, gate.ticket());
  const auto first = pool.submit(square, 1);
  std::thread submitter([&] {
    EXPECT_THROW(
        {
          while (true) {
            pool.submit(square, 1);
          }
        },
        BrokenProcessPool);
  });
  gate.wait_for_arrivals(1);
  gate.open();
  submitter.join();
  EXPECT_THROW(first.result(), BrokenProcessPool);
}

// Workers that are killed when they are idle cost nothing.
TEST(ProcessIdle, worker_that_is_killed_is_replaced_and_costs_nothing) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 20; ++i) {
    const int pid = pool.submit(own_pid).result();
    ::kill(pid, SIGKILL);
    until([&] { return ::kill(pid, 0) != 0; });
    EXPECT_EQ(pool.submit(square, i).result(), i * i);
  }
}

}  // namespace
}  // namespace process_pool_test
