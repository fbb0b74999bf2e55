// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/errors.hpp>

#include "core/remote_frames.hpp"

#include <fmt/format.h>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace coeval {
namespace {

std::string group_text(const std::string& message, const std::vector<std::exception_ptr>& errors) {
  if (errors.empty()) {
    throw ValueError("coeval::ExceptionGroup: needs at least one exception");
  }
  if (std::ranges::any_of(errors, [](const auto& error) { return error == nullptr; })) {
    throw ValueError("coeval::ExceptionGroup: one of the exceptions is null");
  }
  std::string text =
      fmt::format("{} ({} exception{})", message, errors.size(), errors.size() == 1 ? "" : "s");
  for (const std::exception_ptr& error : errors) {
    text += "\n  | " + describe(error);
  }
  return text;
}

// The exception nested inside, or null.
std::exception_ptr nested_in(const std::exception& error) {
  const auto* nested = dynamic_cast<const std::nested_exception*>(&error);
  return nested != nullptr ? nested->nested_ptr() : nullptr;
}

bool is_traceback(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const RemoteTraceback&) {
    return true;
  } catch (...) {
    return false;
  }
}

// The type that the program threw: std::throw_with_nested wraps it in one of its own.
std::string thrown_type(const std::type_info& type) {
  constexpr std::string_view wrapper = "std::_Nested_exception<";
  std::string name = type_name(type);
  if (name.starts_with(wrapper)) {
    name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
  }
  return name;
}

}  // namespace

ExceptionGroup::ExceptionGroup(const std::string& message,
                               std::vector<std::exception_ptr> exceptions)
    : Error(group_text(message, exceptions)), exceptions_(std::move(exceptions)) {}

ExceptionGroup::~ExceptionGroup() = default;

SystemExit::SystemExit(int code) : Error(fmt::format("exit with code {}", code)), code_(code) {}

RemoteError::RemoteError(std::string type, std::string message, std::string stack)
    : Error(type + ": " + message + (stack.empty() ? "" : "\n" + stack)),
      type_(std::move(type)),
      message_(std::move(message)),
      stack_(std::move(stack)) {}

RemoteError::~RemoteError() = default;

RemoteTraceback::RemoteTraceback(std::shared_ptr<const detail::RemoteFrames> frames)
    : Error("thrown in another process: coeval::error_stack() says where"),
      frames_(std::move(frames)) {}

RemoteTraceback::~RemoteTraceback() = default;

std::string RemoteTraceback::stack() const {
  return frames_->lines();
}

WorkerDied::WorkerDied(const std::string& message, int exitcode, pid_t pid, std::string stack)
    : Error(stack.empty() ? message : message + "\n" + stack),
      exitcode_(exitcode),
      pid_(pid),
      stack_(std::move(stack)) {}

WorkerDied::~WorkerDied() = default;

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? readable.get() : type.name();
}

std::string describe(const std::exception_ptr& error) {
  if (error == nullptr) {
    return "no exception";
  }
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    const char* const what = caught.what();
    std::string text =
        fmt::format("{}: {}", thrown_type(typeid(caught)), what != nullptr ? what : "(no text)");
    if (const std::exception_ptr cause = nested_in(caught); cause && !is_traceback(cause)) {
      text += " ← " + describe(cause);
    }
    return text;
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr ? type_name(*type) : "an exception of unknown type";
  }
}

std::string error_stack(const std::exception_ptr& error) {
  if (error == nullptr) {
    return {};
  }
  try {
    std::rethrow_exception(error);
  } catch (const RemoteTraceback& traceback) {
    return traceback.stack();
  } catch (const std::exception& caught) {
    const auto* const remote = dynamic_cast<const RemoteError*>(&caught);
    const auto* const died = dynamic_cast<const WorkerDied*>(&caught);
    std::string stack = remote != nullptr ? remote->stack() : died != nullptr ? died->stack() : "";
    return stack.empty() ? error_stack(nested_in(caught)) : stack;
  } catch (...) {
    return {};
  }
}

}  // namespace coeval
