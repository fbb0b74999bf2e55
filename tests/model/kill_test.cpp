// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/expect.hpp"
#include "model/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>

namespace {

using model::check;
using model::Execution;
using model::expect_all;
using model::explore;
using model::Memory;
using model::Result;
using model::ThreadHandle;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

TEST(Kill, a_thread_may_die_before_each_operation_and_at_its_end) {
  for (const int operations : {1, 2, 5}) {
    std::uint64_t deaths = 0;
    const Result result = explore({.kills = 1}, [&](Execution& x) {
      coeval::atomic<int> count{0};
      const ThreadHandle worker = x.killable("worker", [&count, operations] {
        for (int i = 0; i < operations; ++i) {
          count.fetch_add(1, memory_order_relaxed);
        }
      });
      x.run();
      deaths += worker.killed() ? 1 : 0;
      check(worker.killed() || count.load(memory_order_relaxed) == operations, "all was done");
    });
    EXPECT_TRUE(result.ok()) << result.report();
    EXPECT_EQ(deaths, static_cast<std::uint64_t>(operations) + 1);
    EXPECT_EQ(result.executions, deaths + 1);
  }
}

TEST(Kill, no_more_than_the_given_number_die) {
  // Each of two threads of one operation may die in two places; the orders of what they live to do
  // are counted as ever.
  const auto most_deaths = [](int kills) {
    int most = 0;
    const Result result = explore({.kills = kills}, [&](Execution& x) {
      coeval::atomic<int> count{0};
      const auto add = [&count] { count.fetch_add(1, memory_order_relaxed); };
      const ThreadHandle one = x.killable("one", add);
      const ThreadHandle two = x.killable("two", add);
      x.run();
      most = std::max(most, (one.killed() ? 1 : 0) + (two.killed() ? 1 : 0));
    });
    EXPECT_TRUE(result.complete) << result.report();
    return most;
  };
  EXPECT_EQ(most_deaths(0), 0);
  EXPECT_EQ(most_deaths(1), 1);
  EXPECT_EQ(most_deaths(2), 2);
  EXPECT_EQ(most_deaths(3), 2);
}

TEST(Kill, threads_of_one_process_die_together) {
  const Result result = explore({.kills = 2}, [](Execution& x) {
    coeval::atomic<int> count{0};
    bool two_ended = false;
    const ThreadHandle one =
        x.killable("one", 7, [&] { count.fetch_add(1, memory_order_relaxed); });
    const ThreadHandle two = x.killable("two", 7, [&] {
      count.fetch_add(1, memory_order_relaxed);
      two_ended = true;
    });
    x.thread("parent", [&] {
      one.join();
      check(!one.killed() || two.killed() || two_ended, "nobody outlives the process");
    });
    x.run();
  });
  expect_all(result);
}

TEST(Kill, the_dead_run_no_destructor) {
  const Result result = explore({.kills = 1}, [](Execution& x) {
    coeval::atomic<int> step{0};
    bool destroyed = false;
    const ThreadHandle worker = x.killable("worker", [&] {
      struct Flag {
        bool& flag;
        ~Flag() { flag = true; }
      };
      const Flag flag{destroyed};
      step.store(1, memory_order_relaxed);
      step.store(2, memory_order_relaxed);
    });
    x.run();
    check(destroyed == (step.load(memory_order_relaxed) == 2) || worker.killed(), "done or dead");
    check(!destroyed || step.load(memory_order_relaxed) == 2, "no unwinding on the way");
  });
  expect_all(result);
}

void lock(coeval::atomic<int>& word, int owner) {
  int free = 0;
  while (!word.compare_exchange_strong(free, owner, memory_order_acquire, memory_order_relaxed)) {
    word.wait(free, coeval::never);
    free = 0;
  }
}

void unlock(coeval::atomic<int>& word) {
  word.store(0, memory_order_release);
  word.notify_one();
}

TEST(Kill, a_lock_held_by_the_dead_is_found) {
  const Result result = explore({.kills = 1}, [](Execution& x) {
    coeval::atomic<int> word{0};
    model::name(word, "lock");
    x.killable("worker", [&word] {
      lock(word, 1);
      unlock(word);
    });
    x.thread("survivor", [&word] {
      lock(word, 2);
      unlock(word);
    });
    x.run();
  });
  EXPECT_NE(result.failure.find("deadlock"), std::string::npos) << result.report();
  EXPECT_NE(result.interleaving.find("is KILLED"), std::string::npos);
  std::cout << result.report();
}

TEST(Kill, a_lock_that_a_parent_takes_from_the_dead_passes) {
  for (const Memory memory : {Memory::sequential, Memory::weak}) {
    const Result result = explore({.memory = memory, .kills = 1}, [](Execution& x) {
      coeval::atomic<int> word{0};
      const ThreadHandle worker = x.killable("worker", [&word] {
        lock(word, 1);
        unlock(word);
      });
      x.thread("survivor", [&word] {
        lock(word, 2);
        unlock(word);
      });
      x.thread("parent", [&word, worker] {
        worker.join();
        int dead = 1;
        // Also when the owner died between its unlock and the notify: then it is free already.
        if (worker.killed()) {
          word.compare_exchange_strong(dead, 0, memory_order_acq_rel, memory_order_relaxed);
          word.notify_one();
        }
      });
      x.run();
    });
    expect_all(result);
  }
}

// A slot of a task table in shared memory: the parent's ready task is claimed by a worker and
// finished, or claimed by a worker that died.
enum : int { ready = 0, claimed = 1, done = 2 };
constexpr int word_of(int state, int worker) {
  return state | worker << 8;
}

struct OneWord {  // state and worker change in one compare-exchange
  coeval::atomic<int> word{word_of(ready, 0)};

  bool claim(int worker) {
    int free = word_of(ready, 0);
    return word.compare_exchange_strong(free, word_of(claimed, worker), memory_order_acquire,
                                        memory_order_relaxed);
  }
  void finish(int worker) { word.store(word_of(done, worker), memory_order_release); }
  bool recover(int dead) {
    int held = word_of(claimed, dead);
    return word.compare_exchange_strong(held, word_of(ready, 0), memory_order_acq_rel,
                                        memory_order_relaxed);
  }
  bool is_done() const { return (word.load(memory_order_acquire) & 0xff) == done; }
};

struct TwoWords {  // first the state, then who it was
  coeval::atomic<int> state{ready};
  coeval::atomic<int> owner{0};

  bool claim(int worker) {
    int free = ready;
    if (!state.compare_exchange_strong(free, claimed, memory_order_acquire, memory_order_relaxed)) {
      return false;
    }
    owner.store(worker, memory_order_relaxed);
    return true;
  }
  void finish(int /*worker*/) { state.store(done, memory_order_release); }
  bool recover(int dead) {
    if (owner.load(memory_order_relaxed) != dead || state.load(memory_order_acquire) != claimed) {
      return false;
    }
    owner.store(0, memory_order_relaxed);
    state.store(ready, memory_order_release);
    return true;
  }
  bool is_done() const { return state.load(memory_order_acquire) == done; }
};

template <class Slot>
void run_task(Slot& slot, model::var<int>& result, int worker) {
  if (slot.claim(worker)) {
    result.write(42);
    slot.finish(worker);
  }
}

template <class Slot>
void one_task_and_a_death(Execution& x) {
  Slot slot;
  model::name(slot, "slot");
  model::var<int> result{0, "result"};
  const ThreadHandle worker = x.killable("worker", [&] { run_task(slot, result, 1); });
  x.thread("parent", [&] {
    worker.join();
    if (worker.killed()) {
      slot.recover(1);
    }
    run_task(slot, result, 2);  // as the replacement of the dead would
  });
  x.run();
  check(slot.is_done(), "the task is done, whoever died");
  check(result.read() == 42, "its result is there");
}

TEST(Kill, a_task_claimed_in_two_words_is_lost_with_its_worker) {
  const Result result = explore({.kills = 1}, one_task_and_a_death<TwoWords>);
  EXPECT_NE(result.failure.find("the task is done"), std::string::npos) << result.report();
  std::cout << result.report();
}

TEST(Kill, a_task_committed_in_one_word_survives_every_death) {
  for (const Memory memory : {Memory::sequential, Memory::weak}) {
    expect_all(explore({.memory = memory, .preemptions = model::unlimited, .kills = 1},
                       one_task_and_a_death<OneWord>));
  }
}

}  // namespace
