// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a crash costs among elements that went to a process together, and what lies behind one that
// takes long.

#include "executors/processes/chunks.hpp"

#include <coeval/multiprocessing/event.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::ProcessPoolExecutor;
using coeval::WorkerDied;
using coeval::multiprocessing::Event;

// Counts its runs.
struct Counted {
  SharedNumbers runs;
  int fatal = -1;

  int operator()(int n) const {
    ++runs[static_cast<std::size_t>(n)];
    if (n == fatal) {
      ::abort();
    }
    return n;
  }
  template <coeval::pickle::Archive A>
  void save(A& archive) const {
    archive(runs, fatal);
  }
  static Counted load(coeval::pickle::InputArchive& archive) {
    auto runs = archive.read<SharedNumbers>();
    return {.runs = std::move(runs), .fatal = archive.read<int>()};
  }
};

// ---- death ----------------------------------------------------------------------------------------

TEST(ProcessChunksDeath, a_crash_costs_one_element) {
  for (const int fatal : {0, 13, 31, 32, 63}) {
    const SharedNumbers runs(64);
    ProcessPoolExecutor pool({.max_workers = 2});
    const auto ends = ends_of(pool.map({.chunksize = 32}, Counted{runs, fatal}, numbers(64)));
    ASSERT_EQ(ends.size(), 64U);
    for (int n = 0; n < 64; ++n) {
      EXPECT_EQ(ends[static_cast<std::size_t>(n)], n == fatal ? "died" : std::to_string(n));
      EXPECT_EQ(runs.get(static_cast<std::size_t>(n)), 1) << n;
    }
    EXPECT_EQ(pool.stats().failed, 1U);
    EXPECT_EQ(pool.stats().completed, 63U);
  }
}

TEST(ProcessChunksDeath, several_crashes_cost_as_many_elements) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto ends = ends_of(pool.map(
      {.chunksize = 30}, [](int n) { return n % 10 == 4 ? (::abort(), 0) : n; }, numbers(30)));
  for (int n = 0; n < 30; ++n) {
    EXPECT_EQ(ends[static_cast<std::size_t>(n)], n % 10 == 4 ? "died" : std::to_string(n));
  }
}

TEST(ProcessChunksDeath, large_results_before_a_crash_are_kept) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto text = [](int n) {
    return n == 9 ? (::abort(), std::string()) : std::string(50'000, static_cast<char>('a' + n));
  };
  auto results = pool.map({.chunksize = 12}, text, numbers(12));
  int n = 0;
  for (auto it = results.begin(); it != results.end(); ++it, ++n) {
    if (n == 9) {
      EXPECT_THROW(static_cast<void>(*it), WorkerDied);
    } else {
      EXPECT_EQ(*it, std::string(50'000, static_cast<char>('a' + n)));
    }
  }
}

TEST(ProcessChunksDeath, the_error_of_a_crash_has_the_name_that_was_given) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto crash = [](int n) { return n == 3 ? (::abort(), 0) : n; };
  auto results = pool.with({.name = "decode"}).map({.chunksize = 8}, crash, numbers(8));
  auto it = results.begin();
  for (int i = 0; i < 3; ++i) {
    ++it;
  }
  try {
    static_cast<void>(*it);
    ADD_FAILURE() << "nothing was raised";
  } catch (const WorkerDied& error) {
    EXPECT_EQ(error.signal(), SIGABRT);
    EXPECT_NE(std::string(error.what()).find("task 'decode'"), std::string::npos) << error.what();
  }
}

// Kills while chunks flow: each element ends once, and has run once at the most.
TEST(ProcessChunksDeath, of_kills_lose_and_double_no_element) {
  const int kills = under_sanitizer ? 30 : 200;
  const SharedNumbers runs(50'000);
  ProcessPoolExecutor pool({.max_workers = 2, .max_restarts = 1'000'000});
  std::atomic<int> killed = 0;
  std::atomic<bool> done = false;
  std::thread killer([&] {
    std::mt19937 random(11);
    while (killed < kills) {
      // Only once something was done: a process that is killed as it starts is no matter of chunks.
      const std::size_t next = pool.stats().completed + 1 + random() % 500;
      until([&] { return done || pool.stats().completed >= next; });
      if (done) {
        break;
      }
      const auto workers = coeval::multiprocessing::active_children();
      if (!workers.empty()) {
        workers[random() % workers.size()].kill();
        ++killed;
      }
    }
  });
  int deaths = 0;
  do {
    for (std::size_t i = 0; i < 50'000; ++i) {
      runs.set(i, 0);
    }
    auto results = pool.map({.chunksize = 50}, Counted{runs}, numbers(50'000));
    int n = 0;
    for (auto it = results.begin(); it != results.end(); ++it, ++n) {
      const std::string end = end_of(it);
      deaths += end == "died" ? 1 : 0;
      EXPECT_TRUE(end == "died" || end == std::to_string(n)) << end;
      EXPECT_LE(runs.get(static_cast<std::size_t>(n)), 1) << n;
      EXPECT_TRUE(end == "died" || runs.get(static_cast<std::size_t>(n)) == 1) << n;
    }
    EXPECT_EQ(n, 50'000);
  } while (killed < kills);
  done = true;
  killer.join();
  std::printf("kills: %d, elements that died: %d\n", killed.load(), deaths);
}

// ---- elements behind one that takes long ----------------------------------------------------------

// The last element of the chunk lets the first one go on: another process must run it.
int first_waits_for_last(const Event& go, int n) {
  if (n == 0) {
    go.wait();
  } else if (n == 7) {
    go.set();
  }
  return n;
}

TEST(ProcessChunksDeath, those_behind_a_long_element_go_to_another_process) {
  ProcessPoolExecutor pool({.max_workers = 2});
  pool.submit(square, 1).result();  // one process has started, the other has not
  for (const std::size_t chunksize : {8U, 4U}) {
    const std::vector<Event> go(8, Event());
    EXPECT_EQ(list(pool.map({.eager = true, .chunksize = chunksize}, first_waits_for_last, go,
                            numbers(8))),
              numbers(8));
  }
}

TEST(ProcessChunksDeath, a_death_after_the_others_were_taken_costs_one_element) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const Event go;
  const SharedNumbers pid(1);
  const auto wait_or_tell = [](const Event& event, const SharedNumbers& who, int n) {
    if (n == 0) {
      who.set(0, ::getpid());
      event.wait();
    }
    return n;
  };
  auto results = pool.map({.chunksize = 8}, wait_or_tell, std::vector<Event>(8, go),
                          std::vector<SharedNumbers>(8, pid), numbers(8));
  auto it = results.begin();
  until([&] { return pool.stats().completed == 7; });
  pid.until_is(1);  // it may begin after the others
  ::kill(static_cast<pid_t>(pid.get()), SIGKILL);
  EXPECT_EQ(end_of(it), "died");
  for (int n = 1; n < 8; ++n) {
    EXPECT_EQ(*++it, n);
  }
}

}  // namespace
}  // namespace process_pool_test
