// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The contract of every executor: submit, map, with and shutdown.

#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_call.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/executor_options.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/futures/task_options.hpp>

#include <concepts>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace coeval {

namespace detail {

constexpr int probe_function(int n) {
  return n;
}

}  // namespace detail

// A type that runs tasks: one can submit a function with arguments, get a future, and shut it down.
// Functions that take any executor are written `void f(coeval::Executor auto& executor)`.
template <class E>
concept Executor = requires(E& executor, ShutdownOptions options) {
  { executor.submit(detail::probe_function, 1) } -> std::same_as<Future<int>>;
  executor.map(detail::probe_function, std::declval<std::vector<int>&>());
  executor.shutdown(options);
  { executor.stats() } -> std::same_as<ExecutorStats>;
};

// The view that ExecutorInterface::with() returns: submits to an executor with task options. A
// value type. It keeps what it needs of the executor; once that is shut down, submit raises
// RuntimeError.
template <class Tasks>
class ConfiguredExecutor {
 public:
  ConfiguredExecutor(std::shared_ptr<detail::ExecutorBackend> backend, TaskOptions options)
      : backend_(std::move(backend)), options_(std::move(options)) {}

  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) const {
    return detail::submit<Tasks>(*backend_, &options_, nullptr, std::forward<F>(f),
                                 std::forward<Args>(args)...);
  }

  template <class F, class... Args>
  auto try_submit(F&& f, Args&&... args) const {
    return detail::try_submit<Tasks>(*backend_, &options_, std::forward<F>(f),
                                     std::forward<Args>(args)...);
  }

  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto submit_bulk(F f, Ranges&&... ranges) const {
    return detail::submit_bulk<Tasks>(*backend_, &options_, f, std::forward<Ranges>(ranges)...);
  }

  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto map(F f, Ranges&&... ranges) const {
    return map(MapOptions(), std::move(f), std::forward<Ranges>(ranges)...);
  }

  template <class F, class T>
  auto map(F f, std::initializer_list<T> items) const {
    return map(std::move(f), std::vector<T>(items));
  }

  // For Future::then(executor, f).
  auto launcher() const { return Tasks::launcher(backend_, options_); }

  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto map(MapOptions options, F f, Ranges&&... ranges) const {
    return detail::map<Tasks>(backend_, options_, options, std::move(f),
                              std::forward<Ranges>(ranges)...);
  }

 private:
  std::shared_ptr<detail::ExecutorBackend> backend_;
  TaskOptions options_;
};

// What the executor classes inherit: the public calls, once. Derived has backend().
// All of it is thread-safe, from callbacks and from the executor's own workers too.
// Tasks is how its tasks are made.
template <class Derived, class Tasks = detail::LocalTasks>
class ExecutorInterface {
 public:
  // Has f(args...) called once, with moved copies of f and the arguments as std::thread does (give
  // std::ref for a reference, and keep what it refers to), and returns the future of its result.
  // f may take a std::stop_token first: future.stop() then asks it to end.
  // Blocks only when a bounded queue is full and the executor's when_full is block.
  // Raises RuntimeError after shutdown, BrokenExecutor, QueueFull, std::bad_alloc; and
  // std::system_error if there is no worker and none can be started. The task was not queued then.
  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) {
    return detail::submit<Tasks>(*backend(), nullptr, nullptr, std::forward<F>(f),
                                 std::forward<Args>(args)...);
  }

  // submit, but nothing instead of a wait or QueueFull when the queue is full.
  template <class F, class... Args>
  auto try_submit(F&& f, Args&&... args) {
    return detail::try_submit<Tasks>(*backend(), nullptr, std::forward<F>(f),
                                     std::forward<Args>(args)...);
  }

  // Submits f for each element of the ranges, the shortest of which ends them, and returns the
  // futures in the order of the inputs: as so many calls of submit, but handed over together, which
  // costs the submitting thread less. Elements of an rvalue range are moved. Blocks as submit does.
  // Raises what submit raises, or reading the ranges; what was submitted by then is cancelled.
  //   std::vector<coeval::Future<int>> squares = pool.submit_bulk(square, numbers);
  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto submit_bulk(F f, Ranges&&... ranges) {
    return detail::submit_bulk<Tasks>(*backend(), nullptr, f, std::forward<Ranges>(ranges)...);
  }

  // Applies f to the elements of the ranges, the shortest of which ends it, and returns an input
  // range of the results in the order of the inputs. See MapRange for laziness, errors and the
  // deadline.
  //   for (std::string& page : pool.map(fetch, urls)) …
  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto map(F f, Ranges&&... ranges) {
    return map(MapOptions(), std::move(f), std::forward<Ranges>(ranges)...);
  }

  // The same for a list: map(square, {1, 2, 3}).
  template <class F, class T>
  auto map(F f, std::initializer_list<T> items) {
    return map(std::move(f), std::vector<T>(items));
  }

  // The same with options: map({.buffersize = 64, .timeout = 30s}, area, widths, heights).
  // ValueError if chunksize is 0.
  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto map(MapOptions options, F f, Ranges&&... ranges) {
    return detail::map<Tasks>(backend(), std::nullopt, options, std::move(f),
                              std::forward<Ranges>(ranges)...);
  }

  // A view of this executor that submits with these options. It does not keep the executor from its
  // shutdown, after which it raises RuntimeError as the executor does.
  //   pool.with({.name = "decode", .timeout = 2s, .priority = 1}).submit(decode, file);
  ConfiguredExecutor<Tasks> with(TaskOptions options) {
    return ConfiguredExecutor<Tasks>(backend(), std::move(options));
  }

  // Takes no more tasks (submit raises RuntimeError); what is queued still runs, or is cancelled.
  // With wait it returns when all is done; from a worker of the executor it never waits for itself.
  // May be called again.
  void shutdown(ShutdownOptions options = {}) { backend()->shutdown(options); }

  ExecutorStats stats() const { return backend()->stats(); }

  // The line of its statistics, for logs.
  friend std::string to_string(const ExecutorInterface& executor) {
    return to_string(executor.stats());
  }

  // For Future::then(executor, f).
  auto launcher() { return Tasks::launcher(backend(), std::nullopt); }

 protected:
  ExecutorInterface() = default;
  ~ExecutorInterface() = default;

 private:
  Derived& derived() noexcept { return static_cast<Derived&>(*this); }
  const Derived& derived() const noexcept { return static_cast<const Derived&>(*this); }
  const std::shared_ptr<detail::ExecutorBackend>& backend() const noexcept {
    return derived().backend();
  }
};

}  // namespace coeval
