// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How many processors a pool takes for granted, and on which its workers run.

#include <coeval/executors/thread_pool_executor.hpp>

#include "core/system_scope.hpp"
#include "executors/threads/pool_support.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/log.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coeval {
namespace {

// A machine whose processors and quota the test sets, and where its threads run, and whose log it
// reads.
class Machine : public testing::Test {
 protected:
  Machine() : before_(set_log_handler(&remember)) {
    const std::lock_guard guard(mutex);
    lines.clear();
    quota.clear();
    allowed = refused = 0;
    cpu_here = cpu_elsewhere = yields = 0;
    is_here = true;
  }
  ~Machine() override { set_log_handler(before_); }

  // The affinity mask, and the processors for which the kernel refuses to set it, as bits.
  static inline std::atomic<std::uint64_t> allowed{0};
  static inline std::atomic<std::uint64_t> refused{0};
  // On which processors the thread of the test runs, and the others; how often one made way.
  static inline std::atomic<int> cpu_here{0};
  static inline std::atomic<int> cpu_elsewhere{0};
  static inline std::atomic<int> yields{0};
  // Of the control group; empty: there is none.
  static inline std::string quota;
  // The only processor of the mask that this thread has set; -1 if it has set none.
  static inline thread_local int pinned_to = -1;

  static std::vector<std::string> logged() {
    const std::lock_guard guard(mutex);
    return lines;
  }

  static std::size_t default_workers() { return ThreadPoolExecutor().stats().max_workers; }

  // The worker's name, and where it has pinned itself, of as many workers as the pool has.
  static std::vector<std::pair<std::string, int>> workers_of(ThreadPoolExecutor& pool) {
    threading::Semaphore arrivals(0);
    threading::Event gate;
    std::vector<Future<std::pair<std::string, int>>> futures;
    for (std::size_t i = 0; i < pool.stats().max_workers; ++i) {
      futures.push_back(pool.submit([&] {
        arrivals.release();
        gate.wait();
        return std::pair(threading::current_thread().name(), pinned_to);
      }));
      arrivals.acquire();
    }
    gate.set();
    std::vector<std::pair<std::string, int>> workers;
    for (const auto& future : futures) {
      workers.push_back(future.result());
    }
    std::ranges::sort(workers);
    return workers;
  }

 private:
  static int affinity(std::size_t size, cpu_set_t* set) noexcept {
    CPU_ZERO_S(size, set);
    for (std::size_t cpu = 0; cpu < 64; ++cpu) {
      if ((allowed >> cpu & 1) != 0) {
        CPU_SET_S(cpu, size, set);
      }
    }
    return 0;
  }

  static int set_affinity(std::size_t size, const cpu_set_t* set) noexcept {
    for (std::size_t cpu = 0; cpu < 64; ++cpu) {
      if (CPU_ISSET_S(cpu, size, set) && CPU_COUNT_S(size, set) == 1) {
        pinned_to = (refused >> cpu & 1) != 0 ? -1 : static_cast<int>(cpu);
        return pinned_to < 0 ? EINVAL : 0;
      }
    }
    return EINVAL;
  }

  static ssize_t read_file(const char* path, char* buffer, std::size_t size) noexcept {
    const std::string_view name = path;
    std::string_view text = name == "/proc/self/cgroup" ? "0::/\n" : "";
    if (name == "/sys/fs/cgroup/cpu.max") {
      text = quota;
    }
    if (text.empty() || text.size() > size) {
      return -ENOENT;
    }
    std::memcpy(buffer, text.data(), text.size());
    return static_cast<ssize_t>(text.size());
  }

  static void remember(Severity severity, std::string_view source, std::string_view text) {
    const std::lock_guard guard(mutex);
    lines.push_back((severity == Severity::warning ? "warning " : "other ") + std::string(source) +
                    ": " + std::string(text));
  }

  static int current_cpu() noexcept { return is_here ? cpu_here : cpu_elsewhere; }
  static void yield() noexcept { ++yields; }

  static inline thread_local bool is_here = false;
  static inline std::mutex mutex;
  static inline std::vector<std::string> lines;
  LogHandler before_;
  const support::SystemScope scope_{[](SystemCalls& table) {
    table.affinity = affinity;
    table.set_affinity = set_affinity;
    table.read_file = read_file;
    table.current_cpu = current_cpu;
    table.yield = yield;
  }};
};

using DefaultWorkers = Machine;
using PinnedWorkers = Machine;

class WokenWorkers : public Machine {
 protected:
  // How often a worker made way for other threads, after a wake and one task.
  static int yields_after_wake(int waker_cpu, int worker_cpu) {
    allowed = 0b11;
    cpu_here = waker_cpu;
    cpu_elsewhere = worker_cpu;
    ThreadPoolExecutor pool({.max_workers = 1});
    const auto run_one = [&pool] {
      pool.submit([] {}).result();
      support::until([&pool] { return pool.stats().idle_workers == 1; });
    };
    run_one();
    EXPECT_EQ(yields, 0) << "it was started, and not woken";
    run_one();
    return yields;
  }
};

constexpr std::uint64_t processors_1_4_6 = 0b1010010;

TEST_F(DefaultWorkers, are_four_more_than_the_mask_has_processors) {
  allowed = 0b1111'0111'0111;
  EXPECT_EQ(default_workers(), 14U);
}

TEST_F(DefaultWorkers, go_by_the_quota_where_that_is_less) {
  allowed = 0xffff'ffff;
  quota = "150000 100000\n";
  EXPECT_EQ(default_workers(), 6U);
  quota = "10000 100000\n";
  EXPECT_EQ(default_workers(), 5U);
}

TEST_F(DefaultWorkers, go_by_the_mask_where_that_is_less) {
  allowed = 0b11;
  quota = "1600000 100000\n";
  EXPECT_EQ(default_workers(), 6U);
}

TEST_F(DefaultWorkers, are_at_most_32_with_a_quota_too) {
  allowed = ~std::uint64_t{0};
  quota = "6000000 100000\n";
  EXPECT_EQ(default_workers(), 32U);
}

TEST_F(DefaultWorkers, are_not_pinned) {
  allowed = processors_1_4_6;
  ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "free"});
  EXPECT_EQ(workers_of(pool), (std::vector<std::pair<std::string, int>>{{"free_0", -1}}));
}

TEST_F(PinnedWorkers, take_the_processors_of_the_mask_in_turn_and_round_again) {
  allowed = processors_1_4_6;
  ThreadPoolExecutor pool({.max_workers = 5, .thread_name_prefix = "p", .pin_workers = true});
  EXPECT_EQ(workers_of(pool), (std::vector<std::pair<std::string, int>>{
                                  {"p_0", 1}, {"p_1", 4}, {"p_2", 6}, {"p_3", 1}, {"p_4", 4}}));
  EXPECT_TRUE(logged().empty());
}

TEST_F(PinnedWorkers, go_by_the_mask_that_was_when_the_pool_was_made) {
  allowed = processors_1_4_6;
  ThreadPoolExecutor pool({.max_workers = 3, .thread_name_prefix = "p", .pin_workers = true});
  allowed = 0b1;
  EXPECT_EQ(workers_of(pool),
            (std::vector<std::pair<std::string, int>>{{"p_0", 1}, {"p_1", 4}, {"p_2", 6}}));
}

TEST_F(PinnedWorkers, run_their_initializer_where_they_run_their_tasks) {
  allowed = 0b100;
  std::atomic<int> seen = -1;
  ThreadPoolExecutor pool({.max_workers = 1, .pin_workers = true}, [&seen] { seen = pinned_to; });
  pool.submit([] {}).result();
  EXPECT_EQ(seen, 2);
}

TEST_F(PinnedWorkers, run_anywhere_after_one_warning_when_the_kernel_refuses) {
  allowed = refused = processors_1_4_6;
  ThreadPoolExecutor pool({.max_workers = 3, .thread_name_prefix = "p", .pin_workers = true});
  EXPECT_EQ(workers_of(pool),
            (std::vector<std::pair<std::string, int>>{{"p_0", -1}, {"p_1", -1}, {"p_2", -1}}));
  const std::vector<std::string> warnings = logged();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings[0].starts_with("warning coeval.executors: ")) << warnings[0];
  EXPECT_NE(warnings[0].find("'p'"), std::string::npos) << warnings[0];
}

TEST_F(PinnedWorkers, warn_when_the_kernel_refuses_a_processor_of_a_later_one) {
  allowed = processors_1_4_6;
  refused = 0b10000;
  ThreadPoolExecutor pool({.max_workers = 5, .thread_name_prefix = "p", .pin_workers = true});
  EXPECT_EQ(workers_of(pool), (std::vector<std::pair<std::string, int>>{
                                  {"p_0", 1}, {"p_1", -1}, {"p_2", 6}, {"p_3", 1}, {"p_4", -1}}));
  EXPECT_EQ(logged().size(), 1U);
}

TEST_F(WokenWorkers, make_way_for_the_thread_in_whose_place_they_are) {
  EXPECT_EQ(yields_after_wake(1, 1), 1);
}

TEST_F(WokenWorkers, do_not_where_their_waker_is_not) {
  EXPECT_EQ(yields_after_wake(1, 0), 0);
}

TEST_F(WokenWorkers, do_not_where_the_kernel_does_not_tell) {
  EXPECT_EQ(yields_after_wake(-1, -1), 0);
}

TEST(RealWorkers, that_are_pinned_may_run_on_one_processor_alone) {
  const std::vector<int> all = process_cpus();
  ASSERT_FALSE(all.empty());
  ThreadPoolExecutor pool({.max_workers = 1, .pin_workers = true});
  EXPECT_EQ(pool.submit(process_cpus).result(), std::vector<int>{all.front()});
  EXPECT_EQ(process_cpus(), all) << "the thread that submits is left alone";
}

TEST(RealWorkers, that_are_not_pinned_may_run_on_all) {
  ThreadPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(process_cpus).result(), process_cpus());
}

}  // namespace
}  // namespace coeval
