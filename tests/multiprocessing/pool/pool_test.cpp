// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a Pool calls: apply, map, starmap and imap. Names from CPython's _TestPool.

#include "multiprocessing/pool/pool_support.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

namespace pool_test {
namespace {

using coeval::ValueError;
using coeval::WorkerDied;

using coeval::list;

int raise_runtime_error() {
  throw std::runtime_error("123");
}
std::size_t length(std::string_view text) {
  return text.size();
}
std::string name_of_process() {
  return coeval::multiprocessing::current_process().name();
}
std::unique_ptr<int> in_a_box(int n) {
  return std::make_unique<int>(n);
}
int die_of(int n) {
  if (n == 3) {
    std::abort();
  }
  return n;
}

TEST(Pool, apply_calls_the_function_in_another_process) {
  Pool pool({.processes = 2});
  EXPECT_EQ(pool.apply(square, 5), 25);
  EXPECT_EQ(pool.apply(multiply, 6, 7), 42);
  EXPECT_NE(pool.apply(own_pid), ::getpid());
  EXPECT_EQ(pool.apply(length, "as long as this"), 15U);
  EXPECT_EQ(*pool.apply(in_a_box, 3), 3);
  pool.apply([](int) {}, 4);
}

TEST(Pool, apply_raises_what_the_function_raises) {
  Pool pool({.processes = 1});
  EXPECT_EQ(text_of<std::runtime_error>([&] { return pool.apply(raise_runtime_error); }), "123");
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST(Pool, apply_raises_worker_died_and_the_pool_goes_on) {
  Pool pool({.processes = 1, .name = "mortals"});
  const std::string text = text_of<WorkerDied>([&] { return pool.apply(die_of, 3); });
  EXPECT_NE(text.find("mortals"), std::string::npos) << text;
  EXPECT_NE(text.find("SIGABRT"), std::string::npos) << text;
  EXPECT_EQ(pool.apply(die_of, 4), 4);
}

TEST(Pool, numbers_out_of_their_ranges_raise_value_error) {
  for (const int number : {0, -1}) {
    EXPECT_EQ(text_of<ValueError>([&] { return Pool({.processes = number}).apply(square, 1); }),
              "coeval::multiprocessing::Pool: processes must be at least 1, not " +
                  std::to_string(number));
    EXPECT_EQ(
        text_of<ValueError>([&] { return Pool({.maxtasksperchild = number}).apply(square, 1); }),
        "coeval::multiprocessing::Pool: maxtasksperchild must be at least 1, not " +
            std::to_string(number));
  }
}

TEST(Pool, has_as_many_processes_as_it_was_told) {
  Pool pool({.processes = 3});
  Gate gate;
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 4; ++i) {
    results.push_back(pool.apply_async(pass_if, true, gate.ticket(), i));
  }
  gate.wait_for_arrivals(3);
  EXPECT_EQ(coeval::multiprocessing::active_children().size(), 3U);
  gate.open();
  EXPECT_EQ(results.back().get(), 3);
}

TEST(Pool, names_its_processes) {
  EXPECT_EQ(Pool({.processes = 1, .name = "thumbs"}).apply(name_of_process), "thumbs_0");
  EXPECT_TRUE(Pool().apply(name_of_process).starts_with("Pool-"));
}

TEST(Pool, says_how_it_stands) {
  Pool pool({.processes = 3, .name = "thumbs"});
  EXPECT_EQ(to_string(pool), "<Pool thumbs running, 3 processes>");
  pool.close();
  EXPECT_EQ(to_string(pool), "<Pool thumbs closed, 3 processes>");
  pool.terminate();
  EXPECT_EQ(to_string(pool), "<Pool thumbs terminated, 3 processes>");
}

int model = 0;
void load_model(int a, int b) {
  model = a + b;
}

TEST(Pool, each_process_calls_the_initializer_first) {
  Pool pool({.processes = 2}, load_model, 40, 2);
  EXPECT_EQ(pool.map([](int n) { return n + model; }, numbers(4)), (std::vector{42, 43, 44, 45}));
  EXPECT_EQ(model, 0);
}

TEST(Pool, an_initializer_that_raises_breaks_it) {
  Pool pool({.processes = 1}, refuse, 7);
  EXPECT_THROW(pool.apply(square, 1), coeval::BrokenProcessPool);
  EXPECT_THROW(pool.map(square, numbers(3)), coeval::BrokenProcessPool);
  EXPECT_THROW(pool.map_async(square, numbers(3)), coeval::BrokenProcessPool);
}

TEST(Pool, serves_several_threads) {
  Pool pool({.processes = 2});
  const multiprocessing_test::Bunch bunch(4, [&pool] {
    for (int round = 0; round < 5; ++round) {
      EXPECT_EQ(pool.apply(square, round), round * round);
      EXPECT_EQ(pool.map(square, numbers(50)), squares(50));
      EXPECT_EQ(pool.map_async(square, numbers(50)).get(), squares(50));
      EXPECT_EQ(list(pool.imap(square, numbers(50))), squares(50));
      int sum = 0;
      for (const int n : pool.imap_unordered(square, numbers(50))) {
        sum += n;
      }
      EXPECT_EQ(sum, 40425);
    }
  });
}

// ---- map ------------------------------------------------------------------------------------------

TEST(PoolMap, has_the_results_in_the_order_of_the_inputs) {
  Pool pool({.processes = 2});
  EXPECT_EQ(pool.map(square, numbers(10)), squares(10));
  EXPECT_EQ(pool.map({.chunksize = 20}, square, numbers(100)), squares(100));
  EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
  EXPECT_EQ(pool.map_async(square, numbers(10)).get(), squares(10));
  EXPECT_EQ(pool.map_async({.chunksize = 20}, square, numbers(100)).get(), squares(100));
}

TEST(PoolMap, of_nothing_is_empty) {
  Pool pool({.processes = 1});
  EXPECT_TRUE(pool.map(square, std::vector<int>()).empty());
  EXPECT_TRUE(pool.map_async(square, std::vector<int>()).get().empty());
  EXPECT_TRUE(pool.map_async({.chunksize = 3}, square, std::vector<int>()).ready());
  EXPECT_TRUE(pool.starmap(multiply, std::vector<std::pair<int, int>>()).empty());
  EXPECT_TRUE(list(pool.imap(square, std::vector<int>())).empty());
  EXPECT_TRUE(list(pool.imap_unordered(square, std::vector<int>())).empty());
}

// As one says "all in one".
TEST(PoolMap, a_chunksize_may_be_any_number) {
  Pool pool({.processes = 2});
  for (const std::size_t chunksize : {std::size_t{1} << 62U, ~std::size_t{0}}) {
    EXPECT_EQ(pool.map({.chunksize = chunksize}, square, numbers(10)), squares(10));
    EXPECT_EQ(pool.map_async({.chunksize = chunksize}, square, numbers(10)).get(), squares(10));
    std::vector<int> results;
    for (const int result : pool.imap_unordered({.chunksize = chunksize}, square, numbers(10))) {
      results.push_back(result);
    }
    std::ranges::sort(results);
    EXPECT_EQ(results, squares(10));
  }
}

TEST(PoolMap, a_chunksize_of_zero_raises_value_error) {
  Pool pool({.processes = 1});
  const std::vector<std::pair<int, int>> pairs{{1, 2}};
  EXPECT_THROW(pool.map({.chunksize = 0}, square, numbers(3)), ValueError);
  EXPECT_THROW(pool.map_async({.chunksize = 0}, square, numbers(3)), ValueError);
  EXPECT_THROW(pool.starmap({.chunksize = 0}, multiply, pairs), ValueError);
  EXPECT_THROW(pool.starmap_async({.chunksize = 0}, multiply, pairs), ValueError);
  EXPECT_THROW(pool.imap({.chunksize = 0}, square, numbers(3)), ValueError);
  EXPECT_THROW(pool.imap_unordered({.chunksize = 0}, square, numbers(3)), ValueError);
}

// Two of twenty fail, the later one first; the last one ends after both.
struct FailTwice {
  SharedNumbers counts;
  int operator()(int n) const {
    if (n == 5) {
      counts.until_is(1, 0);
    }
    if (n == 5 || n == 11) {
      ++counts[0];
      throw std::invalid_argument(std::to_string(n));
    }
    if (n == 19) {
      counts.until_is(2, 0);
    }
    ++counts[1];
    return n;
  }
  void save(coeval::pickle::OutputArchive& archive) const { archive(counts); }
  static FailTwice load(coeval::pickle::InputArchive& archive) {
    return {.counts = archive.read<SharedNumbers>()};
  }
};

// test_map_no_failfast
TEST(PoolMap, raises_the_first_error_in_the_order_of_the_inputs_when_all_have_ended) {
  Pool pool({.processes = 3});  // two of which may wait
  for (int round = 0; round < 2; ++round) {
    const FailTwice task{.counts = SharedNumbers(2)};
    const std::string text = text_of<std::invalid_argument>([&] {
      return round == 0 ? pool.map(task, numbers(20)) : pool.map_async(task, numbers(20)).get();
    });
    EXPECT_EQ(text, "5");
    EXPECT_EQ(task.counts.get(1), 18);
  }
}

TEST(PoolMap, submits_all_before_it_waits) {
  Pool pool({.processes = 1});
  Gate gate;
  const auto opening = std::views::iota(0, 1000) | std::views::transform([&gate](int n) {
                         if (n == 999) {
                           gate.open();
                         }
                         return n;
                       });
  const GateAtZero task{gate.ticket()};
  EXPECT_EQ(pool.map({.chunksize = 10}, task, opening), numbers(1000));
}

TEST(PoolMap, keeps_the_first_error_of_many_while_it_submits) {
  Pool pool({.processes = 2});
  const auto sometimes = [](int n) { return n % 1000 == 7 ? refuse(n) : n; };
  for (const std::size_t chunksize : {std::size_t{1}, std::size_t{10}}) {
    const std::string text = text_of<std::invalid_argument>(
        [&] { return pool.map({.chunksize = chunksize}, sometimes, numbers(20'000)); });
    EXPECT_EQ(text, "refused 7");
  }
  EXPECT_EQ(pool.map({.chunksize = 10}, square, numbers(20'000)), squares(20'000));
}

// test_map_handle_iterable_exception
TEST(PoolMap, raises_what_reading_the_inputs_raises) {
  Pool pool({.processes = 2});
  for (int round = 0; round < 2; ++round) {
    for (const int when : {0, 3}) {
      EXPECT_THROW(pool.map(square, numbers_until(when)), SayWhen);
      EXPECT_THROW(pool.map_async(square, numbers_until(when)), SayWhen);
    }
  }
  EXPECT_THROW(pool.map(refuse, numbers_until(3)), std::invalid_argument);  // comes before it
  EXPECT_EQ(pool.map(square, numbers(3)), squares(3));
}

TEST(PoolMap, a_death_costs_its_element_only) {
  Pool pool({.processes = 2});
  EXPECT_THROW(pool.map(die_of, numbers(10)), WorkerDied);
  EXPECT_THROW(pool.map_async(die_of, numbers(10)).get(), WorkerDied);
  auto results = pool.imap(die_of, numbers(10));
  int position = 0;
  for (auto result = results.begin(); result != results.end(); ++result, ++position) {
    if (position == 3) {
      EXPECT_THROW(*result, WorkerDied);
    } else {
      EXPECT_EQ(*result, position);
    }
  }
  EXPECT_EQ(position, 10);
}

TEST(PoolMap, takes_functions_of_any_result) {
  Pool pool({.processes = 2});
  const auto nothing = [](int) {};
  EXPECT_EQ(pool.map(nothing, numbers(3)), std::vector<std::monostate>(3));
  EXPECT_EQ(pool.map_async(nothing, numbers(3)).get(), std::vector<std::monostate>(3));
  const auto is_odd = [](int n) { return n % 2 != 0; };
  EXPECT_EQ(pool.map_async(is_odd, numbers(3)).get(), (std::vector{false, true, false}));
  EXPECT_EQ(*pool.map(in_a_box, numbers(3)).at(2), 2);
  EXPECT_EQ(*pool.map_async(in_a_box, numbers(3)).get().at(2), 2);
}

// ---- starmap --------------------------------------------------------------------------------------

TEST(PoolStarmap, calls_with_the_members_of_each_element) {
  Pool pool({.processes = 2});
  std::vector<std::tuple<int, int>> tuples;
  std::vector<int> products;
  for (int i = 0; i < 100; ++i) {
    tuples.emplace_back(i, 99 - i);
    products.push_back(i * (99 - i));
  }
  EXPECT_EQ(pool.starmap(multiply, tuples), products);
  EXPECT_EQ(pool.starmap({.chunksize = 20}, multiply, tuples), products);
  EXPECT_EQ(pool.starmap_async(multiply, tuples).get(), products);
  EXPECT_EQ(pool.starmap_async({.chunksize = 20}, multiply, std::move(tuples)).get(), products);
}

TEST(PoolStarmap, takes_pairs_arrays_and_maps) {
  Pool pool({.processes = 1});
  const auto repeat = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) {
      all += text;
    }
    return all;
  };
  EXPECT_EQ(pool.starmap(multiply, std::vector<std::pair<int, int>>{{2, 3}}), std::vector{6});
  EXPECT_EQ(pool.starmap(multiply, std::vector<std::array<int, 2>>{{2, 3}, {4, 5}}),
            (std::vector{6, 20}));
  const std::map<std::string, int> counts{{"ab", 2}, {"c", 3}};
  EXPECT_EQ(pool.starmap(repeat, counts), (std::vector<std::string>{"abab", "ccc"}));
}

TEST(PoolStarmap, reads_each_input_once) {
  Pool pool({.processes = 1});
  int reads = 0;
  auto pairs = std::views::iota(0, 10) | std::views::transform([&reads](int n) {
                 ++reads;
                 return std::pair(n, n);
               });
  EXPECT_EQ(pool.starmap(multiply, pairs), squares(10));
  EXPECT_EQ(reads, 10);
  std::istringstream text("1 2 3");
  auto once = std::views::istream<int>(text) |
              std::views::transform([](int n) { return std::tuple(n, n); });
  EXPECT_EQ(pool.starmap_async(multiply, once).get(), (std::vector{1, 4, 9}));
}

// ---- imap: MapRange has tests of its own ----------------------------------------------------------

TEST(PoolImap, yields_the_results_in_the_order_of_the_inputs) {
  Pool pool({.processes = 2});
  EXPECT_EQ(list(pool.imap(square, numbers(10))), squares(10));
  EXPECT_EQ(list(pool.imap({.chunksize = 100}, square, numbers(1000))), squares(1000));
}

TEST(PoolImap, chunks_of_tiny_tasks_do_not_wait_for_the_loop) {
  Pool pool({.processes = 2});
  int reads = 0;
  const auto counted = std::views::iota(0) | std::views::transform([&reads](int n) {
                         ++reads;
                         return n;
                       });
  {
    const auto unread = pool.imap({.chunksize = 10}, square, counted);
  }
  EXPECT_EQ(reads, 40);  // two for each process, as nothing is known yet
  while (reads <= 40) {  // until it is known
    list(pool.imap(square, numbers(1000)));
    reads = 0;
    const auto unread = pool.imap({.chunksize = 10}, square, counted);
  }
  reads = 0;
  const auto bounded = pool.imap({.buffersize = 25, .chunksize = 10}, square, counted);
  EXPECT_EQ(reads, 25);
}

// test_imap_handle_iterable_exception
TEST(PoolImap, an_error_of_the_inputs_comes_in_its_place) {
  Pool pool({.processes = 2});
  for (int round = 0; round < 2; ++round) {
    auto none = pool.imap(square, numbers_until(0));
    EXPECT_THROW(*none.begin(), SayWhen);
  }
  auto some = pool.imap({.chunksize = 2}, square, numbers_until(3));
  auto result = some.begin();
  for (int n = 0; n < 3; ++n, ++result) {
    EXPECT_EQ(*result, n * n);
  }
  EXPECT_THROW(*result, SayWhen);
  EXPECT_EQ(++result, some.end());
}

TEST(PoolImap, goes_through_endless_inputs) {
  Pool pool({.processes = 2});
  int count = 0;
  for (const int n : pool.imap(square, std::views::iota(0))) {
    if (n >= 100) {
      break;
    }
    ++count;
  }
  EXPECT_EQ(count, 10);
}

}  // namespace
}  // namespace pool_test
