// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;

template <class Case>
class ResultTest : public ExecutorTest<Case> {};

template <class Case>
class BusyResultTest : public BusyExecutorTest<Case> {};

enum class Colour { red, green };

struct Person {
  std::string name;
  int age = 0;
  bool operator==(const Person&) const = default;
};

const std::string& longest(const std::vector<std::string>& words) {
  const std::string* best = &words.front();
  for (const std::string& word : words) {
    best = word.size() > best->size() ? &word : best;
  }
  return *best;
}

std::unique_ptr<int> boxed(int n) {
  return std::make_unique<int>(n);
}

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

std::vector<std::uint8_t> reversed(std::vector<std::uint8_t> bytes) {
  return {bytes.rbegin(), bytes.rend()};
}

CONTRACT_TEST(ResultTest, void_is_a_result) {
  const Future<void> future = this->pool_.submit(do_nothing);
  future.result();
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.exception(), nullptr);
}

CONTRACT_TEST(ResultTest, of_any_type_of_value) {
  EXPECT_EQ(this->pool_.submit([] { return std::string(100, 'x'); }).result(),
            std::string(100, 'x'));
  EXPECT_EQ(this->pool_.submit([] { return Colour::green; }).result(), Colour::green);
  EXPECT_EQ(this->pool_.submit([] { return true; }).result(), true);
  EXPECT_EQ(this->pool_.submit([] { return std::optional<int>(); }).result(), std::nullopt);
  EXPECT_EQ(this->pool_.submit([] { return std::tuple(1, 2.5, std::string("c")); }).result(),
            std::tuple(1, 2.5, std::string("c")));
  EXPECT_EQ((this->pool_.submit([] { return std::variant<int, std::string>("v"); }).result()),
            (std::variant<int, std::string>("v")));
  EXPECT_EQ((this->pool_.submit([] { return std::map<std::string, int>{{"a", 1}}; }).result()),
            (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ((this->pool_.submit([] { return Person{"Ada", 36}; }).result()), (Person{"Ada", 36}));
}

CONTRACT_TEST(ResultTest, a_function_that_returns_a_reference_gives_a_copy) {
  const Future<std::string> future =
      this->pool_.submit(longest, std::vector<std::string>{"a", "long one", "b"});
  EXPECT_EQ(future.result(), "long one");
}

CONTRACT_TEST(ResultTest, a_function_that_returns_a_constant_gives_a_plain_value) {
  const Future<std::string> future =
      this->pool_.submit([]() -> const std::string { return "constant"; });
  EXPECT_EQ(future.result(), "constant");
}

CONTRACT_TEST(ResultTest, a_move_only_result_is_taken) {
  Future<std::unique_ptr<int>> future = this->pool_.submit(boxed, 5);
  EXPECT_EQ(*future.result(), 5);
  const std::unique_ptr<int> taken = future.take();
  EXPECT_EQ(*taken, 5);
  EXPECT_THROW(future.result(), InvalidStateError);
  EXPECT_THROW(future.take(), InvalidStateError);
}

CONTRACT_TEST(ResultTest, of_a_temporary_future_is_a_value) {
  const std::unique_ptr<int> value = this->pool_.submit(boxed, 6).result();
  EXPECT_EQ(*value, 6);
  const std::string text = this->pool_.submit(greet, std::string("x")).result();
  EXPECT_EQ(text, "hello x");
}

CONTRACT_TEST(ResultTest, large_arguments_and_results_arrive_whole) {
  const std::size_t size = std::size_t{16} << 20;
  const std::vector<std::uint8_t> bytes = pattern(size);
  Future<std::vector<std::uint8_t>> future = this->pool_.submit(reversed, bytes);
  EXPECT_EQ(future.take(), reversed(bytes));
}

CONTRACT_TEST(ResultTest, can_be_read_again_and_by_every_copy) {
  const Future<std::string> future = this->pool_.submit(greet, std::string("you"));
  const Future<std::string> copy = future;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(future.result(), "hello you");
  EXPECT_EQ(future.result(), "hello you");
  EXPECT_EQ(&copy.result(), &future.result());
  EXPECT_EQ(copy, future);
}

CONTRACT_TEST(ResultTest, can_be_read_by_several_threads) {
  const Future<int> future = this->pool_.submit(square, 7);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&future] { EXPECT_EQ(future.result(), 49); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

CONTRACT_TEST(ResultTest, that_is_there_is_returned_whatever_the_deadline) {
  const Future<int> future = this->pool_.submit(square, 3);
  EXPECT_TRUE(future.wait());
  EXPECT_EQ(future.result(0s), 9);
  EXPECT_EQ(future.result(-1s), 9);
  EXPECT_EQ(future.exception(0s), nullptr);
  EXPECT_TRUE(future.wait(0s));
}

CONTRACT_TEST(ResultTest, outlives_the_executor) {
  Future<std::string> future;
  {
    auto pool = this->make();
    future = pool.submit(greet, std::string("later"));
  }
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), "hello later");
}

CONTRACT_TEST(ResultTest, a_future_is_shown_with_its_state) {
  const Future<int> good = this->pool_.submit(square, 3);
  const Future<int> bad = this->pool_.submit(raise_error);
  coeval::wait(std::vector{good, bad});
  EXPECT_EQ(to_string(good), "<Future finished, has a result>");
  EXPECT_EQ(to_string(bad), "<Future finished, raised std::runtime_error: no route>");
}

CONTRACT_TEST(BusyResultTest, a_poll_of_a_pending_task_raises_timeout_error) {
  const Future<int> future = this->pool_.submit(square, 3);
  EXPECT_THROW(future.result(0s), TimeoutError);
  EXPECT_THROW(future.exception(0s), TimeoutError);
  EXPECT_FALSE(future.wait(0s));
  EXPECT_FALSE(future.done());
  this->release();
  EXPECT_EQ(future.result(), 9);
}

CONTRACT_TEST(BusyResultTest, a_timeout_leaves_the_running_task_alone) {
  const auto waits_until_it = [](auto wait) {
    const Deadline deadline = 5ms;
    wait(deadline);
    EXPECT_TRUE(deadline.expired()) << "it did not wait";
  };
  const Future<int>& running = this->running();
  waits_until_it([&](Deadline deadline) { EXPECT_THROW(running.result(deadline), TimeoutError); });
  waits_until_it(
      [&](Deadline deadline) { EXPECT_THROW(running.exception(deadline), TimeoutError); });
  waits_until_it([&](Deadline deadline) { EXPECT_FALSE(running.wait(deadline)); });
  EXPECT_TRUE(this->running().running());
  this->release();
  EXPECT_EQ(this->running().result(1h), 7);
}

CONTRACT_TEST(BusyResultTest, a_task_is_pending_then_running_then_finished) {
  const Future<int> pending = this->pool_.submit(square, 3);
  EXPECT_FALSE(pending.running());
  EXPECT_FALSE(pending.done());
  EXPECT_EQ(to_string(pending), "<Future pending>");
  EXPECT_TRUE(this->running().running());
  EXPECT_FALSE(this->running().done());
  EXPECT_EQ(to_string(this->running()), "<Future running>");
  this->release();
  EXPECT_TRUE(this->running().wait());
  EXPECT_FALSE(this->running().running());
  EXPECT_TRUE(this->running().done());
  EXPECT_EQ(pending.result(), 9);
}

}  // namespace
}  // namespace coeval::contract
