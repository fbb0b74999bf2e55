// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/barrier.hpp>

#include "helpers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace {

using namespace coeval::threading;
using namespace std::chrono_literals;
using coeval::BrokenBarrierError;
using threading_test::Bunch;
using threading_test::until;

constexpr int parties = 5;

TEST(Barrier, needs_a_party) {
  EXPECT_THROW(Barrier(0), coeval::ValueError);
  EXPECT_THROW(Barrier(-1), coeval::ValueError);
}

void passes_in_lockstep(int passes) {
  Barrier barrier(parties);
  std::atomic<int> before{0};
  std::atomic<int> after{0};
  Bunch(parties, [&] {
    for (int i = 0; i < passes; ++i) {
      ++before;
      EXPECT_EQ(after, i * parties);
      barrier.wait();
      ++after;
      EXPECT_EQ(before, (i + 1) * parties);
      barrier.wait();
    }
  }).join();
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, all_pass_together) {
  passes_in_lockstep(1);
}
TEST(Barrier, all_pass_together_again_and_again) {
  passes_in_lockstep(200);
}

TEST(Barrier, each_party_gets_its_own_index) {
  Barrier barrier(parties);
  std::mutex mutex;
  std::multiset<int> indices;
  Bunch(parties, [&] {
    const int index = barrier.wait();
    const std::scoped_lock guard(mutex);
    indices.insert(index);
  }).join();
  EXPECT_EQ(indices, (std::multiset<int>{0, 1, 2, 3, 4}));
}

TEST(Barrier, one_party_runs_the_action_before_any_goes_on) {
  int runs = 0;  // not atomic: the barrier orders it
  Barrier barrier(parties, [&] { ++runs; });
  Bunch(parties, [&] {
    for (int i = 1; i <= 20; i += 2) {
      barrier.wait();
      EXPECT_EQ(runs, i);
      barrier.wait();
      EXPECT_EQ(runs, i + 1);
    }
  }).join();
}

TEST(Barrier, abort_breaks_it_for_all) {
  Barrier barrier(parties);
  std::atomic<int> passed{0};
  std::atomic<int> broken{0};
  Bunch(parties, [&] {
    try {
      if (barrier.wait() == parties / 2) {
        barrier.abort();
        return;
      }
      barrier.wait();
      ++passed;
    } catch (const BrokenBarrierError&) {
      ++broken;
    }
  }).join();
  EXPECT_EQ(passed, 0);
  EXPECT_EQ(broken, parties - 1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
}

TEST(Barrier, reset_sends_the_waiters_away_and_it_is_as_new) {
  Barrier barrier(parties);
  std::atomic<int> passed{0};
  std::atomic<int> broken{0};
  Bunch(parties, [&] {
    if (barrier.wait() == parties / 2) {
      until([&] { return barrier.n_waiting() == parties - 1; });
      barrier.reset();
    } else {
      EXPECT_THROW(barrier.wait(), BrokenBarrierError);
      ++broken;
    }
    barrier.wait();
    ++passed;
  }).join();
  EXPECT_EQ(broken, parties - 1);
  EXPECT_EQ(passed, parties);
}

TEST(Barrier, reset_mends_a_broken_one) {
  Barrier barrier(parties);
  Barrier other(parties);
  std::atomic<int> broken{0};
  std::atomic<int> passed{0};
  Bunch(parties, [&] {
    if (barrier.wait() == parties / 2) {
      barrier.abort();
    } else {
      EXPECT_THROW(barrier.wait(), BrokenBarrierError);
      ++broken;
    }
    if (other.wait() == parties / 2) {
      barrier.reset();
    }
    other.wait();
    barrier.wait();
    ++passed;
  }).join();
  EXPECT_EQ(broken, parties - 1);
  EXPECT_EQ(passed, parties);
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, a_timeout_breaks_it_for_all_and_is_not_early) {
  Barrier barrier(3);
  Bunch patient(1, [&] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); });
  until([&] { return barrier.n_waiting() == 1; });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(barrier.wait(20ms), BrokenBarrierError);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  patient.join();
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);  // the party that is late
}

TEST(Barrier, a_poll_passes_only_as_the_last_party) {
  Barrier barrier(2);
  Bunch first(1, [&] { EXPECT_EQ(barrier.wait(), 0); });
  until([&] { return barrier.n_waiting() == 1; });
  EXPECT_EQ(barrier.wait(0s), 1);
  first.join();
  EXPECT_THROW(barrier.wait(-1s), BrokenBarrierError);
}

TEST(Barrier, has_a_default_timeout) {
  Barrier barrier(2, {}, 30ms);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
}

TEST(Barrier, a_single_party_does_not_wait) {
  int runs = 0;
  Barrier barrier(1, [&] { ++runs; });
  EXPECT_EQ(barrier.wait(), 0);
  EXPECT_EQ(barrier.wait(0s), 0);
  EXPECT_EQ(runs, 2);
}

TEST(Barrier, an_action_that_raises_breaks_it_and_only_the_one_that_ran_it_sees_the_exception) {
  Barrier barrier(parties, [] { throw std::runtime_error("in the action"); });
  std::atomic<int> own{0};
  std::atomic<int> broken{0};
  Bunch(parties, [&] {
    try {
      barrier.wait();
    } catch (const BrokenBarrierError&) {
      ++broken;
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "in the action");
      ++own;
    }
  }).join();
  EXPECT_EQ(own, 1);
  EXPECT_EQ(broken, parties - 1);
  EXPECT_TRUE(barrier.broken());
}

// The action may use the barrier: nothing is locked while it runs.
TEST(Barrier, its_action_may_abort_it) {
  Barrier* self = nullptr;
  Barrier barrier(2, [&] {
    EXPECT_EQ(self->n_waiting(), 2);
    self->abort();
  });
  self = &barrier;
  Bunch(2, [&] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); }).join();
  EXPECT_TRUE(barrier.broken());
}

TEST(Barrier, its_action_may_reset_it) {
  Barrier* self = nullptr;
  Barrier barrier(2, [&] { self->reset(); });
  self = &barrier;
  Bunch(2, [&] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); }).join();
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, once_all_have_come_no_deadline_breaks_it) {
  Event acting;
  Event go_on;
  Barrier barrier(2, [&] {
    acting.set();
    go_on.wait();
  });
  Bunch first(1, [&] { EXPECT_EQ(barrier.wait(50ms), 0); });
  until([&] { return barrier.n_waiting() == 1 || barrier.broken(); });
  Bunch last(1, [&] { EXPECT_EQ(barrier.wait(), 1); });
  acting.wait();
  const auto deadline = coeval::Deadline(60ms);
  Event never_set;
  never_set.wait(deadline);  // the first party's deadline passes during the action
  go_on.set();
  first.join();
  last.join();
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, who_comes_during_the_action_waits_for_the_next_round) {
  Event acting;
  Event go_on;
  std::atomic<int> inside{0};
  Barrier barrier(1, [&] {
    EXPECT_EQ(++inside, 1);
    acting.set();
    go_on.wait();
    --inside;
  });
  Bunch first(1, [&] { EXPECT_EQ(barrier.wait(), 0); });
  acting.wait();
  EXPECT_THROW(barrier.wait(0s), BrokenBarrierError);
  go_on.set();
  first.join();  // passed: it was there before the deadline
  barrier.reset();
  EXPECT_EQ(barrier.wait(), 0);
}

TEST(Barrier, errors_say_what_broke_it) {
  Barrier barrier(2);
  try {
    barrier.wait(0s);
    FAIL();
  } catch (const BrokenBarrierError& error) {
    EXPECT_NE(std::string(error.what()).find("deadline"), std::string::npos) << error.what();
  }
  barrier.reset();
  barrier.abort();
  try {
    barrier.wait();
    FAIL();
  } catch (const coeval::RuntimeError& error) {
    EXPECT_NE(std::string(error.what()).find("aborted"), std::string::npos) << error.what();
  }
}

TEST(Barrier, to_string_shows_the_waiters) {
  Barrier barrier(3);
  EXPECT_EQ(to_string(barrier), "<Barrier waiters=0/3>");
  Bunch bunch(2, [&] { barrier.wait(); });
  until([&] { return barrier.n_waiting() == 2; });
  EXPECT_EQ(to_string(barrier), "<Barrier waiters=2/3>");
  barrier.wait();
  bunch.join();
  EXPECT_EQ(to_string(barrier), "<Barrier waiters=0/3>");
  barrier.abort();
  EXPECT_EQ(to_string(barrier), "<Barrier broken>");
}

}  // namespace
