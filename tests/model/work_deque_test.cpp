// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// WorkDeque in every schedule: no task is lost, taken twice or seen half-made, also when the ring
// grows meanwhile and under weak memory.

#include "model/model.hpp"

#include "executors/threads/work_deque.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>

namespace {

using coeval::detail::Queued;
using coeval::detail::WorkDeque;

constexpr std::size_t most = 6;

// The deque, and tasks that carry data which only their order of memory protects.
struct Bench {
  WorkDeque deque;
  std::array<std::unique_ptr<model::var<int>>, most> data;
  std::array<int, most> taken{};

  Bench() {
    for (auto& one : data) {
      one = std::make_unique<model::var<int>>(0, "task");
    }
  }
  void push(std::size_t i) {
    data[i]->write(1);
    deque.push(Queued::from_bits((i + 1) << 4));
  }
  void note(Queued task) {
    if (task) {
      const std::size_t i = (task.bits() >> 4) - 1;
      model::check(data[i]->read() == 1, "the task is whole");
      model::check(++taken[i] == 1, "it was taken once");
    }
  }
  void take_bundle() {
    std::array<Queued, 2> tasks;
    for (std::size_t i = 0, end = deque.take_bundle(tasks); i < end; ++i) {
      note(tasks[i]);
    }
  }
  void take_rest_and_check(std::size_t pushed) {
    while (const Queued task = deque.take_oldest()) {
      note(task);
    }
    for (std::size_t i = 0; i < most; ++i) {
      model::check(taken[i] == (i < pushed ? 1 : 0), "each task was taken");
    }
  }
};

void explore(const char* name, const std::function<void(model::Execution&)>& body) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r =
        model::explore({.name = name, .memory = memory, .preemptions = 2, .stale_reads = 2}, body);
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}

TEST(WorkDequeModel, owner_and_thieves_share_the_tasks) {
  explore("deque_share", [](model::Execution& x) {
    Bench bench;
    bench.push(0);
    for (const char* name : {"thief", "other thief"}) {
      x.thread(name, [&] { bench.note(bench.deque.take_oldest()); });
    }
    bench.push(1);
    bench.note(bench.deque.pop_newest(0));
    bench.note(bench.deque.pop_newest(0));
    x.run();
    bench.take_rest_and_check(2);
  });
}

TEST(WorkDequeModel, a_thief_reads_right_while_the_ring_grows) {
  explore("deque_grow", [](model::Execution& x) {
    Bench bench;
    bench.push(0);
    bench.push(1);
    x.thread("thief", [&] {
      bench.note(bench.deque.take_oldest());
      bench.note(bench.deque.take_oldest());
    });
    bench.push(2);  // the ring of the checker's build has two places
    bench.push(3);
    bench.note(bench.deque.pop_newest(0));
    x.run();
    bench.take_rest_and_check(4);
  });
}

TEST(WorkDequeModel, the_last_task_goes_to_one_of_owner_and_thief) {
  explore("deque_last", [](model::Execution& x) {
    Bench bench;
    x.thread("thief", [&] { bench.note(bench.deque.take_oldest()); });
    bench.push(0);
    bench.note(bench.deque.pop_newest(0));
    bench.push(1);
    bench.note(bench.deque.pop_newest(0));
    x.run();
    bench.take_rest_and_check(2);
  });
}

TEST(WorkDequeModel, a_bundle_is_seen_whole) {
  explore("deque_bundle", [](model::Execution& x) {
    Bench bench;
    x.thread("thief", [&] {
      bench.note(bench.deque.take_oldest());
      bench.note(bench.deque.take_oldest());
    });
    bench.data[0]->write(1);
    bench.data[1]->write(1);
    const std::array<Queued, 2> bundle{Queued::from_bits(1 << 4), Queued::from_bits(2 << 4)};
    bench.deque.push_all(bundle);
    bench.note(bench.deque.take_oldest());
    x.run();
    bench.take_rest_and_check(2);
  });
}

// Invariant 8: a thief that has seen many tasks takes two, while the owner takes the newest down to
// those; what the owner puts there anew has the numbers of what it took.
TEST(WorkDequeModel, the_owner_takes_nothing_that_a_bundle_may_hold) {
  explore("deque_bundle_and_owner", [](model::Execution& x) {
    Bench bench;
    for (std::size_t i = 0; i < 4; ++i) {
      bench.push(i);
    }
    x.thread("thief", [&] {
      bench.take_bundle();
      bench.note(bench.deque.take_oldest());
    });
    for (int i = 0; i < 3; ++i) {
      bench.note(bench.deque.pop_newest(0));
    }
    bench.push(4);
    bench.push(5);
    bench.note(bench.deque.pop_newest(0));
    x.run();
    bench.take_rest_and_check(6);
  });
}

TEST(WorkDequeModel, two_thieves_take_bundles_while_the_owner_empties_the_deque) {
  explore("deque_two_bundles", [](model::Execution& x) {
    Bench bench;
    for (std::size_t i = 0; i < 5; ++i) {
      bench.push(i);
    }
    for (const char* name : {"thief", "other thief"}) {
      x.thread(name, [&] { bench.take_bundle(); });
    }
    while (const Queued task = bench.deque.pop_newest(0)) {
      bench.note(task);
    }
    x.run();
    bench.take_rest_and_check(5);
  });
}

// Invariant 6: what keeps a pool from sleeping beside a task.
TEST(WorkDequeModel, of_a_push_and_a_thread_that_stops_looking_one_sees_the_other) {
  explore("deque_dekker", [](model::Execution& x) {
    Bench bench;
    coeval::atomic<int> searching{1};
    bool looker_saw = false;
    x.thread("looker", [&] {
      searching.fetch_sub(1, std::memory_order_seq_cst);
      looker_saw = !bench.deque.looks_empty();
    });
    bench.push(0);
    const bool pusher_saw = searching.load(std::memory_order_seq_cst) == 0;
    x.run();
    model::check(pusher_saw || looker_saw, "the task is noticed");
  });
}

// The rule by which a thread takes from the one that took from it: ForkScope, invariant 3.
TEST(WorkDequeModel, a_guarded_take_gets_no_task_that_was_pushed_after_the_guard_fell) {
  explore("deque_guarded", [](model::Execution& x) {
    Bench bench;
    coeval::atomic<int> guard{1};
    x.thread("leaper", [&] {
      const int seen = guard.load(std::memory_order_acquire);
      const Queued task = bench.deque.take_oldest_from(
          0, [&](Queued) { return seen == 1 && guard.load(std::memory_order_acquire) == 1; });
      model::check(!task || task.bits() != 2 << 4, "only a task of the time of the guard");
      bench.note(task);
    });
    bench.push(0);
    bench.note(bench.deque.pop_newest(0));
    guard.store(0, std::memory_order_relaxed);
    bench.push(1);
    x.run();
    bench.take_rest_and_check(2);
  });
}

}  // namespace
