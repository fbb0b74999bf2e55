// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/excepthook.hpp>

#include <coeval/core/annotations.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>
#include <coeval/threading/lock.hpp>

#include <cxxabi.h>
#include <fmt/format.h>

#include <memory>
#include <utility>

namespace coeval::threading {
namespace {

// Shared, so that a thread may still be inside a hook that was replaced.
struct HookInForce {
  Lock lock;
  std::shared_ptr<const ExceptHook> hook COEVAL_GUARDED_BY(lock) =
      std::make_shared<ExceptHook>(&default_excepthook);
};

// Never destroyed: threads may outlive static objects.
HookInForce& in_force() {
  static HookInForce& hook = *new HookInForce;
  return hook;
}

bool is_system_exit(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const SystemExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void default_excepthook(const ExceptHookArgs& args) {
  if (!is_system_exit(args.exception)) {
    log(Severity::error, "coeval.threading",
        fmt::format("exception in thread '{}': {}", args.thread.name(), describe(args.exception)));
  }
}

void excepthook(const ExceptHookArgs& args) {
  std::shared_ptr<const ExceptHook> hook;
  {
    HookInForce& current = in_force();
    Guard guard(current.lock);
    hook = current.hook;
  }
  try {
    (*hook)(args);
  } catch (abi::__forced_unwind&) {
    throw;  // pthread_exit and pthread_cancel
  } catch (...) {
    log(Severity::error, "coeval.threading",
        fmt::format("exception in excepthook: {}; it was called for thread '{}': {}",
                    describe(std::current_exception()), args.thread.name(),
                    describe(args.exception)));
  }
}

ExceptHook set_excepthook(ExceptHook hook) {
  if (!hook) {
    hook = &default_excepthook;
  }
  auto next = std::make_shared<const ExceptHook>(std::move(hook));
  HookInForce& current = in_force();
  {
    Guard guard(current.lock);
    current.hook.swap(next);
  }
  return *next;
}

}  // namespace coeval::threading
