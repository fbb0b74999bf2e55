// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// For tests that run the tour's program.

#include "tour/program.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace tour_test {

// The tour needs packages that the library does not: without them there is nothing to test.
class Tour : public testing::Test {
 protected:
  void SetUp() override {
    if (tour_path().empty()) {
      GTEST_SKIP() << "the tour has not been built";
    }
  }
};

// The tour breaks its lines where they are full.
inline std::string on_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

inline void expect_text(const Outcome& run, const std::string& text) {
  EXPECT_NE(on_one_line(run.output).find(on_one_line(text)), std::string::npos)
      << "no '" << text << "' in:\n"
      << run.output;
}

inline void expect_no_text(const Outcome& run, const std::string& text) {
  EXPECT_EQ(on_one_line(run.output).find(on_one_line(text)), std::string::npos)
      << "'" << text << "' in:\n"
      << run.output;
}

}  // namespace tour_test
