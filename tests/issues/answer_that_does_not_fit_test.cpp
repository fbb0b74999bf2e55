// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A worker whose answer does not fit what its task returns is ended: whatever has gone wild in it would
// spoil the tasks that come after.

#include <coeval/core/errors.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/pickle/pickle.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;

// Is written as a number, and read as so many texts.
struct Crooked {
  template <class Archive>
  void serialize(Archive& archive) {
    if constexpr (std::same_as<Archive, coeval::pickle::OutputArchive>) {
      archive(std::uint64_t{1} << 60);
    } else {
      std::vector<std::string> many;
      archive(many);
    }
  }
};

Crooked crooked() {
  return {};
}
int own_pid() {
  return ::getpid();
}
int same(int n) {
  return n;
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const coeval::PickleError& e) {
    return e.what();
  }
}

TEST(AnswerThatDoesNotFit, ends_its_worker_and_says_so) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const int pid = pool.submit(own_pid).result();
  const std::string text = text_of(pool.submit(crooked).exception());
  EXPECT_NE(text.find("does not fit, so its worker 0 (pid " + std::to_string(pid) + ") is ended"),
            std::string::npos)
      << text;
  EXPECT_NE(pool.submit(own_pid).result(), pid);
}

// Each task has its value, or the worker's end: those in hand that had not begun go to another worker.
TEST(AnswerThatDoesNotFit, costs_no_task_that_had_not_begun) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int round = 0; round < 20; ++round) {
    std::vector<Future<int>> before;
    for (int i = 0; i < 20; ++i) {
      before.push_back(pool.submit(same, i));
    }
    const Future<Crooked> odd = pool.submit(crooked);
    std::vector<Future<int>> after;
    for (int i = 0; i < 20; ++i) {
      after.push_back(pool.submit(same, i));
    }
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(before[static_cast<std::size_t>(i)].result(), i);
      const Future<int>& later = after[static_cast<std::size_t>(i)];
      if (const auto error = later.exception(); error == nullptr) {
        EXPECT_EQ(later.result(), i);
      } else {  // it had run when the answer before it was read
        EXPECT_THROW(std::rethrow_exception(error), coeval::WorkerDied);
        EXPECT_NE(coeval::describe(error).find("as an answer to another one did not fit"),
                  std::string::npos)
            << coeval::describe(error);
      }
    }
    EXPECT_FALSE(text_of(odd.exception()).empty());
  }
  const auto stats = pool.stats();
  EXPECT_EQ(stats.completed + stats.failed, 20U * 41U);
}

// Of a chunk that does not fit no element is believed, and the map ends.
TEST(AnswerThatDoesNotFit, ends_a_map) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<int> numbers(50);
  auto results = pool.map({.chunksize = 10}, [](int /*n*/) { return Crooked(); }, numbers);
  int errors = 0;
  for (auto it = results.begin(); it != results.end(); ++it) {
    try {
      static_cast<void>(*it);
    } catch (const std::exception&) {
      ++errors;
    }
  }
  EXPECT_EQ(errors, 50);
  EXPECT_EQ(pool.submit(same, 3).result(), 3);
}

}  // namespace
