// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Values and exceptions that make trouble when they are copied, moved or shown.

#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/log.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coeval {
namespace {

struct ThrowsOnCopy {
  ThrowsOnCopy() = default;
  ThrowsOnCopy(const ThrowsOnCopy&) { throw std::runtime_error("copy"); }
  ThrowsOnCopy(ThrowsOnCopy&&) noexcept = default;
};

struct ThrowsOnMove {
  ThrowsOnMove() = default;
  ThrowsOnMove(const ThrowsOnMove&) = default;
  ThrowsOnMove(ThrowsOnMove&&) { throw std::runtime_error("move"); }  // NOLINT
};

struct NoStandardException {
  int number;
};

struct SilentException : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

struct Pinned {
  explicit Pinned(int n) : number(n) {}
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  int number;
};

class TroubleTest : public testing::Test {
 protected:
  ThreadPoolExecutor pool_{{.max_workers = 2}};
};

TEST_F(TroubleTest, a_result_whose_copy_raises_is_read_by_reference) {
  const auto future = pool_.submit([] { return ThrowsOnCopy(); });
  EXPECT_NO_THROW(future.result());
  EXPECT_THROW(Future<ThrowsOnCopy>(future).result(), std::runtime_error);
  EXPECT_NO_THROW(future.result());
}

TEST_F(TroubleTest, a_result_whose_move_raises_arrives_without_a_move) {
  const auto future = pool_.submit([]() -> ThrowsOnMove { return {}; });
  EXPECT_TRUE(future.wait());
  EXPECT_TRUE(future.done());
}

TEST_F(TroubleTest, a_returned_reference_whose_copy_raises_is_an_exception) {
  static const ThrowsOnCopy value;
  const auto future = pool_.submit([]() -> const ThrowsOnCopy& { return value; });
  EXPECT_THROW(future.result(), std::runtime_error);
}

TEST_F(TroubleTest, an_argument_whose_move_raises_does_so_in_submit_or_in_the_task) {
  const auto call = [this] {
    return pool_.submit([](ThrowsOnMove) { return 1; }, ThrowsOnMove()).result();
  };
  EXPECT_THROW(call(), std::runtime_error);
  EXPECT_EQ(pool_.submit([] { return 1; }).result(), 1);
}

TEST_F(TroubleTest, a_result_that_can_neither_be_copied_nor_moved_is_passed_behind_a_pointer) {
  const auto future = pool_.submit([] { return std::make_shared<Pinned>(3); });
  EXPECT_EQ(future.result()->number, 3);
}

TEST_F(TroubleTest, an_exception_that_is_no_standard_one_is_shown_by_its_type) {
  const auto future = pool_.submit([] { throw NoStandardException{7}; });
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const NoStandardException& error) {
    EXPECT_EQ(error.number, 7);
  }
  EXPECT_NE(to_string(future).find("NoStandardException"), std::string::npos) << to_string(future);
}

TEST_F(TroubleTest, an_exception_without_a_text_costs_its_task_only) {
  const auto future = pool_.submit([] { throw SilentException(); });
  EXPECT_THROW(future.result(), SilentException);
  EXPECT_NO_THROW(EXPECT_NE(to_string(future).find("SilentException"), std::string::npos));
}

TEST_F(TroubleTest, an_exception_without_a_text_in_a_callback_is_logged) {
  static std::atomic<int> lines;
  lines = 0;
  const LogHandler before =
      set_log_handler([](Severity, std::string_view, std::string_view) { ++lines; });
  const auto future = pool_.submit([] {});
  EXPECT_TRUE(future.wait());
  future.add_done_callback([](const Future<void>&) { throw SilentException(); });
  set_log_handler(before);
  EXPECT_EQ(lines, 1);
}

TEST_F(TroubleTest, an_exception_whose_copy_raises_is_thrown_again_as_it_is) {
  struct ThrowsOnCopyError : std::exception {
    ThrowsOnCopyError() = default;
    ThrowsOnCopyError(const ThrowsOnCopyError&) { throw std::runtime_error("copy"); }
    ThrowsOnCopyError(ThrowsOnCopyError&&) noexcept = default;
  };
  const auto future = pool_.submit([] { throw ThrowsOnCopyError(); });
  EXPECT_THROW(future.result(), ThrowsOnCopyError);
  EXPECT_THROW(future.result(), ThrowsOnCopyError);
}

TEST_F(TroubleTest, a_task_that_returns_an_exception_pointer_has_not_failed) {
  const auto future =
      pool_.submit([] { return std::make_exception_ptr(std::runtime_error("value")); });
  EXPECT_EQ(future.exception(), nullptr);
  EXPECT_THROW(std::rethrow_exception(future.result()), std::runtime_error);
}

TEST_F(TroubleTest, a_destructor_of_an_argument_may_use_the_pool) {
  // The argument dies on the worker, before the future is done.
  struct Submitter {
    explicit Submitter(ThreadPoolExecutor& to, std::atomic<int>& count) : pool(&to), runs(&count) {}
    Submitter(Submitter&& other) noexcept
        : pool(std::exchange(other.pool, nullptr)), runs(other.runs) {}
    ~Submitter() {
      if (pool != nullptr) {
        pool->submit([r = runs] { ++*r; });
      }
    }
    ThreadPoolExecutor* pool;
    std::atomic<int>* runs;
  };
  std::atomic<int> runs = 0;
  pool_.submit([](const Submitter&) {}, Submitter(pool_, runs)).result();
  pool_.shutdown();
  EXPECT_EQ(runs, 1);
}

TEST_F(TroubleTest, a_destructor_of_a_cancelled_argument_may_use_the_pool) {
  struct Looker {
    explicit Looker(ThreadPoolExecutor& at) : pool(&at) {}
    Looker(Looker&& other) noexcept : pool(std::exchange(other.pool, nullptr)) {}
    ~Looker() {
      if (pool != nullptr) {
        static_cast<void>(pool->stats());
      }
    }
    ThreadPoolExecutor* pool;
  };
  support::Occupied occupied(pool_);
  const auto future = pool_.submit([](const Looker&) {}, Looker(pool_));
  EXPECT_TRUE(future.cancel());
  pool_.submit([](const Looker&) {}, Looker(pool_));
  pool_.shutdown({.wait = false, .cancel_futures = true});
}

TEST_F(TroubleTest, many_exceptions_at_once_reach_their_own_futures) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 500; ++i) {
    futures.push_back(pool_.submit([i]() -> int { throw i; }));
  }
  for (int i = 0; i < 500; ++i) {
    try {
      futures[static_cast<std::size_t>(i)].result();
      FAIL() << "nothing was raised";
    } catch (int number) {
      EXPECT_EQ(number, i);
    }
  }
}

}  // namespace
}  // namespace coeval
