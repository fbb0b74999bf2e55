// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/make_executor.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>

namespace coeval {
namespace {

TEST(MakeExecutor, threads_has_the_default_number_of_workers) {
  EXPECT_EQ(make_executor("threads").stats().max_workers, ThreadPoolExecutor().stats().max_workers);
}

TEST(MakeExecutor, threads_with_a_number_has_so_many_workers) {
  EXPECT_EQ(make_executor("threads:1").stats().max_workers, 1U);
  EXPECT_EQ(make_executor("threads:12").stats().max_workers, 12U);
  AnyExecutor pool = make_executor("threads:2");
  EXPECT_NE(pool.submit([] { return std::this_thread::get_id(); }).result(),
            std::this_thread::get_id());
}

TEST(MakeExecutor, inline_runs_in_the_caller) {
  AnyExecutor pool = make_executor("inline");
  EXPECT_EQ(pool.submit([] { return std::this_thread::get_id(); }).result(),
            std::this_thread::get_id());
}

TEST(MakeExecutor, any_other_text_raises_value_error_that_shows_it) {
  for (const char* text :
       {"", "thread", "threads:", "threads:0", "threads:-1", "threads:x", "threads:2x",
        "threads: 2", "threads:99999999999999", "threadsX", "inline:1", "Inline", "process",
        "processes:", "processes:0", "processes:x", " inline"}) {
    try {
      make_executor(text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const ValueError& error) {
      EXPECT_NE(std::string(error.what()).find("'" + std::string(text) + "'"), std::string::npos)
          << error.what();
    }
  }
}

TEST(MakeExecutor, copies_of_the_handle_share_the_executor) {
  AnyExecutor pool = make_executor("threads:1");
  AnyExecutor copy = pool;
  copy.submit([] {}).result();
  EXPECT_EQ(pool.stats().submitted, 1U);
  const AnyExecutor moved = std::move(copy);
  EXPECT_EQ(moved.stats().submitted, 1U);
}

}  // namespace
}  // namespace coeval
