// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The processors that are left to a process by its affinity mask and its control groups.

#include <coeval/core/cpu.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <thread>

namespace coeval {
namespace {

std::map<std::string, std::string>& files() {
  static std::map<std::string, std::string> all;
  return all;
}

ssize_t read_fake(const char* path, char* buffer, std::size_t size) noexcept {
  const auto found = files().find(path);
  if (found == files().end()) {
    return -ENOENT;
  }
  const std::size_t length = std::min(size, found->second.size());
  std::memcpy(buffer, found->second.data(), length);
  return static_cast<ssize_t>(length);
}

// A machine of four processors with these files and no others.
class CpuQuota : public testing::Test {
 protected:
  ~CpuQuota() override { files().clear(); }

  static void set(std::map<std::string, std::string> all) { files() = std::move(all); }

 private:
  const support::SystemScope scope_{[](SystemCalls& table) {
    table.read_file = read_fake;
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      CPU_ZERO_S(size, set);
      for (std::size_t cpu = 0; cpu < 4; ++cpu) {
        CPU_SET_S(2 * cpu, size, set);
      }
      return 0;
    };
  }};
};

TEST_F(CpuQuota, is_none_without_control_groups) {
  EXPECT_TRUE(std::isinf(cpu_quota()));
  EXPECT_EQ(usable_cpu_count(), 4);
}

TEST_F(CpuQuota, is_that_of_the_own_group_in_version_2) {
  set({{"/proc/self/cgroup", "0::/a/b\n"}, {"/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 1.5);
  EXPECT_EQ(usable_cpu_count(), 2) << "rounded up";
}

TEST_F(CpuQuota, is_the_least_on_the_way_to_the_root) {
  set({{"/proc/self/cgroup", "0::/a/b\n"},
       {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
       {"/sys/fs/cgroup/a/cpu.max", "100000 100000\n"},
       {"/sys/fs/cgroup/cpu.max", "300000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 1.0);
  EXPECT_EQ(usable_cpu_count(), 1);
}

TEST_F(CpuQuota, is_that_of_the_root_in_a_container_that_knows_only_the_path_of_its_host) {
  set({{"/proc/self/cgroup", "0::/../../x\n"}, {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 0.5);
  EXPECT_EQ(usable_cpu_count(), 1);
}

TEST_F(CpuQuota, is_found_in_version_1) {
  set({{"/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/a\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "200000\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 2.0);
}

TEST_F(CpuQuota, of_more_than_the_mask_changes_nothing) {
  set({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "800000 100000"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 8.0);
  EXPECT_EQ(usable_cpu_count(), 4);
}

TEST_F(CpuQuota, is_none_where_the_files_make_no_sense) {
  for (const char* text : {"", "\n", "0 0", "-5 100000", "100000", "100000 ", "x y",
                           "99999999999999999999999 1", "1 -1", "max max"}) {
    set({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", text}});
    EXPECT_TRUE(std::isinf(cpu_quota())) << text;
  }
  for (const char* text : {"", ":", "::", "0::", "0::a", "\n\n\n", "0:cpu", "cpu:cpu:cpu"}) {
    set({{"/proc/self/cgroup", text}, {"/sys/fs/cgroup/cpu.max", "100000 100000"}});
    EXPECT_TRUE(std::isinf(cpu_quota())) << text;
  }
}

TEST_F(CpuQuota, leaves_the_processors_as_they_are) {
  EXPECT_EQ(process_cpus(), (std::vector<int>{0, 2, 4, 6}));
}

TEST(PinThisThread, leaves_it_one_processor) {
  const int cpu = process_cpus().back();
  std::thread([cpu] {
    ASSERT_EQ(pin_this_thread(cpu), 0);
    EXPECT_EQ(process_cpus(), std::vector<int>{cpu});
  }).join();
}

TEST(PinThisThread, refuses_a_processor_that_is_not_there) {
  EXPECT_EQ(pin_this_thread(-1), EINVAL);
  EXPECT_EQ(pin_this_thread(100'000), EINVAL);
}

}  // namespace
}  // namespace coeval
