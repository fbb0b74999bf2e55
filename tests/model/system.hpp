// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The kernel that the library's sources see inside an exploration.

#include <coeval/core/system.hpp>

namespace model {

// While it lives, coeval::sys() is a table in which, on the threads of an execution,
//   - the clock stands still, except that a timeout moves it to the deadline that passed,
//   - thread_create starts a thread of the execution, and thread_join waits for it,
//   - random bytes are the same in every execution,
//   - gettid is the number of the thread of the execution, from 1000 up.
// Elsewhere, and for the rest, it is the kernel's own.
class ModelSystem {
 public:
  ModelSystem() noexcept;
  ~ModelSystem();
  ModelSystem(const ModelSystem&) = delete;
  ModelSystem& operator=(const ModelSystem&) = delete;

 private:
  const coeval::SystemCalls& before_;
};

}  // namespace model
