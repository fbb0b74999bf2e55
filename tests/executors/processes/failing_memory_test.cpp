// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Each allocation of a process pool fails once, in the thread that uses it and in its own: each task
// ends, a submit that raises has queued nothing, and nothing is left behind.

#include "support/failing_new.hpp"

#if SUPPORT_CAN_REPLACE_NEW

#include "executors/processes/scenarios.hpp"
#include "executors/processes/support.hpp"

#include <coeval/core/log.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace process_pool_test {
namespace {

using coeval::testing::error_of_run;
using coeval::testing::Holdings;
using coeval::testing::holdings_after;

class ProcessFailingMemory : public ::testing::TestWithParam<Scenario> {
 protected:
  ProcessFailingMemory()
      : before_(
            coeval::set_log_handler([](coeval::Severity, std::string_view, std::string_view) {})) {
    holdings_ = holdings_after({GetParam()});
  }
  ~ProcessFailingMemory() override { coeval::set_log_handler(before_); }

  // Runs it with the first, second, third … allocation failing; leaves some of many out.
  template <class Failing>
  void sweep(const char* where) {
    constexpr int without_gaps = under_sanitizer ? 10 : 50;
    int failed = 0;
    for (int nth = 1;; nth += 1 + nth / without_gaps) {
      SCOPED_TRACE("allocation " + std::to_string(nth));
      bool has_failed = false;
      {
        const Failing failing(nth);
        EXPECT_NO_THROW(error_of_run(GetParam().run));
        has_failed = Failing::has_failed();
      }
      wait_for(holdings_);
      if (!has_failed) {
        break;
      }
      ++failed;
    }
    EXPECT_EQ(error_of_run(GetParam().run), "");
    EXPECT_GT(failed, 0);
    std::printf("%s, %s: failed allocations: %d; crashes 0, hangs 0, leaks 0\n", GetParam().name,
                where, failed);
  }

  Holdings holdings_;

 private:
  coeval::LogHandler before_;
};

TEST_P(ProcessFailingMemory, of_a_caller_is_bad_alloc_and_leaves_nothing_behind) {
  sweep<support::FailingNew>("of the caller");
}

TEST_P(ProcessFailingMemory, of_the_manager_costs_tasks_at_most_and_leaves_nothing_behind) {
  sweep<support::FailingNewElsewhere>("of the manager");
}

INSTANTIATE_TEST_SUITE_P(Each, ProcessFailingMemory, ::testing::ValuesIn(scenarios()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace process_pool_test

#endif  // SUPPORT_CAN_REPLACE_NEW
