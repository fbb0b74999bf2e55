// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The words between a process pool and a worker, in every schedule: no task is lost or runs on both
// sides, nobody sleeps through news, and a worker that dies costs the task that ran.

#include "model/model.hpp"

#include "executors/processes/exchange/exchange.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>

namespace {

using coeval::Deadline;
using coeval::never;
using coeval::detail::by_manager;
using coeval::detail::by_waiter;
using coeval::detail::lazily;
using coeval::detail::PoolSide;
using coeval::detail::PoolWords;
using coeval::detail::TaskClaim;
using coeval::detail::WorkerSide;
using coeval::detail::WorkerWords;
using namespace std::chrono_literals;

// Fewer slots than a pool has, so that they are soon used again.
constexpr std::uint32_t slots = 3;
constexpr std::uint32_t most_tasks = 4;

// What only the order of memory protects: arguments and result of a slot.
struct Slot {
  TaskClaim claim;
  model::var<std::uint32_t> arguments{0, "arguments"};
  model::var<std::uint32_t> result{0, "result"};  // 0: it is in the room
};

// A pool and a worker without processes: the words, and tasks that are a number.
class Exchange {
 public:
  Exchange() {
    for (auto& slot : slots_) {
      slot = std::make_unique<Slot>();
    }
  }

  // ---- the worker
  void work() {
    std::uint32_t position = 0;
    for (; worker_.sleep_until_posted(position); ++position) {
      Slot& slot = this->slot(position);
      if (slot.claim.begin(position)) {
        run(slot.arguments.read());
        put(slot, position, slot.arguments.read() + 1);
        slot.claim.end(position);
      }
      if (worker_.pass(position, false)) {
        notices_.fetch_add(1, std::memory_order_seq_cst);  // stands for a packet
        notices_.notify_one();
      }
    }
    ended_ = true;
  }

  const WorkerSide& worker() const { return worker_; }

  // ---- the pool
  PoolSide& pool() { return pool_; }
  void post() {
    model::check(posted_ - collected_ < slots, "there is a slot");
    Slot& slot = this->slot(posted_);
    slot.arguments.write(100 + posted_);
    slot.claim.make_ready(posted_);
    pool_.post(++posted_);
  }
  // What it took back is run here.
  bool take_back(std::uint32_t position) {
    Slot& slot = this->slot(position);
    if (!slot.claim.take_back(position)) {
      return false;
    }
    run(slot.arguments.read());
    return true;
  }
  // Reads the results of what was passed and not taken back, and frees them.
  void collect(std::uint32_t taken = ~0U) {
    for (const std::uint32_t passed = pool_.passed(); collected_ != passed; ++collected_) {
      if (collected_ != taken) {
        const std::uint32_t result = slot(collected_).result.read();
        model::check((result == 0 ? room_.read() : result) == 101 + collected_, "the result");
      }
    }
    pool_.free(collected_);
  }
  std::uint32_t collected() const { return collected_; }
  void sleep_for_notice(std::uint32_t seen) { notices_.wait(seen, never); }
  std::uint32_t notices() { return notices_.load(std::memory_order_seq_cst); }

  // ---- afterwards
  bool has_begun(std::uint32_t position) { return slot(position).claim.has_begun(position); }
  int runs(std::uint32_t position) const { return runs_[position]; }
  bool ended() const { return ended_; }
  void expect_all_done() const {
    for (std::uint32_t position = 0; position < posted_; ++position) {
      model::check(runs_[position] == 1, "each task was run once");
    }
    model::check(ended_, "the worker has ended");
  }

 private:
  Slot& slot(std::uint32_t position) { return *slots_[position % slots]; }
  // Invariant 6: the room has a place for one result, until that is collected.
  void put(Slot& slot, std::uint32_t position, std::uint32_t result) {
    const bool is_free = worker_.collected() == position;
    if (is_free) {
      room_.write(result);
    }
    slot.result.write(is_free ? 0 : result);
  }
  void run(std::uint32_t arguments) {
    model::check(++runs_[arguments - 100] == 1, "a task runs once");
  }

  PoolWords pool_words_;
  WorkerWords worker_words_;
  std::array<std::unique_ptr<Slot>, slots> slots_;
  model::var<std::uint32_t> room_{0, "room"};
  coeval::atomic<std::uint32_t> notices_{0};
  PoolSide pool_{pool_words_, worker_words_};
  WorkerSide worker_{pool_words_, worker_words_};
  std::array<int, most_tasks> runs_{};
  std::uint32_t posted_ = 0;
  std::uint32_t collected_ = 0;
  bool ended_ = false;
};

void explore(const char* name, int kills,
             const std::function<void(model::Execution&, Exchange&)>& body) {
  for (const model::Memory memory : {model::Memory::sequential, model::Memory::weak}) {
    const model::Result r = model::explore(
        {.name = name, .memory = memory, .preemptions = 3, .stale_reads = 2, .kills = kills},
        [&](model::Execution& x) {
          Exchange exchange;
          body(x, exchange);
        });
    EXPECT_TRUE(r.ok()) << r.report();
    EXPECT_TRUE(r.complete) << r.summary;
    std::cout << r.summary << '\n';
  }
}
void explore(const char* name, const std::function<void(model::Execution&, Exchange&)>& body) {
  explore(name, 0, body);
}

TEST(ProcessExchangeModel, a_task_posted_while_the_worker_falls_asleep_is_run) {
  explore("exchange_post", [](model::Execution& x, Exchange& it) {
    x.thread("worker", [&] { it.work(); });
    it.post();
    it.post();
    it.pool().close();
    x.run();
    it.expect_all_done();
    it.collect();
    model::check(it.collected() == 2, "all were passed");
  });
}

TEST(ProcessExchangeModel, a_task_is_taken_back_or_run_by_the_worker) {
  explore("exchange_take_back", [](model::Execution& x, Exchange& it) {
    x.thread("worker", [&] { it.work(); });
    it.post();
    it.post();
    const bool taken = it.take_back(1);
    it.pool().close();
    x.run();
    it.expect_all_done();
    it.collect(taken ? 1 : ~0U);
    model::check(it.collected() == 2, "what was taken back was passed by");
  });
}

void wait_for(Exchange& it, std::uint32_t position) {
  while (true) {
    const std::uint32_t event = it.pool().event();
    it.pool().want_at_once(by_waiter);
    it.collect();
    if (it.collected() > position) {
      return;
    }
    it.pool().wait_for_event(event, never);
  }
}

TEST(ProcessExchangeModel, a_waiter_is_woken_and_slots_are_used_again) {
  explore("exchange_wait", [](model::Execution& x, Exchange& it) {
    x.thread("worker", [&] { it.work(); });
    for (std::uint32_t position = 0; position < slots + 1; ++position) {
      it.post();
      wait_for(it, position);
    }
    it.pool().close();
    x.run();
    it.expect_all_done();
  });
}

TEST(ProcessExchangeModel, a_lazy_waiter_asks_again) {
  explore("exchange_wait_lazily", [](model::Execution& x, Exchange& it) {
    x.thread("worker", [&] { it.work(); });
    it.post();
    it.post();
    const std::uint32_t event = it.pool().event();
    it.pool().want(by_waiter | lazily);
    it.collect();
    if (it.collected() < 2) {
      it.pool().wait_for_event(event, Deadline(1ms));
    }
    wait_for(it, 1);
    it.pool().close();
    x.run();
    it.expect_all_done();
  });
}

// What is said lazily holds for the last task at hand without a moment's sleep.
TEST(ProcessExchangeModel, a_lazy_waiter_is_told_when_the_worker_has_nothing_more) {
  explore("exchange_lazy_end", [](model::Execution& x, Exchange& it) {
    it.post();
    it.post();
    x.thread("worker", [&] { it.work(); });
    while (it.collected() < 2) {
      const std::uint32_t event = it.pool().event();
      it.pool().want(by_waiter | lazily);
      it.collect();
      if (it.collected() < 2) {
        it.pool().wait_for_event(event, never);
      }
    }
    it.pool().close();
    x.run();
    it.expect_all_done();
  });
}

TEST(ProcessExchangeModel, the_manager_is_sent_a_notice) {
  explore("exchange_manager", [](model::Execution& x, Exchange& it) {
    x.thread("worker", [&] { it.work(); });
    it.post();
    it.post();
    while (it.collected() < 2) {
      const std::uint32_t seen = it.notices();
      it.pool().want_at_once(by_manager);
      it.collect();
      if (it.collected() < 2) {
        it.sleep_for_notice(seen);
      }
    }
    it.pool().close();
    x.run();
    it.expect_all_done();
  });
}

// As the thread of a worker does that hears for the task which runs.
TEST(ProcessExchangeModel, a_task_that_is_asked_to_stop_hears_of_it) {
  explore("exchange_stop", [](model::Execution& x, Exchange& it) {
    model::var<int> reason{0, "reason"};
    x.thread("listener", [&] {
      while (true) {
        const std::uint32_t seen = it.worker().stop_rings();
        if (it.worker().is_asked_to_stop(2)) {
          model::check(reason.read() == 2, "what was written before is seen");
          return;
        }
        it.worker().wait_for_stop_ring(seen);
      }
    });
    it.pool().ask_to_stop(1);
    reason.write(2);
    it.pool().ask_to_stop(2);
    x.run();
  });
}

TEST(ProcessExchangeModel, a_death_costs_the_task_that_ran) {
  explore("exchange_death", 1, [](model::Execution& x, Exchange& it) {
    const auto worker = x.killable("worker", [&] { it.work(); });
    it.post();
    it.post();
    it.post();
    const bool taken = it.take_back(2);
    it.pool().close();
    x.run();
    it.collect(taken ? 2 : ~0U);
    std::uint32_t victims = 0;
    for (std::uint32_t position = it.collected(); position < 3; ++position) {
      const bool is_mine = taken && position == 2;
      const bool is_victim = !is_mine && it.has_begun(position);
      victims += is_victim ? 1 : 0;
      model::check(is_mine || is_victim || it.runs(position) == 0, "what has run has begun");
    }
    model::check(victims <= (worker.killed() ? 1 : 0), "one at the most");
    model::check(worker.killed() || it.collected() == 3, "all were passed");
  });
}

}  // namespace
