// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The soak itself: it finds what is wrong with a pool, each kind of it. A soak that cannot fail is
// worth nothing.

#include "soak/elements.hpp"
#include "soak/kinds.hpp"
#include "support/sanitizers.hpp"

#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace soak {
namespace {

template <class... Args>
constexpr bool can_be_kept = sizeof...(Args) > 0 && (std::is_copy_constructible_v<Args> && ...);

// One task in so many is treated wrongly.
constexpr int wrongs_one_in = 20;
class Turn {
 public:
  bool is_wrong() { return ++tasks_ % wrongs_one_in == 0; }

 private:
  std::atomic<int> tasks_ = 0;
};

// A planted fault: a task gets the arguments of an earlier task of its kind.
template <class Base>
class Swapping : public Base {
 public:
  using Base::Base;

  template <class F, class... Args>
  auto submit(F f, Args&&... args) {
    if constexpr (can_be_kept<std::decay_t<Args>...>) {
      static std::mutex mutex;
      static std::optional<std::tuple<std::decay_t<Args>...>> earlier;
      std::tuple<std::decay_t<Args>...> mine(std::forward<Args>(args)...);
      {
        const std::lock_guard guard(mutex);
        if (turn_.is_wrong() && earlier) {
          std::swap(mine, *earlier);
        } else {
          earlier.emplace(mine);
        }
      }
      Base& base = *this;
      return std::apply([&](auto&... each) { return base.submit(f, std::move(each)...); }, mine);
    } else {
      return Base::submit(f, std::forward<Args>(args)...);
    }
  }

 private:
  Turn turn_;
};

// A planted fault: a task runs twice.
template <class Base>
class Doubling : public Base {
 public:
  using Base::Base;

  template <class F, class... Args>
  auto submit(F f, Args&&... args) {
    if constexpr (can_be_kept<std::decay_t<Args>...>) {
      if (turn_.is_wrong()) {
        Base::submit(f, std::as_const(args)...);
      }
    }
    return Base::submit(f, std::forward<Args>(args)...);
  }

 private:
  Turn turn_;
};

// A planted fault: a task is cancelled, and nobody asked for it.
template <class Base>
class Losing : public Base {
 public:
  using Base::Base;

  template <class F, class... Args>
  auto submit(F f, Args&&... args) {
    auto future = Base::submit(f, std::forward<Args>(args)...);
    if (turn_.is_wrong()) {
      future.cancel();
    }
    return future;
  }

 private:
  Turn turn_;
};

// A planted fault: a result comes late, and is another's.
template <class Base>
class Mixing : public Base {
 public:
  using Base::Base;

  template <class F, class... Args>
  auto submit(F f, Args&&... args) {
    auto future = Base::submit(f, std::forward<Args>(args)...);
    static std::mutex mutex;
    static decltype(future) earlier;
    const std::lock_guard guard(mutex);
    if (turn_.is_wrong() && earlier.valid()) {
      std::swap(future, earlier);
    } else {
      earlier = future;
    }
    return future;
  }

 private:
  Turn turn_;
};

template <template <class> class Faulty>
struct FaultyThreads {
  using Pool = Faulty<coeval::ThreadPoolExecutor>;
  static std::unique_ptr<Pool> make(Dice&, const Runs&, Character&) {
    return std::make_unique<Pool>(coeval::ThreadPoolOptions{.max_workers = 2});
  }
};
template <template <class> class Faulty>
struct FaultyProcesses {
  using Pool = Faulty<coeval::ProcessPoolExecutor>;
  static std::unique_ptr<Pool> make(Dice&, const Runs& runs, Character& character) {
    character.in_processes = true;
    return std::make_unique<Pool>(coeval::ProcessPoolOptions{.max_workers = 2}, Runs::use_here,
                                  runs);
  }
};

// The ledger of a world with such pools.
template <class Kind>
std::unique_ptr<Ledger> ledger_of() {
  auto ledger = std::make_unique<Ledger>("a faulty pool", false);
  Killer nobody(0, 0, 0, *ledger);
  World<Kind>(Dice(7), 3000, nobody, *ledger).live();
  ledger->close();
  return ledger;
}

// Two tasks with the same arguments are a data race in threads, which is a fault of its own kind.
constexpr bool in_threads_too = !support::under_thread_sanitizer;

TEST(SoakOracle, finds_that_a_task_gets_the_arguments_of_another) {
  if (in_threads_too) {
    EXPECT_GT(ledger_of<FaultyThreads<Swapping>>()->found(Fault::wrong), 0);
  }
  EXPECT_GT(ledger_of<FaultyProcesses<Swapping>>()->found(Fault::wrong), 0);
}

TEST(SoakOracle, finds_that_a_task_gets_the_result_of_another) {
  EXPECT_GT(ledger_of<FaultyThreads<Mixing>>()->found(Fault::wrong), 0);
}

TEST(SoakOracle, finds_that_a_task_runs_twice) {
  if (in_threads_too) {
    EXPECT_GT(ledger_of<FaultyThreads<Doubling>>()->found(Fault::doubled), 0);
  }
  EXPECT_GT(ledger_of<FaultyProcesses<Doubling>>()->found(Fault::doubled), 0);
}

TEST(SoakOracle, finds_that_a_task_never_runs) {
  EXPECT_GT(ledger_of<FaultyThreads<Losing>>()->found(Fault::unexpected), 0);
}

TEST(SoakOracle, finds_nothing_in_a_pool_without_a_fault) {
  const auto ledger = ledger_of<ThreadPools>();
  EXPECT_EQ(ledger->faults(), 0) << ledger->first_faults();
  EXPECT_EQ(ledger->submitted(), 3000);
}

TEST(Ledger, finds_a_task_that_came_to_no_end_and_one_that_came_to_two) {
  Ledger ledger("a ledger", false);
  ledger.submitted(3);
  ledger.ended(End::returned, 2);
  ledger.close();
  EXPECT_EQ(ledger.found(Fault::lost), 1);
  ledger.ended(End::raised, 3);
  ledger.close();
  EXPECT_EQ(ledger.found(Fault::doubled), 2);
  EXPECT_EQ(ledger.faults(), 3);
}

TEST(Ledger, finds_elements_that_ran_too_often_or_never) {
  Ledger ledger("a ledger", false);
  const Runs runs(4);
  runs.note(0);
  runs.note(1);
  runs.note(1);
  check_runs(runs, 4, 2, false, ledger);
  EXPECT_EQ(ledger.found(Fault::doubled), 1);
  EXPECT_EQ(ledger.found(Fault::lost), 0);
  check_runs(runs, 4, 1, true, ledger);
  EXPECT_EQ(ledger.found(Fault::lost), 1);
}

TEST(Killer, answers_once_for_each_process_that_it_has_killed) {
  coeval::multiprocessing::Process process([] { work({.sleep_us = 100'000'000}); });
  process.start();
  const pid_t pid = process.pid().value();
  Ledger ledger("a ledger", false);
  Killer killer(1, 1, 1, ledger);
  EXPECT_FALSE(killer.answers_for(pid));
  while (process.is_alive()) {
    killer.note_results(1);
  }
  EXPECT_EQ(ledger.kills(), 1);
  EXPECT_TRUE(killer.answers_for(pid));
  EXPECT_FALSE(killer.answers_for(pid));
}

TEST(Plan, of_one_seed_is_the_same_each_time) {
  const Plan plan{.seed = 42};
  Dice one = plan.dice(3);
  Dice same = plan.dice(3);
  Dice other = plan.dice(4);
  const std::uint64_t first = one.number();
  EXPECT_EQ(first, same.number());
  EXPECT_NE(first, other.number());
}

}  // namespace
}  // namespace soak
