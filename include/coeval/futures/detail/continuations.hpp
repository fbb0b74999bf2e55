// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The continuations that Future hangs into a cell: a callback, and the cell of then().

#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/futures/future.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace coeval {
namespace detail {

// Logs the exception that is being handled: a callback must not hurt the others.
COEVAL_EXPORT void log_callback_failure(const Cell& cell) noexcept;

template <class T, class F>
class Callback final : public Continuation {
 public:
  explicit Callback(F f) : f_(std::move(f)) {}

  void run(Cell& settled) noexcept override {
    try {
      settled.add_handle();
      std::invoke(std::move(f_), Future<T>::from_cell(static_cast<ResultCell<T>*>(&settled)));
    } catch (...) {
      log_callback_failure(settled);
    }
    delete this;
  }

 private:
  ~Callback() = default;

  F f_;
};

// The future of then(f): a cell that waits in the list of another. Where f is called is up to
// Launch, which gets the cell when the source has a value, and starts or queues it.
template <class T, class F, class Launch>
class ThenCell final : public ResultCell<ThenResult<F, T>>, public Continuation {
 public:
  ThenCell(Cell& source, F f, Launch launch)
      : source_(source), f_(std::move(f)), launch_(std::move(launch)) {}

  void run(Cell& settled) noexcept override {
    const CellRef own = CellRef::adopt(this);
    const Launch launch = std::move(launch_);  // kept no longer than this call
    switch (settled.state()) {
      case State::cancelled:
      case State::cancelled_and_notified:
        this->cancel();
        break;
      default:
        if (settled.error() != nullptr) {
          fail_unless_claimed(settled.error());
        } else {
          launch_or_fail(launch);
        }
    }
  }

 private:
  void call(Ran& ran) override {
    const bool returned = this->capture([this]() -> decltype(auto) {
      if constexpr (std::is_void_v<T>) {
        return std::invoke(std::move(*f_));
      } else {
        source_->require_value(never);  // raises InvalidStateError if it was taken meanwhile
        return std::invoke(std::move(*f_),
                           std::as_const(static_cast<ResultCell<T>*>(source_.get())->value()));
      }
    });
    ran = returned ? Ran::returned : Ran::raised;
  }

  void drop_callable() noexcept override {
    f_.reset();
    source_ = CellRef();
  }

  void launch_or_fail(const Launch& launch) noexcept {
    try {
      launch(CellRef(*this));
    } catch (...) {
      fail_unless_claimed(std::current_exception());
    }
  }

  // A worker that waits for this cell may have claimed it.
  void fail_unless_claimed(std::exception_ptr error) noexcept {
    if (this->try_start()) {
      this->fail(std::move(error));
    }
  }

  // Both belong to whoever moved this cell out of pending.
  CellRef source_;
  std::optional<F> f_;
  Launch launch_;
};

// Runs the cell where its source completed.
struct LaunchHere {
  static constexpr bool is_local = true;
  void prepare(Cell&) const noexcept {}
  void operator()(CellRef cell) const {
    if (cell->try_start()) {
      cell->run([](Ran) {});
    }
  }
};

// Hangs a new ThenCell into the source's list, or runs it now if the source is done.
template <class T, class F, class Launch>
auto chain(Cell& source, F&& f, const Launch& launch) {
  static_assert(
      Chainable<F, T>,
      "coeval::Future::then: the function cannot be called with the result of this future "
      "as a const reference (of a Future<void>: without arguments)");
  if constexpr (Chainable<F, T> && !Launch::is_local) {
    return launch.template chain<T>(source, std::forward<F>(f));
  } else if constexpr (Chainable<F, T>) {
    auto* cell = new ThenCell<T, std::decay_t<F>, Launch>(source, std::forward<F>(f), launch);
    auto future = Future<ThenResult<F, T>>::from_cell(cell);
    launch.prepare(*cell);
    CellRef(*cell).release();  // kept for run(), which takes it over
    source.attach_or_run(*cell);
    return future;
  }
}

}  // namespace detail

template <class T>
template <class F>
void Future<T>::add_done_callback(F&& f) const {
  constexpr bool callable = std::invocable<std::decay_t<F>, Future<T>>;
  static_assert(callable,
                "coeval::Future::add_done_callback: the function cannot be called with the future");
  if constexpr (callable) {
    detail::Cell& target = cell("add_done_callback");
    auto* callback = new detail::Callback<T, std::decay_t<F>>(std::forward<F>(f));
    target.attach_or_run(*callback);
  }
}

template <class T>
template <class F>
auto Future<T>::then(F&& f) const {
  return detail::chain<T>(cell("then"), std::forward<F>(f), detail::LaunchHere());
}

template <class T>
template <class E, class F>
auto Future<T>::then(E&& executor, F&& f) const {
  return detail::chain<T>(cell("then"), std::forward<F>(f), executor.launcher());
}

}  // namespace coeval
