// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Goes through the failing calls of support/failing_calls.hpp.

#include "support/failing_calls.hpp"
#include "support/scenario.hpp"

#include <coeval/core/log.hpp>

#include <string>
#include <vector>

namespace coeval::testing {

// Which calls fail: those that are left out have had others like them.
struct SweepSteps {
  bool doubling = false;     // the first, second, fourth … and not each
  bool first_error = false;  // with the first of the errors that are given
};

// The base of a test's class. What is refused while it lives is expected, and so is what the library
// logs of it.
class FailingSweep {
 protected:
  // Runs the scenarios, so that what is made once is there.
  explicit FailingSweep(const std::vector<Scenario>& scenarios);
  FailingSweep(const FailingSweep&) = delete;
  FailingSweep& operator=(const FailingSweep&) = delete;
  ~FailingSweep();

  // Calls run(entry, error, nth) with nth = 1, 2, 3 … until it says that there was no such call.
  // Prints how many there were.
  template <class Run>
  void sweep(const std::string& what, Run run, SweepSteps steps = {}) {
    for (const FailingEntry& entry : failing_entries()) {
      for (const int error : entry.errors) {
        if (steps.first_error && error != entry.errors.front()) {
          break;
        }
        for (int nth = 1; run(entry, error, nth); nth += steps.doubling ? nth : 1) {
          note(entry);
        }
      }
    }
    print(what);
  }

  // In this process: the scenario raises what it may, leaves nothing behind, and works afterwards.
  void sweep_here(const Scenario& scenario, SweepSteps steps = {});

  static std::string described(const FailingEntry& entry, int error, int nth);

  Holdings holdings_;  // before and after everything

 private:
  void note(const FailingEntry& entry);
  void print(const std::string& what);

  LogHandler before_;
  int failed_ = 0;
  std::vector<const FailingEntry*> entries_;  // that have failed
};

}  // namespace coeval::testing
