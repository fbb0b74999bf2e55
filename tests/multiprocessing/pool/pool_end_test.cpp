// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a Pool and its processes end: close, terminate, join, and maxtasksperchild.

#include "multiprocessing/pool/pool_support.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <signal.h>

#include <atomic>
#include <memory>
#include <ranges>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace pool_test {
namespace {

using coeval::CancelledError;
using coeval::ValueError;
using multiprocessing_test::in_process;
using multiprocessing_test::require;

int tell_and_run_for_ever(const SharedNumbers& told) {
  told.set(0, ::getpid());
  run_for_ever();
}
int ignore_sigterm(const SharedNumbers& told) {
  ::signal(SIGTERM, SIG_IGN);
  told.set(0, ::getpid());
  run_for_ever();
}
int ignore_the_token(const std::stop_token&, const SharedNumbers& told) {
  told.set(0, ::getpid());
  run_for_ever();
}
int until_stopped(const std::stop_token& stop, const SharedNumbers& told) {
  told.set(0, ::getpid());
  until([&] { return stop.stop_requested(); });
  return 8;
}
void expect_gone(long pid) {
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1);
}

void expect_every_call_to_raise_value_error(Pool& pool) {
  const std::vector<std::pair<int, int>> pairs{{1, 2}};
  EXPECT_TRUE(
      text_of<ValueError>([&] { return pool.apply(square, 1); }).starts_with("Pool not running"));
  EXPECT_THROW(pool.apply_async(square, 1), ValueError);
  EXPECT_THROW(pool.map(square, numbers(3)), ValueError);
  EXPECT_THROW(pool.map_async(square, numbers(3)), ValueError);
  EXPECT_THROW(pool.map_async(square, std::vector<int>()), ValueError);
  EXPECT_THROW(pool.starmap(multiply, pairs), ValueError);
  EXPECT_THROW(pool.starmap_async(multiply, pairs), ValueError);
  EXPECT_THROW(pool.imap(square, numbers(3)), ValueError);
  EXPECT_THROW(pool.imap_unordered(square, numbers(3)), ValueError);
}

TEST(PoolClose, refuses_calls_and_lets_what_was_submitted_run) {
  Pool pool({.processes = 1});
  Gate gate;
  const auto running = pool.apply_async(pass_if, true, gate.ticket(), 1);
  const auto queued = pool.map_async(square, numbers(10));
  pool.close();
  pool.close();
  expect_every_call_to_raise_value_error(pool);
  gate.open();
  pool.join();
  EXPECT_TRUE(queued.ready());
  EXPECT_EQ(running.get(), 1);
  EXPECT_EQ(queued.get(), squares(10));
  expect_every_call_to_raise_value_error(pool);
}

TEST(PoolClose, lets_a_loop_go_on) {
  Pool pool({.processes = 2});
  auto ordered = pool.imap(square, numbers(100));
  auto unordered = pool.imap_unordered(square, numbers(100));
  pool.close();
  EXPECT_EQ(coeval::list(ordered), squares(100));
  EXPECT_EQ(coeval::list(unordered).size(), 100U);
  pool.join();
}

TEST(PoolClose, and_join_leave_a_loop_what_was_submitted) {
  Pool pool({.processes = 1});
  auto results = pool.imap({.buffersize = 3}, square, numbers(100));
  auto all = pool.imap({.eager = true}, square, numbers(100));
  pool.close();
  pool.join();
  auto result = results.begin();
  for (int n = 0; n < 3; ++n, ++result) {
    EXPECT_EQ(*result, n * n);
  }
  EXPECT_THROW(*result, coeval::RuntimeError);
  EXPECT_EQ(coeval::list(all), squares(100));
}

TEST(PoolJoin, of_a_running_pool_raises_value_error) {
  Pool pool({.processes = 1});
  EXPECT_TRUE(text_of<ValueError>([&] {
                pool.join();
                return 0;
              }).starts_with("Pool is still running"));
  EXPECT_EQ(pool.apply(square, 2), 4);
  pool.close();
  pool.join();
  pool.join();
}

TEST(PoolJoin, leaves_no_process) {
  Pool pool({.processes = 2});
  const std::vector<int> pids = pool.map([](int) { return own_pid(); }, numbers(20));
  pool.close();
  pool.join();
  for (const int pid : pids) {
    expect_gone(pid);
  }
}

// ---- terminate ------------------------------------------------------------------------------------

// test_terminate
TEST(PoolTerminate, ends_what_runs_and_cancels_what_waits) {
  Pool pool({.processes = 3});
  const std::vector<SharedNumbers> told(3);
  const auto running = pool.map_async(tell_and_run_for_ever, told);
  const auto waiting = pool.map_async(tell_and_run_for_ever, std::vector(10'000, told[0]));
  const auto one = pool.apply_async(square, 3);
  for (const SharedNumbers& each : told) {
    until([&] { return each.get() != 0; });
  }
  pool.terminate();
  EXPECT_THROW(one.get(), CancelledError);
  pool.join();
  EXPECT_THROW(running.get(), CancelledError);
  EXPECT_THROW(waiting.get(), CancelledError);
  EXPECT_FALSE(waiting.successful());
  for (const SharedNumbers& each : told) {
    expect_gone(each.get());
  }
  expect_every_call_to_raise_value_error(pool);
}

// Elements that go to a process together.
TEST(PoolTerminate, cancels_all_of_a_chunk) {
  Pool pool({.processes = 2});
  const SharedNumbers told;
  const auto chunks =
      pool.map_async({.chunksize = 8}, tell_and_run_for_ever, std::vector(32, told));
  auto ordered =
      pool.imap({.eager = true, .chunksize = 8}, tell_and_run_for_ever, std::vector(32, told));
  until([&] { return told.get() != 0; });
  pool.terminate();
  pool.join();
  EXPECT_THROW(chunks.get(), CancelledError);
  int cancelled = 0;
  for (auto result = ordered.begin(); result != ordered.end(); ++result, ++cancelled) {
    EXPECT_THROW(*result, CancelledError);
  }
  EXPECT_EQ(cancelled, 32);
}

TEST(PoolTerminate, ends_a_task_that_ignores_sigterm_or_its_stop_token) {
  Pool pool({.processes = 2});
  const SharedNumbers deaf;
  const SharedNumbers rude;
  const auto one = pool.apply_async(ignore_sigterm, deaf);
  const auto other = pool.apply_async(ignore_the_token, rude);
  until([&] { return deaf.get() != 0 && rude.get() != 0; });
  pool.terminate();
  EXPECT_THROW(one.get(), CancelledError);
  EXPECT_THROW(other.get(), CancelledError);
  pool.join();
  expect_gone(deaf.get());
  expect_gone(rude.get());
}

TEST(PoolTerminate, asks_a_task_with_a_stop_token_first) {
  Pool pool({.processes = 1});
  const SharedNumbers told;
  const auto polite = pool.apply_async(until_stopped, told);
  until([&] { return told.get() != 0; });
  pool.terminate();
  EXPECT_EQ(polite.get(), 8);
  pool.join();
}

TEST(PoolTerminate, ends_a_process_in_its_initializer) {
  const SharedNumbers told;
  Pool pool({.processes = 1}, tell_and_run_for_ever, told);
  const auto result = pool.apply_async(square, 3);
  until([&] { return told.get() != 0; });
  pool.terminate();
  EXPECT_THROW(result.get(), CancelledError);
  pool.join();
  expect_gone(told.get());
}

TEST(PoolTerminate, may_come_at_any_moment_of_a_start) {
  for (int round = 0; round < 50; ++round) {
    const SharedNumbers told;
    Pool pool({.processes = 2}, tell_and_run_for_ever, told);
    const auto results = pool.map_async(square, numbers(4));
    for (int spin = 0; spin < round * 2'000; ++spin) {
      asm volatile("");
    }
    pool.terminate();
    pool.join();
    EXPECT_THROW(results.get(), CancelledError);
  }
}

TEST(PoolTerminate, is_possible_at_any_time) {
  {
    Pool unused({.processes = 1});
    unused.terminate();
    unused.terminate();
    unused.close();
    unused.join();
  }
  Pool pool({.processes = 1});
  EXPECT_EQ(pool.map(square, numbers(10)), squares(10));
  pool.close();
  const auto endless = [&] { expect_every_call_to_raise_value_error(pool); };
  endless();
  pool.terminate();
  pool.join();
  endless();
}

TEST(PoolTerminate, leaves_results_that_are_there) {
  Pool pool({.processes = 1});
  const auto result = pool.map_async(square, numbers(10));
  result.wait();
  pool.terminate();
  EXPECT_EQ(result.get(), squares(10));
}

TEST(PoolTerminate, ends_a_map_of_another_thread_and_its_loops) {
  Pool pool({.processes = 2});
  const SharedNumbers told;
  auto ordered = pool.imap({.buffersize = 4}, tell_and_run_for_ever, std::vector(8, told));
  auto unordered = pool.imap_unordered(tell_and_run_for_ever, std::vector(8, told));
  until([&] { return told.get() != 0; });
  // The map is in the middle of its inputs: many are submitted, and it waits for the next one.
  std::atomic<bool> in_the_middle{false};
  std::atomic<bool> go_on{false};
  const auto inputs = std::views::iota(0, 1000) | std::views::transform([&](int n) {
                        if (n == 600) {
                          in_the_middle = true;
                          until([&] { return go_on.load(); });
                        }
                        return told;
                      });
  multiprocessing_test::Bunch map(
      1, [&] { EXPECT_THROW(pool.map(tell_and_run_for_ever, inputs), CancelledError); });
  until([&] { return in_the_middle.load(); });
  pool.terminate();
  go_on = true;
  auto result = ordered.begin();
  for (int i = 0; i < 4; ++i, ++result) {
    EXPECT_THROW(*result, CancelledError);
  }
  EXPECT_THROW(*result, coeval::RuntimeError);
  EXPECT_THROW(*unordered.begin(), CancelledError);
  map.join();
}

TEST(PoolTerminate, races_calls_of_other_threads) {
  for (int round = 0; round < 20; ++round) {
    Pool pool({.processes = 2});
    std::atomic<int> calls{0};
    multiprocessing_test::Bunch bunch(3, [&] {
      try {
        while (true) {
          const auto one = pool.apply_async(square, 4);
          const auto some = pool.map_async(square, numbers(10));
          ++calls;
          try {
            EXPECT_EQ(one.get(), 16);
            EXPECT_EQ(some.get(), squares(10));
          } catch (const CancelledError&) {
            ++calls;
          }
        }
      } catch (const ValueError& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("Pool not running")) << error.what();
      }
    });
    until([&] { return calls >= 3 + round; });
    pool.terminate();
    pool.join();
    bunch.join();
    EXPECT_EQ(bunch.finished(), 3);
  }
}

// ---- the end of the scope, and of the program -----------------------------------------------------

// **ours**: Python's with block terminates.
TEST(PoolDestructor, waits_for_what_was_submitted) {
  const SharedNumbers runs;
  AsyncResult<std::vector<int>> squared;
  {
    Pool pool({.processes = 2});
    squared = pool.map_async(square, numbers(100));
    for (int i = 0; i < 100; ++i) {
      pool.apply_async([](const SharedNumbers& counts) { ++counts[0]; }, runs);
    }
  }
  EXPECT_EQ(runs.get(), 100);
  EXPECT_EQ(squared.get(), squares(100));
}

// test_worker_finalization_via_atexit_handler_of_multiprocessing
TEST(PoolDestructor, may_run_at_the_end_of_the_program) {
  const auto program = [](const SharedNumbers& runs) {
    static Pool pool({.processes = 1});
    require(pool.map(square, numbers(10)) == squares(10));
    static const auto late = pool.apply_async([](const SharedNumbers& n) { ++n[0]; }, runs);
  };
  const SharedNumbers runs;
  EXPECT_EQ(in_process(program, runs), 0);
  EXPECT_EQ(runs.get(), 1);
}

// ---- maxtasksperchild -----------------------------------------------------------------------------

// test_pool_worker_lifetime
TEST(PoolMaxtasksperchild, replaces_processes_that_have_done_so_many) {
  Pool pool({.processes = 2, .maxtasksperchild = 10});
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 100; ++i) {
    results.push_back(pool.apply_async(own_pid));
  }
  std::multiset<int> pids;
  for (const AsyncResult<int>& result : results) {
    pids.insert(result.get());
  }
  for (const int pid : pids) {
    EXPECT_LE(pids.count(pid), 10U);
  }
}

// test_pool_worker_lifetime_early_close
TEST(PoolMaxtasksperchild, holds_after_close) {
  Pool pool({.processes = 3, .maxtasksperchild = 1});
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 6; ++i) {
    results.push_back(pool.apply_async(own_pid));
  }
  pool.close();
  pool.join();
  std::set<int> pids;
  for (const AsyncResult<int>& result : results) {
    pids.insert(result.get());
  }
  EXPECT_EQ(pids.size(), 6U);
}

}  // namespace
}  // namespace pool_test
