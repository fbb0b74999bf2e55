// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Bytes that no dumps() has made: each is a PickleError, and nothing else.

#include <coeval/pickle/pickle.hpp>

#include "pickle/counted_new.hpp"
#include "pickle/types.hpp"
#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <forward_list>
#include <random>
#include <string>

namespace coeval::pickle {
namespace {

using namespace sample;

template <class T>
T read_all(std::span<const std::byte> bytes) {
  InputArchive archive(bytes);
  T value = archive.read<T>();
  archive.expect_end();
  return value;
}

TEST(HostileBytes, a_length_beyond_the_end_takes_no_memory) {
  const std::uint64_t sizes[] = {5, 1ULL << 32U, 1ULL << 61U, ~0ULL};
  for (const std::uint64_t size : sizes) {
    const Bytes bytes = written(std::pair(size, std::uint32_t{0}));
    EXPECT_THROW(read_all<std::string>(bytes), PickleError);
    EXPECT_THROW(read_all<std::u32string>(bytes), PickleError);
    EXPECT_THROW(read_all<std::vector<int>>(bytes), PickleError);
    EXPECT_THROW(read_all<std::vector<Empty>>(bytes), PickleError);
    EXPECT_THROW(read_all<std::vector<std::string>>(bytes), PickleError);
    EXPECT_THROW((read_all<std::map<int, int>>(bytes)), PickleError);
    EXPECT_THROW(read_all<std::list<std::monostate>>(bytes), PickleError);
  }
}

TEST(HostileBytes, values_outside_their_type_are_errors) {
  EXPECT_THROW(read_all<bool>(written(std::uint8_t{2})), PickleError);
  EXPECT_THROW(read_all<std::optional<int>>(written(std::uint8_t{2})), PickleError);
  EXPECT_THROW((read_all<std::variant<int, long>>(written(std::uint32_t{2}))), PickleError);
  EXPECT_THROW(read_all<std::exception_ptr>(written(std::uint8_t{99})), PickleError);
  EXPECT_THROW(read_all<std::set<int>>(written(std::vector<int>{1, 1})), PickleError);
}

TEST(HostileBytes, what_is_left_over_is_an_error) {
  EXPECT_THROW(read_all<int>(written(std::pair(1, 2))), PickleError);
  EXPECT_THROW(loads<int>({}), PickleError);
}

TEST(HostileBytes, a_chain_without_an_end_does_not_overflow_the_stack) {
  const Bytes ones(1'000'000, std::byte{1});
  EXPECT_THROW(read_all<Node>(ones), PickleError);
  EXPECT_THROW(read_all<std::exception_ptr>(ones), PickleError);
}

class Fuzz {
 public:
  // Every prefix of a good value, and many with some bytes changed. A reader may accept them, as
  // long as it does nothing worse than PickleError.
  template <class T>
  void attack(const T& value) {
    const Bytes good = written(value);
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_FALSE(accepts<T>(std::span(good).first(size))) << type_name(typeid(T)) << size;
    }
    for (int round = 0; round < rounds_; ++round) {
      Bytes bad = good;
      for (unsigned change = 0; change <= random_() % 4; ++change) {
        bad[random_() % bad.size()] = static_cast<std::byte>(random_() % 4 == 0 ? 0xff : random_());
      }
      accepts<T>(bad);
      Bytes noise(random_() % 64);
      for (std::byte& byte : noise) {
        byte = static_cast<std::byte>(random_() % 3 == 0 ? random_() : random_() % 4);
      }
      accepts<T>(noise);
    }
  }
  long inputs() const { return inputs_; }
  std::size_t most_memory() const { return most_memory_; }
  bool was_justified() const { return was_justified_; }

 private:
  // A byte may be an element, with a node of its own in a list or a map; and an error has a text.
  static std::size_t justified_by(std::size_t size) { return 800 + 64 * size; }

  static int rounds() {
    const char* const asked = std::getenv("COEVAL_FUZZ_ROUNDS");
    return asked != nullptr ? std::atoi(asked) : 30'000;
  }

  template <class T>
  bool accepts(std::span<const std::byte> bytes) {
    ++inputs_;
    ::support::feed_watchdogs();
    const support::CountedNew counted;
    bool is_accepted = true;
    try {
      static_cast<void>(read_all<T>(bytes));
    } catch (const PickleError&) {
      is_accepted = false;
    }
    const std::size_t memory = counted.bytes();
    most_memory_ = std::max(most_memory_, memory);
    was_justified_ = was_justified_ && memory <= justified_by(bytes.size());
    return is_accepted;
  }

  std::mt19937_64 random_{20261};
  long inputs_ = 0;
  int rounds_ = rounds();
  std::size_t most_memory_ = 0;
  bool was_justified_ = true;
};

TEST(HostileBytes, a_fuzzer_finds_nothing_worse_than_PickleError) {
  Fuzz fuzz;
  const Row row{'k', 2.5, {1, 2, 3}, {4, 5}, "name"};
  fuzz.attack(std::string("some text"));
  fuzz.attack(std::vector<std::string>{"a", "bc"});
  fuzz.attack(std::vector<Point>{{1, 2}, {3, 4}});
  fuzz.attack(Table{{row, row}, row, {"a", "b"}, Colour::green, true});
  fuzz.attack(std::map<std::string, std::variant<int, std::vector<int>>>{{"a", 1}});
  fuzz.attack(std::optional(std::tuple<bool, std::string, double>{true, "x", 1}));
  fuzz.attack(std::unordered_map<int, std::set<int>>{{1, {2, 3}}});
  fuzz.attack(Node{1, std::make_unique<Node>(Node{2, nullptr})});
  fuzz.attack(std::vector<Account>{{"Ann", 5}});
  fuzz.attack(std::deque<bool>{true, false});
  fuzz.attack(std::filesystem::path("/a/b"));
  fuzz.attack(std::forward_list<std::error_code>{std::make_error_code(std::errc::io_error)});
  fuzz.attack(std::make_exception_ptr(ExceptionGroup(
      "two",
      {std::make_exception_ptr(std::system_error(ENOSPC, std::generic_category(), "writing")),
       std::make_exception_ptr(RemoteError("T", "m", "s"))})));
  std::printf("hostile inputs read: %ld, bytes of memory taken for one: at most %zu\n",
              fuzz.inputs(), fuzz.most_memory());
  EXPECT_TRUE(fuzz.was_justified());
}

#if SUPPORT_CAN_REPLACE_NEW

TEST(HostileBytes, an_announced_length_takes_no_memory_before_its_elements_are_there) {
  // As many elements as can be believed of 100 KB, which is not what they are.
  Bytes bytes = written(std::uint64_t{100'000});
  bytes.resize(bytes.size() + 100'000);
  std::fill(bytes.begin() + 8, bytes.end(), std::byte{0xff});
  const auto memory = [&bytes](auto example) {
    using T = decltype(example);
    const support::CountedNew counted;
    EXPECT_THROW(read_all<T>(bytes), PickleError) << type_name(typeid(T));
    return counted.bytes();
  };
  EXPECT_LE(memory(std::vector<std::string>()), 200'000U);
  EXPECT_LE(memory(std::vector<bool>()), 200'000U);
  EXPECT_LE(memory(std::vector<Table>()), 200'000U);
  EXPECT_LE(memory(std::vector<Node>()), 200'000U);
  EXPECT_LE(memory(std::u32string()), 200'000U);
  EXPECT_LE(memory(std::unordered_set<std::string>()), 200'000U);
  EXPECT_LE(memory(std::map<std::string, int>()), 200'000U);
  EXPECT_LE(memory(std::deque<std::unique_ptr<Table>>()), 200'000U);
}

#endif  // SUPPORT_CAN_REPLACE_NEW

}  // namespace
}  // namespace coeval::pickle
