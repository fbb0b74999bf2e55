// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A worker that writes anything into the memory that it shares with its pool, while the pool reads
// it: the pool's process is none the worse for it.

#include "executors/processes/support.hpp"
#include "support/hostile_worker.hpp"
#include "support/watchdog.hpp"

#include <coeval/threading/event.hpp>

#include <signal.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using namespace std::chrono_literals;
using coeval::Future;
using coeval::ProcessPoolExecutor;

// Rounds of all tests here together; COEVAL_HOSTILE_ROUNDS sets another number.
int wanted_rounds() {
  const char* const given = std::getenv("COEVAL_HOSTILE_ROUNDS");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 40 : std::atoi(given);
}

struct Region {
  unsigned char* begin = nullptr;
  std::size_t size = 0;
};

// The memory that this worker shares with its pool: what it may write, or what it may only read.
std::vector<Region> shared_with_the_pool(bool writable) {
  std::vector<Region> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string rights;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights;
    if (line.find("memfd:coeval-pool") != std::string::npos &&
        (rights.find('w') != std::string::npos) == writable) {
      found.push_back({.begin = reinterpret_cast<unsigned char*>(begin), .size = end - begin});
    }
  }
  return found;
}

// Until its process ends: single words, and sometimes all of the first pages, where the numbers are
// that the pool goes by.
void scribble_for_ever(Region region, unsigned seed) {
  std::mt19937_64 random(seed);
  constexpr std::size_t numbers = 32768;
  while (true) {
    for (int i = 0; i < 1000; ++i) {
      const std::size_t place = random() % (std::min(region.size, numbers) - 8);
      const std::uint64_t value = random() % 4 == 0 ? random() : random() % 64;
      std::memcpy(region.begin + place, &value, random() % 2 == 0 ? 4 : 8);
    }
    std::this_thread::yield();
  }
}

// A task after which its worker is hostile.
int turn_hostile(unsigned seed) {
  for (const Region& region : shared_with_the_pool(true)) {
    std::thread(scribble_for_ever, region, seed).detach();
  }
  return static_cast<int>(shared_with_the_pool(true).size());
}

std::string echo(const std::string& text) {
  return text;
}

// Kills workers for as long as it lives. A hostile one that claims nothing would keep its tasks for
// ever; and so would the next, to which the task goes that turns it hostile when the first has hidden
// that it ran it.
class Killer {
 public:
  Killer() = default;
  ~Killer() {
    enough_.set();
    thread_.join();
  }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;

 private:
  void kill_them() {
    do {
      for (const auto& worker : coeval::multiprocessing::active_children()) {
        worker.kill();
      }
    } while (!enough_.wait(5ms));
  }

  coeval::threading::Event enough_;
  std::thread thread_{[this] { kill_them(); }};
};

TEST(ProcessHostile, a_worker_has_one_region_to_write_and_cannot_write_the_other) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit([] { return shared_with_the_pool(true).size(); }).result(), 1U);
  EXPECT_EQ(pool.submit([] { return shared_with_the_pool(false).size(); }).result(), 1U);
  const auto refused = pool.submit([] {
    const Region inbox = shared_with_the_pool(false).front();
    return ::mprotect(inbox.begin, inbox.size, PROT_READ | PROT_WRITE);
  });
  EXPECT_EQ(refused.result(), -1);
}

void lie_at_first(const SharedNumbers& started) {
  if (started[0]++ == 0) {
    support::end_setup_with_nonsense();
  }
}

TEST(ProcessHostile, a_setup_that_ends_with_nonsense_costs_its_worker_only) {
  const SharedNumbers started;
  ProcessPoolExecutor pool({.max_workers = 1}, lie_at_first, started);
  EXPECT_EQ(pool.submit(echo, std::string("sound")).result(), "sound");
  EXPECT_EQ(started.get(), 2);
}

// Each future is done, however; each process is gone; and another pool works.
TEST(ProcessHostile, whatever_it_writes_the_pool_ends_every_task) {
  if (under_thread_sanitizer) {
    GTEST_SKIP() << "its worker is a data race on purpose";
  }
  int values = 0;
  int errors = 0;
  const int rounds = wanted_rounds();
  for (int round = 0; round < rounds; ++round) {
    support::feed_watchdogs();
    std::vector<Future<std::string>> futures;
    {
      std::optional<Killer> killer;  // until the pool has ended
      ProcessPoolExecutor pool({.max_workers = 2, .grace = 20ms});
      pool.submit(turn_hostile, static_cast<unsigned>(round));
      for (int i = 0; i < 200; ++i) {
        futures.push_back(pool.with({.timeout = i % 4 == 0 ? 100ms : 0ms})
                              .submit(echo, std::string(static_cast<std::size_t>(i) * 10, 'x')));
      }
      coeval::wait(futures, 300ms);
      for (const Future<std::string>& future : futures) {
        future.stop();
      }
      killer.emplace();
    }
    for (const Future<std::string>& future : futures) {
      ASSERT_TRUE(future.done());
      if (!future.cancelled() && future.exception() == nullptr) {
        ++values;
      } else {
        ++errors;
      }
    }
  }
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(echo, std::string("sound")).result(), "sound");
  EXPECT_GT(values + errors, 0);
  std::cout << "pools with a hostile worker: " << rounds << ", tasks with a value: " << values
            << ", with an error or cancelled: " << errors << '\n';
}

// Chunks have more to lie about: each element ends, once, and in its place.
TEST(ProcessHostile, whatever_it_writes_a_map_ends) {
  if (under_thread_sanitizer) {
    GTEST_SKIP() << "its worker is a data race on purpose";
  }
  int values = 0;
  int errors = 0;
  const int rounds = wanted_rounds();
  for (int round = 0; round < rounds; ++round) {
    support::feed_watchdogs();
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 500; ++i) {
      texts.emplace_back(i, 'x');
    }
    std::optional<Killer> killer;  // until the pool has ended
    ProcessPoolExecutor pool({.max_workers = 2, .grace = 20ms});
    pool.submit(turn_hostile, static_cast<unsigned>(round));
    auto results = pool.map({.eager = true, .chunksize = 20, .timeout = 300ms}, echo, texts);
    std::size_t read = 0;
    for (auto it = results.begin(); it != results.end(); ++it, ++read) {
      try {
        static_cast<void>(*it);
        ++values;
      } catch (const std::exception&) {
        ++errors;
      }
    }
    EXPECT_LE(read, texts.size());
    killer.emplace();
  }
  EXPECT_GT(values + errors, 0);
  std::cout << "maps with a hostile worker: " << rounds << ", elements with a value: " << values
            << ", with an error: " << errors << '\n';
}

}  // namespace
}  // namespace process_pool_test
