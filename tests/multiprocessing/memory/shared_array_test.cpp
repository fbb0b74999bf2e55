// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_array.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include "multiprocessing/memory/memory_helpers.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using support::error_of;
using support::load_from;

struct Point {
  double x = 1.5;
  std::int32_t y = -1;

  friend bool operator==(const Point&, const Point&) = default;
};
struct NoDefault {
  explicit NoDefault(int n) : number(n) {}
  int number;
};
struct alignas(128) Wide {
  char byte = 0;
};

// CPython's test_array_from_size and test_rawarray.
TEST(SharedArray, of_a_size_begins_with_zeroes) {
  const SharedArray<int> numbers(10'000);
  EXPECT_EQ(numbers.size(), 10'000U);
  EXPECT_FALSE(numbers.empty());
  EXPECT_TRUE(std::ranges::all_of(numbers, [](int n) { return n == 0; }));
}

TEST(SharedArray, of_a_size_has_default_elements) {
  const SharedArray<Point> points(3);
  EXPECT_TRUE(std::ranges::all_of(points, [](const Point& p) { return p == Point(); }));
}

TEST(SharedArray, copies_the_values_of_any_range) {
  const auto is_right = [](const SharedArray<int>& array) {
    return std::ranges::equal(array, std::array{3, 1, 4});
  };
  EXPECT_TRUE(is_right({3, 1, 4}));
  EXPECT_TRUE(is_right(SharedArray<int>(std::vector{3, 1, 4})));
  EXPECT_TRUE(is_right(SharedArray<int>(std::array{3, 1, 4})));
  EXPECT_TRUE(is_right(SharedArray<int>(std::list{3, 1, 4})));
  EXPECT_TRUE(is_right(SharedArray<int>(std::vector<std::int16_t>{3, 1, 4})));
  EXPECT_TRUE(is_right(
      SharedArray<int>(std::array{1, 2, 3, 4} | std::views::filter([](int n) { return n != 2; }) |
                       std::views::transform([](int n) { return n == 1   ? 3
                                                                : n == 3 ? 1
                                                                         : n; }))));
  EXPECT_EQ(SharedArray<NoDefault>({NoDefault(7)})[0].number, 7);
}

TEST(SharedArray, finds_its_type_by_its_values) {
  static_assert(std::same_as<decltype(SharedArray{1.0, 2.0}), SharedArray<double>>);
  static_assert(std::same_as<decltype(SharedArray(std::vector<char>())), SharedArray<char>>);
  SharedArray<int> numbers{1, 2};
  SharedArray copy(numbers);
  static_assert(std::same_as<decltype(copy), SharedArray<int>>);
  copy[0] = 9;
  EXPECT_EQ(numbers[0], 9) << "a copy is a handle of the same elements";
}

TEST(SharedArray, gives_its_elements_in_every_form) {
  const SharedArray<int> numbers{5, 6, 7};
  numbers[1] = 60;
  numbers.at(2) = 70;
  EXPECT_EQ(numbers.data()[0], 5);
  EXPECT_EQ(numbers.span()[1], 60);
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0), 135);
  EXPECT_EQ(std::ranges::max(numbers), 70);
}

TEST(SharedArray, is_taken_wherever_a_span_is) {
  static_assert(std::ranges::contiguous_range<const SharedArray<int>>);
  static_assert(std::convertible_to<SharedArray<int>&, std::span<int>>);
  static_assert(std::convertible_to<const SharedArray<int>&, std::span<int>>);
  static_assert(std::convertible_to<const SharedArray<int>&, std::span<const int>>);
  const auto sum = [](std::span<const int> all) {
    return std::accumulate(all.begin(), all.end(), 0);
  };
  SharedArray<int> numbers{5, 6, 7};
  EXPECT_EQ(sum(numbers), 18);
  EXPECT_EQ(sum(std::as_const(numbers)), 18);
}

TEST(SharedArray, is_worked_on_by_the_parallel_algorithms) {
  ThreadPoolExecutor pool({.max_workers = 2});
  const SharedArray<int> numbers(10'000);
  parallel_for(pool, numbers, [](int& n) { ++n; });
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0), 10'000);
}

TEST(SharedArray, an_index_beyond_the_end_is_an_error) {
  const SharedArray<int> numbers(3);
  try {
    numbers.at(3);
    FAIL() << "there is an element 3";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(),
                 "coeval::multiprocessing::SharedArray: there is no element 3; the last of the 3 "
                 "is 2");
  }
  EXPECT_THROW(SharedArray<int>().at(0), ValueError);
}

TEST(SharedArray, of_no_elements_has_no_memory_and_travels_nevertheless) {
  const auto before = support::held();
  const SharedArray<int> none;
  const SharedArray<int> also_none(0);
  const SharedArray<int> empty_values{std::vector<int>()};
  EXPECT_EQ(support::held(), before);
  for (const SharedArray<int>& array : {none, also_none, empty_values}) {
    EXPECT_TRUE(array.empty());
    EXPECT_EQ(array.begin(), array.end());
    auto parcel = pickle::dumps_parcel(array);
    EXPECT_TRUE(parcel.descriptors.empty());
    EXPECT_EQ(pickle::loads_parcel<SharedArray<int>>(std::move(parcel)).size(), 0U);
  }
}

TEST(SharedArray, moving_leaves_an_empty_one) {
  SharedArray<int> first{1, 2};
  SharedArray<int> second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the test
  first = {7};
  EXPECT_EQ(first[0], 7);
  first = std::move(second);
  EXPECT_EQ(first[1], 2);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SharedArray, elements_are_aligned) {
  const SharedArray<Wide> wide(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(wide.data()) % 128, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&wide[1]) % 128, 0U);
}

TEST(SharedArray, more_than_there_can_be_is_refused) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t size : {most, most / 8, most / 8 + 1, most / 16}) {
    EXPECT_THROW(static_cast<void>(SharedArray<double>(size)), ValueError) << size;
  }
  EXPECT_EQ(error_of([] { SharedArray<double>(std::size_t{1} << 43); }), ENOMEM);
}

TEST(SharedArray, says_what_it_is) {
  EXPECT_EQ(to_string(SharedArray<double>(1000)), "<SharedArray<double> 1000 elements>");
}

void fill(SharedArray<double> squares, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    squares[i] = static_cast<double>(i * i);
  }
}

TEST(SharedArray, processes_fill_parts_of_it) {
  const SharedArray<double> squares(30'001);
  std::vector<Process> processes;
  for (std::size_t from = 0; from < squares.size(); from += 10'000) {
    processes.emplace_back(fill, squares, from, std::min(from + 10'000, squares.size())).start();
  }
  for (Process& process : processes) {
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
  for (std::size_t i = 0; i < squares.size(); ++i) {
    ASSERT_EQ(squares[i], static_cast<double>(i * i)) << i;
  }
}

void count_in(SharedArray<std::int64_t> counts, int times) {
  for (int i = 0; i < times; ++i) {
    std::atomic_ref(counts[static_cast<std::size_t>(i) % counts.size()]).fetch_add(1);
  }
}

TEST(SharedArray, elements_may_be_counted_up_without_a_lock) {
  const SharedArray<std::int64_t> counts(3);
  std::vector<Process> processes;
  for (int i = 0; i < 3; ++i) {
    processes.emplace_back(count_in, counts, 30'000).start();
  }
  for (Process& process : processes) {
    process.join();
  }
  EXPECT_TRUE(std::ranges::all_of(counts, [](std::int64_t n) { return n == 30'000; }));
}

struct Job {
  std::string name;
  SharedArray<Point> points;
  std::map<std::string, SharedArray<float>> columns;
  std::vector<SharedArray<char>> texts;
};

void work_on(Connection connection) {
  const Job job = connection.recv<Job>();
  job.points[1].y = 42;
  job.columns.at("b")[0] = 2.5F;
  job.texts.at(0)[0] = 'h';
  connection.send(std::vector{job.columns.at("b"), SharedArray<float>(2)});
}

TEST(SharedArray, travels_inside_of_containers_and_structures) {
  const Job job{.name = "job",
                .points = SharedArray<Point>(2),
                .columns = {{"a", SharedArray<float>(3)}, {"b", SharedArray<float>(1)}},
                .texts = {SharedArray<char>(5)}};
  auto [here, there] = Pipe();
  Process process(work_on, std::move(there));
  process.start();
  here.send(job);
  const auto answer = here.recv<std::vector<SharedArray<float>>>();
  process.join();
  EXPECT_EQ(job.points[1].y, 42);
  EXPECT_EQ(job.texts.at(0)[0], 'h');
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(answer[0][0], 2.5F);
  answer[0][0] = 3.5F;
  EXPECT_EQ(job.columns.at("b")[0], 3.5F);
}

TEST(SharedArray, no_element_is_copied_on_the_way) {
  const auto parcel = pickle::dumps_parcel(SharedArray<double>(1'000'000));
  EXPECT_LT(parcel.bytes.size(), 100U);
  EXPECT_EQ(parcel.descriptors.size(), 1U);
}

TEST(SharedArray, a_queue_refuses_it_and_says_what_carries_it) {
  const Queue<SharedArray<int>> queue;
  try {
    queue.put(SharedArray<int>(1));
    FAIL() << "it was put";
  } catch (const PickleError& error) {
    EXPECT_NE(std::string(error.what()).find("over a Connection or as an argument of a Process"),
              std::string::npos)
        << error.what();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(SharedArray, arrives_as_what_it_was_or_not_at_all) {
  const auto received_as = []<class To>(const auto& sent, const To&) {
    return pickle::loads_parcel<SharedArray<To>>(pickle::dumps_parcel(sent)).size();
  };
  enum class Color : std::uint8_t { red };
  EXPECT_EQ(received_as(SharedArray<long>(3), 1LL), 3U) << "the same on this machine";
  EXPECT_EQ(received_as(SharedArray<Point>(3), Point()), 3U);
  EXPECT_THROW(received_as(SharedArray<double>(3), 1L), PickleError);
  EXPECT_THROW(received_as(SharedArray<double>(3), 1.0F), PickleError);
  EXPECT_THROW(received_as(SharedArray<std::uint8_t>(3), true), PickleError);
  EXPECT_THROW(received_as(SharedArray<std::uint8_t>(3), Color::red), PickleError);
  EXPECT_THROW(received_as(SharedArray<Point>(3), Wide()), PickleError);
}

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

FileDescriptor memory_file(off_t size, int with_seals) {
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), size), 0);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, with_seals), 0);
  return file;
}

TEST(SharedArray, what_comes_must_be_sealed_memory_of_exactly_its_elements) {
  const auto loaded = [](FileDescriptor file, std::uint64_t count, std::uint64_t size,
                         const std::string& name = "",
                         std::uint32_t code = detail::element_code<double>()) {
    return load_from<SharedArray<double>>(std::move(file), code, count, name, size).size();
  };
  EXPECT_EQ(loaded(memory_file(80, seals), 10, 80), 10U);

  EXPECT_THROW(loaded(memory_file(80, seals), 10, 80, "", 1234), PickleError);
  EXPECT_THROW(loaded(memory_file(80, 0), 10, 80), PickleError);
  EXPECT_THROW(loaded(memory_file(80, 0), 10, 80, "named"), PickleError) << "can be cut off";
  EXPECT_THROW(loaded(FileDescriptor(), 10, 80), PickleError);
  EXPECT_THROW(loaded(memory_file(80, seals), 11, 80), PickleError);
  EXPECT_THROW(loaded(memory_file(80, seals), 11, 88), PickleError);
  EXPECT_THROW(loaded(memory_file(80, seals), 9, 80), PickleError);
  // Counts whose number of bytes overflows to 80.
  EXPECT_THROW(loaded(memory_file(80, seals), (std::uint64_t{1} << 61) + 10, 80), PickleError);
  EXPECT_THROW(loaded(memory_file(80, seals), (std::uint64_t{1} << 63) + 10, 80), PickleError);
  EXPECT_THROW(loaded(memory_file(80, seals), ~std::uint64_t{0}, 80), PickleError);
  EXPECT_THROW(load_from<SharedArray<double>>(memory_file(80, seals)), PickleError);
  EXPECT_THROW(load_from<SharedArray<double>>(memory_file(80, seals),
                                              detail::element_code<double>(), std::uint64_t{10}),
               PickleError);
}

TEST(SharedArray, a_thousand_rounds_leave_no_descriptor_and_no_mapping) {
  const auto round = [] {
    auto [left, right] = Pipe();
    const SharedArray<int> numbers(2000);
    left.send(std::vector{numbers, numbers});
    const auto received = right.recv<std::vector<SharedArray<int>>>();
    received[0][1999] = 5;
    EXPECT_EQ(received[1][1999], 5);
  };
  round();
  const auto before = support::held();
  for (int i = 0; i < 1000; ++i) {
    round();
  }
  EXPECT_EQ(support::held(), before);
}

}  // namespace
}  // namespace coeval::multiprocessing
