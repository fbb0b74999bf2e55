// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A test program as others write them, with GoogleTest's own main().

#include <coeval/coeval.hpp>

#include <gtest/gtest.h>

namespace {

TEST(Starting, works_in_a_program_whose_main_is_in_a_library) {
  auto [here, there] = coeval::multiprocessing::Pipe();
  coeval::multiprocessing::Process process(
      [](coeval::multiprocessing::Connection connection) { connection.send(42); },
      std::move(there));
  process.start();
  EXPECT_EQ(here.recv<int>(), 42);
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

}  // namespace
