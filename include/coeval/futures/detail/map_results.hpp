// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MapResults: what a map has submitted and its reader has not passed, in the order of the inputs.

#include <coeval/core/deadline.hpp>
#include <coeval/futures/detail/handle.hpp>
#include <coeval/futures/detail/map_chunk.hpp>
#include <coeval/futures/detail/result_cell.hpp>
#include <coeval/futures/future.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace coeval::detail {

// The reader's handle of a chunk.
template <class T>
class MapChunkHandle : public Handle {
 public:
  MapChunkHandle() noexcept = default;
  // Takes over a handle reference.
  explicit MapChunkHandle(MapChunkOf<T>& chunk) noexcept : Handle(&chunk) {}

  MapChunkOf<T>& operator*() const noexcept { return static_cast<MapChunkOf<T>&>(*get_cell()); }
};

// Elements that were submitted alone, as futures, and chunks. For one thread.
// Invariant: size_ is the number of elements, without those of the first chunk that were passed.
template <class T>
class MapResults {
 private:
  // One of the two is valid.
  struct Entry {
    Future<T> single;
    MapChunkHandle<T> chunk;

    std::size_t size() const noexcept { return chunk.valid() ? (*chunk).size() : 1; }
    Cell& cell() const noexcept { return chunk.valid() ? *chunk.get_cell() : *single.get_cell(); }
  };

 public:
  MapResults() = default;  // an empty deque needs memory
  MapResults(MapResults&& other) noexcept
      : entries_(std::exchange(other.entries_, {})),
        size_(std::exchange(other.size_, 0)),
        passed_(std::exchange(other.passed_, 0)) {}
  MapResults& operator=(MapResults&& other) noexcept {
    entries_ = std::exchange(other.entries_, {});
    size_ = std::exchange(other.size_, 0);
    passed_ = std::exchange(other.passed_, 0);
    return *this;
  }
  ~MapResults() = default;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  // The first one: waits for it; null at the deadline. Raises what the element raised.
  Stored<T>* front(Deadline deadline) {
    Entry& first = entries_.front();
    if (first.chunk.valid()) {
      auto& chunk = *first.chunk;
      return chunk.wait_for(passed_, deadline) ? &chunk.value(passed_) : nullptr;
    }
    auto& cell = static_cast<ResultCell<T>&>(*first.single.get_cell());
    if (!cell.wait(deadline)) {
      return nullptr;
    }
    cell.require_value(never);
    return &cell.value();
  }

  void pop_front() noexcept {
    Entry& first = entries_.front();
    --size_;
    if (first.chunk.valid()) {
      auto& chunk = *first.chunk;
      if (passed_ + 1 != chunk.size()) {
        if (chunk.is_published(passed_)) {  // else it was not read, and belongs to who has it
          chunk.forget(passed_);
        }
        ++passed_;
        return;
      }
      passed_ = 0;
    }
    entries_.pop_front();
  }

  // Stops all, and forgets them.
  void stop() noexcept {
    while (!entries_.empty()) {  // an empty deque in their place would need memory
      const Entry entry = std::move(entries_.front());
      entries_.pop_front();
      entry.cell().stop(false);
    }
    size_ = 0;
    passed_ = 0;
  }

  void push_back(Future<T> single) {
    entries_.push_back({std::move(single), {}});
    ++size_;
  }
  void push_back(MapChunkHandle<T> chunk) {
    const std::size_t size = (*chunk).size();
    entries_.push_back({{}, std::move(chunk)});
    size_ += size;
  }
  // Of what was pushed last.
  void pop_back() noexcept {
    size_ -= entries_.back().size();
    entries_.pop_back();
  }

 private:
  std::deque<Entry> entries_;
  std::size_t size_ = 0;
  std::uint32_t passed_ = 0;  // elements of the first chunk
};

}  // namespace coeval::detail
