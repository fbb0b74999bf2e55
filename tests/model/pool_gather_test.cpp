// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The cell of Pool::map_async in every schedule: whoever has its last future done has it done.

#include "model/model.hpp"

#include <coeval/futures/promise.hpp>
#include <coeval/multiprocessing/detail/pool_calls.hpp>

#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <utility>
#include <vector>

namespace {

using coeval::Future;
using coeval::Promise;

TEST(GatherModel, has_all_results_when_the_last_is_done) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r = model::explore(
        {.name = "gather", .memory = memory, .preemptions = 2, .spurious = 1},
        [](model::Execution& x) {
          std::array<Promise<int>, 3> promises;
          std::vector<Future<int>> futures;
          for (Promise<int>& promise : promises) {
            futures.push_back(promise.future());
          }
          promises[1].set_result(1);
          x.thread("first", [&] { promises[0].set_result(0); });
          x.thread("third", [&] { promises[2].set_result(2); });
          const auto all = coeval::multiprocessing::detail::gather(std::move(futures));
          model::check(all.get() == std::vector{0, 1, 2}, "in the order of the futures");
          x.run();
        });
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

}  // namespace
