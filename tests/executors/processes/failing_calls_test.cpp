// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Each system call of a process pool fails once, the first, the second, the fourth …, with each
// error that its man page gives: each task ends, nothing is left behind, and another pool works.

#include "support/failing_calls.hpp"
#include "executors/processes/scenarios.hpp"
#include "executors/processes/support.hpp"
#include "support/failing_sweep.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>

#include <fcntl.h>

#include <new>
#include <stop_token>
#include <string>
#include <system_error>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::FileDescriptor;
using coeval::Future;
using coeval::testing::error_of_run;
using coeval::testing::FailingCallInChildren;
using coeval::testing::FailingEntry;
using coeval::testing::FailingSweep;
using coeval::testing::SweepSteps;

constexpr SweepSteps steps{.doubling = true, .first_error = under_sanitizer};

class ProcessFailingCalls : public FailingSweep, public ::testing::TestWithParam<Scenario> {
 protected:
  ProcessFailingCalls() : FailingSweep({GetParam()}) {}
};

TEST_P(ProcessFailingCalls, are_errors_and_leave_nothing_behind) {
  sweep_here(GetParam(), steps);
}

INSTANTIATE_TEST_SUITE_P(Each, ProcessFailingCalls, ::testing::ValuesIn(scenarios()),
                         [](const auto& each) { return std::string(each.param.name); });

// ---- in the workers ----

std::string echo(const std::string& text) {
  return text;
}
std::string name_of_null(const FileDescriptor& file) {
  return file ? "null" : "none";
}
std::string name_of_stop(const std::stop_token& stop) {
  return stop.stop_possible() ? "possible" : "impossible";
}
std::string has_failed() {
  return coeval::testing::has_failed_in_child() ? "failed" : "";
}

// What a task gives: the value, or "failed" if it raised an error of the library.
std::string outcome(const Future<std::string>& future) {
  try {
    return future.result();
  } catch (const coeval::Error&) {
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  return "failed";
}

// Whether the call came, so far as can be told. Where it ends every worker at its start, the pool is
// broken.
bool run_with_failing_workers() {
  PoolAndTasks<std::string> tasks({.max_workers = 1});
  const std::string large(300'000, 'x');
  try {
    tasks.submit(echo, std::string("small"));
    tasks.submit(echo, large);
    tasks.submit(name_of_null, FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    tasks.submit(name_of_stop);
    const std::vector<std::string> expected{"small", large, "null", "possible"};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::string got = outcome(tasks[i]);
      EXPECT_TRUE(got == expected[i] || got == "failed");
    }
    tasks.submit(has_failed);
  } catch (const coeval::BrokenProcessPool&) {
    return true;
  }
  return outcome(tasks[4]) == "failed";
}

class ProcessFailingCallsInWorker : public FailingSweep, public ::testing::Test {
 protected:
  ProcessFailingCallsInWorker() : FailingSweep({scenarios().front()}) {}
};

TEST_F(ProcessFailingCallsInWorker, cost_no_more_than_its_tasks) {
  sweep(
      "workers",
      [&](const FailingEntry& entry, int error, int nth) {
        SCOPED_TRACE(described(entry, error, nth));
        bool failed = false;
        {
          const FailingCallInChildren failing(entry, error, nth);
          failed = run_with_failing_workers();
        }
        wait_for(holdings_);
        if (failed) {
          EXPECT_EQ(error_of_run(scenarios().front().run), "");
        }
        return failed;
      },
      steps);
}

}  // namespace
}  // namespace process_pool_test
