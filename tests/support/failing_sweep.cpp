// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/failing_sweep.hpp"

#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace coeval::testing {

FailingSweep::FailingSweep(const std::vector<Scenario>& scenarios)
    : before_(set_log_handler([](Severity, std::string_view, std::string_view) {})) {
  failing_entries();
  holdings_ = holdings_after(scenarios);
}

FailingSweep::~FailingSweep() {
  set_log_handler(before_);
}

void FailingSweep::sweep_here(const Scenario& scenario, SweepSteps steps) {
  sweep(
      scenario.name,
      [&](const FailingEntry& entry, int error, int nth) {
        SCOPED_TRACE(described(entry, error, nth));
        bool failed = false;
        {
          const FailingCall failing(entry, error, nth);
          EXPECT_NO_THROW(error_of_run(scenario.run));
          failed = failing.has_failed();
        }
        wait_for(holdings_);
        if (failed) {
          EXPECT_EQ(error_of_run(scenario.run), "");
        }
        return failed;
      },
      steps);
}

std::string FailingSweep::described(const FailingEntry& entry, int error, int nth) {
  return "call " + std::to_string(nth) + " of " + entry.name + " failed with " +
         std::strerror(error);
}

void FailingSweep::note(const FailingEntry& entry) {
  ++failed_;
  support::feed_watchdogs();
  if (std::ranges::find(entries_, &entry) == entries_.end()) {
    entries_.push_back(&entry);
  }
}

void FailingSweep::print(const std::string& what) {
  std::printf("%s: failed calls: %d over %zu entries; crashes 0, hangs 0, leaks 0\n", what.c_str(),
              failed_, entries_.size());
}

}  // namespace coeval::testing
