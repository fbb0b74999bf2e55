// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/array.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include <coeval/multiprocessing/shared_array.hpp>
#include <coeval/multiprocessing/value.hpp>
#include <coeval/threading/lock.hpp>
#include "multiprocessing/memory/memory_helpers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <list>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;
using support::error_of;
using threading::Guard;

struct Cell {
  double weight = 0.5;
  std::int16_t hits = 3;

  friend bool operator==(const Cell&, const Cell&) = default;
};

// Each element becomes the sum of those up to it, as in CPython's test.
void sum_up(std::span<int> numbers) {
  std::partial_sum(numbers.begin(), numbers.end(), numbers.begin());
}
const std::vector<int> numbers = {680, 626, 934, 821, 150, 233, 548, 982, 714, 831};
std::vector<int> summed_up() {
  std::vector<int> sums = numbers;
  sum_up(sums);
  return sums;
}

// CPython's test_array.
TEST(Array, is_changed_by_another_process) {
  const Array<int> array(numbers);
  EXPECT_EQ(array.size(), numbers.size());
  EXPECT_EQ(array.values(), numbers);
  Process process([](const Array<int>& shared) { shared.update(sum_up); }, array);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(array.values(), summed_up());
}

// CPython's test_rawarray.
TEST(Array, without_a_lock_is_a_shared_array) {
  const SharedArray<int> raw(numbers);
  Process process([](const SharedArray<int>& shared) { sum_up(shared); }, raw);
  process.start();
  process.join();
  EXPECT_TRUE(std::ranges::equal(raw, summed_up()));
}

// CPython's test_array_from_size: zeroes, again and again in the same place.
TEST(Array, of_a_size_begins_with_default_elements) {
  for (int i = 0; i < 3; ++i) {
    const Array<int> array(10);
    EXPECT_EQ(array.values(), std::vector<int>(10));
    array.update([](std::span<int> all) { std::ranges::fill(all, 7); });
    EXPECT_EQ(array.values(), std::vector<int>(10, 7));
  }
  EXPECT_EQ(Array<Cell>(2).values(), std::vector<Cell>(2));
  EXPECT_EQ(Array<bool>(2).values(), std::vector<bool>(2));
}

// CPython's test_getobj_getlock_obj.
TEST(Array, several_accesses_are_one_under_its_lock) {
  const Array<int> array{1, 2, 3};
  {
    const Guard guard(array.get_lock());
    for (int& number : array.get_obj()) {
      number *= 2;
    }
    array.set(0, array.get(1) + array.get(2));
    EXPECT_EQ(array.get_lock().recursion_count(), 1U);
  }
  EXPECT_FALSE(array.get_lock().locked());
  EXPECT_EQ(array.values(), (std::vector{10, 4, 6}));
}

TEST(Array, copies_the_values_of_any_range) {
  EXPECT_EQ(Array<int>({3, 1}).values(), (std::vector{3, 1}));
  EXPECT_EQ(Array<int>{3}.size(), 1U);
  EXPECT_EQ(Array<int>(std::array{3, 1}).values(), (std::vector{3, 1}));
  EXPECT_EQ(Array<int>(std::list<std::int16_t>{3, 1}).values(), (std::vector{3, 1}));
  EXPECT_EQ(Array<int>(SharedArray<int>{3, 1}).values(), (std::vector{3, 1}));
  static_assert(std::is_same_v<decltype(Array(std::vector<char>())), Array<char>>);
  const Array<int> array{1};
  const Array copy(array);
  static_assert(std::is_same_v<decltype(copy), const Array<int>>);
  copy.set(0, 2);
  EXPECT_EQ(array.get(0), 2);
}

TEST(Array, of_no_elements_is_allowed) {
  const Array<int> array(0);
  EXPECT_TRUE(array.empty());
  EXPECT_EQ(array.values(), std::vector<int>());
  EXPECT_TRUE(array.update([](std::span<int> all) { return all.empty(); }));
  EXPECT_TRUE(pickle::loads_parcel<Array<int>>(pickle::dumps_parcel(array)).empty());
}

TEST(Array, an_index_beyond_the_end_is_an_error) {
  const Array<int> array(2);
  EXPECT_THROW(array.get(2), ValueError);
  EXPECT_THROW(array.set(2, 1), ValueError);
  EXPECT_THROW(Array<int>(0).get(0), ValueError);
  EXPECT_FALSE(array.get_lock().locked());
}

TEST(Array, more_than_there_can_be_is_refused) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t size : {most, most / 8, most / 8 + 1, most / 16}) {
    EXPECT_THROW(static_cast<void>(Array<double>(size)), ValueError) << size;
  }
  EXPECT_EQ(error_of([] { Array<double>(std::size_t{1} << 43); }), ENOMEM);
}

TEST(Array, update_returns_what_its_function_returns) {
  const Array<int> array{1, 2, 3};
  EXPECT_EQ(array.update([](std::span<const int> all) { return all.back(); }), 3);
  static_assert(
      std::is_same_v<decltype(array.update([](std::span<int> all) -> int& { return all[0]; })),
                     int>);
}

void note(const Array<std::int64_t>& histogram, int times) {
  for (int i = 0; i < times; ++i) {
    const auto index = static_cast<std::size_t>(i) % histogram.size();
    histogram.update([index](std::span<std::int64_t> counts) { ++counts[index]; });
  }
}

TEST(Array, processes_count_exactly) {
  const Array<std::int64_t> histogram(10);
  std::vector<Process> processes;
  for (int i = 0; i < 4; ++i) {
    processes.emplace_back(note, histogram, 20'000).start();
  }
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  EXPECT_EQ(histogram.values(), std::vector<std::int64_t>(10, 8000));
}

void hang_in_an_update(const Array<Cell>& array, Connection connection) {
  array.update([&](std::span<Cell> cells) {
    cells[0].hits = 99;  // and not the others
    connection.send(true);
    connection.recv<bool>();
  });
}

TEST(Array, a_death_in_an_update_is_told_to_the_next_access_once) {
  const Array<Cell> array(4);
  const auto kill_a_writer = [&] {
    auto [here, there] = Pipe();
    Process process(hang_in_an_update, array, std::move(there));
    process.start();
    here.recv<bool>();
    EXPECT_THROW(array.get(1, 1ms), TimeoutError);
    EXPECT_EQ(to_string(array).substr(to_string(array).size() - 18), "4 elements locked>");
    process.kill();
    process.join();
  };
  kill_a_writer();
  EXPECT_THROW(array.values(), OwnerDied);
  EXPECT_EQ(array.get(0).hits, 99);
  kill_a_writer();
  EXPECT_THROW(array.get(1), OwnerDied);
  kill_a_writer();
  EXPECT_THROW(array.set(1, Cell()), OwnerDied);
  array.set(1, Cell());
  kill_a_writer();
  EXPECT_THROW(array.update([](std::span<Cell>) {}), OwnerDied);
  EXPECT_EQ(array.values().size(), 4U);
}

struct Table {
  Array<int> keys;
  std::vector<Array<Cell>> rows;
};

TEST(Array, travels_inside_of_containers_and_structures) {
  const Table table{.keys = {1, 2}, .rows = {Array<Cell>(1), Array<Cell>(2)}};
  const auto change_it = [](Connection connection) {
    const auto received = connection.recv<Table>();
    received.keys.set(1, 20);
    received.rows.at(1).set(1, {.weight = 8, .hits = 9});
    connection.send(received.rows);
  };
  auto [here, there] = Pipe();
  Process process(change_it, std::move(there));
  process.start();
  here.send(table);
  EXPECT_EQ(here.recv<std::vector<Array<Cell>>>().at(1).get(1), (Cell{.weight = 8, .hits = 9}));
  process.join();
  EXPECT_EQ(table.keys.values(), (std::vector{1, 20}));
  EXPECT_EQ(table.rows[1].get(1).hits, 9);
}

TEST(Array, a_queue_refuses_it) {
  const Queue<Array<int>> queue;
  EXPECT_THROW(queue.put(Array<int>(1)), PickleError);
}

TEST(Array, what_comes_must_be_an_array_of_that_type_with_its_memory) {
  const auto received = [](const auto& sent) {
    return pickle::loads_parcel<Array<int>>(pickle::dumps_parcel(sent)).size();
  };
  EXPECT_EQ(received(Array<int>(3)), 3U);
  EXPECT_THROW(received(Array<unsigned>(3)), PickleError);
  EXPECT_THROW(received(Array<char>(12)), PickleError);
  EXPECT_THROW(received(SharedArray<int>(3)), PickleError);

  const auto loaded = [](std::uint64_t count) {
    pickle::Parcel parcel = pickle::dumps_parcel(Array<int>(10));
    return support::load_from<Array<int>>(std::move(parcel.descriptors.at(0)),
                                          detail::element_code<int>(), count, std::string(),
                                          std::uint64_t{detail::LockedMemory::lock_room + 40})
        .size();
  };
  EXPECT_EQ(loaded(10), 10U);
  // The last ones are so many that their number of bytes overflows.
  for (const std::uint64_t count :
       {std::uint64_t{11}, std::uint64_t{1} << 40, (std::uint64_t{1} << 62) + 10,
        (std::uint64_t{1} << 63) + 1, ~std::uint64_t{0}}) {
    EXPECT_THROW(loaded(count), PickleError) << count;
  }
}

TEST(Array, says_what_it_is) {
  EXPECT_EQ(to_string(Array<int>(12)), "<Array<int> 12 elements unlocked>");
}

}  // namespace
}  // namespace coeval::multiprocessing
