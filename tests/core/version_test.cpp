// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/version.hpp>

#include <gtest/gtest.h>

#include <string>

namespace coeval {
namespace {

TEST(Version, of_the_library_is_that_of_the_headers) {
  EXPECT_EQ(coeval_version(), std::to_string(COEVAL_VERSION_MAJOR) + "." +
                                  std::to_string(COEVAL_VERSION_MINOR) + "." +
                                  std::to_string(COEVAL_VERSION_PATCH));
}

}  // namespace
}  // namespace coeval
