// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Each allocation of multiprocessing fails once: std::bad_alloc or success, and nothing is left.

#include "support/failing_new.hpp"

#if SUPPORT_CAN_REPLACE_NEW

#include "core/system_scope.hpp"
#include "multiprocessing/scenarios.hpp"

#include <coeval/core/log.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coeval::testing {
namespace {

using multiprocessing::Connection;
using multiprocessing::Pipe;
using multiprocessing::Process;

// Runs it with the first, second, third … allocation of this thread failing: how many failed.
int fail_each_allocation(void (*run)()) {
  for (int nth = 1;; ++nth) {
    bool failed = false;
    {
      const support::FailingNew failing(nth);
      EXPECT_NO_THROW(error_of_run(run)) << "allocation " << nth;
      failed = support::FailingNew::has_failed();
    }
    if (!failed) {
      return nth - 1;
    }
  }
}

class FailingMemory : public ::testing::TestWithParam<Scenario> {};

TEST_P(FailingMemory, is_bad_alloc_and_leaves_nothing_behind) {
  const Holdings holdings = holdings_after({GetParam()});
  const int failed = fail_each_allocation(GetParam().run);
  wait_for(holdings);
  EXPECT_EQ(error_of_run(GetParam().run), "");
  EXPECT_GT(failed, 0);
  std::printf("%s: failed allocations: %d; crashes 0, hangs 0, leaks 0\n", GetParam().name, failed);
}

INSTANTIATE_TEST_SUITE_P(Each, FailingMemory, ::testing::ValuesIn(scenarios()),
                         [](const auto& each) { return std::string(each.param.name); });

// The first use of everything is in a child.
TEST(FailingMemoryInChild, leaves_it_able_to_go_on) {
  auto [here, there] = Pipe();
  Process child(
      [](Connection parent) {
        int failed = 0;
        for (const Scenario& scenario : scenarios()) {
          failed += fail_each_allocation(scenario.run);
          EXPECT_EQ(error_of_run(scenario.run), "") << scenario.name;
        }
        parent.send(::testing::Test::HasFailure() ? -1 : failed);
      },
      std::move(there));
  child.start();
  const int failed = here.recv<int>();
  EXPECT_GT(failed, 0);
  std::printf("a child: failed allocations: %d; crashes 0, hangs 0\n", failed);
}

// The thread that starts and reaps the processes has nobody to tell that there is no memory.
std::atomic<int> armed = 0;

// Nobody could be told.
TEST(FailingMemory, does_not_concern_the_thread_that_reaps_processes) {
  static thread_local std::unique_ptr<support::FailingNew> no_more;
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.process.reap = [](int pidfd, int* code) noexcept {
        if (++armed == 1) {
          no_more = std::make_unique<support::FailingNew>(1);  // and so is every later one
        }
        return kernel().process.reap(pidfd, code);
      };
    });
    EXPECT_EQ(error_of_run(scenarios().front().run), "");
  }
  EXPECT_GE(armed, 1);
  constexpr int count = 40;
  std::vector<Connection> ends;
  std::vector<Process> processes;
  for (int i = 0; i < count; ++i) {
    auto [here, there] = Pipe();
    Process process([](Connection parent) { static_cast<void>(parent.poll(never)); },
                    std::move(there));
    process.start();
    ends.push_back(std::move(here));
    processes.push_back(process);
  }
  ends.clear();
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  const support::SystemScope scope([](SystemCalls& table) {
    table.process.reap = [](int pidfd, int* code) noexcept {
      armed = support::FailingNew::has_failed() ? -1 : 0;
      no_more.reset();
      return kernel().process.reap(pidfd, code);
    };
  });
  EXPECT_EQ(error_of_run(scenarios().front().run), "");
  EXPECT_EQ(armed, 0) << "it has allocated";
}

}  // namespace
}  // namespace coeval::testing

#endif  // SUPPORT_CAN_REPLACE_NEW
