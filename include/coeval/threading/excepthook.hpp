// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What happens to an exception that leaves a Thread's function.

#include <coeval/core/export.hpp>
#include <coeval/threading/thread.hpp>

#include <exception>
#include <functional>

namespace coeval::threading {

struct ExceptHookArgs {
  std::exception_ptr exception;  // never null
  Thread thread;                 // the one it ended
};

// Called on the thread that the exception ended, several at once. What it raises is logged.
using ExceptHook = std::function<void(const ExceptHookArgs&)>;

// Calls the hook in force, as the end of a thread does. Thread-safe.
COEVAL_EXPORT void excepthook(const ExceptHookArgs& args);

// The default hook: logs one line, "exception in thread 'Thread-1': std::runtime_error: text", to
// "coeval.threading"; says nothing about SystemExit.
COEVAL_EXPORT void default_excepthook(const ExceptHookArgs& args);

// Puts another hook in force and returns the one before; an empty one restores the default. A
// thread that is inside the old hook may still be there when this returns. Thread-safe.
//
//   set_excepthook([](const ExceptHookArgs& args) { report(args.thread.name(), args.exception); });
COEVAL_EXPORT ExceptHook set_excepthook(ExceptHook hook);

}  // namespace coeval::threading
