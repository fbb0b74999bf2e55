// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The main function of every test program: GoogleTest's, with a watchdog over each test.

#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace {

class WatchEachTest final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& test) override {
    watchdog_.emplace(std::string("test ") + test.test_suite_name() + "." + test.name(),
                      support::test_time_limit());
  }
  void OnTestEnd(const testing::TestInfo& /*test*/) override { watchdog_.reset(); }

  std::optional<support::Watchdog> watchdog_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // A death test starts the program anew: a fork of a process with threads cannot be trusted.
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  testing::UnitTest::GetInstance()->listeners().Append(new WatchEachTest);
  const int result = RUN_ALL_TESTS();
  // Until the process is gone: destructors of static objects wait for threads and processes.
  static support::Watchdog* const end =
      new support::Watchdog("the end of the program", support::test_time_limit());
  static_cast<void>(end);
  return result;
}
