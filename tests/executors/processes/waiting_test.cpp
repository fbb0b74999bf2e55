// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Threads that wait at the same workers, in all ways at once: whoever is awake collects for all, so
// a wake that is lost anywhere would leave somebody asleep for ever.

#include "executors/processes/support.hpp"

#include <coeval/threading/event.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;
using coeval::TimeoutError;
using namespace std::chrono_literals;

// Takes from nothing to about 100 us.
int square_slowly(int n, int spins) {
  for (; spins > 0; --spins) {
    asm volatile("");
  }
  return n * n;
}

int until_stopped(const std::stop_token& stop, int n) {
  until([&] { return stop.stop_requested(); });
  return n * n;
}

// Where a thread lays a future that another one may cancel.
class Board {
 public:
  void lay(const Future<int>& future) {
    const std::lock_guard guard(lock_);
    future_ = future;
  }
  void cancel() {
    const std::lock_guard guard(lock_);
    if (future_.valid()) {
      future_.cancel();
    }
  }

 private:
  std::mutex lock_;
  Future<int> future_;
};

class Waiter {
 public:
  Waiter(ProcessPoolExecutor& pool, Board& board, unsigned seed, std::atomic<long>& ends)
      : pool_(pool), board_(board), random_(seed), ends_(ends) {}

  void wait_often(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      switch (random_() % 11) {
        case 0:
          expect_result(submit());
          break;
        case 1:
          wait_briefly();
          break;
        case 2:
          cancel();
          break;
        case 3:
          wait_for_many();
          break;
        case 4:
          be_called_back();
          break;
        case 5:
          wait_for_what_may_be_cancelled();
          break;
        case 6:
          board_.cancel();
          break;
        case 7:
          drop_a_map();
          break;
        case 8:
          submit_with_a_time_limit();
          break;
        case 9:
          stop_what_may_run();
          break;
        default:
          submit();  // and nobody waits
          break;
      }
    }
  }

 private:
  Future<int> submit() {
    // Long ones are rare, so that the pool believes all to be tiny, and then again not.
    const int spins = random_() % 16 == 0 ? 200'000 : 0;
    return pool_.submit(square_slowly, 7, spins);
  }
  void expect_result(const Future<int>& future) {
    EXPECT_EQ(future.result(), 49);
    ++ends_;
  }
  void expect_result_or_cancelled(const Future<int>& future) {
    try {
      EXPECT_EQ(future.result(), 49);
    } catch (const coeval::CancelledError&) {
      EXPECT_TRUE(future.cancelled());
    }
    ++ends_;
  }
  void wait_briefly() {
    const Future<int> future = submit();
    try {
      static_cast<void>(future.result(std::chrono::microseconds(random_() % 100)));
    } catch (const TimeoutError&) {  // NOLINT(bugprone-empty-catch): it is waited for again
    }
    expect_result(future);
  }
  void cancel() {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 5; ++i) {
      futures.push_back(submit());
    }
    const bool cancelled = futures[random_() % futures.size()].cancel();
    for (const Future<int>& future : futures) {
      if (!future.cancelled()) {
        expect_result(future);
      }
    }
    ends_ += cancelled ? 1 : 0;
  }
  void wait_for_many() {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 20; ++i) {
      futures.push_back(submit());
    }
    ends_ += static_cast<long>(coeval::wait(futures).done.size());
  }
  void wait_for_what_may_be_cancelled() {
    const Future<int> before = pool_.submit(square_slowly, 7, 100'000);
    const Future<int> future = submit();
    board_.lay(future);
    expect_result_or_cancelled(future);
  }
  void drop_a_map() {
    auto results = pool_.map({.chunksize = 1 + random_() % 20}, square_slowly,
                             std::vector<int>(100, 7), std::vector<int>(100, 100));
    auto result = results.begin();
    for (unsigned reads = random_() % 100; reads > 0; --reads, ++result) {
      EXPECT_EQ(*result, 49);
      ++ends_;
    }
  }
  void submit_with_a_time_limit() {
    const Future<int> future = pool_.with({.timeout = 1h}).submit(square_slowly, 7, 100);
    if (random_() % 2 == 0 || !future.cancel()) {
      expect_result(future);
    }
  }
  void stop_what_may_run() {
    const Future<int> future = pool_.submit(until_stopped, 7);
    if (random_() % 2 == 0) {
      std::this_thread::yield();
    }
    future.stop();
    expect_result_or_cancelled(future);
  }
  void be_called_back() {
    coeval::threading::Event done;
    submit().add_done_callback([&done](const Future<int>&) { done.set(); });
    done.wait();
    ++ends_;
  }

  ProcessPoolExecutor& pool_;
  Board& board_;
  std::mt19937 random_;
  std::atomic<long>& ends_;
};

class ProcessWaitingThreads : public ::testing::TestWithParam<int> {};

TEST_P(ProcessWaitingThreads, of_many_threads_in_all_ways_loses_no_wake) {
  constexpr int threads = 6;
  constexpr int rounds = under_sanitizer ? 200 : 2000;
  const unsigned seed = std::random_device()();
  std::printf("seed: %u\n", seed);
  std::atomic<long> ends{0};
  Board board;
  ProcessPoolExecutor pool({.max_workers = GetParam()});
  std::vector<std::thread> all;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&, i] { Waiter(pool, board, seed + i, ends).wait_often(rounds); });
  }
  for (std::thread& thread : all) {
    thread.join();
  }
  std::printf("workers: %d, threads: %d, tasks whose end was seen: %ld\n", GetParam(), threads,
              ends.load());
  EXPECT_GT(ends.load(), threads * rounds / 2);
}

INSTANTIATE_TEST_SUITE_P(At, ProcessWaitingThreads, ::testing::Values(1, 2, 4),
                         [](const auto& workers) {
                           return std::to_string(workers.param) + "_workers";
                         });

// Whether the thread sleeps again and again, so that it is not for a moment.
bool sleeps_on(pid_t thread) {
  constexpr int looks = 500;
  int asleep = 0;
  for (int i = 0; i < looks; ++i) {
    asleep += multiprocessing_test::state_of_process(thread) == 'S' ? 1 : 0;
  }
  return asleep == looks;
}

void pass(const Ticket& ticket) {
  ticket.pass();
}

// Nothing else ends meanwhile: nobody but the cancellation wakes it.
TEST(ProcessWaiting, for_a_task_behind_one_that_runs_ends_when_it_is_cancelled) {
  CrossProcessGate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 1000; ++i) {
    pool.submit(square_slowly, 7, 0).result();  // so that tasks are handed over ahead
  }
  const Future<void> running = pool.submit(pass, gate.ticket());
  gate.wait_for_arrivals(1);
  const Future<int> waiting = pool.submit(square_slowly, 7, 0);
  std::atomic<pid_t> thread_id{0};
  std::thread waiter([&] {
    thread_id = ::gettid();
    EXPECT_THROW(static_cast<void>(waiting.result()), coeval::CancelledError);
  });
  until([&] { return thread_id != 0 && sleeps_on(thread_id); });
  EXPECT_TRUE(waiting.cancel());
  waiter.join();
  gate.open();
  running.result();
}

}  // namespace
}  // namespace process_pool_test
