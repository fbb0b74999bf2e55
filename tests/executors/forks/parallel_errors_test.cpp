// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What ends a parallel loop early: exceptions, stop requests and the end of its executor.

#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/parallel_reduce.hpp>
#include <coeval/executors/parallel_sort.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace coeval {
namespace {

class ParallelErrorsTest : public testing::TestWithParam<const char*> {
 protected:
  AnyExecutor pool_ = make_executor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Executors, ParallelErrorsTest,
                         testing::Values("inline", "threads:1", "threads:2", "threads:4"));

TEST_P(ParallelErrorsTest, an_exception_is_raised_as_it_is) {
  for (const std::size_t grain : {0, 1, 10}) {
    try {
      parallel_for(pool_, {.grain = grain}, 0, 100, [](int i) {
        if (i == 57) {
          throw std::out_of_range("number " + std::to_string(i));
        }
      });
      FAIL() << "nothing was raised";
    } catch (const std::out_of_range& error) {
      EXPECT_STREQ(error.what(), "number 57");
    }
  }
}

TEST_P(ParallelErrorsTest, of_many_exceptions_one_is_raised) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_THROW(parallel_for(pool_, {.grain = 1}, 0, 200, [](int i) { throw i; }), int);
  }
}

TEST_P(ParallelErrorsTest, after_an_exception_no_piece_begins) {
  std::atomic<int> calls = 0;
  EXPECT_THROW(parallel_for(pool_, {.grain = 1}, 0, 1'000'000,
                            [&](int) {
                              ++calls;
                              throw std::runtime_error("at once");
                            }),
               std::runtime_error);
  EXPECT_LT(calls, 100);  // each thread may have begun one
}

TEST_P(ParallelErrorsTest, all_calls_have_ended_when_the_exception_is_raised) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> running = 0;
    EXPECT_THROW(parallel_for(pool_, {.grain = 1}, 0, 20,
                              [&](int i) {
                                ++running;
                                std::this_thread::yield();
                                --running;
                                if (i % 7 == 3) {
                                  throw std::runtime_error("seven");
                                }
                              }),
                 std::runtime_error);
    ASSERT_EQ(running, 0);
  }
}

TEST_P(ParallelErrorsTest, an_exception_of_an_inner_loop_ends_the_outer_one) {
  EXPECT_THROW(parallel_for(pool_, {.grain = 1}, 0, 4,
                            [&](int) {
                              parallel_for(pool_, {.grain = 1}, 0, 4, [](int i) {
                                if (i == 2) {
                                  throw std::domain_error("inner");
                                }
                              });
                            }),
               std::domain_error);
}

TEST_P(ParallelErrorsTest, an_exception_of_the_operation_or_the_transformation_is_raised) {
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto unlucky = [](int n) { return n == 777 ? throw std::domain_error("unlucky") : n; };
  const auto add = [](int a, int b) {
    return a > 100'000 ? throw std::overflow_error("much") : a + b;
  };
  for (const std::size_t grain : {0, 1, 10}) {
    EXPECT_THROW(parallel_reduce(pool_, {.grain = grain}, numbers, 0, std::plus<>(), unlucky),
                 std::domain_error);
    EXPECT_THROW(parallel_reduce(pool_, {.grain = grain}, numbers, 0, add), std::overflow_error);
  }
}

TEST_P(ParallelErrorsTest, with_a_stop_requested_nothing_begins) {
  std::stop_source stop;
  stop.request_stop();
  const ParallelOptions options{.stop = stop.get_token()};
  std::vector<int> numbers{3, 1, 2};
  EXPECT_THROW(parallel_for(pool_, options, 0, 10, [](int) { FAIL(); }), CancelledError);
  EXPECT_THROW(parallel_reduce(pool_, options, numbers, 0), CancelledError);
  EXPECT_THROW(parallel_sort(pool_, options, numbers), CancelledError);
  EXPECT_EQ(numbers, (std::vector<int>{3, 1, 2}));
}

TEST_P(ParallelErrorsTest, a_stop_ends_the_loop_between_two_pieces) {
  std::stop_source stop;
  std::atomic<int> calls = 0;
  EXPECT_THROW(parallel_for(pool_, {.grain = 1, .stop = stop.get_token()}, 0, 1'000'000,
                            [&](int) {
                              if (++calls == 100) {
                                stop.request_stop();
                              }
                            }),
               CancelledError);
  EXPECT_GE(calls, 100);
  EXPECT_LT(calls, 1'000'000);
}

TEST_P(ParallelErrorsTest, without_a_grain_a_stop_ends_the_loop_too) {
  std::stop_source stop;
  std::atomic<int> calls = 0;
  EXPECT_THROW(parallel_for(pool_, {.stop = stop.get_token()}, 0, 1'000'000'000,
                            [&](int) {
                              if (++calls == 1000) {
                                stop.request_stop();
                              }
                            }),
               CancelledError);
  EXPECT_LT(calls, 1'000'000'000);
}

TEST_P(ParallelErrorsTest, a_stop_when_all_is_done_is_no_error) {
  std::stop_source stop;
  parallel_for(pool_, {.stop = stop.get_token()}, 0, 1, [&](int) { stop.request_stop(); });
  const ParallelOptions options{.stop = stop.get_token()};
  parallel_for(pool_, options, 0, 0, [](int) {});
  const std::vector<int> none;
  EXPECT_EQ(parallel_reduce(pool_, options, none, 7), 7);
}

TEST_P(ParallelErrorsTest, the_executor_is_as_good_as_before_afterwards) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_THROW(parallel_for(pool_, {.grain = 1}, 0, 50,
                              [](int i) {
                                if (i == 25) {
                                  throw std::runtime_error("once");
                                }
                              }),
                 std::runtime_error);
    std::atomic<int> calls = 0;
    parallel_for(pool_, {.grain = 1}, 0, 50, [&](int) { ++calls; });
    ASSERT_EQ(calls, 50);
  }
}

TEST(ParallelShutdownTest, a_loop_after_shutdown_raises) {
  ThreadPoolExecutor pool({.max_workers = 2});
  pool.shutdown();
  std::vector<int> numbers{2, 1};
  EXPECT_THROW(parallel_for(pool, 0, 10, [](int) { FAIL(); }), RuntimeError);
  EXPECT_THROW(parallel_for(pool, {.grain = 1}, 0, 10, [](int) { FAIL(); }), RuntimeError);
  EXPECT_THROW(parallel_reduce(pool, numbers, 0), RuntimeError);
  EXPECT_THROW(parallel_sort(pool, numbers), RuntimeError);
}

TEST(ParallelShutdownTest, a_loop_that_has_begun_is_done_in_spite_of_a_shutdown) {
  for (int round = 0; round < 50; ++round) {
    ThreadPoolExecutor pool({.max_workers = 2});
    std::atomic<int> calls = 0;
    parallel_for(pool, {.grain = 1}, 0, 100, [&](int i) {
      ++calls;
      if (i == 0) {
        pool.shutdown({.wait = false});
      }
    });
    ASSERT_EQ(calls, 100);
  }
}

TEST(ParallelShutdownTest, a_loop_that_has_begun_here_is_done_here_if_the_executor_takes_no_part) {
  ThreadPoolExecutor pool({.max_workers = 2});
  std::atomic<int> calls = 0;
  parallel_for(pool, 0, 1000, [&](int i) {
    ++calls;
    if (i == 0) {
      pool.shutdown();
    }
    if (i < 10) {  // so that it is worth while to ask for help
      const auto begin = std::chrono::steady_clock::now();
      support::until([&] {
        return std::chrono::steady_clock::now() - begin > std::chrono::microseconds(100);
      });
    }
  });
  EXPECT_EQ(calls, 1000);
}

thread_local int from_initializer = 0;

TEST(ParallelWithInitializerTest, only_threads_that_ran_the_initializer_run_the_loop) {
  ThreadPoolExecutor pool({.max_workers = 2}, [] { from_initializer = 42; });
  std::atomic<int> calls = 0;
  const auto check = [&](int) {
    EXPECT_EQ(from_initializer, 42);
    ++calls;
  };
  parallel_for(pool, 0, 100, check);
  parallel_for(pool, {.grain = 1}, 0, 100, check);
  pool.submit([&] { parallel_for(pool, {.grain = 1}, 0, 100, check); }).result();
  EXPECT_EQ(calls, 300);
}

TEST(ParallelWithInitializerTest, if_it_fails_the_loop_raises_BrokenThreadPool) {
  ThreadPoolExecutor pool({.max_workers = 2}, [] { throw std::runtime_error("no"); });
  EXPECT_THROW(parallel_for(pool, {.grain = 1}, 0, 100, [](int) { FAIL(); }), BrokenThreadPool);
  EXPECT_THROW(parallel_for(pool, 0, 100, [](int) { FAIL(); }), BrokenThreadPool);
}

}  // namespace
}  // namespace coeval
