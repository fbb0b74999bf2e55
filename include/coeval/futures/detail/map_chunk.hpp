// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elements of a map that go to a thread together, since they cost less than their way there. Each is
// still a task of its own: for the errors, the statistics, cancellation, and whoever has time for it.

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/futures/detail/map_progress.hpp>
#include <coeval/futures/detail/result_cell.hpp>

#include <cxxabi.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <variant>

namespace coeval::detail {

// A chunk as a pool sees it: one cell, whose elements any number of its workers may run, one by one,
// in their order. A MapRange reads it.
//
// Invariants:
//  1. What belongs to an element is written by who has it (MapProgress, invariant 2) until it is
//     published, and by the reader from then on.
//  2. Each element is published once. A chunk that is cancelled or fails before it began has all of
//     its elements published with that error.
//  3. left_ is the number of elements whose runner has not left. Who brings it to 0 finishes the cell.
class COEVAL_EXPORT MapChunk : public Cell {
 public:
  std::uint32_t size() const noexcept { return progress_.size(); }

  // ---- of the reader
  // Waits until the element is published; false at the deadline. On a worker of the pool it runs the
  // chunk, if nobody has begun it.
  bool wait_for(std::uint32_t element, Deadline deadline);
  bool is_published(std::uint32_t element) const noexcept {
    return published_[element].load(std::memory_order_acquire);
  }

  // ---- of a pool, which has started the cell
  MapProgress& progress() noexcept { return progress_; }
  // Calls the function for an element that was claimed, and keeps what comes of it. Raises only
  // forced unwinding; the element has its error then.
  virtual Ran run_element(std::uint32_t element) = 0;
  // Instead of the call.
  virtual void fail_element(std::uint32_t element, const std::exception_ptr& error) noexcept = 0;
  void publish(std::uint32_t element) noexcept {
    published_[element].store(true, std::memory_order_release);
  }
  // Wakes the reader, if it sleeps.
  void tell_reader() noexcept;
  // So many elements are published, and the caller claims no more.
  void leave(std::uint32_t published) noexcept;
  // How many were claimed since the last call; of the one thread that looks after running chunks.
  std::uint32_t claimed_since() noexcept {
    const std::uint32_t left = progress_.left();
    return std::exchange(seen_left_, left) - left;
  }
  // The error of elements that were cancelled.
  std::exception_ptr cancelled_error() const;

 protected:
  // Room for so many elements. Raises std::bad_alloc.
  explicit MapChunk(std::size_t most);
  ~MapChunk() override = default;

  // While it is made: it has so many.
  void set_size(std::uint32_t size) noexcept {
    progress_.set_size(size);
    seen_left_ = size;
    left_.store(size, std::memory_order_relaxed);
  }
  void drop_callable() noexcept override;
  void request_stop(bool /*may_kill*/) noexcept override { progress_.take_away(); }

 private:
  const std::unique_ptr<atomic<bool>[]> published_;
  MapProgress progress_;
  std::uint32_t seen_left_ = 0;
  atomic<std::uint32_t> left_{0};
  atomic<std::uint32_t> tellings_{0};  // what the reader sleeps on
};

// A chunk with room for the results, each of which is gone when the reader has passed it.
template <class T>
class MapChunkOf : public MapChunk {
 public:
  // Of the reader: the result of a published element; raises what the element raised.
  Stored<T>& value(std::uint32_t element) {
    Outcome& outcome = outcomes_[element];
    if (outcome.index() == raised) [[unlikely]] {
      std::rethrow_exception(std::get<raised>(outcome));
    }
    return *std::get_if<returned>(&outcome);
  }
  void forget(std::uint32_t element) noexcept { outcomes_[element].template emplace<nothing>(); }

  void fail_element(std::uint32_t element, const std::exception_ptr& error) noexcept override {
    outcomes_[element].template emplace<raised>(error);
  }

 protected:
  static constexpr std::size_t nothing = 0;
  static constexpr std::size_t returned = 1;
  static constexpr std::size_t raised = 2;
  using Outcome = std::variant<std::monostate, Stored<T>, std::exception_ptr>;

  explicit MapChunkOf(std::size_t most) : MapChunk(most), outcomes_(new Outcome[most]) {}
  ~MapChunkOf() override = default;

  // Calls f and keeps what comes of it. Raises only forced unwinding.
  template <class F>
  Ran capture(std::uint32_t element, F&& f) {
    Outcome& outcome = outcomes_[element];
    try {
      if constexpr (std::is_void_v<T>) {
        static_cast<void>(std::forward<F>(f)());
        outcome.template emplace<returned>();
      } else {
        outcome.template emplace<returned>(std::forward<F>(f)());
      }
      return Ran::returned;
    } catch (abi::__forced_unwind&) {
      outcome.template emplace<raised>(thread_ended_error(*this));
      throw;
    } catch (...) {
      outcome.template emplace<raised>(std::current_exception());
      return Ran::raised;
    }
  }

 private:
  const std::unique_ptr<Outcome[]> outcomes_;
};

}  // namespace coeval::detail
