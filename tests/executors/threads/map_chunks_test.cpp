// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Elements of a map that go to a thread together stay tasks of their own.

#include "executors/threads/pool_support.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/semaphore.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using coeval::ExecutorStats;
using coeval::ThreadPoolExecutor;

constexpr int count = 20'000;

int twice(int n) {
  return 2 * n;
}
int raise_at_thirds(int n) {
  return n % 3 == 0 ? throw std::runtime_error("third") : n;
}

// A map that has found its elements tiny, and what the later ones do instead of returning at once.
class MapOfTinyElements : public testing::Test {
 protected:
  // Before the parts of a derived class go, which tasks may call.
  void TearDown() override {
    gate_.set();
    range_.reset();
    pool_.shutdown();
  }

  static constexpr int workers = 4;
  static constexpr int none = 1 << 30;

  // Reads until so many elements are submitted ahead that they went there together.
  void find_them_tiny() {
    constexpr int most = 2'000'000;
    while (ahead() < 40 * workers) {
      ASSERT_LT(position_, most) << "they still go one by one";
      read_one();
    }
  }
  // The elements that are not submitted yet are the special ones; some of them are when this returns,
  // and none of them was read.
  void submit_special_ones() {
    first_special_.store(submitted(), std::memory_order_relaxed);
    while (submitted() < special() + 2 * workers) {
      read_one();
    }
    ASSERT_LT(position_, special());
  }
  void read_up_to(int position) {
    while (position_ < position) {
      read_one();
    }
  }
  void read_one() {
    ASSERT_EQ(**at_, twice(position_));
    pass_one();
  }
  void pass_one() {
    ++*at_;
    ++position_;
  }
  int submitted() const { return static_cast<int>(pool_.stats().submitted); }
  int ahead() const { return submitted() - position_; }
  int special() const { return first_special_.load(std::memory_order_relaxed); }
  // Everything that was submitted has come to one end.
  void expect_all_counted() {
    pool_.shutdown();
    const ExecutorStats stats = pool_.stats();
    EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled);
    EXPECT_EQ(stats.queued, 0U);
    EXPECT_EQ(stats.running, 0U);
  }

  int call(int n) {
    if (n >= special()) {
      run_special(n);
    }
    return twice(n);
  }
  virtual void run_special(int) {
    arrivals_.release();
    gate_.wait();
  }

  coeval::atomic<int> first_special_{none};
  coeval::threading::Semaphore arrivals_{0};
  coeval::threading::Event gate_;
  ThreadPoolExecutor pool_{{.max_workers = workers}};
  int position_ = 0;
  std::optional<coeval::MapRange<int>> range_{
      pool_.map([this](int n) { return call(n); }, std::views::iota(0))};
  std::optional<coeval::MapRange<int>::Iterator> at_{range_->begin()};
};

TEST_F(MapOfTinyElements, go_to_a_thread_together) {
  find_them_tiny();
}

TEST_F(MapOfTinyElements, spread_over_all_workers_where_they_take_long_without_being_read) {
  find_them_tiny();
  submit_special_ones();
  for (int i = 0; i < workers; ++i) {
    arrivals_.acquire();
  }
  gate_.set();
  read_up_to(special() + 100);
}

TEST_F(MapOfTinyElements, are_read_while_a_later_one_of_their_chunk_takes_long) {
  find_them_tiny();
  submit_special_ones();
  read_up_to(special());
  gate_.set();
  read_up_to(special() + 100);
  range_.reset();
  expect_all_counted();
}

TEST_F(MapOfTinyElements, go_one_by_one_again_after_a_long_one) {
  find_them_tiny();
  submit_special_ones();
  arrivals_.acquire();
  read_up_to(special());
  // The first special one is in the way until it is noticed as long, so it was.
  for (int i = 1; i < workers; ++i) {
    arrivals_.acquire();
  }
  gate_.set();
  read_up_to(special() + 10);
}

TEST_F(MapOfTinyElements, that_have_not_begun_are_cancelled_when_the_range_is_dropped) {
  find_them_tiny();
  submit_special_ones();
  arrivals_.acquire();
  range_.reset();
  gate_.set();
  expect_all_counted();
  EXPECT_GT(pool_.stats().cancelled, 0U);
}

TEST_F(MapOfTinyElements, that_have_not_begun_are_cancelled_by_a_shutdown_that_says_so) {
  find_them_tiny();
  submit_special_ones();
  for (int i = 0; i < workers; ++i) {
    arrivals_.acquire();
  }
  const int last = submitted();
  pool_.shutdown({.wait = false, .cancel_futures = true});
  gate_.set();
  int cancelled = 0;
  while (position_ < last) {
    try {
      EXPECT_EQ(**at_, twice(position_));
    } catch (const coeval::CancelledError&) {
      ++cancelled;
    }
    pass_one();
  }
  expect_all_counted();
  EXPECT_EQ(static_cast<int>(pool_.stats().cancelled), cancelled);
  EXPECT_GT(cancelled, 0);
}

class MapWhoseElementEndsItsThread : public MapOfTinyElements {
  void run_special(int n) override {
    if (n == special()) {
      ::pthread_exit(nullptr);
    }
  }
};

TEST_F(MapWhoseElementEndsItsThread, loses_only_this_one) {
  find_them_tiny();
  submit_special_ones();
  read_up_to(special());
  EXPECT_THROW(**at_, coeval::RuntimeError);
  pass_one();
  read_up_to(special() + 1000);
  range_.reset();
  expect_all_counted();
  EXPECT_EQ(pool_.stats().failed, 1U);
}

// ---- the results ----------------------------------------------------------------------------------

TEST(MapChunks, give_the_results_in_order) {
  for (const int workers : {1, 2, 8}) {
    ThreadPoolExecutor pool({.max_workers = workers});
    for (const std::size_t buffersize : {0U, 5U, 64U, 5000U}) {
      int next = 0;
      for (const int result :
           pool.map({.buffersize = buffersize}, twice, std::views::iota(0, count))) {
        ASSERT_EQ(result, twice(next++));
      }
      ASSERT_EQ(next, count);
    }
    pool.shutdown();
    EXPECT_EQ(pool.stats().completed, 4U * count);
  }
}

TEST(MapChunks, are_never_further_ahead_than_the_buffer_says) {
  ThreadPoolExecutor pool({.max_workers = 2});
  int reads = 0;
  auto inputs = std::views::iota(0) | std::views::transform([&reads](int n) {
                  ++reads;
                  return n;
                });
  auto results = pool.map({.buffersize = 64}, twice, inputs);
  auto it = results.begin();
  for (int position = 0; position < count; ++position, ++it) {
    ASSERT_LE(reads, position + 64);
    ASSERT_EQ(*it, twice(position));
  }
}

TEST(MapChunks, have_each_error_in_its_place_and_go_on) {
  ThreadPoolExecutor pool({.max_workers = 2});
  auto results = pool.map(raise_at_thirds, std::views::iota(0, count));
  int position = 0;
  for (auto it = results.begin(); it != results.end(); ++it, ++position) {
    if (position % 3 == 0) {
      ASSERT_THROW(*it, std::runtime_error);
    } else {
      ASSERT_EQ(*it, position);
    }
  }
  EXPECT_EQ(position, count);
  pool.shutdown();
  EXPECT_EQ(pool.stats().failed, static_cast<std::size_t>((count + 2) / 3));
}

TEST(MapChunks, have_an_error_of_the_inputs_behind_the_results_before_it) {
  ThreadPoolExecutor pool({.max_workers = 2});
  const auto inputs = std::views::iota(0) | std::views::transform([](int n) {
                        return n < count ? n : throw std::out_of_range("input");
                      });
  int seen = 0;
  EXPECT_THROW(
      {
        for (const int result : pool.map(twice, inputs)) {
          ASSERT_EQ(result, twice(seen++));
        }
      },
      std::out_of_range);
  EXPECT_EQ(seen, count);
}

TEST(MapChunks, keep_no_result_that_was_passed) {
  ThreadPoolExecutor pool({.max_workers = 2});
  auto results =
      pool.map([](int n) { return std::make_shared<int>(n); }, std::views::iota(0, count));
  std::weak_ptr<int> passed;
  for (const std::shared_ptr<int>& result : results) {
    support::until([&] { return passed.expired(); });  // its worker may hold it a moment longer
    passed = result;
  }
}

TEST(MapChunks, move_the_elements_of_a_range_that_they_own_and_drop_those_of_a_range_that_is_left) {
  ThreadPoolExecutor pool({.max_workers = 2});
  const auto shared = std::make_shared<int>(1);
  {
    auto results = pool.map([](std::shared_ptr<int> n) { return n; },
                            std::vector<std::shared_ptr<int>>(count, shared));
    auto it = results.begin();
    for (int i = 0; i < count / 2; ++i, ++it) {
      ASSERT_EQ(*it, shared);
    }
  }
  pool.shutdown();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(MapChunks, call_a_function_object_of_its_own_for_each_element) {
  ThreadPoolExecutor pool({.max_workers = 2});
  const auto calls = [n = 0](int) mutable { return ++n; };
  for (const int calls_so_far : pool.map(calls, std::views::iota(0, count))) {
    ASSERT_EQ(calls_so_far, 1);
  }
}

TEST(MapChunks, are_run_by_the_worker_that_reads_them) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto sum_of_map = [&pool] {
    long sum = 0;
    for (const int result : pool.map(twice, std::views::iota(0, count))) {
      sum += result;
    }
    return sum;
  };
  EXPECT_EQ(pool.submit(sum_of_map).result(), long{count} * (count - 1));
}

TEST(MapChunks, may_have_a_priority_and_a_name) {
  ThreadPoolExecutor pool({.max_workers = 2});
  auto named = pool.with({.name = "squares", .priority = 1});
  int next = 0;
  for (const int result : named.map(twice, std::views::iota(0, count))) {
    ASSERT_EQ(result, twice(next++));
  }
  EXPECT_EQ(next, count);
}

TEST(MapChunks, are_not_made_while_tasks_are_observed) {
  struct Starts final : coeval::TaskObserver {
    void on_task(const coeval::TaskNotice& notice) noexcept override {
      if (notice.event == coeval::TaskEvent::start) {
        seen.fetch_add(1, std::memory_order_relaxed);
      }
    }
    coeval::atomic<int> seen{0};
  } starts;
  ThreadPoolExecutor pool({.max_workers = 2});
  coeval::TaskObserver* const before = coeval::set_task_observer(&starts);
  EXPECT_EQ(coeval::list(pool.map(twice, std::views::iota(0, count))).size(),
            static_cast<std::size_t>(count));
  pool.shutdown();
  coeval::set_task_observer(before);
  EXPECT_EQ(starts.seen.load(std::memory_order_relaxed), count);
}

}  // namespace
