// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The locks and signals of threading: every schedule of waiting, waking and timing out.

#include "model/model.hpp"

#include <coeval/threading/barrier.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/rlock.hpp>
#include <coeval/threading/semaphore.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;

class ThreadingModel : public testing::Test {
 protected:
  ThreadingModel() {
    detail::current_ident_source = []() noexcept {
      return static_cast<detail::Ident>(model::thread_id() + 1);
    };
  }

  static void explore(const char* name, const std::function<void(model::Execution&)>& body) {
    for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
      const model::Result r = model::explore(
          {.name = name, .memory = memory, .preemptions = 2, .stale_reads = 2, .timeouts = 1},
          body);
      EXPECT_TRUE(r.ok()) << r.report();
      EXPECT_TRUE(r.complete) << r.summary;
    }
  }
};

TEST_F(ThreadingModel, a_lock_lets_one_in_at_a_time_and_forgets_nobody) {
  explore("lock", [](model::Execution& x) {
    Lock lock;
    model::var<int> count{0, "count"};
    for (const char* name : {"one", "two", "three"}) {
      x.thread(name, [&] {
        const Guard guard(lock);
        count.write(count.read() + 1);
      });
    }
    x.run();
    model::check(count.read() == 3, "each was in once");
  });
}

TEST_F(ThreadingModel, a_lock_that_somebody_gave_up_on_still_wakes_the_others) {
  explore("lock_timeout", [](model::Execution& x) {
    Lock lock;
    model::var<int> count{0, "count"};
    x.thread("impatient", [&] {
      if (lock.acquire(1s)) {
        count.write(count.read() + 1);
        lock.release();
      }
    });
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&] {
        const Guard guard(lock);
        count.write(count.read() + 1);
      });
    }
    x.run();
    model::check(count.read() >= 2, "the patient were in");
  });
}

TEST_F(ThreadingModel, an_rlock_counts_its_owner_and_keeps_the_others_out) {
  explore("rlock", [](model::Execution& x) {
    RLock lock;
    model::var<int> count{0, "count"};
    for (const char* name : {"one", "two"}) {
      x.thread(name, [&] {
        lock.lock();
        model::check(lock.try_lock(), "its owner may take it again");
        count.write(count.read() + 1);
        lock.unlock();
        lock.unlock();
      });
    }
    x.run();
    model::check(count.read() == 2 && !lock.locked(), "both were in, and are out");
  });
}

TEST_F(ThreadingModel, a_condition_loses_no_notify) {
  explore("condition", [](model::Execution& x) {
    Lock lock;
    Condition filled(lock);
    int items = 0;
    for (const char* name : {"consumer", "other consumer"}) {
      x.thread(name, [&] {
        const Guard guard(lock);
        filled.wait_for([&] { return items > 0; });
        --items;
      });
    }
    x.thread("producer", [&] {
      for (int i = 0; i < 2; ++i) {
        const Guard guard(lock);
        ++items;
        filled.notify();
      }
    });
    x.run();
    model::check(items == 0, "both took one");
  });
}

TEST_F(ThreadingModel, a_waiter_that_times_out_takes_no_notify_with_it) {
  explore("condition_timeout", [](model::Execution& x) {
    Lock lock;
    Condition filled(lock);
    int told = 0;
    int waiting = 0;
    bool notified = false;
    for (const char* name : {"impatient", "patient"}) {
      const coeval::Deadline deadline = *name == 'i' ? coeval::Deadline(1s) : coeval::never;
      x.thread(name, [&, deadline] {
        const Guard guard(lock);
        if (notified) {
          return;
        }
        ++waiting;
        told += filled.wait(deadline) ? 1 : 0;
        --waiting;
      });
    }
    x.thread("notifier", [&] {
      const Guard guard(lock);
      notified = true;
      filled.notify(2);
    });
    x.run();
    model::check(waiting == 0 && told <= 2, "nobody is left behind");
  });
}

TEST_F(ThreadingModel, an_event_wakes_everybody_and_may_be_cleared_at_once) {
  explore("event", [](model::Execution& x) {
    Event event;
    model::var<int> data{0, "data"};
    x.thread("setter", [&] {
      data.write(1);
      event.set();
      event.clear();
    });
    for (const char* name : {"waiter", "other waiter"}) {
      x.thread(name, [&] {
        if (event.wait(1s)) {
          model::check(data.read() == 1, "what came before set()");
        }
      });
    }
    x.run();
  });
}

TEST_F(ThreadingModel, a_semaphore_gives_what_was_released_and_no_more) {
  explore("semaphore", [](model::Execution& x) {
    Semaphore places(1);
    coeval::atomic<int> inside{0};
    for (const char* name : {"one", "two", "three"}) {
      x.thread(name, [&] {
        places.acquire();
        model::check(inside.fetch_add(1, std::memory_order_relaxed) == 0, "one place, one thread");
        inside.fetch_sub(1, std::memory_order_relaxed);
        places.release();
      });
    }
    x.run();
    model::check(places.acquire(0s), "the place is free again");
  });
}

TEST_F(ThreadingModel, a_barrier_lets_all_through_each_with_its_own_number) {
  const model::Result r =
      model::explore({.name = "barrier", .preemptions = 2}, [](model::Execution& x) {
        Barrier barrier(3);
        int numbers = 0;
        Lock lock;
        for (const char* name : {"one", "two", "three"}) {
          x.thread(name, [&] {
            const auto number = barrier.wait();
            const Guard guard(lock);
            numbers |= 1 << number;
          });
        }
        x.run();
        model::check(numbers == 0b111, "0, 1 and 2");
      });
  EXPECT_TRUE(r.ok()) << r.report();
  EXPECT_TRUE(r.complete) << r.summary;
}

}  // namespace
