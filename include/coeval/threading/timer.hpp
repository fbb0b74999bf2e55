// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Timer: a call to make later, unless it is cancelled.

#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>
#include <coeval/threading/detail/call.hpp>
#include <coeval/threading/thread.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace coeval::threading {

// Calls f(args...) once, on a thread of its own, when an interval after start() has passed;
// Python's threading.Timer.
//
//   Timer timer(30s, [] { say("hello"); });
//   timer.start();
//   timer.cancel();
//
// Thread-safe. The arguments are copied by the constructor. cancel() never blocks; join() and the
// destructor, which cancels and joins, wait for a call that has begun. An exception goes to
// excepthook(). Each timer costs a thread: for many, use an executor or asyncio.
class COEVAL_EXPORT Timer {
 public:
  // An interval of zero or less fires at once. Errors: ValueError for NaN.
  template <class Rep, class Period, class F, class... Args>
  Timer(std::chrono::duration<Rep, Period> interval, F&& f, Args&&... args)
      : Timer(ThreadOptions{}, interval, std::forward<F>(f), std::forward<Args>(args)...) {}

  template <class Rep, class Period, class F, class... Args>
  Timer(ThreadOptions options, std::chrono::duration<Rep, Period> interval, F&& f, Args&&... args)
      : Timer(Seconds(interval), std::move(options),
              body(std::forward<F>(f), std::forward<Args>(args)...)) {}

  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Starts to count. Errors: as Thread::start().
  void start();

  // Sees to it that the function is never called: true; false if its call has begun.
  bool cancel() noexcept;

  // As those of Thread: the thread ends after the call or the cancel.
  bool join(Deadline deadline = never) const { return thread_.join(deadline); }
  bool is_alive() const { return thread_.is_alive(); }
  std::string name() const { return thread_.name(); }
  void set_name(std::string name) { thread_.set_name(std::move(name)); }
  bool daemon() const { return thread_.daemon(); }
  void set_daemon(bool daemon) { thread_.set_daemon(daemon); }

  friend COEVAL_EXPORT std::string to_string(const Timer& timer);

 private:
  using Seconds = std::chrono::duration<long double>;
  struct State;

  Timer(Seconds interval, ThreadOptions options, Function<void()> function);

  template <class F, class... Args>
  static Function<void()> body(F&& f, Args&&... args) {
    static_assert(detail::callable_later<F, Args...>,
                  "coeval::threading::Timer: the callable cannot be called with moved copies of "
                  "these arguments; pass a reference with std::ref");
    return detail::call_later(std::forward<F>(f), std::forward<Args>(args)...);
  }

  std::shared_ptr<State> state_;
  Thread thread_;
};

// "<Timer(Thread-1, started 7)>".
COEVAL_EXPORT std::string to_string(const Timer& timer);

}  // namespace coeval::threading
