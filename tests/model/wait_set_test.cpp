// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// wait() and as_completed(): every schedule of registrations, completions and timeouts.

#include "model/model.hpp"

#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/futures/when_all.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace {

using coeval::Future;
using coeval::Promise;
using namespace std::chrono_literals;

void explore(const char* name, int preemptions,
             const std::function<void(model::Execution&)>& body) {
  const model::Result r = model::explore({.name = name, .preemptions = preemptions}, body);
  EXPECT_TRUE(r.ok()) << r.report();
  EXPECT_TRUE(r.complete) << r.summary;
}

// Two promises, each kept by one thread that fulfils it.
struct Pair {
  Promise<int> first;
  Promise<int> second;
  std::vector<Future<int>> futures{first.future(), second.future()};

  void fulfil(model::Execution& x) {
    x.thread("first", [this] { first.set_result(1); });
    x.thread("second", [this] { second.set_result(2); });
  }
};

TEST(WaitSet, all_completed_sees_every_completion) {
  explore("wait_all", 2, [](model::Execution& x) {
    Pair pair;
    pair.fulfil(x);
    x.thread("waiter", [&] {
      const auto [done, not_done] = coeval::wait(pair.futures);
      model::check(done.size() == 2 && not_done.empty(), "both are done");
    });
    x.run();
  });
}

TEST(WaitSet, first_completed_leaves_nothing_behind) {
  explore("wait_first", 2, [](model::Execution& x) {
    Pair pair;
    pair.fulfil(x);
    x.thread("waiter", [&] {
      const auto [done, not_done] = coeval::wait(pair.futures, coeval::ReturnWhen::first_completed);
      model::check(!done.empty(), "one is done");
    });
    x.run();
  });
}

TEST(WaitSet, a_timeout_takes_its_registrations_back) {
  explore("wait_timeout", 2, [](model::Execution& x) {
    Pair pair;
    pair.fulfil(x);
    x.thread("waiter", [&] {
      const auto [done, not_done] = coeval::wait(pair.futures, 1s);
      model::check(done.size() + not_done.size() == 2, "each is in one of the two");
    });
    x.run();
  });
}

TEST(WaitSet, two_waiters_of_one_future_both_wake) {
  explore("wait_two", 2, [](model::Execution& x) {
    Promise<int> promise;
    const std::vector<Future<int>> futures{promise.future()};
    x.thread("producer", [&] { promise.set_result(1); });
    for (const char* name : {"waiter", "other waiter"}) {
      x.thread(name, [&] { model::check(coeval::wait(futures).done.size() == 1, "it is done"); });
    }
    x.run();
  });
}

TEST(WaitSet, as_completed_yields_each_future_once) {
  explore("as_completed", 2, [](model::Execution& x) {
    Pair pair;
    pair.fulfil(x);
    x.thread("waiter", [&] {
      int sum = 0;
      for (const Future<int>& future : coeval::as_completed(pair.futures)) {
        model::check(future.done(), "a yielded future is done");
        sum += future.result();
      }
      model::check(sum == 3, "each once");
    });
    x.run();
  });
}

TEST(WaitSet, a_cancellation_wakes_the_waiter) {
  explore("wait_cancel", 2, [](model::Execution& x) {
    Promise<int> promise;
    const std::vector<Future<int>> futures{promise.future()};
    x.thread("canceller", [&] { futures[0].cancel(); });
    x.thread("waiter", [&] { model::check(coeval::wait(futures).done.size() == 1, "it is done"); });
    x.run();
  });
}

TEST(WaitSet, when_all_completes_once_with_all_results) {
  explore("when_all", 2, [](model::Execution& x) {
    Pair pair;
    const auto all = coeval::when_all(pair.futures[0], pair.futures[1]);
    pair.fulfil(x);
    x.run();
    model::check(all.result() == std::tuple(1, 2), "both results");
  });
}

TEST(WaitSet, when_all_can_be_cancelled_while_its_sources_complete) {
  explore("when_all_cancel", 2, [](model::Execution& x) {
    Pair pair;
    const auto all = coeval::when_all(pair.futures);
    bool cancelled = false;
    x.thread("first", [&] { pair.first.try_set_result(1); });
    x.thread("second", [&] { pair.second.try_set_result(2); });
    x.thread("canceller", [&] { cancelled = all.cancel(); });
    x.run();
    model::check(all.done() && all.cancelled() == cancelled, "one outcome");
  });
}

}  // namespace
