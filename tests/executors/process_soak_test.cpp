// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Kills while tasks flow.

#include "executors/process_support.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::WorkerDied;
using coeval::multiprocessing::active_children;

constexpr int default_kills = under_sanitizer ? 60 : 1000;
constexpr long tasks_per_kill = 200;

// Of each worker: how often each task has run.
std::optional<SharedNumbers> runs_here;  // NOLINT

void keep(const SharedNumbers& runs) {
  runs_here.emplace(runs);
}
long count_and_square(long task) {
  ++(*runs_here)[static_cast<std::size_t>(task)];
  for (long spin = task % 8 * 1000; spin > 0; --spin) {
    asm volatile("");
  }
  return task * task;
}

// The tasks of one thread, and what has become of them.
class Submitter {
 public:
  Submitter(ProcessPoolExecutor& pool, const SharedNumbers& runs, long first, long end,
            std::atomic<long>& done)
      : pool_(pool), runs_(runs), done_(done), thread_([this, first, end] { run(first, end); }) {}
  ~Submitter() { thread_.join(); }
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

 private:
  void run(long first, long end) {
    constexpr std::size_t outstanding = 300;
    for (long task = first; task < end; ++task) {
      flying_.emplace_back(task, pool_.submit(count_and_square, task));
      flying_.back().second.add_done_callback([this](const Future<long>&) { ++done_; });
      if (flying_.size() > outstanding) {
        land();
      }
    }
    while (!flying_.empty()) {
      land();
    }
  }

  void land() {
    const auto [task, future] = flying_.front();
    const auto runs = [this, number = task] { return runs_.get(static_cast<std::size_t>(number)); };
    try {
      EXPECT_EQ(future.result(), task * task);
      EXPECT_EQ(runs(), 1) << "task " << task;
    } catch (const WorkerDied& error) {
      EXPECT_EQ(error.signal(), SIGKILL);
      EXPECT_LE(runs(), 1) << "task " << task;
      ++deaths_;
    }
    flying_.pop_front();
  }

  ProcessPoolExecutor& pool_;
  const SharedNumbers& runs_;
  std::atomic<long>& done_;
  std::deque<std::pair<long, Future<long>>> flying_;

 public:
  std::atomic<long> deaths_ = 0;

 private:
  std::thread thread_;
};

// Kills a worker after each so many tasks.
void kill_workers(int kills, const std::atomic<long>& done, std::mt19937& random) {
  for (int kill = 0; kill < kills; ++kill) {
    until([&] { return done.load() >= kill * tasks_per_kill; });
    std::vector<coeval::multiprocessing::Process> workers = active_children();
    if (!workers.empty()) {
      workers[random() % workers.size()].kill();
    }
  }
}

void soak(int workers, int kills, unsigned seed) {
  const long tasks = (kills + 1) * tasks_per_kill;
  const SharedNumbers runs(static_cast<std::size_t>(tasks));
  std::mt19937 random(seed);
  std::atomic<long> done = 0;
  long deaths = 0;
  {
    ProcessPoolExecutor pool({.max_workers = workers, .max_restarts = 1'000'000}, keep, runs);
    {
      Submitter one(pool, runs, 0, tasks / 2, done);
      Submitter two(pool, runs, tasks / 2, tasks, done);
      kill_workers(kills, done, random);
      until([&] { return done.load() == tasks; });
      deaths = one.deaths_ + two.deaths_;
    }
    EXPECT_EQ(pool.submit(square, 3).result(), 9);
  }
  EXPECT_EQ(done.load(), tasks) << "a callback is called once";
  for (long i = 0; i < tasks; ++i) {
    EXPECT_LE(runs.get(static_cast<std::size_t>(i)), 1) << "task " << i;
  }
  std::printf("workers: %d, kills: %d, tasks: %ld, of which died: %ld\n", workers, kills, tasks,
              deaths);
}

int kills_asked() {
  const char* const asked = std::getenv("COEVAL_KILLS");  // NOLINT(concurrency-mt-unsafe)
  return asked != nullptr ? std::atoi(asked) : default_kills;
}

TEST(ProcessSoak, of_kills_loses_and_doubles_no_task) {
  soak(1, 2, 1);  // what is made once
  const long descriptors = open_descriptors();
  const std::size_t children = active_children().size();
  const unsigned seed = std::random_device()();
  std::printf("seed: %u\n", seed);
  soak(1, kills_asked() / 4, seed);
  soak(2, kills_asked() / 4, seed + 1);
  soak(5, kills_asked() / 2, seed + 2);
  until([&] { return open_descriptors() <= descriptors; });
  EXPECT_EQ(active_children().size(), children);
}

TEST(ProcessSoak, of_retries_loses_no_task) {
  const int kills = kills_asked() / 4;
  const long tasks = (kills + 1) * tasks_per_kill;
  std::mt19937 random(7);
  std::atomic<long> done = 0;
  ProcessPoolExecutor pool({.max_workers = 2, .max_restarts = 1'000'000});
  std::thread submitter([&] {
    std::deque<std::pair<int, Future<int>>> flying;
    for (int i = 0; i < tasks; ++i) {
      flying.emplace_back(i % 1000, pool.with({.max_retries = 1'000'000}).submit(square, i % 1000));
      while (flying.size() > (i + 1 == tasks ? 0U : 200U)) {
        EXPECT_EQ(flying.front().second.result(), flying.front().first * flying.front().first);
        flying.pop_front();
        ++done;
      }
    }
  });
  kill_workers(kills, done, random);
  submitter.join();
}

}  // namespace
}  // namespace process_pool_test
