// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// RingRoom beside an oracle that marks each byte with its owner: every sequence of calls on small
// rooms, and long random ones on a large room.

#include "executors/processes/exchange/ring_room.hpp"
#include "support/sanitizers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>

namespace coeval::detail {
namespace {

// A planted fault: the places start again at 0 when begin and end meet, as if nobody had a range then.
template <std::size_t room_size, std::size_t unit>
class RestartingRoom {
 public:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::size_t offset() const noexcept { return begin % room_size; }
    std::size_t size() const noexcept { return end - begin; }
  };
  std::optional<Range> find(std::size_t size) const noexcept {
    const std::size_t bytes = (size + unit - 1) / unit * unit;
    const std::uint64_t begin = begin_ == end_ ? 0 : begin_;
    const std::uint64_t end = begin_ == end_ ? 0 : end_;
    const std::uint64_t left = room_size - end % room_size;
    const std::uint64_t place = bytes <= left ? end : end + left;
    if (place + bytes - begin > room_size) {
      return std::nullopt;
    }
    return Range{.begin = place, .end = place + bytes};
  }
  void take(const Range& range) noexcept {
    if (begin_ == end_) {
      begin_ = 0;
    }
    end_ = range.end;
  }
  void free(const Range& range) noexcept { begin_ = range.end; }

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

// A room of so many units, and who owns each. Nothing here is clever: it is what the room must do.
template <std::size_t units>
class Oracle {
 public:
  // Where the next taker's units lie; none if there is no room.
  std::optional<std::size_t> find(std::size_t size) const {
    if (size == 0) {
      return cursor_ % units;
    }
    if (size > units) {
      return std::nullopt;
    }
    if (nothing_is_owned()) {
      return 0;
    }
    const std::size_t begin = start_of(size);
    return is_free(cursor_, begin == cursor_ ? cursor_ : units) && is_free(begin, begin + size)
               ? std::optional(begin)
               : std::nullopt;
  }
  void take(std::uint32_t number, std::size_t size) {
    takers_.push_back(number);
    if (size == 0) {
      return;
    }
    const bool was_empty = nothing_is_owned();
    const std::size_t begin = *find(size);
    if (!was_empty && begin != cursor_) {
      own(number, cursor_, units);  // what is skipped goes with who skipped it
    }
    own(number, begin, begin + size);
    cursor_ = (begin + size) % units;
  }
  void free_oldest() {
    for (std::uint32_t& owner : owner_) {
      owner = owner == takers_.front() ? 0 : owner;
    }
    takers_.pop_front();
  }
  bool nothing_is_owned() const {
    for (const std::uint32_t owner : owner_) {
      if (owner != 0) {
        return false;
      }
    }
    return true;
  }

 private:
  std::size_t start_of(std::size_t size) const { return cursor_ + size <= units ? cursor_ : 0; }
  bool is_free(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i) {
      if (owner_[i] != 0) {
        return false;
      }
    }
    return true;
  }
  void own(std::uint32_t number, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      owner_[i] = number;
    }
  }

  std::array<std::uint32_t, units> owner_{};  // 0: nobody
  std::deque<std::uint32_t> takers_;
  std::size_t cursor_ = 0;
};

// A room and its oracle side by side; each step returns what is wrong, or an empty text.
template <template <std::size_t, std::size_t> class Room, std::size_t units, std::size_t unit>
class Pair {
 public:
  std::string take(std::size_t bytes) {
    const std::size_t size = (bytes + unit - 1) / unit;
    const auto range = room_.find(bytes);
    const std::optional<std::size_t> expected = oracle_.find(size);
    const std::string call = "find(" + std::to_string(bytes) + ") ";
    if (range.has_value() != expected.has_value()) {
      return call + (range ? "gave bytes that are in use" : "found no room, and there is some");
    }
    if (!range) {
      return {};
    }
    if (range->size() != size * unit) {
      return call + "gave another size";
    }
    if (size != 0 && range->offset() != *expected * unit) {
      return call + "gave the offset " + std::to_string(range->offset()) + " for " +
             std::to_string(*expected * unit);
    }
    room_.take(*range);
    oracle_.take(++number_, size);
    ranges_.push_back(*range);
    return {};
  }
  std::string free() {
    if (ranges_.empty()) {
      return {};
    }
    room_.free(ranges_.front());
    ranges_.pop_front();
    oracle_.free_oldest();
    return {};
  }

 private:
  Room<units * unit, unit> room_;
  Oracle<units> oracle_;
  std::deque<typename Room<units * unit, unit>::Range> ranges_;
  std::uint32_t number_ = 0;
};

// Every sequence of so many calls: what is wrong with the first that is, or an empty text.
template <class Pair>
std::string walk(const Pair& before, std::size_t most_bytes, int depth) {
  if (depth == 0) {
    return {};
  }
  for (std::size_t call = 0; call <= most_bytes + 1; ++call) {
    Pair pair = before;
    const bool frees = call == most_bytes + 1;
    std::string fault = frees ? pair.free() : pair.take(call);
    if (fault.empty()) {
      fault = walk(pair, most_bytes, depth - 1);
    }
    if (!fault.empty()) {
      return (frees ? std::string("free()") : "take(" + std::to_string(call) + ")") + ", " + fault;
    }
  }
  return {};
}

constexpr int depth_of(int wanted) {
  return support::under_sanitizer ? wanted - 2 : wanted;
}

TEST(RingRoom, every_sequence_on_a_small_room_is_right) {
  EXPECT_EQ(walk(Pair<RingRoom, 1, 1>(), 2, depth_of(8)), "");
  EXPECT_EQ(walk(Pair<RingRoom, 2, 1>(), 3, depth_of(8)), "");
  EXPECT_EQ(walk(Pair<RingRoom, 3, 1>(), 4, depth_of(7)), "");
  EXPECT_EQ(walk(Pair<RingRoom, 5, 1>(), 6, depth_of(6)), "");
  EXPECT_EQ(walk(Pair<RingRoom, 2, 2>(), 5, depth_of(7)), "");  // bytes that are rounded up
}

TEST(RingRoom, the_walk_finds_places_that_start_again) {
  EXPECT_NE(walk(Pair<RestartingRoom, 3, 1>(), 3, 7), "");
}

// A range without bytes is freed long after it was taken.
template <template <std::size_t, std::size_t> class Room>
std::string free_an_old_empty_range() {
  Pair<Room, 4, 1> pair;
  std::string fault = pair.take(1);
  fault += pair.take(0);
  fault += pair.free();
  fault += pair.take(1);  // nothing was in use but the empty range
  fault += pair.free();
  fault += pair.take(1);
  return fault;
}

TEST(RingRoom, an_old_empty_range_frees_nothing_that_was_taken_since) {
  EXPECT_EQ(free_an_old_empty_range<RingRoom>(), "");
  EXPECT_EQ(free_an_old_empty_range<RestartingRoom>(), "find(1) gave the offset 0 for 1");
}

// Sizes as tasks have them: none, one line, many lines, most of the room.
std::size_t random_size(std::mt19937_64& random, std::size_t room) {
  switch (random() % 5) {
    case 0:
    case 1:
      return 0;
    case 2:
      return 1 + random() % 64;
    case 3:
      return 1 + random() % (room / 8);
    default:
      return 1 + random() % (room + room / 8);
  }
}

template <template <std::size_t, std::size_t> class Room>
std::string long_walk(std::uint64_t seed, int steps) {
  std::mt19937_64 random(seed);
  Pair<Room, 64, 64> pair;
  for (int i = 0; i < steps; ++i) {
    const std::string fault =
        random() % 2 == 0 ? pair.take(random_size(random, 4096)) : pair.free();
    if (!fault.empty()) {
      return "seed " + std::to_string(seed) + ", step " + std::to_string(i) + ": " + fault;
    }
  }
  return {};
}

TEST(RingRoom, long_random_sequences_are_right) {
  const int steps = support::under_sanitizer ? 20'000 : 200'000;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(long_walk<RingRoom>(seed, steps), "");
  }
}

TEST(RingRoom, a_long_random_sequence_finds_places_that_start_again) {
  EXPECT_NE(long_walk<RestartingRoom>(1, 2'000), "");
}

TEST(RingRoom, the_first_bytes_of_a_range_are_taken_alone) {
  RingRoom<256, 64> room;
  const auto whole = room.find(200);
  ASSERT_TRUE(whole.has_value());
  const auto part = whole->first(65);
  EXPECT_EQ(part.size(), 128U);
  room.take(part);
  const auto next = room.find(128);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->offset(), 128U);
  EXPECT_FALSE(room.find(129).has_value());
}

}  // namespace
}  // namespace coeval::detail
