// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Chunks: elements of a map that go to a worker together, as they cost less than their transport.
// Each keeps its own future: what one raises, or the process that dies in it, is its own affair.

#include <coeval/core/atomic.hpp>
#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_call.hpp>
#include <coeval/executors/detail/process_task.hpp>
#include <coeval/futures/detail/remote_task.hpp>
#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/pickle/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::detail {

// What a worker calls the elements of a chunk with, one after the other.
class COEVAL_EXPORT ChunkLoop {
 public:
  using One = void (*)(void* context, pickle::InputArchive& arguments);
  virtual void run(One one, void* context) = 0;

 protected:
  ~ChunkLoop() = default;
};

// The entry point of a chunk: reads its function, and has the loop call it.
using ChunkEntry = void (*)(pickle::InputArchive& function, pickle::OutputArchive& results,
                            ChunkLoop& loop);

template <class F, class... Arguments>
void enter_chunk(pickle::InputArchive& in, pickle::OutputArchive& out, ChunkLoop& loop) {
  const F callable = read_call_function<F>(in);
  auto one = [&](pickle::InputArchive& arguments) {
    call_with_arguments<false, F, Arguments...>(F(callable), arguments, out, std::stop_token());
  };
  loop.run(
      [](void* context, pickle::InputArchive& arguments) {
        (*static_cast<decltype(one)*>(context))(arguments);
      },
      &one);
}

// A chunk as the pool sees it: one task, whose elements are cells of their own. Its payload is the
// function, the arguments of the elements, and where those of each begin.
//
// Invariants:
//  1. The elements from first to end are not settled; those before are settled and gone.
//  2. rest is set before end is moved down to where its elements begin, and this happens once.
class COEVAL_EXPORT ChunkTask final : public Cell, public ProcessTask {
 public:
  // Reads a value into the cell of an element, which this side owns. Errors: PickleError.
  using ReadValue = void (*)(Cell& element, pickle::InputArchive& archive);

  ChunkTask(std::shared_ptr<BufferStore> buffers, ReadValue read_value) noexcept
      : ProcessTask(std::move(buffers)), read_value_(read_value) {}

  RemoteTask* remote() noexcept override { return this; }
  Cell& own_cell() noexcept override { return *this; }
  ChunkTask* chunk() noexcept override { return this; }
  std::size_t size() const noexcept override { return end() - first_; }

  // ---- while it is made
  void reserve(std::size_t size) { elements_.reserve(size); }
  void add(Cell& element) {
    elements_.push_back(CellRef::first(element));  // has the room
    end_.store(static_cast<std::uint32_t>(elements_.size()), std::memory_order_relaxed);
  }
  // They refer to it, and it to them.
  void drop_elements() noexcept { elements_.clear(); }

  // ---- of the pool
  // How many elements the payload has.
  std::uint32_t made_of() const noexcept { return static_cast<std::uint32_t>(elements_.size()); }
  std::uint32_t first() const noexcept { return first_; }
  std::uint32_t end() const noexcept { return end_.load(std::memory_order_acquire); }
  // Moves the first one out.
  CellRef take_first() noexcept { return std::move(elements_[first_++]); }
  // Reads the results of the elements before that one, settles them, and moves them to parts.
  // Returns how many of them have raised. Errors: PickleError, std::bad_alloc; what was read by then
  // is in parts.
  std::size_t read_until(std::uint32_t one, pickle::InputArchive& archive,
                         std::vector<CellRef>& parts);
  void read_result(pickle::InputArchive& archive) override;
  // A chunk for a part of these elements, with their arguments. Errors: std::bad_alloc,
  // std::system_error.
  CellRef make_rest() const;
  // Gives it the elements from that one on.
  void give_rest(CellRef rest, std::uint32_t from) noexcept;

  // The chunk that has the element.
  ChunkTask& with_element(std::uint32_t index) noexcept;

 private:
  void request_stop(bool /*may_kill*/) noexcept override {}
  void drop_callable() noexcept override;  // fails what is not settled

  const ReadValue read_value_;
  std::vector<CellRef> elements_;
  std::uint32_t first_ = 0;
  atomic<std::uint32_t> end_{0};
  atomic<ChunkTask*> rest_{nullptr};
  CellRef rest_owner_;
};

// What the cell of an element is beside a cell.
class COEVAL_EXPORT ChunkPart : public RemoteTask {
 public:
  bool withdraw() noexcept override;
  void note_start() noexcept override;
  void help_along(Deadline deadline) override;

 protected:
  ChunkPart(ChunkTask& chunk, std::uint32_t index) noexcept
      : chunk_(&chunk), keep_(static_cast<Cell&>(chunk)), index_(index) {}
  ~ChunkPart() = default;

 private:
  virtual Cell& own_cell() noexcept = 0;

  ChunkTask* const chunk_;  // it was put in this one
  const CellRef keep_;
  const std::uint32_t index_;
};

template <class Result>
class ChunkElement final : public ResultCell<Result>, public ChunkPart {
 public:
  ChunkElement(ChunkTask& chunk, std::uint32_t index) noexcept : ChunkPart(chunk, index) {}

  RemoteTask* remote() noexcept override { return this; }

  static void read_value(Cell& element, pickle::InputArchive& archive) {
    if constexpr (std::is_void_v<Result>) {
      static_cast<ChunkElement&>(element).emplace();
    } else {
      static_cast<ChunkElement&>(element).emplace(archive.template read<Result>());
    }
  }

 private:
  Cell& own_cell() noexcept override { return *this; }
};

}  // namespace coeval::detail
