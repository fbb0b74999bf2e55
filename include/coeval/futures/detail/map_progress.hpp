// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// MapProgress: who has which element of a chunk, and who is to be told what is done, in one word.
//
// Invariants:
//  1. The word is the next element, how many were taken away from the end, and whether a reader
//     watches and whether it is told of each element. The next element only grows.
//  2. An element belongs to the one whose claim() returned its number. Those that were taken away
//     belong to the one whose claim() returned size(): there is exactly one, if anybody claims once
//     more.
//  3. Whoever has published an element then claims; whoever is about to sleep sets watched, and then
//     looks at what is published. Both are changes of this word, so one of the two sees the other.
//  4. A claim behind the end, and each claim after tell_each(), says that a reader watches.

#include <coeval/core/atomic.hpp>

#include <cstdint>

namespace coeval::detail {

class MapProgress {
 public:
  // Far from the 30 bits that there are, so that claims behind the end do not overflow.
  static constexpr std::uint32_t most = std::uint32_t{1} << 27;

  struct Claim {
    std::uint32_t element;  // size() or more: there is none
    std::uint32_t taken;    // so many at the end were taken away; of interest if element is size()
    bool tells;             // a reader is to be told of what was published before
  };

  // Of how many elements; not above most. Before anyone else knows of it.
  void set_size(std::uint32_t size) noexcept { size_ = size; }
  std::uint32_t size() const noexcept { return size_; }

  // Release: what the claimer has published; acquire: what the one before has.
  Claim claim() noexcept {
    const std::uint64_t word = word_.fetch_add(1, std::memory_order_acq_rel);
    const std::uint32_t element = next_in(word);
    return {element, taken_in(word),
            (word & watched) != 0 && ((word & each) != 0 || element >= size_)};
  }

  // Takes away what nobody has claimed. False if there was nothing left.
  bool take_away() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if (next_in(word) >= size_) {
        return false;
      }
      // Relaxed: it publishes nothing, and the elements are touched by a later claimer.
    } while (!word_.compare_exchange_weak(
        word, (word & (watched | each)) | word_of(size_, size_ - next_in(word)),
        std::memory_order_relaxed, std::memory_order_relaxed));
    return true;
  }

  // From now on a reader that watches is told of each element. Whether one watches: it is to be told
  // of what was published so far.
  bool tell_each() noexcept {
    return (word_.fetch_or(each, std::memory_order_acq_rel) & watched) != 0;
  }

  // The caller is about to sleep: it looks at its element after this. Invariant 3.
  void watch() noexcept { word_.fetch_or(watched, std::memory_order_acq_rel); }

  // How many nobody has claimed. Relaxed: a hint.
  std::uint32_t left() const noexcept {
    const std::uint32_t next = next_in(word_.load(std::memory_order_relaxed));
    return next < size_ ? size_ - next : 0;
  }

 private:
  static constexpr int next_bits = 32;
  static constexpr std::uint64_t watched = std::uint64_t{1} << 63;
  static constexpr std::uint64_t each = std::uint64_t{1} << 62;

  static std::uint32_t next_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  static std::uint32_t taken_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>((word & ~(watched | each)) >> next_bits);
  }
  static std::uint64_t word_of(std::uint32_t next, std::uint32_t taken) noexcept {
    return std::uint64_t{taken} << next_bits | next;
  }

  atomic<std::uint64_t> word_{0};
  std::uint32_t size_ = 0;
};

}  // namespace coeval::detail
