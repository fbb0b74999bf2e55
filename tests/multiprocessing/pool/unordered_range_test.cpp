// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/unordered_range.hpp>

#include "multiprocessing/pool/pool_support.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <tuple>
#include <variant>

namespace pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::TimeoutError;

// Numbers without an end, counted as they are read.
auto counted(int& reads) {
  return std::views::iota(0) | std::views::transform([&reads](int n) {
           ++reads;
           return n;
         });
}

template <class Range>
std::multiset<int> all_of(Range range) {
  std::multiset<int> all;
  for (const int n : range) {
    all.insert(n);
  }
  return all;
}

// test_imap_unordered
TEST(PoolUnordered, yields_each_result_once) {
  Pool pool({.processes = 2});
  const std::vector<int> few = squares(10);
  const std::vector<int> many = squares(1000);
  EXPECT_EQ(all_of(pool.imap_unordered(square, numbers(10))),
            std::multiset<int>(few.begin(), few.end()));
  EXPECT_EQ(all_of(pool.imap_unordered({.chunksize = 100}, square, numbers(1000))),
            std::multiset<int>(many.begin(), many.end()));
}

TEST(PoolUnordered, yields_results_as_they_come) {
  Pool pool({.processes = 2});
  Gate gate;
  std::vector<int> order;
  for (const int n : pool.imap_unordered(GateAtZero{gate.ticket()}, numbers(20))) {
    order.push_back(n);
    if (order.size() == 19) {
      gate.open();
    }
  }
  ASSERT_EQ(order.size(), 20U);
  EXPECT_EQ(order.back(), 0);
}

// Until the pool knows that its tasks are tiny: it reads further ahead then.
void run_tiny_tasks(Pool& pool) {
  int reads = 0;
  while (reads <= 40) {
    reads = 0;
    all_of(pool.imap_unordered(square, numbers(1000)));
    const auto unread = pool.imap_unordered({.chunksize = 10}, square, counted(reads));
  }
}

TEST(PoolUnordered, yields_results_as_they_come_where_the_oldest_of_tiny_tasks_takes_long) {
  Pool pool({.processes = 2});
  run_tiny_tasks(pool);
  for (const std::size_t chunksize : {std::size_t{1}, std::size_t{10}}) {
    Gate gate;
    std::vector<int> order;
    for (const int n :
         pool.imap_unordered({.chunksize = chunksize}, GateAtZero{gate.ticket()}, numbers(1000))) {
      order.push_back(n);
      if (order.size() == 999) {
        gate.open();
      }
    }
    ASSERT_EQ(order.size(), 1000U);
    EXPECT_EQ(order.back(), 0);
  }
}

TEST(PoolUnordered, of_one_process_yields_in_the_order_of_the_inputs) {
  Pool pool({.processes = 1});
  for (int i = 0; i < 5; ++i) {
    auto results = pool.imap_unordered({.buffersize = 50}, square, numbers(200));
    EXPECT_EQ(coeval::list(results), squares(200));
    auto chunks = pool.imap_unordered({.chunksize = 7}, square, numbers(200));
    EXPECT_EQ(coeval::list(chunks), squares(200));
  }
}

TEST(PoolUnordered, reads_so_many_inputs_ahead) {
  Pool pool({.processes = 2});
  int reads = 0;
  {
    const auto unread = pool.imap_unordered(square, counted(reads));
    EXPECT_EQ(reads, 4);  // twice the processes
  }
  reads = 0;
  {
    auto squared = pool.imap_unordered({.buffersize = 4}, square, counted(reads));
    EXPECT_EQ(reads, 4);
    auto result = squared.begin();
    static_cast<void>(*result);
    EXPECT_EQ(reads, 4);
    ++result;
    EXPECT_EQ(reads, 5);
    squared.next();
    EXPECT_EQ(reads, 6);
  }
  reads = 0;
  const auto bounded = pool.imap_unordered({.buffersize = 1}, square, counted(reads));
  EXPECT_EQ(reads, 1);
  reads = 0;
  Pool fresh({.processes = 2});
  const auto chunks = fresh.imap_unordered({.chunksize = 10}, square, counted(reads));
  EXPECT_EQ(reads, 40);
}

TEST(PoolUnordered, reads_further_ahead_where_the_tasks_are_known_to_be_tiny) {
  Pool pool({.processes = 2});
  run_tiny_tasks(pool);  // waits for it
  int reads = 0;
  const auto bounded =
      pool.imap_unordered({.buffersize = 25, .chunksize = 10}, square, counted(reads));
  EXPECT_EQ(reads, 25);
}

TEST(PoolUnordered, never_has_more_than_buffersize_inputs_that_were_not_passed) {
  Pool pool({.processes = 2});
  int reads = 0;
  int passed = 0;
  for (const int n : pool.imap_unordered({.buffersize = 9}, square, counted(reads))) {
    EXPECT_GT(reads, passed);
    EXPECT_LE(reads, passed + 9);
    if (++passed == 100) {
      break;
    }
    static_cast<void>(n);
  }
  EXPECT_EQ(passed, 100);
}

TEST(PoolUnordered, eager_reads_all_in_the_call) {
  Pool pool({.processes = 2});
  int reads = 0;
  auto squared =
      pool.imap_unordered({.eager = true}, square, counted(reads) | std::views::take(1000));
  EXPECT_EQ(reads, 1000);
  pool.close();
  pool.join();
  EXPECT_EQ(all_of(std::move(squared)).size(), 1000U);
}

TEST(PoolUnordered, an_error_comes_in_the_place_of_its_result) {
  Pool pool({.processes = 2});
  const auto sometimes = [](int n) { return n % 5 == 0 ? refuse(n) : n; };
  auto results = pool.imap_unordered(sometimes, numbers(20));
  int good = 0;
  int bad = 0;
  for (auto result = results.begin(); result != results.end(); ++result) {
    try {
      EXPECT_NE(*result % 5, 0);
      ++good;
    } catch (const std::invalid_argument&) {
      ++bad;
    }
  }
  EXPECT_EQ(good, 16);
  EXPECT_EQ(bad, 4);
}

// test_imap_unordered_handle_iterable_exception
TEST(PoolUnordered, an_error_of_the_inputs_comes_last) {
  Pool pool({.processes = 2});
  for (int round = 0; round < 2; ++round) {
    auto none = pool.imap_unordered(square, numbers_until(0));
    EXPECT_THROW(*none.begin(), SayWhen);
  }
  for (const std::size_t chunksize : {std::size_t{1}, std::size_t{2}}) {
    auto some = pool.imap_unordered({.chunksize = chunksize}, square, numbers_until(7));
    std::set<int> seen;
    for (int i = 0; i < 7; ++i) {
      seen.insert(some.next().value());
    }
    EXPECT_EQ(seen, (std::set{0, 1, 4, 9, 16, 25, 36}));
    EXPECT_THROW(some.next(), SayWhen);
    EXPECT_EQ(some.next(), std::nullopt);
    EXPECT_EQ(some.begin(), some.end());
  }
}

TEST(PoolUnordered, next_gives_up_at_its_deadline_and_may_go_on) {
  Pool pool({.processes = 1});
  Gate gate;
  auto results = pool.imap_unordered(GateAtZero{gate.ticket()}, numbers(2));
  EXPECT_THROW(results.next(0s), TimeoutError);
  EXPECT_THROW(results.next(10ms), TimeoutError);
  gate.open();
  EXPECT_EQ(results.next(), 0);
  EXPECT_EQ(results.next(), 1);
  EXPECT_EQ(results.next(), std::nullopt);
}

TEST(PoolUnordered, the_timeout_ends_the_range) {
  Pool pool({.processes = 1});
  Gate gate;
  auto results = pool.imap_unordered({.timeout = 10ms}, GateAtZero{gate.ticket()}, numbers(10));
  EXPECT_THROW(*results.begin(), TimeoutError);
  EXPECT_EQ(results.begin(), results.end());
  EXPECT_EQ(results.next(), std::nullopt);
  gate.open();
}

TEST(PoolUnordered, dropping_it_cancels_what_has_not_begun) {
  Pool pool({.processes = 1});
  Gate gate;
  const SharedNumbers runs;
  const auto task = [](const Ticket& ticket, const SharedNumbers& counts) {
    ++counts[0];
    ticket.pass();
  };
  {
    const AsyncResult<void> first = pool.apply_async(task, gate.ticket(), runs);
    gate.wait_for_arrivals(1);
    const auto count = [](const SharedNumbers& counts) { ++counts[0]; };
    auto results = pool.imap_unordered(count, std::vector(5, runs));
    auto moved = std::move(results);
    EXPECT_EQ(results.begin(), results.end());  // NOLINT(bugprone-use-after-move)
    moved = pool.imap_unordered(count, std::vector(5, runs));
    moved.cancel();
    EXPECT_EQ(moved.begin(), moved.end());
  }
  gate.open();
  pool.close();
  pool.join();
  EXPECT_EQ(runs.get(), 1);
}

TEST(PoolUnordered, can_be_dropped_while_results_come) {
  Pool pool({.processes = 2});
  for (int round = 0; round < 100; ++round) {
    int passed = 0;
    for (const int n : pool.imap_unordered({.chunksize = 10}, square, numbers(5000))) {
      static_cast<void>(n);
      if (++passed > 30 * round) {
        break;
      }
    }
  }
  EXPECT_EQ(all_of(pool.imap_unordered(square, numbers(100))).size(), 100U);
}

TEST(PoolUnordered, polls_give_each_result_once) {
  Pool pool({.processes = 2});
  run_tiny_tasks(pool);
  auto results = pool.imap_unordered({.chunksize = 10}, square, numbers(1000));
  std::multiset<int> all;
  while (all.size() != 1000) {
    try {
      all.insert(results.next(0s).value());
    } catch (const TimeoutError&) {  // NOLINT(bugprone-empty-catch): it is asked again
    }
  }
  const std::vector<int> expected = squares(1000);
  EXPECT_EQ(all, std::multiset<int>(expected.begin(), expected.end()));
  EXPECT_EQ(results.next(0s), std::nullopt);
}

TEST(PoolUnordered, takes_functions_of_any_result) {
  Pool pool({.processes = 2});
  const auto nothing = [](int) {};
  std::size_t count = 0;
  for (const std::monostate& done : pool.imap_unordered(nothing, numbers(10))) {
    static_cast<void>(done);
    ++count;
  }
  EXPECT_EQ(count, 10U);
  EXPECT_EQ(pool.imap_unordered(nothing, numbers(1)).next(), std::monostate());
  const auto in_a_box = [](int n) { return std::make_unique<int>(n); };
  auto boxes = pool.imap_unordered(in_a_box, std::vector{7});
  const std::unique_ptr<int> box = boxes.next().value();
  EXPECT_EQ(*box, 7);
}

TEST(PoolUnordered, a_death_costs_its_element_only) {
  Pool pool({.processes = 2});
  const auto mortal = [](int n) { return n == 3 ? (std::abort(), n) : n; };
  auto results = pool.imap_unordered(mortal, numbers(10));
  int good = 0;
  int deaths = 0;
  for (auto result = results.begin(); result != results.end(); ++result) {
    try {
      good += *result >= 0 ? 1 : 0;
    } catch (const coeval::WorkerDied&) {
      ++deaths;
    }
  }
  EXPECT_EQ(good, 9);
  EXPECT_EQ(deaths, 1);
}

}  // namespace
}  // namespace pool_test
