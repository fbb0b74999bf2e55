// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/planted.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <iostream>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

// The litmus tests have the names that the literature gives them: Alglave, Maranget and Tautschnig,
// Herding Cats, TOPLAS 2014.

namespace {

using model::check;
using model::Execution;
using model::explore;
using model::Memory;
using model::Options;
using model::Result;
using namespace planted;  // NOLINT: the memory orders and the objects under test

using Order = std::memory_order;

const Options weak{.memory = Memory::weak, .preemptions = model::unlimited, .stale_reads = 4};

// Runs a litmus test and returns what its registers held at the ends, in all executions.
using Outcomes = std::set<std::vector<int>>;
template <class Body>
Outcomes outcomes_of(const Options& options, int registers, Body body) {
  Outcomes outcomes;
  const Result result = explore(options, [&](Execution& x) {
    std::vector<int> r(static_cast<std::size_t>(registers));
    coeval::atomic<int> a{0};
    coeval::atomic<int> b{0};
    body(x, a, b, r);
    outcomes.insert(r);
  });
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
  std::cout << result.report();
  return outcomes;
}

// Store buffering: each thread stores to its own variable and loads the other's.
Outcomes store_buffering(const Options& options, Order store, Order load) {
  return outcomes_of(options, 2, [=](Execution& x, auto& a, auto& b, auto& r) {
    x.thread("one", [&, store, load] {
      a.store(1, store);
      r[0] = b.load(load);
    });
    x.thread("two", [&, store, load] {
      b.store(1, store);
      r[1] = a.load(load);
    });
    x.run();
  });
}

TEST(WeakMemory, store_buffering_is_seen_with_release_and_acquire) {
  EXPECT_TRUE(store_buffering(weak, memory_order_release, memory_order_acquire).contains({0, 0}));
  EXPECT_TRUE(store_buffering(weak, memory_order_relaxed, memory_order_relaxed).contains({0, 0}));
}

TEST(WeakMemory, store_buffering_is_forbidden_with_seq_cst) {
  const Outcomes expected{{0, 1}, {1, 0}, {1, 1}};
  EXPECT_EQ(store_buffering(weak, memory_order_seq_cst, memory_order_seq_cst), expected);
}

TEST(WeakMemory, store_buffering_needs_seq_cst_on_both_sides) {
  EXPECT_TRUE(store_buffering(weak, memory_order_seq_cst, memory_order_acquire).contains({0, 0}));
  EXPECT_TRUE(store_buffering(weak, memory_order_release, memory_order_seq_cst).contains({0, 0}));
}

TEST(WeakMemory, sequential_memory_has_no_store_buffers) {
  const Options sequential{.preemptions = model::unlimited};
  const Outcomes expected{{0, 1}, {1, 0}, {1, 1}};
  EXPECT_EQ(store_buffering(sequential, memory_order_relaxed, memory_order_relaxed), expected);
}

// Message passing: data, then a flag; the flag, then data.
Outcomes message_passing(Order store, Order load) {
  return outcomes_of(weak, 2, [=](Execution& x, auto& data, auto& flag, auto& r) {
    x.thread("sender", [&, store] {
      data.store(1, memory_order_relaxed);
      flag.store(1, store);
    });
    x.thread("receiver", [&, load] {
      r[0] = flag.load(load);
      r[1] = data.load(memory_order_relaxed);
    });
    x.run();
  });
}

TEST(WeakMemory, message_passing_works_with_release_and_acquire) {
  const Outcomes expected{{0, 0}, {0, 1}, {1, 1}};
  EXPECT_EQ(message_passing(memory_order_release, memory_order_acquire), expected);
  EXPECT_EQ(message_passing(memory_order_seq_cst, memory_order_seq_cst), expected);
}

TEST(WeakMemory, a_missing_release_is_found) {
  EXPECT_TRUE(message_passing(memory_order_relaxed, memory_order_acquire).contains({1, 0}));
}

TEST(WeakMemory, a_missing_acquire_is_found) {
  EXPECT_TRUE(message_passing(memory_order_release, memory_order_relaxed).contains({1, 0}));
}

TEST(WeakMemory, a_release_is_passed_on_by_a_read_modify_write) {
  // Of another thread, and relaxed: the release sequence (C++20, [intro.races]/5).
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& data, auto& flag, auto& r) {
    x.thread("sender", [&] {
      data.store(1, memory_order_relaxed);
      flag.store(1, memory_order_release);
    });
    x.thread("forwarder", [&] {
      int one = 1;
      flag.compare_exchange_strong(one, 2, memory_order_relaxed, memory_order_relaxed);
    });
    x.thread("receiver", [&] {
      r[0] = flag.load(memory_order_acquire);
      r[1] = data.load(memory_order_relaxed);
    });
    x.run();
  });
  EXPECT_TRUE(seen.contains({2, 1}));
  EXPECT_FALSE(seen.contains({2, 0}));
}

TEST(WeakMemory, a_release_is_not_passed_on_by_a_store) {
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& data, auto& flag, auto& r) {
    x.thread("sender", [&] {
      data.store(1, memory_order_relaxed);
      flag.store(1, memory_order_release);
    });
    x.thread("writer", [&] {
      if (flag.load(memory_order_relaxed) == 1) {
        flag.store(2, memory_order_relaxed);
      }
    });
    x.thread("receiver", [&] {
      r[0] = flag.load(memory_order_acquire);
      r[1] = data.load(memory_order_relaxed);
    });
    x.run();
  });
  EXPECT_TRUE(seen.contains({2, 0}));
}

TEST(WeakMemory, cause_and_effect_are_transitive) {
  // WRC: two hops of release and acquire.
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& a, auto& b, auto& r) {
    x.thread("one", [&] { a.store(1, memory_order_release); });
    x.thread("two", [&] {
      if (a.load(memory_order_acquire) == 1) {
        b.store(1, memory_order_release);
      }
    });
    x.thread("three", [&] {
      r[0] = b.load(memory_order_acquire);
      r[1] = a.load(memory_order_relaxed);
    });
    x.run();
  });
  EXPECT_TRUE(seen.contains({1, 1}));
  EXPECT_FALSE(seen.contains({1, 0}));
}

TEST(WeakMemory, one_variable_is_coherent) {
  // CoRR: nobody sees the two stores of a thread in the other order, even relaxed.
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& a, auto&, auto& r) {
    x.thread("writer", [&] {
      a.store(1, memory_order_relaxed);
      a.store(2, memory_order_relaxed);
    });
    x.thread("reader", [&] {
      r[0] = a.load(memory_order_relaxed);
      r[1] = a.load(memory_order_relaxed);
    });
    x.run();
  });
  const Outcomes expected{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}};
  EXPECT_EQ(seen, expected);
}

TEST(WeakMemory, a_load_does_not_see_the_future) {
  // LB: RC11 forbids both loads to read the stores that come after them.
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& a, auto& b, auto& r) {
    x.thread("one", [&] {
      r[0] = a.load(memory_order_relaxed);
      b.store(1, memory_order_relaxed);
    });
    x.thread("two", [&] {
      r[1] = b.load(memory_order_relaxed);
      a.store(1, memory_order_relaxed);
    });
    x.run();
  });
  const Outcomes expected{{0, 0}, {0, 1}, {1, 0}};
  EXPECT_EQ(seen, expected);
}

// Independent reads of independent writes: do two readers agree on which store came first?
Outcomes independent_reads(Order store, Order load) {
  return outcomes_of({.memory = Memory::weak, .preemptions = 2}, 4,
                     [=](Execution& x, auto& a, auto& b, auto& r) {
                       x.thread("a", [&, store] { a.store(1, store); });
                       x.thread("b", [&, store] { b.store(1, store); });
                       x.thread("ab", [&, load] {
                         r[0] = a.load(load);
                         r[1] = b.load(load);
                       });
                       x.thread("ba", [&, load] {
                         r[2] = b.load(load);
                         r[3] = a.load(load);
                       });
                       x.run();
                     });
}

TEST(WeakMemory, independent_readers_may_disagree_without_seq_cst) {
  EXPECT_TRUE(independent_reads(memory_order_release, memory_order_acquire).contains({1, 0, 1, 0}));
  EXPECT_FALSE(
      independent_reads(memory_order_seq_cst, memory_order_seq_cst).contains({1, 0, 1, 0}));
}

TEST(WeakMemory, a_failed_exchange_may_have_read_an_old_value) {
  const Outcomes seen = outcomes_of(weak, 2, [](Execution& x, auto& a, auto& b, auto& r) {
    x.thread("one", [&] {
      a.store(1, memory_order_relaxed);
      b.store(1, memory_order_relaxed);
    });
    x.thread("two", [&] {
      r[0] = b.load(memory_order_relaxed);
      int one = 1;
      a.compare_exchange_strong(one, 2, memory_order_acq_rel, memory_order_acquire);
      r[1] = one;
    });
    x.run();
  });
  const Outcomes expected{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  EXPECT_EQ(seen, expected);
}

TEST(WeakMemory, a_read_modify_write_reads_the_newest_value) {
  const Result result = explore(weak, [](Execution& x) {
    coeval::atomic<int> tickets{0};
    for (const char* name : {"one", "two", "three"}) {
      x.thread(name, [&] { tickets.fetch_add(1, memory_order_relaxed); });
    }
    x.run();
    check(tickets.load(memory_order_relaxed) == 3, "no ticket is given twice");
  });
  EXPECT_TRUE(result.ok()) << result.report();
}

TEST(WeakMemory, a_deque_without_store_load_order_is_found_only_here) {
  const auto body = [](Execution& x) { use_deque<Deque::no_store_load_order>(x, 2); };
  const Result sequential = explore({.preemptions = 3}, body);
  EXPECT_TRUE(sequential.ok() && sequential.complete) << sequential.report();
  const Result result = explore({.memory = Memory::weak}, body);
  EXPECT_FALSE(result.ok());
  EXPECT_NE(result.failure.find("exactly once"), std::string::npos) << result.report();
  std::cout << result.report();
}

TEST(WeakMemory, a_deque_without_release_in_push_is_found) {
  const auto body = [](Execution& x) { use_deque<Deque::no_release_in_push>(x, 1); };
  EXPECT_FALSE(explore({.memory = Memory::weak}, body).ok());
}

TEST(WeakMemory, the_right_deque_passes) {
  const auto body = [](Execution& x) { use_deque<Deque::right>(x, 2); };
  const Result result = explore({.memory = Memory::weak, .preemptions = 2, .stale_reads = 2}, body);
  EXPECT_TRUE(result.ok() && result.complete) << result.report();
  std::cout << result.report();
}

TEST(WeakMemory, the_right_gate_and_the_right_lock_pass) {
  for (const auto& body : {use_gate<Gate::right>, use_spin_lock<Spin::right>}) {
    const Result result = explore({.memory = Memory::weak, .preemptions = 3}, body);
    EXPECT_TRUE(result.ok() && result.complete) << result.report();
    std::cout << result.report();
  }
}

// Dekker's handshake between a waker and a sleeper, the heart of an eventcount: each announces
// itself and then looks at the other.
void handshake(Execution& x, Order announce, Order look) {
  coeval::atomic<int> work{0};
  coeval::atomic<int> sleepers{0};
  coeval::atomic<int> epoch{0};
  x.thread("sleeper", [&, announce, look] {
    const int before = epoch.load(memory_order_acquire);
    sleepers.store(1, announce);
    if (work.load(look) == 0) {
      epoch.wait(before, coeval::never);
    }
  });
  x.thread("waker", [&, announce, look] {
    work.store(1, announce);
    if (sleepers.load(look) != 0) {
      epoch.fetch_add(1, memory_order_release);
      epoch.notify_one();
    }
  });
  x.run();
}

TEST(WeakMemory, a_handshake_without_seq_cst_loses_a_wakeup) {
  const Options options{.memory = Memory::weak};
  const auto result = explore(
      options, [](Execution& x) { handshake(x, memory_order_release, memory_order_acquire); });
  EXPECT_NE(result.failure.find("deadlock"), std::string::npos) << result.report();
  const auto half = explore(
      options, [](Execution& x) { handshake(x, memory_order_seq_cst, memory_order_acquire); });
  EXPECT_FALSE(half.ok()) << half.report();
  const auto right =
      explore(weak, [](Execution& x) { handshake(x, memory_order_seq_cst, memory_order_seq_cst); });
  EXPECT_TRUE(right.ok() && right.complete) << right.report();
}

TEST(WeakMemory, a_new_atomic_in_used_memory_has_no_past) {
  const Result result = explore(weak, [](Execution& x) {
    alignas(coeval::atomic<int>) std::array<std::byte, sizeof(coeval::atomic<int>)> memory;
    auto* word = new (&memory) coeval::atomic<int>(1);
    word->store(2, memory_order_relaxed);
    word = new (&memory) coeval::atomic<int>(7);
    x.thread("reader",
             [&] { check(word->load(memory_order_relaxed) == 7, "the new one's value"); });
    x.run();
  });
  EXPECT_TRUE(result.ok()) << result.report();
}

TEST(WeakMemory, a_published_object_must_be_visible) {
  const auto publish = [](Execution& x, Order order) {
    struct Node {
      coeval::atomic<int> value{7};
    };
    coeval::atomic<Node*> head{nullptr};
    std::unique_ptr<Node> owner;
    x.thread("writer", [&, order] {
      owner = std::make_unique<Node>();
      head.store(owner.get(), order);
    });
    x.thread("reader", [&] {
      if (Node* node = head.load(memory_order_acquire)) {
        check(node->value.load(memory_order_relaxed) == 7, "the node is complete");
      }
    });
    x.run();
  };
  for (const Memory memory : {Memory::sequential, Memory::weak}) {
    const Options options{.memory = memory};
    EXPECT_TRUE(explore(options, [&](Execution& x) { publish(x, memory_order_release); }).ok());
    const Result result = explore(options, [&](Execution& x) { publish(x, memory_order_relaxed); });
    EXPECT_NE(result.failure.find("construction is not visible"), std::string::npos)
        << result.report();
  }
}

}  // namespace
