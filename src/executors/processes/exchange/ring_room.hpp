// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RingRoom: which bytes of a box's room are in use. What was taken first is freed first.
//
// Places are numbers that only grow; the byte at place p lies at p modulo the size of the room.
//
// Invariants:
//  1. begin_ ≤ end_ ≤ begin_ + room_size, and all bytes in use lie between them: so no byte is given
//     to two at once.
//  2. The bytes of one range do not go round the end of the room.
//  3. A number is never used again. A range that holds no bytes begins and ends at end_, so to free it
//     frees only what was taken before it, however much later that happens. Numbers that start again
//     at 0 when nothing is in use would let such an old range free what was taken since.
//  4. When nothing is in use, the next range begins at the front of the room: it is the part that is
//     in the processor's cache, and whatever fits into the room fits there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace coeval::detail {

// unit: each range begins and ends at a multiple of it. For one thread, or under a lock.
template <std::size_t room_size, std::size_t unit>
class RingRoom {
  static_assert(unit > 0 && room_size > 0 && room_size % unit == 0);

 public:
  // What one taker holds; it may be no byte at all.
  class Range {
   public:
    Range() noexcept = default;
    // Of its first byte in the room.
    std::size_t offset() const noexcept { return static_cast<std::size_t>(begin_ % room_size); }
    std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
    // Its first bytes, of which there are so many.
    Range first(std::size_t size) const noexcept { return {begin_, begin_ + rounded(size)}; }

   private:
    friend class RingRoom;
    Range(std::uint64_t begin, std::uint64_t end) noexcept : begin_(begin), end_(end) {}

    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
  };

  // What so many bytes take.
  static constexpr std::size_t rounded(std::size_t size) noexcept {
    return (size + unit - 1) / unit * unit;
  }

  // The range that the next take() may have; none if there is no room now. Changes nothing.
  std::optional<Range> find(std::size_t size) const noexcept {
    if (size > room_size) {
      return std::nullopt;
    }
    const std::size_t bytes = rounded(size);
    if (bytes == 0) {
      return Range(end_, end_);
    }
    const std::uint64_t left = room_size - end_ % room_size;  // up to the end of the room
    if (begin_ == end_) {
      const std::uint64_t front = left == room_size ? end_ : end_ + left;
      return Range(front, front + bytes);
    }
    const std::uint64_t begin = bytes <= left ? end_ : end_ + left;
    if (begin + bytes - begin_ > room_size) {
      return std::nullopt;
    }
    return Range(begin, begin + bytes);
  }

  // What find() has just found, or its first bytes.
  void take(const Range& range) noexcept {
    if (begin_ == end_) {
      begin_ = range.begin_;
    }
    end_ = range.end_;
  }

  // In the order of the takes. A range without bytes need not be freed.
  void free(const Range& range) noexcept { begin_ = std::max(begin_, range.end_); }

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace coeval::detail
