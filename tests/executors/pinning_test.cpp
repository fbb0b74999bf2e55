// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What processors a pool takes for granted, and where its workers run.

#include <coeval/executors/thread_pool_executor.hpp>

#include "core/system_scope.hpp"

#include <coeval/core/cpu.hpp>

#include <gtest/gtest.h>

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace coeval {
namespace {

int mask_of_ten(std::size_t size, cpu_set_t* set) noexcept {
  CPU_ZERO_S(size, set);
  for (std::size_t cpu = 0; cpu < 10; ++cpu) {
    CPU_SET_S(cpu, size, set);
  }
  return 0;
}

TEST(DefaultWorkers, are_four_more_than_the_mask_has_processors) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = mask_of_ten;
    table.read_file = [](const char*, char*, std::size_t) noexcept -> ssize_t { return -ENOENT; };
  });
  EXPECT_EQ(ThreadPoolExecutor().stats().max_workers, 14U);
}

TEST(DefaultWorkers, go_by_the_quota_where_that_is_less) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = mask_of_ten;
    table.read_file = [](const char* path, char* buffer, std::size_t) noexcept -> ssize_t {
      const std::string_view text =
          std::string_view(path) == "/proc/self/cgroup" ? "0::/\n" : "200000 100000\n";
      std::memcpy(buffer, text.data(), text.size());
      return static_cast<ssize_t>(text.size());
    };
  });
  EXPECT_EQ(ThreadPoolExecutor().stats().max_workers, 6U);
}

TEST(PinnedWorkers, run_on_one_processor_each) {
  ThreadPoolExecutor pool({.max_workers = 1, .pin_workers = true});
  EXPECT_EQ(pool.submit(process_cpus).result(), std::vector<int>{process_cpus().front()});
}

TEST(PinnedWorkers, run_anywhere_where_the_kernel_refuses) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.set_affinity = [](std::size_t, const cpu_set_t*) noexcept -> int { return EPERM; };
  });
  ThreadPoolExecutor pool({.max_workers = 1, .pin_workers = true});
  EXPECT_EQ(pool.submit(process_cpus).result(), process_cpus());
}

TEST(PinnedWorkers, are_not_the_default) {
  ThreadPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(process_cpus).result(), process_cpus());
}

}  // namespace
}  // namespace coeval
