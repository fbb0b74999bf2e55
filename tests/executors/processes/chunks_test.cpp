// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Elements of a map that go to a process together stay tasks of their own.

#include "executors/processes/chunks.hpp"

#include <coeval/multiprocessing/queue.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Queue;

std::vector<int> squares(int count) {
  std::vector<int> all = numbers(count);
  for (int& n : all) {
    n *= n;
  }
  return all;
}

int raise_at_thirds(int n) {
  return n % 3 == 0 ? throw std::runtime_error("third") : n;
}

// ---- results --------------------------------------------------------------------------------------

TEST(ProcessChunks, of_all_sizes_give_the_results_in_order) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (const std::size_t chunksize : {2U, 7U, 64U, 1000U, 100'000U}) {
    EXPECT_EQ(list(pool.map({.chunksize = chunksize}, square, numbers(1000))), squares(1000))
        << chunksize;
    EXPECT_EQ(list(pool.map({.eager = true, .chunksize = chunksize}, square, numbers(1000))),
              squares(1000))
        << chunksize;
    EXPECT_EQ(list(pool.map({.buffersize = 5, .chunksize = chunksize}, square, numbers(100))),
              squares(100))
        << chunksize;
  }
  EXPECT_TRUE(list(pool.map({.chunksize = 8}, square, numbers(0))).empty());
}

TEST(ProcessChunks, of_a_size_that_is_found_give_the_results_in_order) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(list(pool.map(square, numbers(20'000))), squares(20'000));
  }
  const coeval::ExecutorStats stats = pool.stats();
  EXPECT_EQ(stats.submitted, 60'000U);
  EXPECT_EQ(stats.completed, 60'000U);
  EXPECT_EQ(stats.failed + stats.cancelled + stats.queued + stats.running, 0U);
}

TEST(ProcessChunks, hold_arguments_and_results_of_any_size) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 200; ++i) {
    texts.emplace_back(i % 10 == 0 ? 100'000 + i : i, static_cast<char>('a' + i % 26));
  }
  const auto twice = [](std::string_view text) { return std::string(text) + std::string(text); };
  std::size_t i = 0;
  for (const std::string& text : pool.map({.chunksize = 20}, twice, texts)) {
    EXPECT_EQ(text, texts[i] + texts[i]) << i;
    ++i;
  }
  EXPECT_EQ(i, texts.size());
}

TEST(ProcessChunks, may_return_nothing) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const SharedNumbers runs(50);
  const auto count = [](const SharedNumbers& all, int n) { ++all[static_cast<std::size_t>(n)]; };
  const std::vector<SharedNumbers> same(50, runs);
  EXPECT_EQ(list(pool.map({.chunksize = 10}, count, same, numbers(50))).size(), 50U);
  EXPECT_EQ(runs.get(49), 1);
}

TEST(ProcessChunks, carry_handles_both_ways) {
  ProcessPoolExecutor pool({.max_workers = 2});
  Queue<int> queue;
  const auto put = [](Queue<int> to, int n) {
    to.put(n);
    return to;
  };
  const std::vector<Queue<int>> queues(12, queue);
  int expected = 0;
  for (Queue<int>& same : pool.map({.chunksize = 4}, put, queues, numbers(12))) {
    same.put(100);
    ++expected;
  }
  EXPECT_EQ(expected, 12);
  int sum = 0;
  for (int i = 0; i < 24; ++i) {
    sum += queue.get();
  }
  EXPECT_EQ(sum, 12 * 100 + 66);
}

// ---- errors ---------------------------------------------------------------------------------------

TEST(ProcessChunks, an_error_is_of_one_element) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const auto ends = ends_of(pool.map({.chunksize = 16}, raise_at_thirds, numbers(100)));
  ASSERT_EQ(ends.size(), 100U);
  for (int n = 0; n < 100; ++n) {
    EXPECT_EQ(ends[static_cast<std::size_t>(n)], n % 3 == 0 ? "third" : std::to_string(n));
  }
  EXPECT_EQ(pool.stats().failed, 34U);
  EXPECT_EQ(pool.stats().completed, 66U);
}

// An argument that cannot be read, or a result that cannot be written.
struct Fragile {
  int n = 0;
  template <coeval::pickle::Archive A>
  void serialize(A& archive) {
    archive(n);
    if constexpr (!A::is_writing) {
      if (n == 5) {
        throw std::runtime_error("unreadable");
      }
    } else if (n == 109) {
      throw std::runtime_error("unwritable");
    }
    std::string behind = "behind";
    archive(behind);
  }
};

TEST(ProcessChunks, what_cannot_be_read_or_written_is_of_one_element) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::vector<Fragile> all;
  for (const int n : numbers(12)) {
    all.push_back({.n = n});
  }
  const auto add = [](const Fragile& one) { return Fragile{.n = one.n + 100}; };
  auto results = pool.map({.chunksize = 12}, add, all);
  int n = 0;
  for (auto it = results.begin(); it != results.end(); ++it, ++n) {
    if (n == 5 || n == 9) {
      EXPECT_THROW(static_cast<void>(*it), std::runtime_error) << n;
    } else {
      EXPECT_EQ((*it).n, n + 100);
    }
  }
  EXPECT_EQ(n, 12);
}

TEST(ProcessChunks, an_argument_that_cannot_be_sent_ends_the_map_behind_the_others) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<Fragile> all{{.n = 1}, {.n = 2}, {.n = 109}, {.n = 4}};
  const auto number = [](const Fragile& one) { return one.n; };
  EXPECT_EQ(ends_of(pool.map({.chunksize = 4}, number, all)),
            (std::vector<std::string>{"1", "2", "unwritable"}));
}

// ---- the end of a map -----------------------------------------------------------------------------

TEST(ProcessChunks, of_a_dropped_map_only_the_element_that_runs_goes_on) {
  ProcessPoolExecutor pool({.max_workers = 1});
  CrossProcessGate gate;
  const SharedNumbers runs(16);
  const auto count_and_pass = [](const Ticket& ticket, const SharedNumbers& all, int n) {
    ++all[static_cast<std::size_t>(n)];
    if (n == 2) {
      ticket.pass();
    }
    return n;
  };
  {
    auto results =
        pool.map({.chunksize = 16}, count_and_pass, std::vector<Ticket>(16, gate.ticket()),
                 std::vector<SharedNumbers>(16, runs), numbers(16));
    gate.wait_for_arrivals(1);
  }
  EXPECT_EQ(pool.stats().cancelled, 13U);
  gate.open();
  pool.shutdown();
  for (std::size_t n = 0; n < 16; ++n) {
    EXPECT_EQ(runs.get(n), n <= 2 ? 1 : 0) << n;
  }
  EXPECT_EQ(pool.stats().completed, 3U);
}

TEST(ProcessChunks, that_wait_are_cancelled_by_shutdown) {
  ProcessPoolExecutor pool({.max_workers = 1});
  CrossProcessGate gate;
  const auto waiting = pool.submit([](const Ticket& ticket) { ticket.pass(); }, gate.ticket());
  gate.wait_for_arrivals(1);
  auto results = pool.map({.eager = true, .chunksize = 10}, square, numbers(100));
  pool.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_EQ(pool.stats().cancelled, 100U);
  gate.open();
  auto it = results.begin();
  EXPECT_THROW(static_cast<void>(*it), coeval::CancelledError);
}

TEST(ProcessChunks, are_refused_whole_by_a_pool_that_is_shut_down) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit(square, 2).result();
  pool.shutdown();
  auto results = pool.map({.chunksize = 10}, square, numbers(100));
  auto it = results.begin();
  EXPECT_THROW(static_cast<void>(*it), coeval::RuntimeError);
  ++it;
  EXPECT_TRUE(it == results.end());
}

// ---- where there are none -------------------------------------------------------------------------

TEST(ProcessChunks, are_not_made_where_tasks_are_counted_one_by_one) {
  const auto repeated_pids = [](ProcessPoolExecutor& pool) {
    auto all = list(pool.map({.chunksize = 4}, [](int) { return own_pid(); }, numbers(4)));
    std::ranges::sort(all);
    return all.end() - std::ranges::unique(all).begin();
  };
  ProcessPoolExecutor one_each({.max_workers = 1, .max_tasks_per_child = 1});
  EXPECT_EQ(repeated_pids(one_each), 0) << "four tasks, four processes";

  ProcessPoolExecutor bounded(
      {.max_workers = 1, .max_queue = 2, .when_full = coeval::WhenFull::fail});
  CrossProcessGate gate;
  const auto waiting = bounded.submit([](const Ticket& ticket) { ticket.pass(); }, gate.ticket());
  gate.wait_for_arrivals(1);
  auto results = bounded.map({.eager = true, .chunksize = 8}, square, numbers(8));
  EXPECT_EQ(bounded.stats().submitted, 3U);
  gate.open();
}

TEST(ProcessChunks, are_not_made_while_tasks_are_observed_or_timed) {
  ProcessPoolExecutor pool({.max_workers = 2});
  EXPECT_THROW(list(pool.with({.timeout = 50ms})
                        .map(
                            {.chunksize = 4}, [](int n) { return n == 1 ? (::pause(), 0) : n; },
                            numbers(4))),
               coeval::TimeoutError);
  EXPECT_EQ(pool.stats().failed, 1U);
}

}  // namespace
}  // namespace process_pool_test
