// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Handle: what Future<T> and AnyFuture have in common, the pointer to the cell and everything that
// does not depend on the type of the result.

#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace coeval::detail {

[[noreturn]] COEVAL_EXPORT void throw_empty_future(const char* call);

class COEVAL_EXPORT Handle {
 public:
  // Whether the handle refers to a result at all. One that was default-constructed or moved from
  // does not: every other function raises InvalidStateError then.
  bool valid() const noexcept { return cell_ != nullptr; }

  // Whether the result, an exception or the cancellation is there.
  bool done() const { return cell("done").done(); }

  // Whether the function is being called right now.
  bool running() const { return cell("running").running(); }

  bool cancelled() const {
    const State state = cell("cancelled").state();
    return state == State::cancelled || state == State::cancelled_and_notified;
  }

  // Cancels a task that has not begun: true, also if it was cancelled before. False if it is
  // running or done. The callbacks run in this call. Never blocks.
  bool cancel() const { return cell("cancel").cancel(); }

  // Cancels a task that has not begun; asks one that runs to end, through the std::stop_token that
  // its function takes. A function that takes none goes on in a thread, and is killed in a process.
  // Never blocks.
  void stop() const { cell("stop").stop(true); }

  // Waits until the future is done. False at the deadline. Never raises what the task raised.
  bool wait(Deadline deadline = never) const { return cell("wait").wait(deadline); }

  // Waits; what the task raised, or null. Raises CancelledError or TimeoutError.
  std::exception_ptr exception(Deadline deadline = never) const {
    return cell("exception").exception(deadline);
  }

  // Waits; where in another process the task raised or crashed, a line per frame, the innermost first:
  // "  at decode (decode.cpp:41)". Empty if it did not, or ran in a thread, or that is not known.
  // Raises as exception does. Takes milliseconds.
  std::string error_stack(Deadline deadline = never) const {
    return coeval::error_stack(cell("error_stack").exception(deadline));
  }

  // Two handles are equal when they share one result.
  friend bool operator==(const Handle& a, const Handle& b) noexcept { return a.cell_ == b.cell_; }

  // "<Future of 'name' finished, raised std::runtime_error: text>", for logs.
  friend std::string to_string(const Handle& future) {
    if (!future.valid()) {
      return "<Future empty>";
    }
    future.cell_->running();  // notes a start in another process
    return future.cell_->text();
  }

  // For the library's own parts.
  Cell* get_cell() const noexcept { return cell_; }

 protected:
  Handle() noexcept = default;
  // Takes over a handle reference.
  explicit Handle(Cell* cell) noexcept : cell_(cell) {}
  Handle(const Handle& other) noexcept : cell_(other.cell_) {
    if (cell_ != nullptr) {
      cell_->add_handle();
    }
  }
  Handle(Handle&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  Handle& operator=(const Handle& other) noexcept {
    Handle copy(other);
    std::swap(cell_, copy.cell_);
    return *this;
  }
  Handle& operator=(Handle&& other) noexcept {
    Handle moved(std::move(other));
    std::swap(cell_, moved.cell_);
    return *this;
  }
  ~Handle() {
    if (cell_ != nullptr) {
      cell_->drop_handle();
    }
  }

  Cell& cell(const char* call) const {
    if (cell_ == nullptr) {
      throw_empty_future(call);
    }
    return *cell_;
  }

 private:
  Cell* cell_ = nullptr;
};

// For std::hash of the handles.
struct HandleHash {
  std::size_t operator()(const Handle& handle) const noexcept {
    return std::hash<const void*>()(handle.get_cell());
  }
};

}  // namespace coeval::detail
