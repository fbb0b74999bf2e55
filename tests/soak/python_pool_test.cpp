// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A soak of multiprocessing::Pool: all its calls, by chance, from several threads, while its
// processes are killed.

#include "soak/elements.hpp"
#include "soak/killer.hpp"
#include "soak/leaks.hpp"
#include "soak/plan.hpp"

#include <coeval/multiprocessing/pool.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>
#include <map>
#include <thread>
#include <utility>
#include <vector>

namespace soak {
namespace {

using coeval::multiprocessing::Pool;
using coeval::multiprocessing::PoolOptions;

std::uint64_t element_of_pair(TaskId id, std::uint64_t twin) {
  if (twin != mixed(id)) {
    throw std::logic_error("the second argument is another's");
  }
  return element(id);
}
// With its id, as results come in any order.
std::pair<TaskId, std::uint64_t> named_element(TaskId id) {
  return {id, element(id)};
}

// One thread that calls a Pool.
class Caller {
 public:
  Caller(Pool& pool, Killer& killer, Ledger& ledger, Dice dice, std::size_t first, std::size_t end)
      : pool_(pool),
        ledger_(ledger),
        reader_(killer, ledger),
        dice_(dice),
        next_(first),
        end_(end) {}

  // How many elements need not have run.
  long run() {
    while (next_ < end_) {
      const std::size_t most = dice_.one_in(4) ? 2000 : 60;
      ids_.resize(std::min(end_ - next_, 1 + dice_.size_up_to(most)));
      std::ranges::generate(ids_, [this] { return dice_.number() << 32U | next_++; });
      ledger_.submitted(static_cast<long>(ids_.size()));
      call();
    }
    return may_be_missing_ + reader_.died();
  }

 private:
  void call() {
    const coeval::multiprocessing::PoolMapOptions chunks{.chunksize = 1 + dice_.size_up_to(50)};
    switch (dice_.below(6)) {
      case 0:
        return apply_each();
      case 1:
        return read_all([&] { return pool_.map(chunks, element, ids_); });
      case 2:
        return read_all([&] { return pool_.map_async(chunks, element, ids_).get(); });
      case 3: {
        std::vector<std::pair<TaskId, std::uint64_t>> pairs;
        for (const TaskId id : ids_) {
          pairs.emplace_back(id, mixed(id));
        }
        return read_all([&] { return pool_.starmap(chunks, element_of_pair, pairs); });
      }
      case 4:
        return read_in_order();
      default:
        return read_unordered();
    }
  }

  void apply_each() {
    std::vector<coeval::multiprocessing::AsyncResult<std::uint64_t>> results;
    for (const TaskId id : ids_) {
      results.push_back(pool_.apply_async(element, id));
    }
    for (std::size_t i = ids_.size(); i-- > 0;) {
      reader_.read(ids_[i], [&] { return results[i].get(); });
    }
  }

  // A call that gives all results, or the first error.
  template <class Call>
  void read_all(Call call) {
    std::vector<std::uint64_t> results;
    std::exception_ptr error;
    try {
      results = call();
    } catch (...) {
      error = std::current_exception();
    }
    if (error == nullptr && results.size() != ids_.size()) {
      ledger_.found(Fault::wrong, "a map gave another number of results");
      return;
    }
    if (error == nullptr) {
      for (std::size_t i = 0; i < ids_.size(); ++i) {
        reader_.read(ids_[i], [&] { return results[i]; });
      }
      return;
    }
    // Its text names an element that raises; else somebody was killed.
    const auto whose = std::ranges::find_if(ids_, [&](TaskId id) {
      return coeval::describe(error).find(error_text(id)) != std::string::npos;
    });
    reader_.read(whose == ids_.end() ? ids_.front() : *whose,
                 [&]() -> std::uint64_t { std::rethrow_exception(error); });
    reader_.count(End::dropped, static_cast<long>(ids_.size()) - 1);
    may_be_missing_ += static_cast<long>(ids_.size()) - 1;
  }

  void read_in_order() {
    auto results = pool_.imap(element, ids_);
    std::size_t i = 0;
    for (auto result = results.begin(); result != results.end(); ++result, ++i) {
      reader_.read(ids_[i], [&] { return *result; });
    }
  }

  // Each once; an error does not say whose it is, so they are counted.
  void read_unordered() {
    std::map<TaskId, int> awaited;
    for (const TaskId id : ids_) {
      awaited[id] = 1;
    }
    std::size_t errors = 0;
    auto results = pool_.imap_unordered(named_element, ids_);
    for (auto result = results.begin(); result != results.end(); ++result) {
      try {
        const auto [id, answer] = *result;
        if (awaited.erase(id) == 0) {
          ledger_.found(Fault::doubled, "an unordered map gave a result twice, or a stranger's");
        }
        reader_.read(id, [own = answer] { return own; });
      } catch (const std::exception&) {
        ++errors;
        unordered_errors_.push_back(std::current_exception());
      }
    }
    if (errors != awaited.size()) {
      ledger_.found(Fault::lost, "an unordered map gave another number of results");
    }
    read_errors(awaited);
  }

  // Those that raise first: the rest was killed.
  void read_errors(const std::map<TaskId, int>& ids) {
    std::vector<TaskId> order;
    for (const auto& [id, count] : ids) {
      order.push_back(id);
    }
    std::vector<std::exception_ptr> kills;
    for (const std::exception_ptr& error : std::exchange(unordered_errors_, {})) {
      const auto is_its_own = [&](TaskId id) {
        return coeval::describe(error).find(error_text(id)) != std::string::npos;
      };
      const auto whose = std::ranges::find_if(order, is_its_own);
      if (whose == order.end()) {
        kills.push_back(error);
        continue;
      }
      read_error(*whose, error);
      order.erase(whose);
    }
    for (const std::exception_ptr& error : kills) {
      read_error(order.empty() ? 0 : order.back(), error);
      if (!order.empty()) {
        order.pop_back();
      }
    }
  }

  void read_error(TaskId id, const std::exception_ptr& error) {
    reader_.read(id, [&]() -> std::uint64_t { std::rethrow_exception(error); });
  }

  Pool& pool_;
  Ledger& ledger_;
  ElementReader reader_;
  Dice dice_;
  std::size_t next_;
  const std::size_t end_;
  std::vector<TaskId> ids_;
  std::vector<std::exception_ptr> unordered_errors_;
  long may_be_missing_ = 0;
};

void live_with_a_pool(Dice dice, std::size_t elements, Killer& killer, Ledger& ledger) {
  const Runs runs(elements);
  std::atomic<long> may_be_missing = 0;
  {
    PoolOptions options{.processes = static_cast<int>(1 + dice.below(3))};
    if (dice.one_in(3)) {
      options.maxtasksperchild = static_cast<int>(50 + dice.below(500));
    }
    Pool pool(options, Runs::use_here, runs);
    {
      std::vector<std::jthread> callers;
      constexpr std::size_t count = 2;
      for (std::size_t i = 0; i < count; ++i) {
        callers.emplace_back([&, own = Dice(dice.number()), first = elements * i / count,
                              end = elements * (i + 1) / count] {
          may_be_missing += Caller(pool, killer, ledger, own, first, end).run();
        });
      }
    }
    pool.close();
    pool.join();
  }
  check_runs(runs, elements, may_be_missing, false, ledger);
}

TEST(MixedLife, of_pools_of_multiprocessing_gives_each_element_its_own_end) {
  const Plan plan = Plan::from_environment({2, 20}, 50'000, 60);
  std::cout << "Pool: " << how_to_replay(plan) << '\n';
  Ledger ledger("Pool", plan.is_long);
  {
    Ledger warm_up("what is made once", false);
    Killer nobody(0, 0, 0, warm_up);
    live_with_a_pool(Dice(1), 1000, nobody, warm_up);
  }
  const Leaks leaks;
  {
    Killer killer(plan.seed, plan.kills, plan.kills == 0 ? 0 : plan.tasks / 2 / plan.kills, ledger);
    constexpr long at_once = 10'000;
    for (long done = 0; done < plan.tasks; done += at_once) {
      live_with_a_pool(plan.dice(static_cast<std::uint64_t>(done)),
                       static_cast<std::size_t>(std::min(at_once, plan.tasks - done)), killer,
                       ledger);
    }
  }
  ledger.close();
  leaks.find(ledger);
  std::cout << ledger.summary() << ", 0 hung\n";
  EXPECT_EQ(ledger.faults(), 0) << ledger.first_faults() << "\nagain: " << how_to_replay(plan);
}

}  // namespace
}  // namespace soak
