// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Observers, log handlers, exceptions and destructors are the program's code, and may use the pool that
// calls them. Under a lock of the library such a call would wait for itself, and the watchdog ends it.

#include "support/failing_calls.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>
#include <coeval/core/log.hpp>
#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/futures.hpp>
#include <coeval/pickle/pickle.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using coeval::Future;
using coeval::InlineExecutor;
using coeval::ProcessPoolExecutor;
using coeval::TaskEvent;
using coeval::ThreadPoolExecutor;
using coeval::testing::failing_entries;
using coeval::testing::FailingCall;
using namespace std::chrono_literals;

constexpr std::string_view of_a_hook = "a hook's task";

int twice(int n) {
  return 2 * n;
}
int refuse(int n) {
  throw std::runtime_error(std::to_string(n));
}
void until_stopped(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::yield();
  }
}

// What the program's code does: all that takes the pool's lock, or a future's.
template <class Pool>
void use(Pool& pool, const Future<int>& done) {
  static_cast<void>(to_string(pool.stats()));
  const auto named = pool.with({.name = std::string(of_a_hook)});
  try {
    named.submit(twice, 1);
    named.submit(twice, 2).cancel();
    static_cast<void>(named.submit(twice, 3).running());
  } catch (const coeval::RuntimeError&) {  // after a shutdown
    static_cast<void>(to_string(pool.stats()));
  }
  EXPECT_EQ(done.result(), 42);
  done.add_done_callback([](const Future<int>&) {});
  static_cast<void>(to_string(done));
}

// What the hooks do meanwhile, and how often they did it.
class Hook {
 public:
  template <class Pool>
  Hook(Pool& pool, const Future<int>& done) {
    action = [&pool, done] { use(pool, done); };
    calls = 0;
  }
  ~Hook() {
    coeval::set_task_observer(nullptr);
    coeval::set_log_handler(nullptr);
    action = nullptr;
  }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  static void call() {
    thread_local bool inside = false;  // what it sets off here does not call it again
    if (action && !std::exchange(inside, true)) {
      action();
      ++calls;
      inside = false;
    }
  }

  static inline std::function<void()> action;
  static inline std::atomic<int> calls{0};
};

void wait_for_hook() {
  while (Hook::calls == 0) {
    std::this_thread::yield();
  }
}

struct Observer final : coeval::TaskObserver {
  void on_task(const coeval::TaskNotice& notice) noexcept override {
    if (notice.name != of_a_hook) {
      ++events[static_cast<std::size_t>(notice.event)];
      Hook::call();
    }
  }
  int of(TaskEvent event) const { return events[static_cast<std::size_t>(event)]; }

  std::array<std::atomic<int>, 5> events{};
};

void log_hook(coeval::Severity, std::string_view, std::string_view) {
  Hook::call();
}

template <class Pool>
void expect_every_event(Pool& pool) {
  const auto done = pool.submit(twice, 21);
  done.wait();
  static Observer observer;
  std::ranges::fill(observer.events, 0);
  const Hook hook(pool, done);
  coeval::set_task_observer(&observer);
  EXPECT_EQ(pool.submit(twice, 1).result(), 2);
  EXPECT_THROW(pool.submit(refuse, 1).result(), std::runtime_error);
  EXPECT_EQ(pool.with({.priority = 1}).submit(twice, 2).result(), 4);
  int sum = 0;
  for (const int n : pool.map(twice, std::vector<int>{1, 2, 3})) {
    sum += n;
  }
  EXPECT_EQ(sum, 12);
  for (const TaskEvent event :
       {TaskEvent::submit, TaskEvent::start, TaskEvent::finish, TaskEvent::fail}) {
    EXPECT_GT(observer.of(event), 0) << static_cast<int>(event);
  }
  if constexpr (!std::same_as<Pool, InlineExecutor>) {
    const std::array busy = {pool.submit(until_stopped), pool.submit(until_stopped)};
    for (const auto& one : busy) {
      while (!one.running()) {
        std::this_thread::yield();
      }
    }
    EXPECT_TRUE(pool.submit(twice, 3).cancel());
    for (const auto& one : busy) {
      one.stop();
    }
    coeval::wait(busy);
    EXPECT_GT(observer.of(TaskEvent::cancel), 0);
  }
  pool.shutdown({.cancel_futures = true});
  EXPECT_GT(Hook::calls.load(), 0);
}

TEST(UserCodeUnderNoLock, observers_of_a_thread_pool) {
  ThreadPoolExecutor pool({.max_workers = 2});
  expect_every_event(pool);
}
TEST(UserCodeUnderNoLock, observers_of_a_bounded_thread_pool) {
  ThreadPoolExecutor pool({.max_workers = 2, .max_queue = 10'000});
  expect_every_event(pool);
}
TEST(UserCodeUnderNoLock, observers_of_a_process_pool) {
  ProcessPoolExecutor pool({.max_workers = 2});
  expect_every_event(pool);
}
TEST(UserCodeUnderNoLock, observers_of_a_bounded_process_pool) {
  ProcessPoolExecutor pool({.max_workers = 2, .max_queue = 10'000});
  expect_every_event(pool);
}
TEST(UserCodeUnderNoLock, observers_of_an_inline_executor) {
  InlineExecutor pool;
  expect_every_event(pool);
}

template <class Pool>
void expect_callback_s_error_logged(Pool& pool) {
  const auto done = pool.submit(twice, 21);
  const Hook hook(pool, done);
  coeval::set_log_handler(&log_hook);
  const auto task = pool.submit(twice, 1);
  task.add_done_callback([](const Future<int>&) { throw std::runtime_error("in a callback"); });
  wait_for_hook();
}

TEST(UserCodeUnderNoLock, log_handlers_told_of_a_callback) {
  ThreadPoolExecutor threads({.max_workers = 1});
  expect_callback_s_error_logged(threads);
  ProcessPoolExecutor processes({.max_workers = 1});
  expect_callback_s_error_logged(processes);
  InlineExecutor in_line;
  expect_callback_s_error_logged(in_line);
}

// Of an entry that the tests can make fail.
const coeval::testing::FailingEntry& entry(std::string_view name) {
  return *std::ranges::find(failing_entries(), name, &coeval::testing::FailingEntry::name);
}

TEST(UserCodeUnderNoLock, log_handlers_told_of_the_loss_of_the_last_thread) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto done = pool.submit(twice, 21);
  done.wait();
  const Hook hook(pool, done);
  coeval::set_log_handler(&log_hook);
  Future<int> left;
  std::optional<FailingCall> no_threads;
  const auto last = pool.submit([&] {
    left = pool.submit(twice, 1);
    no_threads.emplace(entry("thread_create"), EAGAIN, 1);
    ::pthread_exit(nullptr);
  });
  EXPECT_ANY_THROW(last.result());
  wait_for_hook();
  EXPECT_EQ(left.result(), 2);  // by the thread that the handler's submit has started
}

TEST(UserCodeUnderNoLock, log_handlers_told_of_a_signal_that_the_kernel_refuses) {
  ProcessPoolExecutor pool({.max_workers = 1, .grace = 10ms});
  const auto done = pool.submit(twice, 21);
  done.wait();
  const Hook hook(pool, done);
  coeval::set_log_handler(&log_hook);
  const FailingCall refused(entry("signal"), EPERM, 1);
  const auto late = pool.with({.timeout = 1ms}).submit([] {
    while (true) {
      std::this_thread::yield();
    }
  });
  EXPECT_THROW(late.result(), coeval::TimeoutError);
  EXPECT_EQ(Hook::calls.load(), 1);
}

// Its text and its end are the program's code.
class Telling : public coeval::PickleError {
 public:
  Telling() : PickleError("") {}
  const char* what() const noexcept override {
    Hook::call();
    return "cannot be read";
  }
};
struct Ending : std::exception {
  Ending() = default;
  Ending(const Ending&) = default;
  Ending& operator=(const Ending&) = default;
  ~Ending() override { Hook::call(); }
};

template <class Error>
struct Unreadable {
  template <class Archive>
  void serialize(Archive&) {
    if constexpr (std::same_as<Archive, coeval::pickle::InputArchive>) {
      throw Error();
    }
  }
};

TEST(UserCodeUnderNoLock, what_an_exception_of_the_program_says) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto done = pool.submit(twice, 21);
  done.wait();
  const Hook hook(pool, done);
  EXPECT_THROW(pool.submit([] { return Unreadable<Telling>(); }).result(), coeval::PickleError);
  EXPECT_GT(Hook::calls.load(), 0);
}

TEST(UserCodeUnderNoLock, the_end_of_an_exception_that_a_time_limit_replaces) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto done = pool.submit(twice, 21);
  done.wait();
  const Hook hook(pool, done);
  const auto late = pool.with({.timeout = 20ms}).submit([](const std::stop_token& stop) {
    until_stopped(stop);
    return Unreadable<Ending>();
  });
  EXPECT_THROW(late.result(), coeval::TimeoutError);
  wait_for_hook();  // the future is done before
}

// An argument or a result whose end is the program's code.
struct Held {
  Held() = default;
  Held(Held&& other) noexcept : armed(std::exchange(other.armed, false)) {}
  Held(const Held&) = default;
  Held& operator=(const Held&) = delete;
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (armed) {
      Hook::call();
    }
  }
  bool armed = true;
};

template <class Pool>
void expect_ends_of_values(Pool& pool) {
  const auto done = pool.submit(twice, 21);
  done.wait();
  const Hook hook(pool, done);
  pool.submit([](const Held&) {}, Held()).wait();
  pool.submit([] { return Held(); }).wait();
  pool.submit([] { throw Held(); }).wait();
  pool.with({.timeout = 10s}).submit([] { return Held(); }).wait();
  if constexpr (!std::same_as<Pool, InlineExecutor>) {
    std::stop_source stop;
    for (int i = 0; i < 2; ++i) {
      pool.submit([token = stop.get_token()] { until_stopped(token); });
    }
    for (const int priority : {0, 1, -1}) {
      const auto prioritised = pool.with({.priority = priority});
      prioritised.submit([held = Held()] { static_cast<void>(held); }).cancel();
      prioritised.submit([held = Held()] { static_cast<void>(held); });
    }
    stop.request_stop();
  }
  pool.shutdown({.cancel_futures = true});
  EXPECT_GT(Hook::calls.load(), 3);
}

TEST(UserCodeUnderNoLock, destructors_of_arguments_results_and_exceptions) {
  ThreadPoolExecutor threads({.max_workers = 2});
  expect_ends_of_values(threads);
  ThreadPoolExecutor bounded({.max_workers = 2, .max_queue = 10'000});
  expect_ends_of_values(bounded);
  InlineExecutor in_line;
  expect_ends_of_values(in_line);
}

// The thread has ended for the library, and its thread-specific values are destroyed: who starts the
// next thread joins it.
TEST(UserCodeUnderNoLock, the_last_moments_of_a_thread_that_no_handle_joins) {
  static ThreadPoolExecutor* pool = nullptr;
  static std::atomic<bool> ending = false;
  static std::atomic<bool> submitted = false;
  ThreadPoolExecutor own({.max_workers = 1});
  pool = &own;
  coeval::threading::current_thread();  // the library's key comes before this one
  pthread_key_t key{};
  ASSERT_EQ(::pthread_key_create(&key,
                                 [](void*) {
                                   ending = true;
                                   while (!submitted) {
                                     static_cast<void>(pool->stats());
                                   }
                                 }),
            0);
  {
    coeval::threading::Thread thread({.daemon = true},
                                     [key] { ::pthread_setspecific(key, &submitted); });
    thread.start();
  }
  while (!ending) {
    std::this_thread::yield();
  }
  const auto task = own.submit(twice, 1);
  submitted = true;
  EXPECT_EQ(task.result(), 2);
  coeval::threading::Thread next([] {});
  next.start();  // it joins the other one
  next.join();
  ::pthread_key_delete(key);
}

}  // namespace
