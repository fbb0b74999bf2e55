// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "internals/stepped_worker.hpp"

#include "executors/processes/exchange/setup.hpp"
#include "executors/processes/pool/process_pool.hpp"
#include "executors/processes/pool/process_worker.hpp"
#include "executors/processes/worker/worker_loop.hpp"
#include "internals/keeping_backend.hpp"
#include "support/kill_points.hpp"
#include "support/watchdog.hpp"

#include <coeval/executors/process_pool_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <utility>

namespace coeval::testing {
namespace {

using namespace coeval::detail;

// A worker as the pool sees it, with its hands full, and no process.
class FullHand {
 public:
  explicit FullHand(const Hand& hand) : hand_(hand), futures_(hand.fill(backend_)) {
    for (CellRef& cell : backend_.cells) {
      CellRef kept(*cell);
      EXPECT_TRUE(worker_.post(kept, task_of(*cell)));
    }
    for (const std::size_t number : hand.taken_back) {
      EXPECT_TRUE(worker_.take_back(static_cast<std::uint32_t>(number + 1)));  // 0 is the setup
    }
    worker_.close();
  }
  FullHand(const FullHand&) = delete;
  FullHand& operator=(const FullHand&) = delete;
  ~FullHand() {
    for (const CellRef& cell : backend_.cells) {
      cell->cancel();
    }
  }

  WorkerEnds take_ends() { return worker_.take_ends(); }
  // How many futures there are of tasks that were not taken back.
  std::size_t size() const { return futures_.size() - hand_.taken_back.size(); }

  // As a pool does when the process has ended. Returns how many futures are done.
  std::size_t bury() {
    std::vector<Ended> ended;
    ended.reserve(2 * std::size_t{slot_count});
    while (worker_.begin_collecting(slot_count)) {
      worker_.collect(ended);
      worker_.free_collected();
    }
    std::vector<ChunkTask*> chunks;
    chunks.reserve(slot_count);
    worker_.find_begun_chunks(chunks);
    for (ChunkTask* const chunk : chunks) {
      worker_.read_parts(*chunk, ended.emplace_back());
    }
    for (Ended& one : ended) {
      finish(one);
    }
    const std::size_t running = count_running();
    EXPECT_LE(running, 1U) << "one task at the most was running";
    return judge();
  }

 private:
  void finish(Ended& ended) {
    for (const CellRef& part : ended.parts) {
      part->finish();
    }
    if (!ended.cell) {
      EXPECT_EQ(ended.error, nullptr) << "of the setup, or of a chunk that ran";
    } else if (ended.error != nullptr) {
      ended.cell->fail(std::exchange(ended.error, nullptr));
    } else {
      ended.cell->finish();
    }
  }

  std::size_t count_running() {
    ProcessWorker::Left left = worker_.take_all_left();
    std::size_t running = 0;
    while (CellRef cell = left.victims.pop_front()) {
      // A chunk whose last element is done runs no more.
      running += task_of(*cell).size() != 0 ? 1 : 0;
    }
    while (CellRef cell = left.untouched.pop_front()) {
      EXPECT_FALSE(cell->done());
    }
    return running;
  }

  std::size_t judge() const {
    std::size_t done = 0;
    bool was_done = true;
    for (std::size_t number = 0; number < futures_.size(); ++number) {
      if (std::ranges::find(hand_.taken_back, number) != hand_.taken_back.end()) {
        EXPECT_FALSE(futures_[number].done());
        continue;
      }
      const bool is_done = futures_[number].done();
      EXPECT_TRUE(was_done || !is_done) << "number " << number << " is done before another";
      EXPECT_TRUE(!is_done || hand_.is_right(number, futures_[number])) << "number " << number;
      was_done = is_done;
      done += is_done ? 1 : 0;
    }
    return done;
  }

  const Hand& hand_;
  KeepingBackend backend_;
  const std::vector<Future<int>> futures_;
  ProcessWorker worker_{0, make_setup({}, {}), backend_.process_pool()->buffers()};
};

// Of the outbox, what a worker writes with so little to do: the words, the slots, the first results.
struct Part {
  std::size_t offset;
  std::size_t size;
};
constexpr std::size_t results = std::size_t{12} << 10;
const std::vector<Part> parts{{offsetof(WorkerOutbox, words), sizeof(WorkerWords)},
                              {offsetof(WorkerOutbox, slots), sizeof(WorkerOutbox::slots)},
                              {offsetof(WorkerOutbox, room), results}};

// One worker from its first instruction to its last.
class Life {
 public:
  explicit Life(const Hand& hand) : hand_(hand), worker_(hand) {}

  Steps live() {
    WorkerEnds ends = worker_.take_ends();
    const Mapping live(ends.outbox, sizeof(WorkerOutbox), true);
    std::vector<KillPoints::Window> windows;
    for (const Part& part : parts) {
      windows.push_back({.live = {live.data() + part.offset, part.size},
                         .copy = std::span(copy_).subspan(part.offset, part.size)});
    }
    std::memcpy(copy_.data(), live.data(), copy_.size());
    KillPoints points(windows, [this] { survive(); });
    WorkerLoop loop(std::move(ends));
    points.step([&] { loop.serve(); });
    EXPECT_EQ(last_, worker_.size()) << "all are done in the end";
    return {.points = points.points(), .states = points.states()};
  }

 private:
  void survive() {
    try {
      FullHand worker(hand_);
      const WorkerEnds ends = worker.take_ends();
      const Mapping memory(ends.outbox, sizeof(WorkerOutbox), true);
      std::memcpy(memory.data(), copy_.data(), copy_.size());
      const std::size_t done = worker.bury();
      EXPECT_GE(done, last_) << "what was told of stays so";
      last_ = done;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

  const Hand& hand_;
  FullHand worker_;
  std::vector<std::byte> copy_ = std::vector<std::byte>(sizeof(WorkerOutbox));
  std::size_t last_ = 0;
};

}  // namespace

Steps step_worker(const Hand& hand, std::size_t wanted_points) {
  Steps steps;
  // Not on the first thread of the process, as KillPoints asks.
  std::thread([&] {
    while (steps.points < wanted_points && !::testing::Test::HasFailure()) {
      support::feed_watchdogs();
      const Steps more = Life(hand).live();
      steps.points += more.points;
      steps.states += more.states;
    }
  }).join();
  return steps;
}

}  // namespace coeval::testing
