// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Cell: the one shared object behind a Future. It holds the state, who waits, the error and (in
// the classes derived from it) the result and the callable. A Future is a pointer to it.
//
// The word holds the state in its low 3 bits, "somebody sleeps on the word" in the fourth, and
// above them the head of the list of continuations, latest first.
//
// Invariants:
//  1. The state only moves along pending → running → settling → finished → taken,
//     pending → settling (a Promise), and pending → cancelled → cancelled_and_notified.
//  2. Whoever moved the state to running or settling owns the result until the move to finished;
//     before and after, nobody writes it. The one who moves finished → taken owns the value.
//  3. A continuation is in the list from its attach until the one move to a done state, whose
//     mover takes the whole list and runs each once, oldest first.
//  4. A thread sleeps only after it has set the sleeper bit in a word that was not done; the move
//     to a done state clears the bit and wakes all who may sleep.
//  5. The cell is destroyed when no handle (low half of references_) and no internal user (high
//     half) is left; a cell with continuations is always kept by the one who will settle it.

#include <coeval/core/atomic.hpp>
#include <coeval/core/block_pool.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/nesting.hpp>
#include <coeval/futures/task_options.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace coeval::detail {

class RemoteTask;
class WaitHub;

enum class State : std::uint8_t {
  pending,
  running,
  settling,  // the result is being written
  cancelled,
  cancelled_and_notified,  // its executor has seen that it was cancelled
  finished,
  taken,  // finished, and the value was moved out
};

// How the call of a task's function ended.
enum class Ran : std::uint8_t {
  returned,
  raised,
  too_late,     // the task was failed for its time meanwhile; what the call gave is lost
  by_elements,  // it is several tasks, which were told and published one by one (MapChunk)
};

constexpr bool is_done(State state) noexcept {
  return state >= State::cancelled;
}

class COEVAL_EXPORT Cell : public InBlocks {
 public:
  Cell() noexcept = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  State state() const noexcept { return state_of(word_.load(std::memory_order_acquire)); }
  bool done() const noexcept { return is_done(state()); }
  bool running() noexcept;

  // Moves pending → running: true, and the caller must run the task. A cancelled cell becomes
  // cancelled_and_notified: false. Any other state: false.
  bool try_start() noexcept;

  // Moves pending or running → settling: true, and the caller must write the result and finish().
  bool try_settle() noexcept;

  // Publishes the result (from running or settling), runs the continuations, wakes the sleepers.
  void finish() noexcept;

  // Finishes a task that the caller has started, with an error instead of a call.
  void fail(std::exception_ptr error) noexcept;

  // Moves pending → cancelled, drops the callable and tells everyone; true if it is cancelled now.
  bool cancel() noexcept;

  // Cancels, or asks the running task to stop.
  void stop(bool may_kill) noexcept;

  // Moves finished → taken: true, and the caller owns the value.
  bool try_take() noexcept;

  // Has it run when the cell is done; false, and nothing happens to it, if the cell is done already.
  bool attach(Continuation& continuation) noexcept;
  // The same, but one whose cell is done already is run now.
  void attach_or_run(Continuation& continuation) noexcept;

  // Waits until the cell is done; false at the deadline. On a worker of a pool it runs the awaited
  // task, or what that task submitted, before it sleeps.
  bool wait(Deadline deadline);

  // Waits for a value; raises the task's error, CancelledError, TimeoutError, or InvalidStateError.
  void require_value(Deadline deadline);

  // Waits; the task's exception or null. Raises CancelledError, TimeoutError.
  std::exception_ptr exception(Deadline deadline);

  // Runs a task that the caller has started: calls its function, drops it, calls told(how it
  // ended), and publishes the result, in this order however the call ends. Raises only forced
  // unwinding.
  template <class Told>
  void run(Told told) {
    struct Publication {
      Cell& cell;
      Told& told;
      Ran ran = Ran::raised;
      ~Publication() {
        cell.drop_callable();
        told(ran);
        if (ran == Ran::returned || ran == Ran::raised) {
          cell.finish();
        }
      }
    } publication{*this, told};
    call(publication.ran);
  }

  // Only by the owner of the result, invariant 2.
  void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
  const std::exception_ptr& error() const noexcept { return error_; }

  // "<Future of 'name' finished, raised coeval::ValueError: …>"
  std::string text() const;
  // How errors and logs call it: "task 'name'" or "the task".
  std::string title() const;

  std::string_view name() const noexcept { return options_ ? options_->name : std::string_view(); }
  int max_retries() const noexcept { return options_ ? options_->max_retries : 0; }
  int priority() const noexcept { return options_ ? options_->priority : 0; }
  std::chrono::nanoseconds timeout() const noexcept {
    return options_ ? options_->timeout : std::chrono::nanoseconds::zero();
  }
  void set_options(const TaskOptions& options) {
    options_ = std::make_unique<TaskOptions>(options);
  }

  void add_handle() noexcept { references_.fetch_add(one_handle, std::memory_order_relaxed); }
  void drop_handle() noexcept { drop(one_handle); }
  void add_internal() noexcept { references_.fetch_add(one_internal, std::memory_order_relaxed); }
  // The same for a cell that nobody but its maker knows yet.
  void add_first_internal() noexcept {
    references_.store(one_handle | one_internal, std::memory_order_relaxed);
  }
  void drop_internal() noexcept { drop(one_internal); }
  // Whether one Future is the only one. Acquire: pairs with drop(), so what the others did is done.
  bool single_handle() const noexcept {
    return (references_.load(std::memory_order_acquire) & handle_mask) == one_handle;
  }

  // The pool whose workers may claim the task, once it is queued there; null before, or for good.
  // Relaxed: it is only compared, and try_start() decides who runs the task.
  const void* host() const noexcept { return host_.load(std::memory_order_relaxed); }
  void set_host(const void* pool) noexcept { host_.store(pool, std::memory_order_relaxed); }

  // If its function is called in another process; else null.
  virtual RemoteTask* remote() noexcept { return nullptr; }

 protected:
  virtual ~Cell();
  // Calls the function, keeps what it gives, and sets ran, which is raised until then.
  virtual void call(Ran&) {}
  virtual void drop_callable() noexcept {}
  virtual void request_stop(bool /*may_kill*/) noexcept {}  // only if it runs elsewhere

 private:
  friend class WaitHub;
  friend void run_put_off() noexcept;

  static constexpr std::uint64_t state_mask = 7;
  static constexpr std::uint64_t sleeper_bit = 8;
  static constexpr std::uint64_t flag_mask = 15;
  static constexpr std::uint64_t one_handle = 1;
  static constexpr std::uint64_t one_internal = std::uint64_t{1} << 32;
  static constexpr std::uint64_t handle_mask = one_internal - 1;

  static State state_of(std::uint64_t word) noexcept {
    return static_cast<State>(word & state_mask);
  }
  bool move_state(State from, State to) noexcept;
  void announce(std::uint64_t word) noexcept;
  bool sleep(Deadline deadline) noexcept;
  void drop(std::uint64_t unit) noexcept;
  void destroy() noexcept;
  static void destroy_put_off(Cell*& doomed) noexcept;

  atomic<std::uint64_t> word_{0};
  atomic<std::uint64_t> references_{one_handle};
  atomic<WaitHub*> hub_{nullptr};
  atomic<const void*> host_{nullptr};
  std::exception_ptr error_;
  std::unique_ptr<const TaskOptions> options_;
};

// An owning pointer of an internal user: a queue, a worker, a continuation.
class CellRef {
 public:
  CellRef() noexcept = default;
  explicit CellRef(Cell& cell) noexcept : cell_(&cell) { cell.add_internal(); }
  // The first of a cell that nobody but its maker knows yet.
  static CellRef first(Cell& cell) noexcept {
    cell.add_first_internal();
    return adopt(&cell);
  }
  // Takes over a reference that release() gave up.
  static CellRef adopt(Cell* cell) noexcept {
    CellRef ref;
    ref.cell_ = cell;
    return ref;
  }
  CellRef(CellRef&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  CellRef& operator=(CellRef&& other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~CellRef() {
    if (cell_ != nullptr) {
      cell_->drop_internal();
    }
  }

  Cell* release() noexcept { return std::exchange(cell_, nullptr); }
  Cell* get() const noexcept { return cell_; }
  Cell& operator*() const noexcept { return *cell_; }
  Cell* operator->() const noexcept { return cell_; }
  explicit operator bool() const noexcept { return cell_ != nullptr; }

 private:
  Cell* cell_ = nullptr;
};

}  // namespace coeval::detail
