// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What control groups leave of the processors of a process's affinity mask.

#include <coeval/core/cpu.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

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

// A process that may run on the processors 0, 2, 4 and 6, with these files and no others.
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

TEST_F(CpuQuota, is_none_if_every_level_says_max) {
  set({{"/proc/self/cgroup", "0::/a\n"},
       {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"},
       {"/sys/fs/cgroup/cpu.max", "max 100000\n"}});
  EXPECT_TRUE(std::isinf(cpu_quota()));
  EXPECT_EQ(usable_cpu_count(), 4);
}

TEST_F(CpuQuota, is_that_of_the_root_in_a_container_that_knows_only_the_path_of_its_host) {
  set({{"/proc/self/cgroup", "0::/system.slice/docker-0123.scope\n"},
       {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 0.5);
  EXPECT_EQ(usable_cpu_count(), 1);
  set({{"/proc/self/cgroup", "3:cpuacct:/\n2:cpu:/docker/0123\n0::/docker/0123\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 2.5);
}

TEST_F(CpuQuota, is_that_of_the_root_for_a_group_outside_of_the_namespace) {
  set({{"/proc/self/cgroup", "0::/../../x\n"},
       {"/sys/fs/cgroup/../../x/cpu.max", "100000 100000\n"},
       {"/sys/fs/cgroup/../cpu.max", "100000 100000\n"},
       {"/sys/fs/cgroup/cpu.max", "300000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 3.0);
}

TEST_F(CpuQuota, is_found_in_version_1) {
  set({{"/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/a\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "200000\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 2.0);
}

TEST_F(CpuQuota, is_the_least_on_the_way_to_the_root_in_version_1) {
  set({{"/proc/self/cgroup", "4:cpuacct,cpu:/a/b\n"},
       {"/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n"},
       {"/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "75000\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "50000\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"},
       {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 1.5);
}

TEST_F(CpuQuota, of_version_1_is_that_of_the_cpu_controller_and_no_other) {
  set({{"/proc/self/cgroup", "5:cpuacct:/a\n4:cpuset:/a\n3:name=cpu:/a\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n"},
       {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"}});
  EXPECT_TRUE(std::isinf(cpu_quota()));
}

TEST_F(CpuQuota, is_found_behind_many_long_paths) {
  std::string groups;
  for (int i = 12; i > 0; --i) {
    groups += std::to_string(i) + ":c" + std::to_string(i) + ":/" + std::string(600, 'p') + "\n";
  }
  set({{"/proc/self/cgroup", groups + "0::/a\n"}, {"/sys/fs/cgroup/a/cpu.max", "100000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 1.0);
}

TEST_F(CpuQuota, of_more_than_the_mask_changes_nothing) {
  set({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "800000 100000"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 8.0);
  EXPECT_EQ(usable_cpu_count(), 4);
}

TEST_F(CpuQuota, is_none_where_the_files_make_no_sense) {
  for (const char* text : {"", "\n", "0 0", "-5 100000", "100000", "100000 ", "100000x 100000",
                           "100000 100000x", "1e5 100000", "100000 100000 100000", "+1 1",
                           "\xff\xfe", "x y", "99999999999999999999999 1", "1 -1", "max max"}) {
    set({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", text}});
    EXPECT_TRUE(std::isinf(cpu_quota())) << text;
  }
  for (const char* text :
       {"", ":", "::", "0::", "0::a", "\n\n\n", "0:cpu", "0:cpu:/", "cpu:cpu:cpu"}) {
    set({{"/proc/self/cgroup", text}, {"/sys/fs/cgroup/cpu.max", "100000 100000"}});
    EXPECT_TRUE(std::isinf(cpu_quota())) << text;
  }
}

TEST_F(CpuQuota, survives_a_list_of_groups_without_an_end) {
  for (const std::string& path :
       {std::string(100'000, '/'), "/" + std::string(100'000, 'a'), std::string("/a\0b", 4)}) {
    set({{"/proc/self/cgroup", "0::" + path}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}});
    EXPECT_DOUBLE_EQ(cpu_quota(), 1.0);
  }
  std::string lines;
  for (int i = 0; i < 10'000; ++i) {
    lines += "0::/a\n";
  }
  set({{"/proc/self/cgroup", lines}, {"/sys/fs/cgroup/a/cpu.max", "200000 100000\n"}});
  EXPECT_DOUBLE_EQ(cpu_quota(), 2.0);
}

TEST_F(CpuQuota, is_none_where_no_file_can_be_read) {
  const support::SystemScope scope([](SystemCalls& table) {
    table.read_file = [](const char*, char*, std::size_t) noexcept -> ssize_t { return -EACCES; };
    table.affinity = [](std::size_t, cpu_set_t*) noexcept -> int { return EPERM; };
  });
  EXPECT_TRUE(std::isinf(cpu_quota()));
  EXPECT_EQ(usable_cpu_count(), 1);
}

TEST_F(CpuQuota, leaves_the_processors_as_they_are) {
  set({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}});
  EXPECT_EQ(process_cpus(), (std::vector<int>{0, 2, 4, 6}));
  EXPECT_EQ(process_cpu_count(), 4);
  EXPECT_EQ(usable_cpu_count(), 1);
}

TEST(UsableCpuCount, of_this_machine_is_at_least_one_and_at_most_that_of_the_mask) {
  EXPECT_GT(cpu_quota(), 0.0);
  EXPECT_GE(usable_cpu_count(), 1);
  EXPECT_LE(usable_cpu_count(), process_cpu_count());
}

}  // namespace
}  // namespace coeval
