// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A done callback may end the program, in whichever thread it runs: the process ends, and as at every
// end of a process what was submitted has run and its callbacks were called.

#include "executors/processes/support.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/multiprocessing/pool.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::ThreadPoolExecutor;
using coeval::multiprocessing::Pool;
using coeval::multiprocessing::Process;
using namespace std::chrono_literals;

constexpr int status = 7;
constexpr int tasks = 30;

enum Counter : std::size_t { began, called_back, counters };

std::optional<SharedNumbers> counts;  // NOLINT
void use(const SharedNumbers& numbers) {
  counts.emplace(numbers);
}

int count_and_square(int n) {
  ++(*counts)[began];
  return n * n;
}
int die(int n) {
  ::raise(SIGKILL);
  return n;
}
int sleep_ms(int n) {
  std::this_thread::sleep_for(std::chrono::milliseconds(n));
  return n;
}
int pass(const Ticket& ticket) {
  ticket.pass();
  return 0;
}

// Until then no callback ends the program: a submit after that would raise.
coeval::threading::Event all_submitted;  // NOLINT
void end_program(const Future<int>& /*done*/) {
  all_submitted.wait();
  std::exit(status);  // NOLINT(concurrency-mt-unsafe)
}
void count_callback(const Future<int>& /*done*/) {
  ++(*counts)[called_back];
}

template <class Executor>
std::vector<Future<int>> submit_counted(Executor& pool, int count) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) {
    futures.push_back(pool.submit(count_and_square, i));
    futures.back().add_done_callback(count_callback);
  }
  return futures;
}

// Half of the tasks before the one whose callback ends the program, and half behind it.
template <class Executor, class Submit>
void submit_among_others(Executor& pool, Submit submit) {
  submit_counted(pool, tasks / 2);
  submit().add_done_callback(end_program);
  submit_counted(pool, tasks - tasks / 2);
  all_submitted.set();
}

// ---- programs: each ends by its callback

void in_the_manager(const SharedNumbers& numbers) {
  auto& pool = *new ProcessPoolExecutor({.max_workers = 2}, use, numbers);
  use(numbers);
  submit_among_others(pool, [&] { return pool.submit(square, 3); });
  ::pause();
}
void in_the_manager_of_one_worker(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 1}, use, numbers);
  use(numbers);
  submit_among_others(pool, [&] { return pool.submit(square, 3); });
  ::pause();
}
void in_a_thread_that_waits(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 2}, use, numbers);
  use(numbers);
  submit_counted(pool, tasks / 2);
  auto last = pool.submit(square, 3);
  last.add_done_callback(end_program);
  submit_counted(pool, tasks - tasks / 2);
  all_submitted.set();
  last.result();
  ::pause();
}
void after_the_death_of_a_worker(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 1}, use, numbers);
  use(numbers);
  submit_among_others(pool, [&] { return pool.submit(die, 3); });
  ::pause();
}
void after_a_time_limit(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 2}, use, numbers);
  use(numbers);
  submit_among_others(pool, [&] { return pool.with({.timeout = 10ms}).submit(sleep_ms, 100'000); });
  ::pause();
}
void while_a_map_is_read(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 1}, use, numbers);
  use(numbers);
  submit_among_others(pool, [&] { return pool.submit(square, 3); });
  const std::vector<int> inputs(100, 1);
  try {
    while (true) {
      static_cast<void>(coeval::list(pool.map({.chunksize = 10}, square, inputs)));
    }
  } catch (const coeval::RuntimeError&) {  // the pool is shut down
    ::pause();
  }
}
void in_cancel(const SharedNumbers& numbers) {
  ProcessPoolExecutor pool({.max_workers = 1}, use, numbers);
  use(numbers);
  submit_counted(pool, tasks);
  CrossProcessGate gate;
  pool.submit(pass, gate.ticket());
  auto waiting = pool.submit(square, 3);
  waiting.add_done_callback([&gate](const Future<int>&) {
    gate.open();
    std::exit(status);  // NOLINT(concurrency-mt-unsafe)
  });
  waiting.cancel();
  ::pause();
}
void in_a_callback_of_a_pool(const SharedNumbers& numbers) {
  Pool pool({.processes = 2});
  use(numbers);
  for (int i = 0; i < tasks; ++i) {
    ++(*counts)[began];
    ++(*counts)[called_back];
  }
  pool.apply_async(square, 3).add_callback([](int) { std::exit(status); });  // NOLINT
  ::pause();
}
void in_a_thread_pool(const SharedNumbers& numbers) {
  auto& pool = *new ThreadPoolExecutor({.max_workers = 2});
  use(numbers);
  submit_among_others(pool, [&] { return pool.submit(square, 3); });
  ::pause();
}
void by_the_timer_of_a_thread_pool(const SharedNumbers& numbers) {
  auto& pool = *new ThreadPoolExecutor({.max_workers = 2});
  use(numbers);
  submit_among_others(pool, [&] { return pool.with({.timeout = 10ms}).submit(sleep_ms, 50); });
  ::pause();
}

void expect_end_of(void (*program)(const SharedNumbers&)) {
  const SharedNumbers numbers(counters);
  Process process(program, numbers);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), status);
  EXPECT_EQ(numbers.get(began), tasks);
  EXPECT_EQ(numbers.get(called_back), tasks);
}

TEST(ExitInCallback, of_a_task_that_nobody_waits_for) {
  expect_end_of(in_the_manager);
}
TEST(ExitInCallback, of_a_task_that_nobody_waits_for_of_one_worker) {
  expect_end_of(in_the_manager_of_one_worker);
}
TEST(ExitInCallback, of_a_task_that_is_waited_for) {
  expect_end_of(in_a_thread_that_waits);
}
TEST(ExitInCallback, of_a_task_whose_process_died) {
  expect_end_of(after_the_death_of_a_worker);
}
TEST(ExitInCallback, of_a_task_whose_time_was_over) {
  expect_end_of(after_a_time_limit);
}
TEST(ExitInCallback, while_a_map_is_read) {
  expect_end_of(while_a_map_is_read);
}
TEST(ExitInCallback, of_a_task_that_was_cancelled) {
  expect_end_of(in_cancel);
}
TEST(ExitInCallback, of_a_pool) {
  expect_end_of(in_a_callback_of_a_pool);
}
TEST(ExitInCallback, of_a_thread_pool) {
  expect_end_of(in_a_thread_pool);
}
TEST(ExitInCallback, of_a_task_of_a_thread_pool_whose_time_was_over) {
  expect_end_of(by_the_timer_of_a_thread_pool);
}

}  // namespace
}  // namespace process_pool_test
