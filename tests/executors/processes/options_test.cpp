// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The options of a ProcessPoolExecutor.

#include "executors/processes/support.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/executors/make_executor.hpp>

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::AnyExecutor;
using coeval::BrokenProcessPool;
using coeval::Future;
using coeval::make_executor;
using coeval::ProcessPoolExecutor;
using coeval::QueueFull;
using coeval::ValueError;
using coeval::WhenFull;

TEST(ProcessOptions, out_of_their_ranges_raise_value_error) {
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = 0}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = -3}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_tasks_per_child = 0}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.nice = -1}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.nice = 20}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.grace = std::chrono::nanoseconds(-1)}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_restarts = 0}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_result_size = (1U << 20U) - 1}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_result_size = (std::size_t{1} << 40U) + 1}), ValueError);
}

TEST(ProcessOptions, by_default_are_as_many_workers_as_processors) {
  EXPECT_EQ(ProcessPoolExecutor().stats().max_workers,
            static_cast<std::size_t>(coeval::usable_cpu_count()));
}

TEST(ProcessOptions, name_the_processes) {
  ProcessPoolExecutor pool({.max_workers = 1, .name = "decoders"});
  const auto name_in_ps = [] {
    std::ifstream file("/proc/self/comm");
    std::string name;
    std::getline(file, name);
    return name;
  };
  EXPECT_EQ(pool.submit(name_in_ps).result(), "decoders_0");
  EXPECT_EQ(pool.stats().name, "decoders");
}

TEST(ProcessOptions, max_tasks_per_child_replaces_the_process_after_so_many) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_child = 3});
  std::vector<int> pids;
  for (int i = 0; i < 30; ++i) {
    pids.push_back(pool.submit(own_pid).result());
  }
  for (std::size_t i = 0; i < pids.size(); i += 3) {
    EXPECT_EQ(pids[i], pids[i + 1]);
    EXPECT_EQ(pids[i], pids[i + 2]);
  }
  EXPECT_EQ(std::set<int>(pids.begin(), pids.end()).size(), 10U);
}

TEST(ProcessOptions, max_tasks_per_child_holds_for_tasks_that_come_at_once) {
  ProcessPoolExecutor pool({.max_workers = 2, .max_tasks_per_child = 5});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(pool.submit(own_pid));
  }
  std::multiset<int> pids;
  for (const Future<int>& future : futures) {
    pids.insert(future.result());
  }
  for (const int pid : pids) {
    EXPECT_LE(pids.count(pid), 5U);
  }
}

std::size_t allocate(std::size_t size) {
  const std::vector<char> memory(size, 'x');
  return memory.size();
}

TEST(ProcessOptions, memory_limit_raises_bad_alloc_in_the_task) {
  if (under_sanitizer) {
    GTEST_SKIP() << "a sanitizer's own memory is beyond any limit";
  }
  ProcessPoolExecutor pool({.max_workers = 1, .memory_limit = std::size_t{256} << 20});
  EXPECT_THROW(pool.submit(allocate, std::size_t{1} << 30).result(), std::bad_alloc);
  EXPECT_EQ(pool.submit(allocate, std::size_t{16} << 20).result(), std::size_t{16} << 20);
}

TEST(ProcessOptions, nice_is_added_to_the_nice_value) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  ProcessPoolExecutor pool({.max_workers = 1, .nice = 3});
  EXPECT_EQ(pool.submit([] { return ::getpriority(PRIO_PROCESS, 0); }).result(), own + 3);
}

TEST(ProcessOptions, working_directory_is_where_the_processes_work) {
  ProcessPoolExecutor pool({.max_workers = 1, .working_directory = "/proc"});
  const auto where = [] { return std::filesystem::current_path().string(); };
  EXPECT_EQ(pool.submit(where).result(), "/proc");
  EXPECT_EQ(ProcessPoolExecutor({.max_workers = 1}).submit(where).result(), where());
}

TEST(ProcessOptions, a_working_directory_that_does_not_exist_breaks_the_pool) {
  ProcessPoolExecutor pool({.max_workers = 1, .working_directory = "/proc/no such folder"});
  const std::string text = text_of<BrokenProcessPool>(pool.submit(square, 1));
  EXPECT_NE(text.find("working_directory: chdir: No such file or directory"), std::string::npos)
      << text;
}

std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "(none)";
}

TEST(ProcessOptions, environment_is_added_to_that_of_this_process) {
  ProcessPoolExecutor pool({.max_workers = 1, .environment = {{"COEVAL_TEST_A", "1 = one"}}});
  EXPECT_EQ(pool.submit(variable, std::string("COEVAL_TEST_A")).result(), "1 = one");
  EXPECT_EQ(pool.submit(variable, std::string("PATH")).result(), variable("PATH"));
  EXPECT_EQ(variable("COEVAL_TEST_A"), "(none)");
}

// ---- max_queue --------------------------------------------------------------------------------------------

// A pool whose only worker is busy and whose queue of 2 is full.
class ProcessQueue : public testing::Test {
 protected:
  explicit ProcessQueue(WhenFull when_full = WhenFull::block)
      : pool_({.max_workers = 1, .max_queue = 2, .when_full = when_full}) {
    running_ = pool_.submit(coeval::contract::pass<Ticket>, gate_.ticket(), 1);
    gate_.wait_for_arrivals(1);
    for (int i = 0; i < 2; ++i) {
      queued_.push_back(pool_.submit(square, i));
    }
  }
  ~ProcessQueue() override { gate_.open(); }

  void expect_the_queued() {
    gate_.open();
    EXPECT_EQ(running_.result(), 1);
    EXPECT_EQ(queued_[0].result(), 0);
    EXPECT_EQ(queued_[1].result(), 1);
  }

  ProcessPoolExecutor pool_;
  CrossProcessGate gate_;
  Future<int> running_;
  std::vector<Future<int>> queued_;
};
class ProcessQueueThatFails : public ProcessQueue {
 protected:
  ProcessQueueThatFails() : ProcessQueue(WhenFull::fail) {}
};
class ProcessQueueInCaller : public ProcessQueue {
 protected:
  ProcessQueueInCaller() : ProcessQueue(WhenFull::run_in_caller) {}
};

TEST_F(ProcessQueueThatFails, refuses_a_task_when_it_is_full) {
  EXPECT_THROW(pool_.submit(square, 3), QueueFull);
  EXPECT_FALSE(pool_.try_submit(square, 3).has_value());
  expect_the_queued();
  pool_.submit(square, 3).result();
  EXPECT_EQ(pool_.stats().submitted, 4U);
}

TEST_F(ProcessQueueThatFails, has_room_again_after_a_cancel) {
  EXPECT_TRUE(queued_[1].cancel());
  EXPECT_EQ((queued_[1] = pool_.submit(square, 1)).cancelled(), false);
  EXPECT_THROW(pool_.submit(square, 3), QueueFull);
  expect_the_queued();
}

TEST_F(ProcessQueueInCaller, runs_a_task_in_the_caller_when_it_is_full) {
  const auto here = pool_.submit(own_pid);
  EXPECT_TRUE(here.done());
  EXPECT_EQ(here.result(), ::getpid());
  std::string text = "text";
  const auto is_copy = [](std::string_view there) { return std::string(there) + "!"; };
  EXPECT_EQ(pool_.submit(is_copy, text).result(), "text!");
  EXPECT_THROW(pool_.submit([] { throw ValueError("here"); }).result(), ValueError);
  expect_the_queued();
}

TEST_F(ProcessQueue, that_is_full_blocks_the_submitter) {
  Future<int> third;
  std::thread submitter([&] { third = pool_.submit(square, 3); });
  gate_.open();
  submitter.join();
  EXPECT_EQ(third.result(), 9);
  expect_the_queued();
}

// A dead worker's task leaves its place in the queue.
TEST(ProcessQueueOfTwo, has_room_again_after_deaths) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_queue = 2});
  for (int i = 0; i < 10; ++i) {
    const auto dead = pool.submit([] { ::_exit(1); });
    const auto next = pool.submit(square, i);
    EXPECT_THROW(dead.result(), coeval::WorkerDied);
    EXPECT_EQ(next.result(), i * i);
  }
}

// ---- make_executor ---------------------------------------------------------------------------------------

TEST(ProcessMakeExecutor, has_the_number_of_workers_in_the_text) {
  EXPECT_EQ(make_executor("processes:3").stats().max_workers, 3U);
  EXPECT_EQ(make_executor("processes").stats().max_workers,
            static_cast<std::size_t>(coeval::usable_cpu_count()));
  AnyExecutor pool = make_executor("processes:1");
  EXPECT_NE(pool.submit(own_pid).result(), ::getpid());
}

TEST(ProcessMakeExecutor, of_processes_refuses_what_cannot_cross) {
  AnyExecutor pool = make_executor("processes:1");
  int n = 3;
  EXPECT_THROW(pool.submit([n] { return n; }), coeval::PickleError);
  EXPECT_THROW(pool.submit([](const int* p) { return p == nullptr; }, &n), coeval::PickleError);
  EXPECT_EQ(pool.submit(square, n).result(), 9);
}

}  // namespace
}  // namespace process_pool_test
