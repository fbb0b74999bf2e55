// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the checker's own tests expect of an exploration.

#include "model/model.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <string>

namespace model {

// Everything was tried, and nothing failed.
inline void expect_all(const Result& result) {
  EXPECT_TRUE(result.ok()) << result.report();
  EXPECT_TRUE(result.complete) << result.report();
  std::cout << result.report();
}

// It failed with this in the text, and wrote the interleaving down.
inline void expect_failure(const Result& result, const std::string& text) {
  EXPECT_FALSE(result.ok()) << result.report();
  EXPECT_NE(result.failure.find(text), std::string::npos) << result.report();
  EXPECT_FALSE(result.interleaving.empty());
  std::cout << result.report();
}

}  // namespace model
