// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Kills while tasks flow. In a program of its own, as each kill has it started once more: a small one
// starts in half the time.

#include "executors/processes/support.hpp"
#include "support/watchdog.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
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

constexpr int default_kills = under_sanitizer ? 100 : 6000;
constexpr long tasks_per_kill = 200;

// Of each worker: how often each task has run; in front, how many workers have begun.
std::optional<SharedNumbers> runs_here;  // NOLINT

std::size_t place_of(long task) {
  return static_cast<std::size_t>(task) + 1;
}
void keep(const SharedNumbers& runs) {
  runs_here.emplace(runs);
  ++runs[0];
}
long count_and_square(long task) {
  ++(*runs_here)[place_of(task)];
  for (long spin = task % 8 * 1000; spin > 0; --spin) {
    asm volatile("");
  }
  return task * task;
}

// Kills a worker, of those that run or start, after each so many results. As fewer tasks are
// outstanding than that, some have run since the kill before.
class Killer {
 public:
  explicit Killer(unsigned seed) : random_(seed) {}

  void note_result() {
    const std::lock_guard guard(lock_);
    if (++results_ % tasks_per_kill == 0) {
      std::vector<coeval::multiprocessing::Process> workers = active_children();
      if (!workers.empty()) {
        workers[random_() % workers.size()].kill();
        ++kills_;
      }
    }
  }
  int kills() const { return kills_; }

 private:
  std::mutex lock_;
  std::mt19937 random_;
  long results_ = 0;
  int kills_ = 0;
};

// The tasks of one thread, and what has become of them.
class Submitter {
 public:
  Submitter(ProcessPoolExecutor& pool, const SharedNumbers& runs, long first, long end,
            std::atomic<long>& done, Killer& killer)
      : pool_(pool), runs_(runs), done_(done), killer_(killer), thread_([this, first, end] {
          run(first, end);
        }) {}
  ~Submitter() { wait(); }
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  void wait() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  // How many have died; after wait().
  long deaths() const { return deaths_; }

 private:
  void run(long first, long end) {
    constexpr std::size_t outstanding = tasks_per_kill / 4;
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
    const auto runs = [this, number = task] { return runs_.get(place_of(number)); };
    try {
      EXPECT_EQ(future.result(), task * task);
      EXPECT_EQ(runs(), 1) << "task " << task;
    } catch (const WorkerDied& error) {
      EXPECT_EQ(error.signal(), SIGKILL);
      EXPECT_LE(runs(), 1) << "task " << task;
      ++deaths_;
    }
    flying_.pop_front();
    support::feed_watchdogs();
    killer_.note_result();
  }

  ProcessPoolExecutor& pool_;
  const SharedNumbers& runs_;
  std::atomic<long>& done_;
  Killer& killer_;
  std::deque<std::pair<long, Future<long>>> flying_;
  long deaths_ = 0;
  std::thread thread_;
};

void soak(int workers, int kills, unsigned seed) {
  const long tasks = kills * tasks_per_kill;
  const SharedNumbers runs(place_of(tasks));
  std::atomic<long> done = 0;
  Killer killer(seed);
  long deaths = 0;
  {
    ProcessPoolExecutor pool({.max_workers = workers, .max_restarts = 1'000'000}, keep, runs);
    {
      Submitter one(pool, runs, 0, tasks / 2, done, killer);
      Submitter two(pool, runs, tasks / 2, tasks, done, killer);
      one.wait();
      two.wait();
      deaths = one.deaths() + two.deaths();
    }
    EXPECT_EQ(pool.submit(square, 3).result(), 9);
  }
  EXPECT_EQ(done.load(), tasks) << "a callback is called once";
  for (long i = 0; i < tasks; ++i) {
    EXPECT_LE(runs.get(place_of(i)), 1) << "task " << i;
  }
  std::printf("workers: %d, kills: %d, workers begun: %ld, tasks: %ld, of which died: %ld\n",
              workers, killer.kills(), runs.get(), tasks, deaths);
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
  const long tasks = kills * tasks_per_kill;
  constexpr std::size_t outstanding = tasks_per_kill / 2;
  Killer killer(7);
  ProcessPoolExecutor pool({.max_workers = 2, .max_restarts = 1'000'000});
  std::deque<std::pair<int, Future<int>>> flying;
  for (int i = 0; i < tasks; ++i) {
    flying.emplace_back(i % 1000, pool.with({.max_retries = 1'000'000}).submit(square, i % 1000));
    while (flying.size() > (i + 1 == tasks ? 0U : outstanding)) {
      EXPECT_EQ(flying.front().second.result(), flying.front().first * flying.front().first);
      flying.pop_front();
      support::feed_watchdogs();
      killer.note_result();
    }
  }
  std::printf("kills: %d, tasks, all tried again: %ld\n", killer.kills(), tasks);
}

}  // namespace
}  // namespace process_pool_test
