// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The life of a pool: many workers, its end, the end of its process, and forks.

#include "executors/processes/support.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::RuntimeError;

TEST(ProcessWorkers, are_started_when_there_is_work) {
  ProcessPoolExecutor pool({.max_workers = 8});
  EXPECT_EQ(pool.stats().workers, 0U);
  for (int i = 0; i < 50; ++i) {
    pool.submit(square, i).result();
  }
  EXPECT_EQ(pool.stats().workers, 1U);
}

TEST(ProcessWorkers, of_a_pool_of_64_all_work) {
  ProcessPoolExecutor pool({.max_workers = 64});
  CrossProcessGate gate;
  std::vector<Future<int>> held;
  const auto hold = [](const Ticket& ticket) {
    ticket.pass();
    return static_cast<int>(::getpid());
  };
  for (int i = 0; i < 64; ++i) {
    held.push_back(pool.submit(hold, gate.ticket()));
  }
  gate.wait_for_arrivals(64);
  EXPECT_EQ(pool.stats().workers, 64U);
  EXPECT_EQ(pool.stats().running, 64U);
  gate.open();
  std::set<int> pids;
  for (const Future<int>& future : held) {
    pids.insert(future.result());
  }
  EXPECT_EQ(pids.size(), 64U);
  std::vector<Future<int>> many;
  for (int i = 0; i < 2000; ++i) {
    many.push_back(pool.submit(square, i));
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(many[static_cast<std::size_t>(i)].result(), i * i);
  }
}

TEST(ProcessWorkers, are_gone_after_the_pool) {
  std::set<int> pids;
  {
    ProcessPoolExecutor pool({.max_workers = 3});
    for (int i = 0; i < 200; ++i) {
      pids.insert(pool.submit(own_pid).result());
    }
  }
  for (const int pid : pids) {
    EXPECT_NE(::kill(pid, 0), 0);
  }
}

TEST(ProcessWorkers, run_what_is_queued_when_the_pool_is_destroyed) {
  const SharedNumbers runs;
  std::vector<Future<int>> futures;
  {
    ProcessPoolExecutor pool({.max_workers = 2});
    for (int i = 0; i < 1000; ++i) {
      futures.push_back(pool.submit(
          [](const SharedNumbers& counts, int n) {
            ++counts[0];
            return n;
          },
          runs, i));
    }
  }
  EXPECT_EQ(runs.get(), 1000);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(futures[static_cast<std::size_t>(i)].done());
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i);
  }
}

// A chain of callbacks, each of which submits from whichever thread ended the one before it.
TEST(ProcessCallbacks, may_submit_after_a_death) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::atomic<int> deaths = 0;
  std::atomic<bool> is_over = false;
  const std::function<void()> go_on = [&] {
    pool.submit([] { ::_exit(1); }).add_done_callback([&](const Future<void>& dead) {
      EXPECT_THROW(dead.result(), coeval::WorkerDied);
      if (++deaths < 10) {
        go_on();
      } else {
        is_over = true;
      }
    });
  };
  go_on();
  until([&] { return is_over.load(); });
  EXPECT_EQ(deaths, 10);
}

// ---- the end of the process -------------------------------------------------------------------------------

void count(const SharedNumbers& runs) {
  ++runs[0];
}
ProcessPoolExecutor& busy_pool(const SharedNumbers& runs) {
  static ProcessPoolExecutor& pool = *new ProcessPoolExecutor({.max_workers = 2});  // for good
  for (int i = 0; i < 300; ++i) {
    pool.submit(count, runs);
  }
  return pool;
}

TEST(ProcessPoolAtExit, is_drained_when_main_returns) {
  const SharedNumbers runs;
  EXPECT_EQ(multiprocessing_test::in_process([](const SharedNumbers& n) { busy_pool(n); }, runs),
            0);
  EXPECT_EQ(runs.get(), 300);
}

TEST(ProcessPoolAtExit, is_drained_by_exit) {
  const SharedNumbers runs;
  const auto leave = [](const SharedNumbers& n) {
    busy_pool(n);
    std::exit(3);  // NOLINT(concurrency-mt-unsafe)
  };
  EXPECT_EQ(multiprocessing_test::in_process(leave, runs), 3);
  EXPECT_EQ(runs.get(), 300);
}

// Registered before the library registers its own, so it runs after it.
TEST(ProcessPoolAtExit, a_submit_after_the_drain_raises) {
  const auto leave = [](const SharedNumbers& n) {
    static const SharedNumbers* told = nullptr;
    static ProcessPoolExecutor* pool = nullptr;
    told = new SharedNumbers(n);
    std::atexit([] {
      try {
        pool->submit(count, *told);
      } catch (const RuntimeError& error) {
        const bool is_refused =
            std::string(error.what()).find("after shutdown") != std::string::npos;
        told->set(1, is_refused ? 1 : 2);
      }
    });
    pool = &busy_pool(n);
  };
  const SharedNumbers runs(2);
  EXPECT_EQ(multiprocessing_test::in_process(leave, runs), 0);
  EXPECT_EQ(runs.get(0), 300);
  EXPECT_EQ(runs.get(1), 1) << "2: refused for another reason, 0: taken";
}

TEST(ProcessPoolAtExit, with_deaths_does_not_hang) {
  const auto leave = [](const SharedNumbers& n) {
    ProcessPoolExecutor& pool = busy_pool(n);
    for (int i = 0; i < 5; ++i) {
      pool.submit([] { ::raise(SIGKILL); });
      pool.submit(count, n);
    }
  };
  const SharedNumbers runs;
  EXPECT_EQ(multiprocessing_test::in_process(leave, runs), 0);
  EXPECT_EQ(runs.get(), 305);
}

TEST(ProcessPoolInATask, is_a_pool_like_any_other) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto nested = [](int n) {
    ProcessPoolExecutor inner({.max_workers = 2});
    return inner.submit(square, n).result() + inner.submit(square, n + 1).result();
  };
  EXPECT_EQ(pool.submit(nested, 3).result(), 9 + 16);
}

// ---- fork -------------------------------------------------------------------------------------------------

// What a forked child finds: 0 is right.
int use_in_child(std::unique_ptr<ProcessPoolExecutor>& pool) {
  try {
    pool->submit(square, 3);
    return 1;
  } catch (const RuntimeError& error) {
    if (std::string(error.what()).find("belongs to the process that forked this one") ==
        std::string::npos) {
      return 2;
    }
  }
  pool->shutdown({.cancel_futures = true});
  pool.reset();
  return 0;
}

TEST(ProcessPoolAfterFork, is_of_no_use_to_the_child_and_unharmed_by_it) {
  if (under_sanitizer) {
    GTEST_SKIP() << "a sanitizer allows the child of several threads nothing";
  }
  for (int round = 0; round < 50; ++round) {
    auto pool = std::make_unique<ProcessPoolExecutor>(
        coeval::ProcessPoolOptions{.max_workers = 2, .max_queue = 1000});
    std::vector<Future<int>> futures;
    for (int i = 0; i < 100; ++i) {
      futures.push_back(pool->submit(square, i));
    }
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(use_in_child(pool));
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i * i);
    }
  }
}

}  // namespace
}  // namespace process_pool_test
