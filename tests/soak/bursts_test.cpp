// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Millions of tiny tasks, through chunked maps and in bulk, while workers are killed.

#include "soak/elements.hpp"
#include "soak/leaks.hpp"
#include "soak/plan.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <thread>
#include <vector>

namespace soak {
namespace {

using coeval::ProcessPoolExecutor;
using coeval::ThreadPoolExecutor;

constexpr std::size_t wave = 200'000;

// The elements of a wave, read by several threads at once.
template <class Read>
long read_by_threads(std::size_t elements, Killer& killer, Ledger& ledger, Read read) {
  constexpr std::size_t readers = 2;
  std::atomic<long> died = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < readers; ++i) {
      threads.emplace_back([&, first = elements * i / readers, end = elements * (i + 1) / readers] {
        ElementReader reader(killer, ledger);
        read(reader, first, end);
        died += reader.died();
      });
    }
  }
  return died;
}

template <class Results>
void read_map(ElementReader& reader, Results results, std::uint64_t tag, std::size_t first) {
  for (auto result = results.begin(); result != results.end(); ++result, ++first) {
    reader.read(tag << 32U | first, [&] { return *result; });
  }
}

void burst_in_processes(Dice dice, std::size_t elements, Killer& killer, Ledger& ledger) {
  const Runs runs(elements);
  const std::uint64_t tag = dice.below(1U << 31U);
  const bool again = dice.one_in(3);
  constexpr std::array<std::size_t, 5> sizes = {1, 1, 7, 100, 3000};
  const coeval::MapOptions options{.buffersize = dice.one_in(3) ? 5000U : 0U,
                                   .chunksize = sizes[dice.below(sizes.size())]};
  long died = 0;
  {
    ProcessPoolExecutor pool(
        {.max_workers = static_cast<int>(1 + dice.below(3)), .max_restarts = 1'000'000},
        Runs::use_here, runs);
    const auto configured = pool.with({.max_retries = again ? 1'000'000 : 0});
    ledger.submitted(static_cast<long>(elements));
    died = read_by_threads(
        elements, killer, ledger, [&](ElementReader& reader, std::size_t first, std::size_t end) {
          read_map(reader, configured.map(options, element, ids_of(tag, first, end)), tag, first);
        });
  }
  check_runs(runs, elements, died, again, ledger);
}

void burst_in_threads(Dice dice, std::size_t elements, Killer& nobody, Ledger& ledger) {
  const Runs runs(elements);
  Runs::use_here(runs);
  const std::uint64_t tag = dice.below(1U << 31U);
  const bool maps = dice.one_in(4);
  const std::size_t bulk = 1 + dice.below(3000);
  {
    ThreadPoolExecutor pool({.max_workers = static_cast<int>(1 + dice.below(4))});
    ledger.submitted(static_cast<long>(elements));
    read_by_threads(
        elements, nobody, ledger, [&](ElementReader& reader, std::size_t first, std::size_t end) {
          if (maps) {
            return read_map(reader, pool.map(element, ids_of(tag, first, end)), tag, first);
          }
          while (first < end) {
            const auto futures =
                pool.submit_bulk(element, ids_of(tag, first, std::min(end, first + bulk)));
            for (const auto& future : futures) {
              reader.read(tag << 32U | first++, [&] { return future.result(); });
            }
          }
        });
  }
  check_runs(runs, elements, 0, false, ledger);
}

template <class Burst>
void soak_in_bursts(const char* name, const Plan& plan, Burst burst) {
  std::cout << name << ": " << how_to_replay(plan) << '\n';
  Ledger ledger(name, plan.is_long);
  {
    Ledger warm_up("what is made once", false);
    Killer nobody(0, 0, 0, warm_up);
    burst(Dice(1), std::size_t{1000}, nobody, warm_up);
  }
  const Leaks leaks;
  {
    Killer killer(plan.seed, plan.kills, plan.kills == 0 ? 0 : plan.tasks / 2 / plan.kills, ledger);
    for (std::size_t done = 0; done < static_cast<std::size_t>(plan.tasks); done += wave) {
      burst(plan.dice(done), std::min(wave, static_cast<std::size_t>(plan.tasks) - done), killer,
            ledger);
    }
  }
  ledger.close();
  leaks.find(ledger);
  std::cout << ledger.summary() << ", 0 hung\n";
  EXPECT_EQ(ledger.faults(), 0) << ledger.first_faults() << "\nagain: " << how_to_replay(plan);
}

TEST(Bursts, on_processes_that_are_killed_give_each_element_its_own_end) {
  soak_in_bursts("bursts on processes", Plan::from_environment({51, 60}, 1'000'000, 200),
                 burst_in_processes);
}

TEST(Bursts, on_threads_give_each_element_its_own_end) {
  soak_in_bursts("bursts on threads", Plan::from_environment({41, 0}, 1'000'000, 0),
                 burst_in_threads);
}

}  // namespace
}  // namespace soak
