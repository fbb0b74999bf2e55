// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What the tour's fourth chapter collects.

#include "apps/tour/album.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <stdexcept>
#include <vector>

namespace {

TEST(Album, keeps_results_and_errors_in_order) {
  std::vector<std::size_t> told;
  tour::Album album([&](std::size_t count) { told.push_back(count); });
  album.add({.name = "a", .path = "/a"}, [] { return tour::Thumbnail{.source = {}, .file = "x"}; });
  album.add({.name = "b", .path = "/b"},
            []() -> tour::Thumbnail { throw std::runtime_error("b: is corrupt"); });
  EXPECT_EQ(told, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(album.picture("/a").thumbnail.file, "x");
  ASSERT_EQ(album.failed().size(), 1U);
  EXPECT_EQ(album.failed()[0].error, "b: is corrupt");
  EXPECT_TRUE(album.crashed().empty());
  EXPECT_THROW(album.picture("/c"), std::out_of_range);
}

}  // namespace
