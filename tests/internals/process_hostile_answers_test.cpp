// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The pool's side of a worker that answers each task with nonsense: whatever it reads there, the task
// raises PickleError, or has a value or an exception of its type, and nothing else comes of it. There
// is no process, so that a worker which a pool would end at its first nonsense may go on.

#include "executors/processes/exchange/setup.hpp"
#include "executors/processes/pool/process_pool.hpp"
#include "executors/processes/pool/process_worker.hpp"
#include "internals/keeping_backend.hpp"
#include "support/hostile_samples.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/detail/map_inputs.hpp>
#include <coeval/futures/detail/submit.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace coeval::testing {
namespace {

using namespace coeval::detail;
using namespace support;

// Most where the memory is watched.
constexpr long default_answers = under_address_sanitizer  ? 10'000'000
                                 : under_thread_sanitizer ? 1'000'000
                                                          : 4'000'000;
constexpr std::uint64_t parts = 16;  // each within the time of a test, also where it is watched

// Of each part; COEVAL_HOSTILE_ANSWERS sets another number for all together.
long wanted_answers() {
  const char* const given = std::getenv("COEVAL_HOSTILE_ANSWERS");  // NOLINT(concurrency-mt-unsafe)
  return (given == nullptr ? default_answers : std::atol(given)) / static_cast<long>(parts);
}

struct Counts {
  long answers = 0;
  long values = 0;
  long errors = 0;
  long nonsense = 0;
};

// A worker as the pool sees it, and its hostile other end.
class HostileExchange {
 public:
  HostileExchange(std::uint64_t seed, bool flips)
      : hand_(samples(), seed, *reinterpret_cast<const WorkerInbox*>(inbox_.data()),
              *reinterpret_cast<WorkerOutbox*>(outbox_.data()), ends_.socket.get()) {
    hand_.end_setup();
    collect();
    if (flips) {
      hand_.flip();
    }
  }

  template <class Kind>
  void answer(Kind task, std::uint8_t kind, Counts& counts) {
    using Result = std::invoke_result_t<Kind, std::uint8_t>;
    constexpr int batch = 200;  // there are slots for them
    std::vector<Future<Result>> futures;
    futures.reserve(batch);
    for (int i = 0; i < batch; ++i) {
      futures.push_back(detail::submit<ProcessTasks>(backend_, nullptr, nullptr, task, kind));
    }
    counts.nonsense += exchange();
    for (const Future<Result>& future : futures) {
      count(future, counts);
    }
  }

  // The same in chunks.
  template <class Kind>
  void answer_chunks(Kind task, std::uint8_t kind, Counts& counts) {
    using Result = std::invoke_result_t<Kind, std::uint8_t>;
    std::vector<Future<Result>> futures;
    MapInputs inputs(std::views::all(std::vector<std::uint8_t>(200, kind)));
    for (int i = 0; i < 10; ++i) {
      detail::submit_chunk(backend_, nullptr, task, inputs, 20, futures);
    }
    counts.nonsense += exchange();
    for (const Future<Result>& future : futures) {
      count(future, counts);
    }
  }

 private:
  template <class Result>
  static void count(const Future<Result>& future, Counts& counts) {
    ASSERT_TRUE(future.done());
    ++counts.answers;
    ++(future.exception() == nullptr ? counts.values : counts.errors);
  }

  // Posts what the backend has, has it answered, and collects: how many answers were nonsense.
  long exchange() {
    long nonsense = 0;
    while (!backend_.cells.empty()) {
      for (CellRef& cell : std::exchange(backend_.cells, {})) {
        ProcessTask& task = task_of(*cell);
        EXPECT_TRUE(worker_.post(cell, task));
      }
      hand_.answer();
      nonsense += collect();
    }
    return nonsense;
  }

  // A pool would end the worker at the first nonsense.
  long collect() {
    long nonsense = 0;
    while (worker_.begin_collecting(slot_count)) {
      worker_.collect(ended_);
      worker_.free_collected();
      for (Ended& one : ended_) {
        nonsense += one.is_nonsense ? 1 : 0;
        finish(one);
      }
      ended_.clear();
    }
    return nonsense;
  }

  void finish(Ended& ended) {
    for (const CellRef& part : ended.parts) {
      part->finish();
    }
    if (!ended.cell) {
      EXPECT_EQ(ended.error, nullptr) << "of the setup";
      return;
    }
    ended.task->place = ProcessTask::Place::nowhere;
    ended.task->worker = nullptr;
    if (ended.error == nullptr && ended.task->chunk() != nullptr && ended.task->size() != 0) {
      backend_.cells.push_back(std::move(ended.cell));  // the worker has ended it early
    } else if (ended.error != nullptr) {
      ended.cell->fail(std::exchange(ended.error, nullptr));
    } else {
      ended.cell->finish();
    }
  }

  KeepingBackend backend_;
  ProcessWorker worker_{0, make_setup({}, {}), backend_.process_pool()->buffers()};
  const WorkerEnds ends_ = worker_.take_ends();
  const Mapping inbox_{ends_.inbox, sizeof(WorkerInbox), false};
  const Mapping outbox_{ends_.outbox, sizeof(WorkerOutbox), true};
  HostileHand hand_;
  std::vector<Ended> ended_ = [] {
    std::vector<Ended> all;
    all.reserve(slot_count);
    return all;
  }();
};

Counts exchange_answers(long wanted, std::uint64_t seed, bool flips) {
  Counts counts;
  while (counts.answers < wanted && !::testing::Test::HasFailure()) {
    support::feed_watchdogs();
    HostileExchange exchange(seed++, flips);
    for (int i = 0; i < 50 && counts.answers < wanted; ++i) {
      exchange.answer(kind_0, 0, counts);
      exchange.answer(kind_1, 1, counts);
      exchange.answer(kind_2, 2, counts);
      exchange.answer(kind_3, 3, counts);
      exchange.answer(kind_4, 4, counts);
      exchange.answer(kind_5, 5, counts);
      exchange.answer_chunks(kind_0, 0, counts);
      exchange.answer_chunks(kind_1, 1, counts);
      exchange.answer_chunks(kind_2, 2, counts);
      exchange.answer_chunks(kind_4, 4, counts);
    }
  }
  return counts;
}

// Half of the parts have a worker that changes what it has answered.
class ProcessHostileAnswers : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ProcessHostileAnswers, cost_their_tasks_only) {
  const bool flips = GetParam() % 2 == 1;
  if (under_thread_sanitizer && flips) {
    GTEST_SKIP() << "its worker is a data race on purpose";
  }
  const auto start = std::chrono::steady_clock::now();
  const Counts counts = exchange_answers(wanted_answers(), GetParam() << 32, flips);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_GE(counts.answers, wanted_answers());
  EXPECT_GT(counts.values, 0);
  EXPECT_GT(counts.errors, 0);
  EXPECT_GT(counts.nonsense, 0);
  std::printf("hostile answers%s: %ld, values: %ld, errors: %ld, nonsense: %ld, a second: %.0f\n",
              flips ? " that change" : "", counts.answers, counts.values, counts.errors,
              counts.nonsense, static_cast<double>(counts.answers) / taken.count());
}

INSTANTIATE_TEST_SUITE_P(Part, ProcessHostileAnswers, ::testing::Range(std::uint64_t{0}, parts),
                         [](const auto& part) {
                           return std::to_string(part.param) +
                                  (part.param % 2 == 1 ? "_that_change" : "_that_stay");
                         });

}  // namespace
}  // namespace coeval::testing
