// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Handles of threads: who owns, who joins, what is destroyed when.

#include "helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace coeval::threading;
using coeval::RuntimeError;
using threading_test::until;

TEST(ThreadHandle, destroys_callable_and_arguments_on_the_thread_before_it_ends) {
  struct Probe {
    std::uint64_t* destroyed_on;
    explicit Probe(std::uint64_t* where) : destroyed_on(where) {}
    Probe(Probe&& other) noexcept : destroyed_on(std::exchange(other.destroyed_on, nullptr)) {}
    ~Probe() {
      if (destroyed_on != nullptr) {
        *destroyed_on = get_ident();
      }
    }
  };
  std::uint64_t callable = 0;
  std::uint64_t argument = 0;
  Thread t([probe = Probe(&callable)](const Probe&) {}, Probe(&argument));
  t.start();
  t.join();
  EXPECT_EQ(callable, t.ident());
  EXPECT_EQ(argument, t.ident());
}

TEST(ThreadHandle, that_is_never_started_destroys_its_callable_with_its_last_handle) {
  auto alive = std::make_shared<int>();
  {
    Thread t([alive] {});
    const Thread copy = t;
    EXPECT_EQ(alive.use_count(), 2);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(ThreadHandle, copies_are_handles_of_the_same_thread) {
  Thread t([] {});
  Thread copy = t;
  EXPECT_EQ(t, copy);
  EXPECT_NE(t, Thread([] {}));
  copy.start();
  EXPECT_THROW(t.start(), RuntimeError);
  t.join();
  std::unordered_set<Thread> set{t, copy, main_thread()};
  EXPECT_EQ(set.size(), 2U);
}

TEST(ThreadHandle, an_empty_handle_raises) {
  Thread empty;
  EXPECT_FALSE(empty);
  EXPECT_THROW(empty.start(), RuntimeError);
  EXPECT_THROW(empty.join(), RuntimeError);
  EXPECT_THROW(empty.name(), RuntimeError);
  EXPECT_EQ(to_string(empty), "<Thread none>");
  Thread t([] {});
  const Thread moved = std::move(t);
  EXPECT_TRUE(moved);
  EXPECT_THROW(t.is_alive(), RuntimeError);  // NOLINT(bugprone-use-after-move)
}

TEST(ThreadHandle, its_last_owning_handle_joins_it) {
  bool ended = false;
  Event go_on;
  {
    Thread t([&] {
      go_on.wait();
      ended = true;
    });
    t.start();
    const Thread copy = t;
    t = Thread();  // not the last
    EXPECT_FALSE(ended);
    go_on.set();
  }
  EXPECT_TRUE(ended);
}

TEST(ThreadHandle, observing_handles_do_not_join) {
  Event go_on;
  Thread observer;
  Thread t([&] {
    observer = current_thread();
    const std::vector<Thread> all = enumerate();
    go_on.wait();
  });
  t.start();
  {
    const std::vector<Thread> all = enumerate();
    const Thread copy = all.back();
  }
  EXPECT_TRUE(t.is_alive());
  go_on.set();
  t = Thread();  // joins
  EXPECT_FALSE(observer.is_alive());
  EXPECT_TRUE(observer.join());
}

TEST(ThreadHandle, a_daemon_is_not_joined_by_its_handle) {
  auto go_on = std::make_shared<Event>();
  auto observer = std::make_shared<Thread>();
  auto begun = std::make_shared<Event>();
  {
    Thread t({.daemon = true}, [go_on, begun, observer] {
      *observer = current_thread();
      begun->set();
      go_on->wait();
    });
    t.start();
  }
  begun->wait();
  EXPECT_TRUE(observer->is_alive());
  go_on->set();
  EXPECT_TRUE(observer->join());
}

TEST(ThreadHandle, may_lose_its_last_handle_on_itself) {
  auto handle = std::make_unique<Thread>();
  Thread observer;
  Event go_on;
  Event alone;
  *handle = Thread([&] {
    observer = current_thread();
    go_on.wait();
    handle.reset();
    EXPECT_TRUE(observer.is_alive());
    alone.set();
  });
  handle->start();
  go_on.set();
  alone.wait();
  EXPECT_TRUE(observer.join());
}

TEST(ThreadHandle, threads_that_lost_their_handles_are_joined_at_the_kernel_by_later_starts) {
  static std::atomic<int> joins{0};
  static const coeval::SystemCalls counting = [] {
    coeval::SystemCalls calls = coeval::kernel();
    calls.thread_join = [](pthread_t thread) noexcept {
      ++joins;
      return coeval::kernel().thread_join(thread);
    };
    return calls;
  }();
  threading_test::SystemScope scope(counting);
  constexpr int count = 20;
  std::vector<Thread> observers(count);
  Semaphore alone(0);
  for (Thread& observer : observers) {
    auto handle = std::make_shared<Thread>();
    *handle = Thread([&, handle]() mutable {
      observer = current_thread();
      handle.reset();
      alone.release();
    });
    handle->start();
  }
  for (int i = 0; i < count; ++i) {
    alone.acquire();
  }
  for (const Thread& observer : observers) {
    until([&] { return !observer.is_alive(); });
  }
  Thread last([] {});
  last.start();
  last.join();
  EXPECT_GE(joins, count);
}

TEST(ThreadHandle, thread_local_objects_are_destroyed_before_join_returns) {
  struct Slow {
    int* out = nullptr;
    ~Slow() {
      if (out != nullptr) {
        EXPECT_TRUE(current_thread().is_alive());
        *out = 1;
      }
    }
  };
  int destroyed = 0;
  Thread t([&] {
    static thread_local Slow slow;
    slow.out = &destroyed;
  });
  t.start();
  t.join();
  EXPECT_EQ(destroyed, 1);
}

TEST(ThreadHandle, may_be_started_and_joined_from_any_thread) {
  std::atomic<int> runs{0};
  Thread outer([&] {
    Thread inner([&] { ++runs; });
    inner.start();
    Thread joiner([&] { inner.join(); });
    joiner.start();
    joiner.join();
    ++runs;
  });
  outer.start();
  outer.join();
  EXPECT_EQ(runs, 2);
}

TEST(ThreadHandle, pthread_exit_ends_it_in_order) {
  auto alive = std::make_shared<int>();
  Thread t([alive] {
    const auto copy = alive;
    pthread_exit(nullptr);
  });
  t.start();
  EXPECT_TRUE(t.join());
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
