// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Injector in every schedule: tasks keep their order, none is lost or seen half-made, nobody sleeps for
// ever at a shard that is free, and a worker that stops searching does not miss a push.

#include "model/model.hpp"
#include "model/pool_model.hpp"

#include "executors/threads/injector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <vector>

namespace {

using coeval::detail::Injector;
using coeval::detail::Queued;

Queued task(std::size_t number) {
  return Queued::from_bits(number << 4);
}

class InjectorModel : public testing::Test {
 protected:
  InjectorModel() {
    coeval::threading::detail::current_ident_source = []() noexcept {
      // Above all numbers that the library gives to the threads that it starts.
      return static_cast<coeval::threading::detail::Ident>(model::thread_id() + 1'000'000'000);
    };
  }

  static void explore(const char* name, const std::function<void(model::Execution&)>& body) {
    for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
      const model::Result r = model::explore(
          {.name = name, .memory = memory, .preemptions = 2, .stale_reads = 2}, body);
      EXPECT_TRUE(r.ok()) << r.report();
      EXPECT_TRUE(r.complete) << r.summary;
      std::cout << r.summary << '\n';
    }
  }

  static void push(Injector& injector, std::size_t number) {
    const Queued queued = task(number);
    model::check(injector.push({&queued, 1}), "it is open");
  }

  static std::vector<std::size_t> take_all(Injector& injector) {
    std::vector<std::size_t> all;
    Queued one;
    std::size_t turn = 0;
    while (injector.take(&one, 1, turn) == 1) {
      all.push_back(one.bits() >> 4);
    }
    return all;
  }
};

TEST_F(InjectorModel, pushes_and_takes_of_several_threads_lose_nothing) {
  explore("injector_share", [](model::Execution& x) {
    Injector injector(1);
    model::var<int> data{0, "task"};
    x.thread("submitter", [&] {
      data.write(1);
      push(injector, 1);
      push(injector, 2);
    });
    std::vector<std::size_t> taken;
    x.thread("worker", [&] {
      std::array<Queued, 4> tasks;
      std::size_t turn = 0;
      const std::size_t count = injector.take(tasks.data(), tasks.size(), turn);
      for (std::size_t i = 0; i < count; ++i) {
        taken.push_back(tasks[i].bits() >> 4);
        model::check(taken.back() == 3 || data.read() == 1, "the task is whole");
      }
    });
    push(injector, 3);
    x.run();
    for (const std::size_t number : take_all(injector)) {
      taken.push_back(number);
    }
    model::check(taken.size() == 3, "all have come");
    model::check(
        std::find(taken.begin(), taken.end(), 1) < std::find(taken.begin(), taken.end(), 2),
        "those of one thread in their order");
  });
}

TEST_F(InjectorModel, three_threads_that_meet_at_a_shard_all_get_through) {
  explore("injector_contended", [](model::Execution& x) {
    Injector injector(1);
    x.thread("one", [&] { push(injector, 1); });
    x.thread("two", [&] { push(injector, 2); });
    push(injector, 3);
    x.run();
    model::check(take_all(injector).size() == 3, "all have come");
  });
}

// Invariant 3.
TEST_F(InjectorModel, of_a_push_and_a_thread_that_stops_looking_one_sees_the_other) {
  explore("injector_dekker", [](model::Execution& x) {
    Injector injector(1);
    coeval::atomic<int> searching{1};
    bool looker_saw = false;
    x.thread("looker", [&] {
      searching.fetch_sub(1, std::memory_order_seq_cst);
      looker_saw = !injector.looks_empty();
    });
    push(injector, 1);
    const bool pusher_saw = searching.load(std::memory_order_seq_cst) == 0;
    x.run();
    model::check(pusher_saw || looker_saw, "the task is noticed");
  });
}

// Invariant 4, and the pool's fifth.
TEST_F(InjectorModel, who_sees_it_closed_sees_all_that_was_pushed) {
  explore("injector_close", [](model::Execution& x) {
    Injector injector(2);
    coeval::atomic<bool> closed{false};
    bool pushed = false;
    x.thread("submitter", [&] {
      const Queued queued = task(1);
      pushed = injector.push({&queued, 1});
    });
    bool seen_closed = false;
    std::size_t found = 0;
    x.thread("worker", [&] {
      seen_closed = closed.load(std::memory_order_acquire);
      found = take_all(injector).size();
    });
    injector.close();
    closed.store(true, std::memory_order_release);
    x.run();
    model::check(!seen_closed || !pushed || found == 1, "none is left behind");
  });
}

TEST_F(InjectorModel, what_is_given_back_comes_first) {
  explore("injector_back", [](model::Execution& x) {
    Injector injector(1);
    push(injector, 1);
    push(injector, 2);
    x.thread("worker", [&] {
      Queued one;
      std::size_t turn = 0;
      injector.take(&one, 1, turn);
      injector.give_back({one});
    });
    push(injector, 3);
    x.run();
    model::check(take_all(injector) == std::vector<std::size_t>{1, 2, 3}, "in their order");
  });
}

}  // namespace
