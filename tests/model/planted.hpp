// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small concurrent objects in a right form and in forms with one bug each, for the checker's own
// tests: what it does not find here it would not find in the library.

#include "model/model.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace planted {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

enum class Deque {
  right,
  no_race_for_the_last,  // take() does not compete with the thieves for the last element
  no_store_load_order,   // take() may read top before its store to bottom is seen
  no_release_in_push,    // a thief may see the new bottom before the element
};

// The work-stealing deque of Chase and Lev (SPAA 2005), with the orders of Lê, Pop, Cohen and
// Nardelli (PPoPP 2013) as seq_cst accesses in place of fences. Does not grow; 0 means nothing.
template <Deque kind>
class ChaseLev {
 public:
  void push(int item) {
    const int b = bottom_.load(memory_order_relaxed);
    items_[index(b)].store(item, memory_order_relaxed);
    bottom_.store(b + 1,
                  kind == Deque::no_release_in_push ? memory_order_relaxed : memory_order_release);
  }

  int take() {
    constexpr bool ordered = kind != Deque::no_store_load_order;
    const int b = bottom_.load(memory_order_relaxed) - 1;
    bottom_.store(b, ordered ? memory_order_seq_cst : memory_order_release);
    int t = top_.load(ordered ? memory_order_seq_cst : memory_order_acquire);
    if (t > b) {
      bottom_.store(b + 1, memory_order_relaxed);
      return 0;
    }
    int item = items_[index(b)].load(memory_order_relaxed);
    if (t == b) {
      if (kind == Deque::no_race_for_the_last) {
        top_.store(t + 1, memory_order_seq_cst);
      } else if (!top_.compare_exchange_strong(t, t + 1, memory_order_seq_cst,
                                               memory_order_relaxed)) {
        item = 0;
      }
      bottom_.store(b + 1, memory_order_relaxed);
    }
    return item;
  }

  int steal() {
    int t = top_.load(memory_order_seq_cst);
    const int b = bottom_.load(memory_order_seq_cst);
    if (t >= b) {
      return 0;
    }
    const int item = items_[index(t)].load(memory_order_relaxed);
    return top_.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed) ? item
                                                                                              : 0;
  }

 private:
  static std::size_t index(int position) { return static_cast<std::size_t>(position) % 4; }

  coeval::atomic<int> top_{1};
  coeval::atomic<int> bottom_{1};
  std::array<coeval::atomic<int>, 4> items_;
};

// The owner pushes `items`, the thief steals twice while the owner takes all: each item comes out
// once.
template <Deque kind>
void use_deque(model::Execution& x, int items) {
  ChaseLev<kind> deque;
  model::name(deque, "deque");
  std::vector<int> seen(static_cast<std::size_t>(items) + 1);
  const auto got = [&](int item) { ++seen[static_cast<std::size_t>(item)]; };
  x.thread("owner", [&] {
    for (int i = 1; i <= items; ++i) {
      deque.push(i);
    }
    for (int i = 1; i <= items; ++i) {
      got(deque.take());
    }
  });
  x.thread("thief", [&] {
    got(deque.steal());
    got(deque.steal());
  });
  x.run();
  while (const int item = deque.take()) {
    got(item);
  }
  for (int i = 1; i <= items; ++i) {
    model::check(seen[static_cast<std::size_t>(i)] == 1, "each item comes out exactly once");
  }
}

enum class Gate {
  right,
  checks_too_early,  // looks at the condition, then at the epoch that it sleeps on
  no_notify,
};

// A condition and an epoch to sleep on, as an eventcount has them.
template <Gate kind>
class EpochGate {
 public:
  void pass() {
    while (open_.load(memory_order_acquire) == 0) {
      const int epoch = epoch_.load(memory_order_acquire);
      if (kind == Gate::right && open_.load(memory_order_acquire) != 0) {
        return;
      }
      epoch_.wait(epoch, coeval::never);
    }
  }
  void open() {
    open_.store(1, memory_order_release);
    epoch_.fetch_add(1, memory_order_acq_rel);
    if (kind != Gate::no_notify) {
      epoch_.notify_all();
    }
  }

 private:
  coeval::atomic<int> open_{0};
  coeval::atomic<int> epoch_{0};
};

template <Gate kind>
void use_gate(model::Execution& x) {
  EpochGate<kind> gate;
  model::name(gate, "gate");
  x.thread("waiter", [&] { gate.pass(); });
  x.thread("opener", [&] { gate.open(); });
  x.run();
}

enum class Spin {
  right,
  test_then_set,  // two threads see it free, and both take it
  no_release,     // the unlock publishes nothing
  no_acquire,     // the lock learns nothing
};

template <Spin kind>
class SpinLock {
 public:
  void lock() {
    if (kind == Spin::test_then_set) {
      while (locked_.load(memory_order_acquire)) {
        coeval::spin_pause();
      }
      locked_.store(true, memory_order_release);
      return;
    }
    while (locked_.exchange(
        true, kind == Spin::no_acquire ? memory_order_release : memory_order_acq_rel)) {
      coeval::spin_pause();
    }
  }
  void unlock() {
    locked_.store(false, kind == Spin::no_release ? memory_order_relaxed : memory_order_release);
  }

 private:
  coeval::atomic<bool> locked_{false};
};

template <Spin kind>
void use_spin_lock(model::Execution& x) {
  SpinLock<kind> lock;
  model::name(lock, "lock");
  model::var<int> count{0, "count"};
  for (const char* name : {"one", "two"}) {
    x.thread(name, [&] {
      lock.lock();
      count.write(count.read() + 1);
      lock.unlock();
    });
  }
  x.run();
  model::check(count.read() == 2, "both were counted");
}

}  // namespace planted
