// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The sample of docs/develop/model-checker.md.

#include "model/model.hpp"

#include <gtest/gtest.h>

namespace {

// [test]
TEST(Counter, no_increment_is_lost) {
  const model::Result r = model::explore({.memory = model::Memory::weak}, [](model::Execution& x) {
    coeval::atomic<int> count{0};  // the state is made anew in each execution
    model::name(count, "count");   // for the printed interleaving
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&] { count.fetch_add(1, std::memory_order_relaxed); });
    }
    x.run();  // waits for both
    model::check(count.load(std::memory_order_relaxed) == 2, "both were counted");
  });
  EXPECT_TRUE(r.ok() && r.complete) << r.report();
}
// [test]

}  // namespace
