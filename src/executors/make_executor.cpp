// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/make_executor.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <optional>

namespace coeval {
namespace {

[[noreturn]] void refuse(std::string_view description) {
  throw ValueError(
      fmt::format("coeval::make_executor: '{}' is not an executor; known are 'inline', 'threads', "
                  "'processes', and 'threads:N' and 'processes:N' with N from 1 up",
                  description));
}

// The number after the colon: nothing if there is no colon.
std::optional<int> workers_in(std::string_view description, std::string_view kind) {
  std::string_view rest = description.substr(kind.size());
  if (rest.empty()) {
    return std::nullopt;
  }
  rest.remove_prefix(1);
  int workers = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), workers);
  if (error != std::errc() || end != rest.data() + rest.size() || workers < 1) {
    refuse(description);
  }
  return workers;
}

// A handle whose last copy destroys the executor, and so shuts it down.
template <class Executor>
AnyExecutor owning(std::shared_ptr<Executor> executor) {
  auto* const backend = executor->backend().get();
  return AnyExecutor(std::shared_ptr<detail::ExecutorBackend>(std::move(executor), backend));
}

}  // namespace

AnyExecutor make_executor(std::string_view description) {
  constexpr std::string_view threads = "threads";
  if (description == "inline") {
    return owning(std::make_shared<InlineExecutor>());
  }
  if (description == threads || description.starts_with("threads:")) {
    return owning(std::make_shared<ThreadPoolExecutor>(
        ThreadPoolOptions{.max_workers = workers_in(description, threads)}));
  }
  constexpr std::string_view processes = "processes";
  if (description == processes || description.starts_with("processes:")) {
    return owning(std::make_shared<ProcessPoolExecutor>(
        ProcessPoolOptions{.max_workers = workers_in(description, processes)}));
  }
  refuse(description);
}

}  // namespace coeval
