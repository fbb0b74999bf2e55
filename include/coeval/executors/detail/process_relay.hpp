// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// then(executor, f) where the executor's tasks are called in other processes.

#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/futures/detail/submit.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/futures/task_options.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace coeval::detail {

// A cell that has the outcome of the task when there is one.
template <class T, class F, class Tasks>
class RelayCell final : public ResultCell<ThenResult<F, T>> {
 public:
  using Result = ThenResult<F, T>;

  RelayCell(std::shared_ptr<ExecutorBackend> backend, std::optional<TaskOptions> options, F f)
      : backend_(std::move(backend)), options_(std::move(options)), f_(std::move(f)) {}

  // source is done, with a value or not.
  void go_on(const Future<T>& source) noexcept {
    const CellRef keep(*this);
    if (source.cancelled()) {
      this->cancel();
      return;
    }
    try {
      if (const std::exception_ptr error = source.exception()) {
        end([&] { this->set_error(error); });
        return;
      }
      if (!this->done()) {
        relay(submitted(source));
      }
    } catch (...) {
      end([&, error = std::current_exception()] { this->set_error(error); });
    }
  }

 private:
  Future<Result> submitted(const Future<T>& source) {
    const TaskOptions* const options = options_ ? &*options_ : nullptr;
    if constexpr (std::is_void_v<T>) {
      source.result();
      return submit<Tasks>(*backend_, options, nullptr, f_);
    } else {
      return submit<Tasks>(*backend_, options, nullptr, f_, source.result());
    }
  }

  void relay(const Future<Result>& inner) {
    this->add_internal();
    inner.add_done_callback([this](Future<Result> done) {
      const CellRef keep = CellRef::adopt(this);
      if (done.cancelled()) {
        this->cancel();
        return;
      }
      end([&] {
        this->capture([&]() -> decltype(auto) {
          if constexpr (std::is_void_v<Result>) {
            done.result();
          } else {
            return done.take();
          }
        });
      });
    });
  }

  template <class Write>
  void end(Write write) noexcept {
    if (this->try_settle()) {
      write();
      this->finish();
    }
  }

  const std::shared_ptr<ExecutorBackend> backend_;
  const std::optional<TaskOptions> options_;
  const F f_;
};

template <class Tasks>
struct LaunchElsewhere {
  static constexpr bool is_local = false;
  std::shared_ptr<ExecutorBackend> backend;
  std::optional<TaskOptions> options;

  template <class T, class F>
  auto chain(Cell& source, F&& f) const {
    using Relay = RelayCell<T, std::decay_t<F>, Tasks>;
    auto* const relay = new Relay(backend, options, std::forward<F>(f));
    auto future = Future<typename Relay::Result>::from_cell(relay);
    if (options) {
      relay->set_options(*options);
    }
    source.add_handle();
    const auto first = Future<T>::from_cell(static_cast<ResultCell<T>*>(&source));
    first.add_done_callback(
        [future](const Future<T>& done) { static_cast<Relay*>(future.get_cell())->go_on(done); });
    return future;
  }
};

}  // namespace coeval::detail
