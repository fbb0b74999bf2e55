// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Each system call of multiprocessing fails once, the first, the second, the third …, with each
// error that its man page gives: an operation succeeds or says so, and nothing is left behind.

#include "support/failing_calls.hpp"

#include "multiprocessing/scenarios.hpp"
#include "support/failing_sweep.hpp"
#include "support/sanitizers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coeval::testing {
namespace {

using multiprocessing::Connection;
using multiprocessing::Pipe;
using multiprocessing::Process;

class FailingCalls : public FailingSweep, public ::testing::TestWithParam<Scenario> {
 protected:
  FailingCalls() : FailingSweep(scenarios()) {}
};
class FailingCallsInChild : public FailingSweep, public ::testing::Test {
 protected:
  FailingCallsInChild() : FailingSweep(scenarios()) {}
};

TEST_P(FailingCalls, are_errors_and_leave_nothing_behind) {
  sweep_here(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Each, FailingCalls, ::testing::ValuesIn(scenarios()),
                         [](const auto& each) { return std::string(each.param.name); });

// ---- in a child: its start, and what it is the first to do ----

// 0: the call did not come; 1: it failed; 2: and then something went wrong.
int run_all(const std::vector<Scenario>& scenarios) {
  const Holdings before = Holdings::now();
  for (const Scenario& scenario : scenarios) {
    try {
      error_of_run(scenario.run);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", scenario.name, error.what());
      return 2;
    }
  }
  if (!has_failed_in_child()) {
    return 0;
  }
  for (const Scenario& scenario : scenarios) {
    const std::string error = error_of_run(scenario.run);
    if (!error.empty()) {
      std::fprintf(stderr, "%s afterwards: %s\n", scenario.name, error.c_str());
      return 2;
    }
  }
  // The thread that starts processes stays, and its two descriptors. With the first thread comes one
  // of ThreadSanitizer's, so they are counted in the parent only.
  Holdings after = before;
  after.threads = Holdings::now().threads;
  after.descriptors += 2;
  wait_for(after);
  return 1;
}

void report(Connection parent) {
  // The grandchildren start as if nothing was.
  ::unsetenv("COEVAL_TEST_FAILING_CALL");
  set_log_handler([](Severity, std::string_view, std::string_view) {});
  std::vector<Scenario> those_with_a_first_use;
  for (const Scenario& scenario : scenarios()) {
    const std::string_view name = scenario.name;
    if (name == "process" || name == "queue" || name == "locks") {
      those_with_a_first_use.push_back(scenario);
    }
  }
  parent.send(run_all(those_with_a_first_use));
}

TEST_F(FailingCallsInChild, are_errors_and_leave_nothing_behind) {
  sweep("a child",
        [&](const FailingEntry& entry, int error, int nth) {
          SCOPED_TRACE(described(entry, error, nth));
          auto [here, there] = Pipe();
          Process child(report, std::move(there));
          {
            const FailingCallInChildren failing(entry, error, nth);
            child.start();
          }
          std::optional<int> answer;
          try {
            answer = here.recv<int>();
            EXPECT_NE(answer, 2);
          } catch (const EOFError&) {  // NOLINT(bugprone-empty-catch): it could not even begin
          }
          child.join();
          EXPECT_EQ(child.exitcode(), answer.has_value() ? 0 : 1);
          child.close();
          here.close();
          wait_for(holdings_);
          return answer != 0;
        },
        // Each process that has had a thread sleeps a second at its end there; and the others had
        // their turn in the parent.
        {.doubling = support::under_thread_sanitizer, .first_error = true});
}

}  // namespace
}  // namespace coeval::testing
