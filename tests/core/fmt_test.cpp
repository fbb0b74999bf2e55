// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The library does not link fmt for its users, and this test is one.
#define FMT_HEADER_ONLY
#include <coeval/fmt.hpp>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace {

TEST(Fmt, formats_futures_of_every_kind) {
  coeval::InlineExecutor pool;
  const coeval::Future<int> future = pool.submit([] { return 1; });
  EXPECT_EQ(fmt::format("{}", future), to_string(future));
  EXPECT_EQ(fmt::format("{}", coeval::AnyFuture(future)), to_string(future));
  EXPECT_EQ(fmt::format("{}", coeval::Future<void>()), "<Future empty>");
}

TEST(Fmt, formats_executors_and_their_statistics) {
  coeval::InlineExecutor pool("in the test");
  EXPECT_EQ(fmt::format("{}", pool), to_string(pool.stats()));
  EXPECT_EQ(fmt::format("{}", pool.stats()), to_string(pool.stats()));
  EXPECT_NE(to_string(pool).find("in the test"), std::string::npos);
}

TEST(Fmt, formats_what_threading_has) {
  const coeval::threading::Lock lock;
  EXPECT_EQ(fmt::format("{}", lock), to_string(lock));
  EXPECT_EQ(fmt::format("{}", coeval::threading::current_thread()),
            to_string(coeval::threading::current_thread()));
}

TEST(Fmt, formats_memory_that_processes_share) {
  EXPECT_EQ(fmt::format("{}", coeval::multiprocessing::SharedMemory(7)), "<SharedMemory 7 bytes>");
  EXPECT_EQ(fmt::format("{}", coeval::multiprocessing::Value<int>()), "<Value<int> unlocked>");
  EXPECT_EQ(fmt::format("{}", coeval::multiprocessing::Array<int>(2)),
            "<Array<int> 2 elements unlocked>");
}

TEST(Fmt, formats_the_elements_of_a_shared_array_as_those_of_any_range) {
  EXPECT_EQ(fmt::format("{}", coeval::multiprocessing::SharedArray<int>{3, 1, 4}), "[3, 1, 4]");
}

TEST(Fmt, formats_a_listener) {
  const coeval::multiprocessing::Listener listener;
  EXPECT_EQ(fmt::format("{}", listener), to_string(listener));
}

TEST(Fmt, formats_what_multiprocessing_has) {
  const coeval::multiprocessing::BoundedSemaphore semaphore(2);
  EXPECT_EQ(fmt::format("{}", semaphore), to_string(semaphore));
  EXPECT_EQ(
      fmt::format("{} {} {} {} {}", coeval::multiprocessing::Lock(),
                  coeval::multiprocessing::RLock(), coeval::multiprocessing::Condition(),
                  coeval::multiprocessing::Event(), coeval::multiprocessing::Barrier(2)),
      "<Lock unlocked> <RLock unlocked> <Condition(<RLock unlocked>, 0 waiting)> <Event unset> "
      "<Barrier waiters=0/2>");
}

TEST(Fmt, takes_the_specifications_of_a_string) {
  const coeval::threading::Lock lock;
  EXPECT_EQ(fmt::format("{:>20}", lock), "     <Lock unlocked>");
}

}  // namespace
