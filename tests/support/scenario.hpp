// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the fault tests do again and again: a part of the library once, with the right result or an
// error of ours.

#include <stdexcept>
#include <string>
#include <vector>

namespace coeval::testing {

struct Scenario {
  const char* name;
  void (*run)();  // raises what the library raises, and WrongResult
};

struct WrongResult : std::logic_error {
  using logic_error::logic_error;
};

// Raises WrongResult if it does not hold.
void require(bool holds, const char* what);

// Runs it: "" if it went well, else the text of the error. Errors: those that the library may not
// raise, WrongResult among them.
std::string error_of_run(void (*run)());

// What a process could leave behind.
struct Holdings {
  int descriptors = 0;
  int mappings = 0;  // of memory files and shared memory
  int threads = 0;
  int children = 0;  // that run or wait to be reaped

  static Holdings now();
  friend bool operator==(const Holdings&, const Holdings&) = default;
};
std::string to_string(const Holdings& holdings);

// What this process holds when each of the scenarios has gone well once, and its threads have ended.
Holdings holdings_after(const std::vector<Scenario>& scenarios);

// Waits until this process holds no more than that: a thread of the library may be about to let go of
// something, as it may have been when those were counted. Says what is too much when it takes long.
void wait_for(const Holdings& holdings);

}  // namespace coeval::testing
