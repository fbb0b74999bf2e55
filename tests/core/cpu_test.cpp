// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/cpu.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <cerrno>
#include <cstddef>

namespace coeval {
namespace {

void allow(std::size_t size, cpu_set_t* set, int count) {
  CPU_ZERO_S(size, set);
  for (int cpu = 0; cpu < count; ++cpu) {
    CPU_SET_S(static_cast<std::size_t>(cpu), size, set);
  }
}

TEST(ProcessCpuCount, is_that_of_the_affinity_mask) {
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  EXPECT_EQ(process_cpu_count(), CPU_COUNT(&set));
}

TEST(ProcessCpuCount, follows_the_mask) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      allow(size, set, 3);
      return 0;
    };
  });
  EXPECT_EQ(process_cpu_count(), 3);
}

TEST(ProcessCpuCount, asks_again_with_more_room_on_a_machine_of_many_processors) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      if (size < CPU_ALLOC_SIZE(4096)) {
        return EINVAL;
      }
      allow(size, set, 2000);
      return 0;
    };
  });
  EXPECT_EQ(process_cpu_count(), 2000);
}

TEST(ProcessCpuCount, is_one_when_the_kernel_does_not_tell) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t, cpu_set_t*) noexcept -> int { return EPERM; };
  });
  EXPECT_EQ(process_cpu_count(), 1);
}

TEST(ProcessCpuCount, ends_when_no_size_is_enough) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t, cpu_set_t*) noexcept -> int { return EINVAL; };
  });
  EXPECT_EQ(process_cpu_count(), 1);
}

TEST(ProcessCpuCount, of_an_empty_mask_is_one) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      allow(size, set, 0);
      return 0;
    };
  });
  EXPECT_EQ(process_cpu_count(), 1);
}

}  // namespace
}  // namespace coeval
