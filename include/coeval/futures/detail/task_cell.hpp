// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// TaskCell: the cell of a submitted task, with the function and its arguments inside.

#include <coeval/futures/detail/result_cell.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// Whether F is called with a std::stop_token before its arguments.
template <class F, class... Args>
concept TakesStopToken = std::invocable<F, std::stop_token, Args...>;

// Whether f(args...) can be a task: it is called once, with moved copies.
template <class F, class... Args>
concept Submittable = TakesStopToken<std::decay_t<F>, std::decay_t<Args>...> ||
                      std::invocable<std::decay_t<F>, std::decay_t<Args>...>;

template <class F, class... Args>
struct CallResult : std::invoke_result<F, Args...> {};

template <class F, class... Args>
  requires TakesStopToken<F, Args...>
struct CallResult<F, Args...> : std::invoke_result<F, std::stop_token, Args...> {};

// The type that a task's future holds: what the function returns, without reference and const.
template <class F, class... Args>
using TaskResult = std::decay_t<typename CallResult<std::decay_t<F>, std::decay_t<Args>...>::type>;

// F and Args are decayed.
template <class F, class... Args>
class TaskCell final : public ResultCell<TaskResult<F, Args...>> {
 public:
  template <class G, class... As>
  explicit TaskCell(std::in_place_t, G&& f, As&&... args)
      : call_(std::in_place, std::forward<G>(f), std::forward<As>(args)...) {}

 private:
  static constexpr bool takes_stop_token = TakesStopToken<F, Args...>;
  struct NoStopSource {};

  void call(Ran& ran) override {
    if (this->timeout().count() > 0) {
      call_against_the_clock(ran);
    } else {
      ran = this->capture([this]() -> decltype(auto) { return invoke(); }) ? Ran::returned
                                                                           : Ran::raised;
    }
  }
  void drop_callable() noexcept override { call_.reset(); }
  void request_stop(bool) noexcept override {
    if constexpr (takes_stop_token) {
      stop_.request_stop();
    }
  }

  decltype(auto) invoke() {
    if constexpr (takes_stop_token) {
      return std::apply(
          [this](F& f, Args&... args) -> decltype(auto) {
            return std::invoke(std::move(f), stop_.get_token(), std::move(args)...);
          },
          *call_);
    } else {
      return std::apply(
          [](F& f, Args&... args) -> decltype(auto) {
            return std::invoke(std::move(f), std::move(args)...);
          },
          *call_);
    }
  }

  // A timer may settle the cell while the function runs, so the result is made in a cell of its own
  // and moves over only if this side settles first.
  using Made = ResultCell<TaskResult<F, Args...>>;

  struct Settling {
    TaskCell& task;
    Made& made;
    Ran& ran;
    ~Settling() {
      if (!task.try_settle()) {
        ran = Ran::too_late;
      } else if (made.error() != nullptr) {
        task.set_error(made.error());
      } else if (task.take_over(made)) {
        ran = Ran::returned;
      }
    }
  };

  void call_against_the_clock(Ran& ran) {
    Made made;
    const Settling settling{*this, made, ran};
    made.capture([this]() -> decltype(auto) { return invoke(); });
  }

  bool take_over(Made& made) {
    return this->capture([&made]() -> auto&& { return std::move(made.value()); });
  }

  std::optional<std::tuple<F, Args...>> call_;
  [[no_unique_address]] std::conditional_t<takes_stop_token, std::stop_source, NoStopSource> stop_;
};

}  // namespace coeval::detail
