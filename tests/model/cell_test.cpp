// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The future's cell: every schedule of completion, cancellation, waiters and callbacks.

#include "model/model.hpp"

#include <coeval/futures/future.hpp>
#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <vector>

namespace {

using coeval::Future;
using coeval::Promise;
using namespace std::chrono_literals;

// Both memory models, with the bounds that a gate can afford.
void explore_both(const char* name, int preemptions,
                  const std::function<void(model::Execution&)>& body, int stale_reads = 3) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r = model::explore({.name = name,
                                            .memory = memory,
                                            .preemptions = preemptions,
                                            .stale_reads = stale_reads,
                                            .spurious = 1},
                                           body);
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

void wait_in_threads(model::Execution& x, const std::vector<const char*>& names) {
  auto promise = std::make_unique<Promise<int>>();
  const Future<int> future = promise->future();
  model::var<int> made{0, "what the task wrote"};
  x.thread("producer", [&] {
    made.write(7);
    promise->set_result(42);
  });
  for (const char* const name : names) {
    x.thread(name, [&made, future] {
      model::check(future.result() == 42, "the result");
      model::check(made.read() == 7, "what happened before the completion");
    });
  }
  x.run();
}

TEST(Cell, a_waiter_sees_the_result) {
  explore_both("cell_waiter", 3, [](model::Execution& x) { wait_in_threads(x, {"waiter"}); });
}

TEST(Cell, every_waiter_sees_the_result) {
  explore_both(
      "cell_waiters", 2,
      [](model::Execution& x) { wait_in_threads(x, {"waiter", "other waiter"}); }, 2);
}

TEST(Cell, a_timeout_and_a_completion_agree) {
  explore_both("cell_timeout", 2, [](model::Execution& x) {
    auto promise = std::make_unique<Promise<int>>();
    const Future<int> future = promise->future();
    x.thread("producer", [&] { promise->set_result(1); });
    x.thread("impatient", [future] {
      if (future.wait(1s)) {
        model::check(future.done(), "true only when it is done");
      }
      model::check(future.wait(), "a later wait still works");
    });
    x.run();
  });
}

TEST(Cell, callbacks_run_once_each_and_the_completing_thread_keeps_their_order) {
  explore_both("cell_callbacks", 2, [](model::Execution& x) {
    auto promise = std::make_unique<Promise<int>>();
    const Future<int> future = promise->future();
    int first = 0;
    int second = 0;
    int adder = -1;
    x.thread("producer", [&] { promise->set_result(1); });
    x.thread("adder", [&, future] {
      adder = model::thread_id();
      future.add_done_callback([&](const Future<int>&) { ++first; });
      // Added too late it runs in this thread, at a time of its own.
      future.add_done_callback([&](const Future<int>&) {
        model::check(first == 1 || model::thread_id() == adder, "the first came first");
        ++second;
      });
    });
    x.run();
    model::check(first == 1 && second == 1, "each ran once");
  });
}

TEST(Cell, cancel_and_start_never_both_win) {
  explore_both("cell_cancel", 3, [](model::Execution& x) {
    auto promise = std::make_unique<Promise<int>>();
    const Future<int> future = promise->future();
    int callbacks = 0;
    bool cancelled = false;
    bool started = false;
    future.add_done_callback([&](const Future<int>&) { ++callbacks; });
    x.thread("canceller", [&] { cancelled = future.cancel(); });
    x.thread("worker", [&] {
      started = promise->set_running_or_notify_cancel();
      if (started) {
        promise->set_result(1);
      }
    });
    x.run();
    model::check(cancelled != started, "exactly one of them wins");
    model::check(callbacks == 1, "the callback ran once");
    model::check(future.cancelled() == cancelled, "the state says who");
  });
}

TEST(Cell, two_results_never_both_win) {
  explore_both("cell_two_results", 3, [](model::Execution& x) {
    Promise<int> promise;
    const Future<int> future = promise.future();
    coeval::detail::Cell& cell = *future.get_cell();
    coeval::atomic<int> won{0};
    for (const char* name : {"task", "timer"}) {
      x.thread(name, [&] {
        if (cell.try_settle()) {
          static_cast<coeval::detail::ResultCell<int>&>(cell).emplace(1);
          won.fetch_add(1, std::memory_order_relaxed);
          cell.finish();
        }
      });
    }
    x.run();
    model::check(won.load(std::memory_order_relaxed) == 1 && future.result() == 1, "one result");
  });
}

TEST(Cell, the_last_of_its_users_destroys_it) {
  // Counts the values that are alive.
  struct Tracked {
    explicit Tracked(coeval::atomic<int>& count) : alive(&count) {
      alive->fetch_add(1, std::memory_order_relaxed);
    }
    Tracked(const Tracked& other) : Tracked(*other.alive) {}
    ~Tracked() { alive->fetch_sub(1, std::memory_order_relaxed); }
    coeval::atomic<int>* alive;
  };
  explore_both("cell_lifetime", 2, [](model::Execution& x) {
    coeval::atomic<int> alive{0};
    auto promise = std::make_unique<Promise<Tracked>>();
    auto future = std::make_unique<Future<Tracked>>(promise->future());
    x.thread("producer", [&] {
      promise->set_result(alive);
      promise.reset();
    });
    x.thread("reader", [&] {
      future->wait();
      future.reset();
    });
    x.run();
    model::check(alive.load(std::memory_order_relaxed) == 0, "the value is gone");
  });
}

TEST(Cell, then_runs_once_or_is_cancelled) {
  explore_both("cell_then", 2, [](model::Execution& x) {
    auto promise = std::make_unique<Promise<int>>();
    const Future<int> source = promise->future();
    int calls = 0;
    const Future<int> derived = source.then([&calls](int n) {
      ++calls;
      return n + 1;
    });
    bool cancelled = false;
    x.thread("producer", [&] { promise->set_result(1); });
    x.thread("canceller", [&] { cancelled = derived.cancel(); });
    x.run();
    model::check(derived.done(), "it is done either way");
    model::check(cancelled == (calls == 0), "the function ran unless it was cancelled");
  });
}

}  // namespace
