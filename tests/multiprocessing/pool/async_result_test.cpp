// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What the asynchronous calls of a Pool return.

#include "multiprocessing/pool/pool_support.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::InvalidStateError;
using coeval::TimeoutError;
using coeval::ValueError;

// test_async, test_async_timeout
TEST(AsyncResult, get_gives_up_at_its_deadline_and_the_work_goes_on) {
  Pool pool({.processes = 1});
  Gate gate;
  const AsyncResult<int> result = pool.apply_async(pass_if, true, gate.ticket(), 6);
  EXPECT_THROW(result.get(0s), TimeoutError);
  EXPECT_THROW(result.get(10ms), TimeoutError);
  EXPECT_FALSE(result.wait(1ms));
  EXPECT_FALSE(result.ready());
  gate.open();
  EXPECT_TRUE(result.wait());
  EXPECT_TRUE(result.ready());
  EXPECT_EQ(result.get(0s), 6);
  EXPECT_EQ(result.get(), 6);
}

TEST(AsyncResult, get_raises_what_the_function_raised) {
  Pool pool({.processes = 1});
  const AsyncResult<int> result = pool.apply_async(refuse, 3);
  EXPECT_EQ(text_of<std::invalid_argument>([&] { return result.get(); }), "refused 3");
  EXPECT_EQ(text_of<std::invalid_argument>([&] { return result.get(); }), "refused 3");
}

TEST(AsyncResult, successful_says_whether_there_is_a_result) {
  Pool pool({.processes = 1});
  Gate gate;
  const AsyncResult<int> late = pool.apply_async(pass_if, true, gate.ticket(), 1);
  EXPECT_NE(text_of<ValueError>([&] { return late.successful(); }).find("not ready"),
            std::string::npos);
  gate.open();
  const auto bad = pool.apply_async(refuse, 1);
  late.wait();
  bad.wait();
  EXPECT_TRUE(late.successful());
  EXPECT_FALSE(bad.successful());
}

TEST(AsyncResult, copies_share_the_result) {
  Pool pool({.processes = 1});
  const AsyncResult<int> one = pool.apply_async(square, 4);
  const AsyncResult<int> other = one;
  EXPECT_EQ(one, other);
  EXPECT_EQ(&one.get(), &other.get());
  EXPECT_NE(one, pool.apply_async(square, 4));
}

TEST(AsyncResult, of_nothing_raises_invalid_state_error) {
  const AsyncResult<int> nothing;
  EXPECT_THROW(nothing.get(), InvalidStateError);
  EXPECT_THROW(nothing.ready(), InvalidStateError);
  EXPECT_THROW(nothing.add_callback([](int) {}), InvalidStateError);
}

TEST(AsyncResult, dropping_it_leaves_the_work_alone) {
  Pool pool({.processes = 1});
  const SharedNumbers runs;
  pool.apply_async([](const SharedNumbers& counts) { ++counts[0]; }, runs);
  pool.map_async([](const SharedNumbers& counts) { ++counts[0]; }, std::vector(9, runs));
  pool.close();
  pool.join();
  EXPECT_EQ(runs.get(), 10);
}

// ---- callbacks ------------------------------------------------------------------------------------

// Told by callbacks, which may run after the get() that waits for the same.
class Told {
 public:
  void tell(std::string text) {
    const coeval::threading::Guard guard(condition_);
    texts_.push_back(std::move(text));
    condition_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count, coeval::Deadline deadline = coeval::never) {
    const coeval::threading::Guard guard(condition_);
    condition_.wait_for([&] { return texts_.size() >= count; }, deadline);
    return texts_;
  }

 private:
  coeval::threading::Condition condition_;
  std::vector<std::string> texts_;
};

using Texts = std::vector<std::string>;

// test_map_async_callbacks, test_async_error_callback
TEST(AsyncResultCallback, is_called_with_the_result_or_the_error) {
  Pool pool({.processes = 1});
  Told told;
  const auto result = [&told](const int& n) { told.tell(std::to_string(n)); };
  const auto results = [&told](const std::vector<int>& all) {
    told.tell("size " + std::to_string(all.size()));
  };
  const auto error = [&told](const std::exception_ptr& raised) {
    told.tell(coeval::describe(raised));
  };
  pool.apply_async(square, 4).add_callback(result).add_error_callback(error);
  EXPECT_EQ(told.wait_for(1), Texts{"16"});
  pool.apply_async(refuse, 4).add_callback(result).add_error_callback(error);
  EXPECT_EQ(told.wait_for(2).back(), "std::invalid_argument: refused 4");
  pool.map_async(square, numbers(3)).add_callback(results).add_error_callback(error);
  EXPECT_EQ(told.wait_for(3).back(), "size 3");
  pool.map_async(refuse, numbers(3)).add_callback(results).add_error_callback(error);
  EXPECT_EQ(told.wait_for(4).back(), "std::invalid_argument: refused 0");
  pool.apply_async([](int) {}, 1).add_callback([&told] { told.tell("void"); });
  EXPECT_EQ(told.wait_for(5).back(), "void");
}

TEST(AsyncResultCallback, is_called_at_once_if_the_result_is_there) {
  Pool pool({.processes = 1});
  const auto result = pool.apply_async(square, 5);
  result.wait();
  std::optional<std::thread::id> thread;
  result.add_callback([&thread](int) { thread = std::this_thread::get_id(); });
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST(AsyncResultCallback, all_are_called_in_the_order_in_which_they_were_added) {
  Pool pool({.processes = 1});
  Gate gate;
  Told told;
  const auto result = pool.apply_async(pass_if, true, gate.ticket(), 1);
  for (const std::string text : {"a", "b", "c"}) {
    result.add_callback([&told, text](int) { told.tell(text); });
  }
  gate.open();
  EXPECT_EQ(told.wait_for(3), (Texts{"a", "b", "c"}));
}

TEST(AsyncResultCallback, that_raises_is_logged_and_the_others_are_called) {
  Pool pool({.processes = 1});
  const threading_test::CaptureLog log;
  Gate gate;
  Told told;
  const auto result = pool.apply_async(pass_if, true, gate.ticket(), 1);
  result.add_callback([](int) { throw std::runtime_error("in a callback"); });
  result.add_callback([&told](int) { told.tell("other"); });
  gate.open();
  told.wait_for(1);
  const std::vector<std::string> lines = log.text();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("in a callback"), std::string::npos) << lines[0];
  EXPECT_EQ(result.get(), 1);
}

// What holds up who calls the callbacks, after one of them.
class WaitsAtItsEnd {
 public:
  explicit WaitsAtItsEnd(coeval::threading::Event& event) : event_(&event) {}
  WaitsAtItsEnd(WaitsAtItsEnd&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  WaitsAtItsEnd& operator=(WaitsAtItsEnd&&) = delete;
  ~WaitsAtItsEnd() {
    if (event_ != nullptr) {
      event_->wait();
    }
  }

 private:
  coeval::threading::Event* event_;
};

TEST(AsyncResultCallback, has_the_result_that_a_temporary_gave_away_before) {
  Pool pool({.processes = 1});
  coeval::threading::Event given;
  Told told;
  auto results = pool.map_async(square, numbers(5));
  results.add_callback([last = WaitsAtItsEnd(given)](const std::vector<int>&) {});
  results.add_callback(
      [&told](const std::vector<int>& all) { told.tell(std::to_string(all.at(4))); });
  results.add_error_callback([&told](const std::exception_ptr&) { told.tell("error"); });
  EXPECT_EQ(std::move(results).get(), squares(5));
  given.set();
  EXPECT_EQ(told.wait_for(1, 10s), Texts{"16"});
}

TEST(AsyncResultCallback, may_submit_to_the_pool) {
  Pool pool({.processes = 1});
  Told told;
  pool.apply_async(square, 3).add_callback([&](int n) {
    pool.apply_async(square, n).add_callback([&](int m) { told.tell(std::to_string(m)); });
  });
  EXPECT_EQ(told.wait_for(1), Texts{"81"});
}

// ---- what is kept ---------------------------------------------------------------------------------

// Counts its objects in this process.
class Counted {
 public:
  Counted() { ++objects; }
  Counted(const Counted&) { ++objects; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --objects; }
  void save(coeval::pickle::OutputArchive&) const {}
  static Counted load(coeval::pickle::InputArchive&) { return {}; }

  static inline std::atomic<int> objects{0};
};
Counted identity(const Counted& object) {
  return object;
}

// test_release_task_refs
TEST(AsyncResult, keeps_no_input_and_no_result_that_nobody_has) {
  Pool pool({.processes = 2});
  pool.map(identity, std::vector<Counted>(10));
  pool.map_async(identity, std::vector<Counted>(10)).wait();
  pool.apply(identity, Counted());
  for (const Counted& object : pool.imap(identity, std::vector<Counted>(10))) {
    static_cast<void>(object);
  }
  for (const Counted& object : pool.imap_unordered(identity, std::vector<Counted>(10))) {
    static_cast<void>(object);
  }
  until([] { return Counted::objects == 0; });
  const auto kept = pool.map_async(identity, std::vector<Counted>(10));
  EXPECT_EQ(kept.get().size(), 10U);
  until([] { return Counted::objects == 10; });
}

}  // namespace
}  // namespace pool_test
