// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pool: Python's multiprocessing.Pool, a thin layer over ProcessPoolExecutor.

#include <coeval/core/atomic.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/map.hpp>
#include <coeval/multiprocessing/async_result.hpp>
#include <coeval/multiprocessing/detail/pool_calls.hpp>
#include <coeval/multiprocessing/unordered_range.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {

struct PoolOptions {
  // The most processes that work at one time, 1 or more. Default: cpu_count().
  std::optional<int> processes = {};

  // After so many tasks a process is replaced by a new one, 1 or more. Default: never.
  std::optional<int> maxtasksperchild = {};

  // Processes are called name_0, name_1, …; seen in ps, gdb and errors. Default: Pool-N.
  std::string name = {};
};

struct PoolMapOptions {
  // How many elements go to a process together, as MapOptions has it; 1: found from the time that
  // they take.
  std::size_t chunksize = 1;
};

// Processes that call functions; Python's multiprocessing.Pool.
//
//   Pool pool({.processes = 4, .maxtasksperchild = 100});
//   Pool pool({.processes = 4}, load_model, "model.bin");       // initializer and its arguments
//   int sum = pool.apply(add, 40, 2);
//   AsyncResult<int> later = pool.apply_async(add, 40, 2);      // later.get(2s)
//   std::vector<Picture> pictures = pool.map(decode, files);
//   std::vector<int> areas = pool.starmap(area, sides);         // of pairs or tuples
//   for (const Picture& p : pool.imap(decode, files)) show(p);  // as they are needed, in order
//   for (const Picture& p : pool.imap_unordered(decode, files)) show(p);  // as they come
//
// It is a ProcessPoolExecutor with other names: what can be called and what can cross, how processes
// start, that they ignore SIGINT, and that a death costs the one task that ran (WorkerDied), is told
// there. Take the executor for task options, limits of memory and queue, cancelling and statistics.
// Errors of all calls that submit: ValueError after close() or terminate(); BrokenProcessPool if the
// initializer failed; PickleError; std::system_error.
// Thread safety: every member may be called from any thread. Callbacks must not block on the pool.
// The end: the destructor is close() and join(): what was submitted still runs, as everywhere in
// this library. The end of Python's with block is terminate(): call that where it is meant.
// A resource: neither copied nor moved.
class COEVAL_EXPORT Pool {
 public:
  // ValueError for numbers out of their ranges. Starts no process yet.
  explicit Pool(const PoolOptions& options = {});

  // Each process first calls initializer(args...), as in a ProcessPoolExecutor.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, PoolOptions>)
  Pool(const PoolOptions& options, F&& initializer, Args&&... args)
      : executor_(executor_options(options), std::forward<F>(initializer),
                  std::forward<Args>(args)...) {}

  explicit Pool(int processes) = delete;  // write ({.processes = 4})
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // Calls f(args...) in a process: what it returns, or raises. Blocks.
  template <class F, class... Args>
  auto apply(F&& f, Args&&... args) {
    return submit([&] { return executor_.submit(std::forward<F>(f), std::forward<Args>(args)...); })
        .result();
  }

  // The same, without a wait.
  template <class F, class... Args>
  auto apply_async(F&& f, Args&&... args) {
    return AsyncResult(
        submit([&] { return executor_.submit(std::forward<F>(f), std::forward<Args>(args)...); }));
  }

  // Applies f to each element, all of which are submitted at once, and waits for all: the results in
  // the order of the inputs (std::monostate for void). Errors: what the first one in the order of the
  // inputs raised, when all have ended; what reading the range raised counts as its last one.
  // ValueError if chunksize is 0.
  template <class F, std::ranges::input_range R>
  auto map(PoolMapOptions options, F f, R&& range) {
    require_chunk(options.chunksize);
    require_running();
    return detail::map(*executor_.backend(), options.chunksize, f, std::forward<R>(range));
  }
  template <class F, std::ranges::input_range R>
  auto map(F f, R&& range) {
    return map(PoolMapOptions(), std::move(f), std::forward<R>(range));
  }
  template <class F, class T>
  auto map(F f, std::initializer_list<T> items) {
    return map(PoolMapOptions(), std::move(f), std::vector<T>(items));
  }

  // The same, without a wait: an AsyncResult of the vector. What reading the range raises is raised
  // here, and what was submitted by then is cancelled.
  template <class F, std::ranges::input_range R>
  auto map_async(PoolMapOptions options, F f, R&& range) {
    require_chunk(options.chunksize);
    return submit([&] {
      return detail::map_async(*executor_.backend(), options.chunksize, f, std::forward<R>(range));
    });
  }
  template <class F, std::ranges::input_range R>
  auto map_async(F f, R&& range) {
    return map_async(PoolMapOptions(), std::move(f), std::forward<R>(range));
  }

  // As map, with f(a, b, …) for each tuple, pair or array of the range.
  template <class F, std::ranges::input_range R>
  auto starmap(PoolMapOptions options, F f, R&& range) {
    require_chunk(options.chunksize);
    require_running();
    return detail::with_columns(std::forward<R>(range), [&](auto... columns) {
      return detail::map(*executor_.backend(), options.chunksize, f, std::move(columns)...);
    });
  }
  template <class F, std::ranges::input_range R>
  auto starmap(F f, R&& range) {
    return starmap(PoolMapOptions(), std::move(f), std::forward<R>(range));
  }

  template <class F, std::ranges::input_range R>
  auto starmap_async(PoolMapOptions options, F f, R&& range) {
    require_chunk(options.chunksize);
    return submit([&] {
      return detail::with_columns(std::forward<R>(range), [&](auto... columns) {
        return detail::map_async(*executor_.backend(), options.chunksize, f, std::move(columns)...);
      });
    });
  }
  template <class F, std::ranges::input_range R>
  auto starmap_async(F f, R&& range) {
    return starmap_async(PoolMapOptions(), std::move(f), std::forward<R>(range));
  }

  // The results in the order of the inputs, as they are needed: ProcessPoolExecutor::map, see
  // MapRange. {.eager = true} submits all at once, as Python does; else reading on after join() or
  // terminate() raises RuntimeError where an input was not submitted. close() lets it go on.
  template <class F, std::ranges::input_range R>
  auto imap(MapOptions options, F f, R&& range) {
    return submit([&] { return executor_.map(options, std::move(f), std::forward<R>(range)); });
  }
  template <class F, std::ranges::input_range R>
  auto imap(F f, R&& range) {
    return imap(MapOptions(), std::move(f), std::forward<R>(range));
  }

  // The results in the order in which they come, as they are needed: see UnorderedRange.
  template <class F, std::ranges::input_range R>
  auto imap_unordered(MapOptions options, F f, R&& range) {
    require_chunk(options.chunksize);
    return submit([&] {
      return detail::map_unordered(executor_.backend(), options, std::move(f),
                                   std::forward<R>(range));
    });
  }
  template <class F, std::ranges::input_range R>
  auto imap_unordered(F f, R&& range) {
    return imap_unordered(MapOptions(), std::move(f), std::forward<R>(range));
  }

  // Takes no more calls. What was submitted still runs. May be called again.
  void close() noexcept;

  // Takes no more calls, cancels what has not begun, and ends what runs: by its stop_token or
  // SIGTERM, a second later by SIGKILL. Their results raise CancelledError. Never blocks.
  void terminate();

  // Waits until everything has ended and every process is gone. Errors: ValueError before close() or
  // terminate().
  void join();

  // "<Pool Pool-0 running, 4 processes>", "… closed …", "… terminated …"; so many at the most.
  friend COEVAL_EXPORT std::string to_string(const Pool& pool);

 private:
  enum class State : std::uint8_t { running, closed, terminated };

  static ProcessPoolOptions executor_options(const PoolOptions& options);
  static void require_chunk(std::size_t chunksize);
  void require_running() const;

  // The executor refuses what comes after its shutdown, which may be now.
  template <class Call>
  auto submit(Call call) {
    require_running();
    try {
      return call();
    } catch (const RuntimeError&) {
      require_running();
      throw;
    }
  }

  // Moves forward only. Relaxed: it is looked at before a call; what decides is the executor's lock.
  atomic<State> state_{State::running};
  ProcessPoolExecutor executor_;
};

COEVAL_EXPORT std::string to_string(const Pool& pool);

}  // namespace coeval::multiprocessing
