// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Makes the Nth call of one entry of the table of system calls fail, or all of them.

#include <atomic>
#include <string>
#include <vector>

namespace coeval::testing {

// An entry that can fail, and the errors that its man page gives.
struct FailingEntry {
  std::string name;
  std::vector<int> errors;
  std::atomic<int>* left;  // calls until the one that fails, 0 for none; or see for_good
};

// In place of n: every call of the entry fails, as under a seccomp filter.
inline constexpr int for_good = -1'000'000'000;

// All of them. The first use puts a table in force, for good, that calls the kernel unless a
// FailingCall lives.
const std::vector<FailingEntry>& failing_entries();
const FailingEntry& failing_entry(const std::string& name);

// While it lives, the nth call of the entry, in any thread of this process, fails with the error;
// the others succeed. A close, unmap or reap that fails has been done nevertheless, as in Linux.
class FailingCall {
 public:
  FailingCall(const FailingEntry& entry, int error, int nth);
  ~FailingCall();
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;

  // Whether there were so many.
  bool has_failed() const;
  // How many calls were refused for good.
  int refused() const;

 private:
  const FailingEntry& entry_;
};

// The same in the children that this process starts while it lives, from their first call on.
class FailingCallInChildren {
 public:
  FailingCallInChildren(const FailingEntry& entry, int error, int nth);
  ~FailingCallInChildren();
  FailingCallInChildren(const FailingCallInChildren&) = delete;
  FailingCallInChildren& operator=(const FailingCallInChildren&) = delete;
};

// In such a child: whether the call has failed.
bool has_failed_in_child();

}  // namespace coeval::testing
