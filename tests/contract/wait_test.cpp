// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <chrono>
#include <list>
#include <string>
#include <thread>
#include <vector>

namespace coeval::contract {
namespace {

using namespace std::chrono_literals;
using Futures = std::vector<Future<int>>;

template <class Case>
class WaitTest : public ExecutorTest<Case> {};

template <class Case>
class BusyWaitTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(WaitTest, for_all_returns_when_all_are_done) {
  const Futures futures{this->pool_.submit(square, 1), this->pool_.submit(raise_error),
                        this->pool_.submit(square, 3)};
  const auto [done, not_done] = coeval::wait(futures);
  EXPECT_EQ(done, futures);
  EXPECT_TRUE(not_done.empty());
}

CONTRACT_TEST(WaitTest, for_no_future_returns_at_once) {
  const auto [done, not_done] = coeval::wait(Futures());
  EXPECT_TRUE(done.empty());
  EXPECT_TRUE(not_done.empty());
  coeval::wait(Futures(), ReturnWhen::first_completed);
  coeval::wait(Futures(), ReturnWhen::first_exception);
}

CONTRACT_TEST(WaitTest, tells_each_future_once) {
  const auto a = this->pool_.submit(square, 1);
  const auto b = this->pool_.submit(square, 2);
  const auto [done, not_done] = coeval::wait(Futures{b, a, b, b, a});
  EXPECT_EQ(done, (Futures{b, a}));
  EXPECT_TRUE(not_done.empty());
}

CONTRACT_TEST(WaitTest, takes_any_range_of_futures) {
  const std::list<Future<int>> futures{this->pool_.submit(square, 1)};
  EXPECT_EQ(coeval::wait(futures).done.size(), 1U);
  EXPECT_EQ(coeval::wait(std::list(futures)).done.front().result(), 1);
}

CONTRACT_TEST(WaitTest, takes_futures_of_several_types) {
  const auto number = this->pool_.submit(square, 2);
  const auto text = this->pool_.submit(greet, std::string("you"));
  const auto nothing = this->pool_.submit(do_nothing);
  const auto [done, not_done] = coeval::wait(std::vector<AnyFuture>{number, text, nothing});
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(done[0], number);
  EXPECT_EQ(done[1], text);
  EXPECT_EQ(done[2], nothing);
}

CONTRACT_TEST(WaitTest, takes_futures_of_several_executors) {
  auto other = this->make();
  ThreadPoolExecutor threads({.max_workers = 1});
  const Futures futures{this->pool_.submit(square, 1), other.submit(square, 2),
                        threads.submit(square, 3)};
  EXPECT_EQ(coeval::wait(futures).done, futures);
}

CONTRACT_TEST(WaitTest, for_the_first_returns_what_is_done_already) {
  const Futures futures{this->pool_.submit(square, 1), this->pool_.submit(square, 2)};
  coeval::wait(futures);
  const auto [done, not_done] = coeval::wait(futures, ReturnWhen::first_completed);
  EXPECT_EQ(done, futures);
  EXPECT_TRUE(not_done.empty());
}

CONTRACT_TEST(WaitTest, for_an_exception_returns_when_one_has_failed_already) {
  const auto failed = this->pool_.submit(raise_error);
  EXPECT_TRUE(failed.wait());
  const auto [done, not_done] = coeval::wait(Futures{failed}, ReturnWhen::first_exception);
  EXPECT_EQ(done, Futures{failed});
}

CONTRACT_TEST(WaitTest, for_an_exception_returns_when_all_are_done_without_one) {
  const Futures futures{this->pool_.submit(square, 1), this->pool_.submit(square, 2)};
  EXPECT_EQ(coeval::wait(futures, ReturnWhen::first_exception).done, futures);
}

CONTRACT_TEST(WaitTest, raises_nothing_of_what_the_tasks_raised) {
  const auto failed = this->pool_.submit(raise_error);
  EXPECT_NO_THROW(coeval::wait(Futures{failed}));
  EXPECT_TRUE(failed.done());
}

CONTRACT_TEST(WaitTest, an_unknown_condition_raises_value_error) {
  const Futures futures{this->pool_.submit(square, 1)};
  EXPECT_THROW(coeval::wait(futures, static_cast<ReturnWhen>(7)), ValueError);
}

CONTRACT_TEST(WaitTest, an_empty_future_raises_invalid_state_error) {
  const Futures futures{this->pool_.submit(square, 1), Future<int>()};
  EXPECT_THROW(coeval::wait(futures), InvalidStateError);
}

CONTRACT_TEST(BusyWaitTest, a_deadline_gives_what_is_done_and_what_is_not) {
  const auto pending = this->pool_.submit(square, 2);
  const auto cancelled = this->pool_.submit(square, 3);
  EXPECT_TRUE(cancelled.cancel());
  const Deadline deadline = 5ms;
  const auto [done, not_done] =
      coeval::wait(Futures{pending, this->running(), cancelled}, deadline);
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(done, Futures{cancelled});
  EXPECT_EQ(not_done, (Futures{pending, this->running()}));
}

CONTRACT_TEST(BusyWaitTest, a_poll_does_not_wait) {
  const auto [done, not_done] = coeval::wait(this->running_, 0s);
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(not_done, this->running_);
}

CONTRACT_TEST(BusyWaitTest, for_the_first_returns_while_others_are_pending) {
  typename TypeParam::Gate other_gate;
  auto other = this->make();
  const auto first = other.submit(pass<typename TypeParam::Gate::Ticket>, other_gate.ticket(), 1);
  other_gate.open();
  const auto [done, not_done] =
      coeval::wait(Futures{this->running(), first}, ReturnWhen::first_completed);
  EXPECT_EQ(done, Futures{first});
  EXPECT_EQ(not_done, Futures{this->running()});
}

CONTRACT_TEST(BusyWaitTest, for_an_exception_returns_at_the_first_one) {
  auto other = this->make();
  const auto good = other.submit(square, 2);
  const auto bad = other.submit(raise_error);
  EXPECT_TRUE(good.wait());
  const auto [done, not_done] =
      coeval::wait(Futures{this->running(), good, bad}, ReturnWhen::first_exception);
  EXPECT_EQ(done, (Futures{good, bad}));
  EXPECT_EQ(not_done, Futures{this->running()});
}

CONTRACT_TEST(BusyWaitTest, for_an_exception_a_cancelled_future_is_none) {
  const auto cancelled = this->pool_.submit(square, 3);
  EXPECT_TRUE(cancelled.cancel());
  const Deadline deadline = 5ms;
  const auto [done, not_done] =
      coeval::wait(Futures{cancelled, this->running()}, deadline, ReturnWhen::first_exception);
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(done, Futures{cancelled});
  EXPECT_EQ(not_done, Futures{this->running()});
}

CONTRACT_TEST(BusyWaitTest, for_an_exception_a_result_is_none) {
  auto other = this->make();
  const auto good = other.submit(square, 2);
  EXPECT_TRUE(good.wait());
  const Deadline deadline = 5ms;
  const auto [done, not_done] =
      coeval::wait(Futures{good, this->running()}, deadline, ReturnWhen::first_exception);
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(done, Futures{good});
}

CONTRACT_TEST(BusyWaitTest, a_cancelled_future_is_done_at_once_for_those_who_wait) {
  const auto pending = this->pool_.submit(square, 3);
  const auto canceller = std::jthread([&pending] { pending.cancel(); });
  const auto [done, not_done] = coeval::wait(Futures{pending});  // no worker has seen it
  EXPECT_EQ(done, Futures{pending});
  EXPECT_TRUE(pending.cancelled());
}

CONTRACT_TEST(BusyWaitTest, several_threads_may_wait_for_the_same_futures) {
  const auto pending = this->pool_.submit(square, 3);
  const Futures futures{pending, this->running()};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&futures] { EXPECT_EQ(coeval::wait(futures).done, futures); });
  }
  this->release();
}

CONTRACT_TEST(BusyWaitTest, a_wait_that_gave_up_leaves_the_futures_as_they_were) {
  const auto pending = this->pool_.submit(square, 3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(coeval::wait(Futures{pending, this->running()}, 0s).done.empty());
  }
  this->release();
  EXPECT_EQ(pending.result(), 9);
}

}  // namespace
}  // namespace coeval::contract
