// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/cpu.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <thread>
#include <vector>

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

TEST(ProcessCpus, are_those_of_the_affinity_mask_ascending) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      CPU_ZERO_S(size, set);
      for (const std::size_t cpu : {63U, 1U, 64U, 1023U}) {
        CPU_SET_S(cpu, size, set);
      }
      return 0;
    };
  });
  EXPECT_EQ(process_cpus(), (std::vector{1, 63, 64, 1023}));
}

TEST(ProcessCpus, are_as_many_as_they_are_counted) {
  EXPECT_EQ(process_cpus().size(), static_cast<std::size_t>(process_cpu_count()));
}

TEST(ProcessCpus, are_told_on_a_machine_of_many_processors) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      if (size < CPU_ALLOC_SIZE(4096)) {
        return EINVAL;
      }
      CPU_ZERO_S(size, set);
      CPU_SET_S(3000, size, set);
      return 0;
    };
  });
  EXPECT_EQ(process_cpus(), std::vector{3000});
}

TEST(ProcessCpus, are_none_when_the_kernel_does_not_tell) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t, cpu_set_t*) noexcept -> int { return EPERM; };
  });
  EXPECT_TRUE(process_cpus().empty());
}

TEST(PinThisThread, leaves_it_one_processor) {
  const std::vector<int> all = process_cpus();
  const int cpu = all.back();
  std::thread([cpu] {
    EXPECT_EQ(pin_this_thread(cpu), 0);
    EXPECT_EQ(process_cpus(), std::vector{cpu});
    EXPECT_EQ(process_cpu_count(), 1);
  }).join();
  EXPECT_EQ(process_cpus(), all) << "other threads are left alone";
}

TEST(PinThisThread, can_be_repeated_with_another_processor) {
  std::thread([] {
    for (const int cpu : process_cpus()) {
      EXPECT_EQ(pin_this_thread(cpu), 0);
      EXPECT_EQ(process_cpus(), std::vector{cpu});
    }
  }).join();
}

TEST(PinThisThread, asks_for_that_processor_alone_whatever_its_number) {
  static std::vector<int> asked;
  const support::SystemScope scope([](SystemCalls& table) {
    table.set_affinity = [](std::size_t size, const cpu_set_t* set) noexcept -> int {
      asked.clear();
      for (std::size_t cpu = 0; cpu < 8 * size; ++cpu) {
        if (CPU_ISSET_S(cpu, size, set)) {
          asked.push_back(static_cast<int>(cpu));
        }
      }
      return 0;
    };
  });
  for (const int cpu : {0, 1, 63, 64, 1023, 1024, 8191}) {
    EXPECT_EQ(pin_this_thread(cpu), 0);
    EXPECT_EQ(asked, std::vector{cpu});
  }
  for (const int cpu : {-1, INT_MIN, INT_MAX}) {
    EXPECT_EQ(pin_this_thread(cpu), EINVAL);
    EXPECT_EQ(asked, std::vector{8191}) << "the kernel is not asked for processor " << cpu;
  }
}

TEST(PinThisThread, refuses_a_processor_that_is_not_there) {
  for (const int cpu : {-1, INT_MIN, 100'000, INT_MAX}) {
    EXPECT_EQ(pin_this_thread(cpu), EINVAL) << cpu;
  }
}

TEST(PinThisThread, tells_why_the_kernel_refuses) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.set_affinity = [](std::size_t, const cpu_set_t*) noexcept -> int { return EPERM; };
  });
  EXPECT_EQ(pin_this_thread(0), EPERM);
}

}  // namespace
}  // namespace coeval
