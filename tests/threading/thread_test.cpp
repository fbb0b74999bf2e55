// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/thread.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using coeval::RuntimeError;
using threading_test::Bunch;

bool is_listed(const Thread& thread) {
  const std::vector<Thread> all = enumerate();
  return std::find(all.begin(), all.end(), thread) != all.end();
}

TEST(Thread, runs_its_function_with_its_arguments) {
  std::string result;
  Thread t([&](const std::string& text, int n,
               std::vector<int> v) { result = text + std::to_string(n + v[0]); },
           "A", 1, std::vector<int>{41});
  t.start();
  EXPECT_TRUE(t.join());
  EXPECT_EQ(result, "A42");
}

TEST(Thread, copies_its_arguments_when_it_is_made) {
  std::string text = "then";
  std::string seen;
  Thread t([&seen](const std::string& argument) { seen = argument; }, text);
  text = "now";
  t.start();
  t.join();
  EXPECT_EQ(seen, "then");
}

TEST(Thread, takes_move_only_arguments_and_callables) {
  int seen = 0;
  Thread t(
      [&seen, bonus = std::make_unique<int>(2)](std::unique_ptr<int> n) { seen = *n + *bonus; },
      std::make_unique<int>(40));
  t.start();
  t.join();
  EXPECT_EQ(seen, 42);
}

TEST(Thread, passes_a_reference_wrapper_as_the_reference) {
  int value = 0;
  Thread t([](int& out) { out = 7; }, std::ref(value));
  t.start();
  t.join();
  EXPECT_EQ(value, 7);
}

TEST(Thread, calls_member_functions) {
  struct Counter {
    int count = 0;
    void add(int n) { count += n; }
  } counter;
  Thread t(&Counter::add, &counter, 3);
  t.start();
  t.join();
  EXPECT_EQ(counter.count, 3);
}

TEST(Thread, has_a_name) {
  const auto nothing = [] {};
  EXPECT_EQ(Thread({.name = "myname"}, nothing).name(), "myname");
  const std::string one = Thread(nothing).name();
  const std::string two = Thread({.name = ""}, nothing).name();
  ASSERT_EQ(one.substr(0, 7), "Thread-");
  ASSERT_EQ(two.substr(0, 7), "Thread-");
  EXPECT_EQ(std::stoi(two.substr(7)), std::stoi(one.substr(7)) + 1);
}

std::string kernel_name() {
  char name[16];
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

TEST(Thread, shows_its_name_to_the_kernel_as_far_as_that_keeps_it) {
  std::string seen;
  Thread t({.name = "a-name-of-more-than-15-bytes"}, [&] { seen = kernel_name(); });
  t.start();
  t.join();
  EXPECT_EQ(seen, "a-name-of-more-");
  EXPECT_EQ(t.name(), "a-name-of-more-than-15-bytes");

  Thread umlauts({.name = "14-bytes-long-\u00fc"}, [&] { seen = kernel_name(); });
  umlauts.start();
  umlauts.join();
  EXPECT_EQ(seen, "14-bytes-long-");  // no half of a character
}

TEST(Thread, can_be_renamed_at_any_time) {
  Event renamed;
  std::string seen;
  Thread t([&] {
    renamed.wait();
    seen = kernel_name();
  });
  t.set_name("before");
  EXPECT_EQ(t.name(), "before");
  t.start();
  t.native_id();  // it runs
  t.set_name("during");
  renamed.set();
  t.join();
  EXPECT_EQ(seen, "during");
  t.set_name("after");
  EXPECT_EQ(t.name(), "after");
}

TEST(Thread, goes_from_initial_to_started_to_stopped) {
  Event go_on;
  Thread t({.name = "A"}, [&] { go_on.wait(); });
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(t.ident(), std::nullopt);
  EXPECT_EQ(t.native_id(), std::nullopt);
  EXPECT_EQ(to_string(t), "<Thread(A, initial)>");
  t.start();
  EXPECT_TRUE(t.is_alive());
  const std::string ident = std::to_string(t.ident().value());
  EXPECT_EQ(to_string(t), "<Thread(A, started " + ident + ")>");
  EXPECT_GT(t.native_id().value(), 0);
  EXPECT_NE(t.native_id().value(), get_native_id());
  go_on.set();
  t.join();
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(to_string(t), "<Thread(A, stopped " + ident + ")>");
}

TEST(Thread, knows_itself_from_inside) {
  Thread seen;
  std::uint64_t ident = 0;
  pid_t native = 0;
  Thread t([&] {
    seen = current_thread();
    ident = get_ident();
    native = get_native_id();
  });
  t.start();
  t.join();
  EXPECT_EQ(seen, t);
  EXPECT_EQ(t.ident(), ident);
  EXPECT_EQ(t.native_id(), native);
}

TEST(Thread, many_work_under_a_semaphore_and_a_lock) {
  BoundedSemaphore three(3);
  RLock lock;
  int running = 0;
  std::vector<Thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      Guard slot(static_cast<Semaphore&>(three));
      {
        Guard guard(lock);
        EXPECT_LE(++running, 3);
      }
      Guard guard(lock);
      --running;
    });
    threads.back().start();
  }
  std::set<std::uint64_t> idents{get_ident()};
  for (const Thread& t : threads) {
    t.join();
    EXPECT_FALSE(t.is_alive());
    idents.insert(t.ident().value());
  }
  EXPECT_EQ(idents.size(), 11U);
  EXPECT_EQ(running, 0);
}

TEST(Thread, native_ids_of_living_threads_differ) {
  Event go_on;
  std::vector<Thread> threads;
  std::set<pid_t> ids{get_native_id()};
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] { go_on.wait(); });
    threads.back().start();
    ids.insert(threads.back().native_id().value());
  }
  EXPECT_EQ(ids.size(), 6U);
  go_on.set();
}

TEST(Thread, start_again_raises) {
  Thread t([] {});
  t.start();
  EXPECT_THROW(t.start(), RuntimeError);
  t.join();
  EXPECT_THROW(t.start(), RuntimeError);
}

TEST(Thread, of_several_that_start_it_one_succeeds) {
  std::atomic<int> runs{0};
  std::atomic<int> refused{0};
  Thread t([&] { ++runs; });
  Bunch(4, [&] {
    try {
      t.start();
    } catch (const RuntimeError&) {
      ++refused;
    }
  }).join();
  t.join();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(refused, 3);
}

TEST(Thread, join_of_itself_raises) {
  EXPECT_THROW(current_thread().join(), RuntimeError);
  Thread t([] { EXPECT_THROW(current_thread().join(0s), RuntimeError); });
  t.start();
  t.join();
}

TEST(Thread, join_before_start_raises) {
  Thread t([] {});
  EXPECT_THROW(t.join(), RuntimeError);
}

TEST(Thread, join_with_a_timeout_says_whether_the_thread_has_ended) {
  Event go_on;
  Thread t([&] { go_on.wait(); });
  t.start();
  EXPECT_FALSE(t.join(0s));
  EXPECT_FALSE(t.join(-1s));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(t.join(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  EXPECT_TRUE(t.is_alive());
  go_on.set();
  EXPECT_TRUE(t.join(std::chrono::hours(1)));
  EXPECT_TRUE(t.join(0s));
  EXPECT_TRUE(t.join());
}

TEST(Thread, may_be_joined_by_several_threads) {
  Event go_on;
  int result = 0;
  Thread t([&] {
    go_on.wait();
    result = 42;
  });
  t.start();
  Bunch joiners(4, [&] {
    EXPECT_TRUE(t.join());
    EXPECT_EQ(result, 42);
  });
  go_on.set();
}

std::size_t own_stack_size() {
  pthread_attr_t attributes;
  EXPECT_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  void* lowest = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(pthread_attr_getstack(&attributes, &lowest, &size), 0);
  pthread_attr_destroy(&attributes);
  return size;
}

// To the page and a guard; glibc gives one up to four times as large if it has it.
TEST(Thread, has_the_stack_it_was_given) {
  const std::size_t mib = std::size_t{1} << 20;
  for (const std::size_t wanted : {mib, 3 * mib + 5, 20 * mib}) {
    std::size_t size = 0;
    Thread t({.stack_size = wanted}, [&] { size = own_stack_size(); });
    t.start();
    t.join();
    EXPECT_GE(size + std::size_t{64} * 1024, wanted);
    EXPECT_LE(size, 4 * wanted + std::size_t{64} * 1024);
  }
}

TEST(Thread, refuses_a_stack_that_is_too_small) {
  EXPECT_THROW(Thread({.stack_size = 1}, [] {}), coeval::ValueError);
  EXPECT_THROW(Thread({.stack_size = 32 * 1024 - 1}, [] {}), coeval::ValueError);
  EXPECT_NO_THROW(Thread({.stack_size = 32 * 1024}, [] {}));
}

// What the kernel cannot give is its error, and the thread may be started again: it is not lost.
TEST(Thread, with_a_stack_that_there_is_no_memory_for_does_not_start) {
  Thread t({.stack_size = std::size_t{1} << 60}, [] {});
  EXPECT_THROW(t.start(), std::system_error);
  EXPECT_THROW(t.start(), std::system_error);
  EXPECT_FALSE(t.is_alive());
}

TEST(Thread, daemon_can_be_set_only_before_the_start) {
  const auto nothing = [] {};
  EXPECT_FALSE(Thread(nothing).daemon());
  EXPECT_TRUE(Thread({.daemon = true}, nothing).daemon());
  Thread t({.name = "d"}, nothing);
  EXPECT_EQ(to_string(t).find("daemon"), std::string::npos);
  t.set_daemon(true);
  EXPECT_EQ(to_string(t), "<Thread(d, initial daemon)>");
  t.set_daemon(false);
  t.start();
  EXPECT_THROW(t.set_daemon(true), RuntimeError);
  t.join();
  EXPECT_THROW(t.set_daemon(true), RuntimeError);
  EXPECT_THROW(current_thread().set_daemon(true), RuntimeError);
}

TEST(Thread, is_not_listed_after_join) {
  for (int i = 0; i < 100; ++i) {
    Thread t([] {});
    EXPECT_FALSE(is_listed(t));
    t.start();
    t.join();
    EXPECT_FALSE(is_listed(t));
  }
}

TEST(Thread, is_listed_and_counted_while_it_is_alive) {
  const std::size_t before = active_count();
  Event go_on;
  Thread t([&] {
    EXPECT_TRUE(is_listed(current_thread()));
    go_on.wait();
  });
  t.start();
  EXPECT_TRUE(is_listed(t));
  EXPECT_EQ(active_count(), before + 1);
  EXPECT_EQ(enumerate().size(), before + 1);
  go_on.set();
  t.join();
  EXPECT_EQ(active_count(), before);
}

TEST(MainThread, is_the_one_that_runs_main) {
  EXPECT_EQ(main_thread(), current_thread());
  EXPECT_EQ(main_thread().name(), "MainThread");
  EXPECT_EQ(main_thread().ident(), get_ident());
  EXPECT_EQ(main_thread().native_id(), get_native_id());
  EXPECT_TRUE(main_thread().is_alive());
  EXPECT_FALSE(main_thread().daemon());
  EXPECT_TRUE(is_listed(main_thread()));
  Thread t([] {
    EXPECT_NE(main_thread(), current_thread());
    EXPECT_FALSE(main_thread().join(0s));
  });
  t.start();
  t.join();
}

TEST(ForeignThread, is_a_dummy_that_cannot_be_joined) {
  const std::size_t before = active_count();
  Thread seen;
  std::thread([&] {
    EXPECT_EQ(active_count(), before);
    seen = current_thread();
    EXPECT_EQ(seen, current_thread());
    EXPECT_EQ(seen.name().substr(0, 6), "Dummy-");
    EXPECT_EQ(seen.ident(), get_ident());
    EXPECT_EQ(seen.native_id(), get_native_id());
    EXPECT_TRUE(seen.is_alive());
    EXPECT_TRUE(seen.daemon());
    EXPECT_TRUE(is_listed(seen));
    EXPECT_EQ(active_count(), before + 1);
    EXPECT_THROW(seen.set_daemon(false), RuntimeError);
  }).join();
  EXPECT_THROW(seen.join(), RuntimeError);
  EXPECT_THROW(seen.start(), RuntimeError);
  EXPECT_FALSE(seen.is_alive());
  EXPECT_FALSE(is_listed(seen));
}

}  // namespace
