// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The samples of docs/how-to/threading.md.

#include <coeval/core/annotations.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/threading/threading.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

std::atomic<int> done{0};
void worker(const std::string& /*name*/, std::chrono::milliseconds /*delay*/) {
  ++done;
}

TEST(HowTo, run_a_function_on_a_thread) {
  done = 0;
  // [run]
  coeval::threading::Thread a(worker, "A", 10ms);
  coeval::threading::Thread b({.name = "second"}, worker, "B", 20ms);
  a.start();
  b.start();
  a.join();
  b.join();
  // [run]
  EXPECT_EQ(done, 2);
}

// [stoppable]
class Poller {
 public:
  Poller() : thread_({.name = "poller"}, &Poller::run, this) { thread_.start(); }
  ~Poller() {
    stop_.set();
    thread_.join();
  }

 private:
  void run() {
    while (!stop_.wait(5ms)) {
      ++polls_;
    }
  }

  coeval::threading::Event stop_;
  int polls_ = 0;
  coeval::threading::Thread thread_;
};
// [stoppable]

TEST(HowTo, end_a_thread) {
  const Poller poller;
}

// [guarded]
class Account {
 public:
  void deposit(int amount) {
    coeval::threading::Guard guard(lock_);
    balance_ += amount;
  }
  int balance() const {
    coeval::threading::Guard guard(lock_);
    return balance_;
  }

 private:
  mutable coeval::threading::Lock lock_;
  int balance_ COEVAL_GUARDED_BY(lock_) = 0;
};
// [guarded]

TEST(HowTo, protect_data) {
  Account account;
  account.deposit(5);
  EXPECT_EQ(account.balance(), 5);
  coeval::threading::Lock one;
  coeval::threading::Lock two;
  // [both]
  std::scoped_lock both(one, two);
  // [both]
}

// [queue]
template <class T>
class Mailbox {
 public:
  void put(T item) {
    coeval::threading::Guard guard(filled_);
    items_.push_back(std::move(item));
    filled_.notify();
  }
  T get(coeval::Deadline deadline = coeval::never) {
    coeval::threading::Guard guard(filled_);
    if (!filled_.wait_for([this] { return !items_.empty(); }, deadline)) {
      throw coeval::TimeoutError("nothing came");
    }
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  coeval::threading::Condition filled_;
  std::deque<T> items_;
};
// [queue]

TEST(HowTo, wait_for_something_to_change) {
  Mailbox<int> box;
  box.put(7);
  EXPECT_EQ(box.get(), 7);
  EXPECT_THROW(box.get(0s), coeval::TimeoutError);
}

TEST(HowTo, limit_how_many) {
  int answer = 0;
  const auto ask = [] { return 42; };
  // [limit]
  coeval::threading::BoundedSemaphore connections(10);
  if (connections.acquire(2s)) {
    answer = ask();
    connections.release();
  }
  // [limit]
  EXPECT_EQ(answer, 42);
}

TEST(HowTo, work_in_step) {
  std::vector<int> cells(3);
  int generation = 0;
  // [step]
  coeval::threading::Barrier barrier(3, [&] { ++generation; });
  std::vector<coeval::threading::Thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (generation < 10) {
        ++cells[i];
        barrier.wait();  // all have done their part; one of them counts the generation
      }
    });
    threads.back().start();
  }
  threads.clear();  // joins
  // [step]
  EXPECT_EQ(cells, (std::vector<int>{10, 10, 10}));
}

TEST(HowTo, call_later) {
  std::string said;
  // [timer]
  coeval::threading::Timer timer(10ms, [&] { said = "hello"; });
  timer.start();
  if (timer.cancel()) {
    // It is never called.
  }
  // [timer]
  timer.join();
}

TEST(HowTo, one_value_per_thread) {
  // [local]
  coeval::threading::local<std::string> buffer([] { return std::string(64, ' '); });
  buffer->clear();  // this thread's, made at the first use
  // [local]
  EXPECT_EQ(*buffer, "");
}

TEST(HowTo, see_what_ended_a_thread) {
  std::atomic<int> errors{0};
  // [hook]
  coeval::threading::set_excepthook([&](const coeval::threading::ExceptHookArgs& args) {
    ++errors;
    coeval::threading::default_excepthook(args);  // prints a line
  });
  // [hook]
  coeval::threading::Thread t([] { throw coeval::SystemExit(); });
  t.start();
  t.join();
  coeval::threading::set_excepthook({});
  EXPECT_EQ(errors, 1);
}

}  // namespace
