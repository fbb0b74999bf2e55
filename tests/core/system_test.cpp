// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/system.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>

namespace coeval {
namespace {

TEST(SystemCalls, the_kernels_table_is_in_force_at_first) {
  EXPECT_EQ(&sys(), &kernel());
}

TEST(SystemCalls, a_replacement_is_in_force_until_the_one_before_is_restored) {
  static SystemCalls table = kernel();
  table.gettid = []() noexcept -> pid_t { return 12345; };
  const SystemCalls& before = replace_system_calls(table);
  EXPECT_EQ(&before, &kernel());
  EXPECT_EQ(&sys(), &table);
  EXPECT_EQ(sys().gettid(), 12345);
  EXPECT_EQ(&replace_system_calls(before), &table);
  EXPECT_EQ(&sys(), &kernel());
  EXPECT_NE(sys().gettid(), 12345);
}

TEST(SystemCalls, replacements_nest) {
  const support::SystemScope outer(
      [](SystemCalls& table) { table.getpid = []() noexcept -> pid_t { return 1; }; });
  {
    const support::SystemScope inner(
        [](SystemCalls& table) { table.getpid = []() noexcept -> pid_t { return 2; }; });
    EXPECT_EQ(sys().getpid(), 2);
  }
  EXPECT_EQ(sys().getpid(), 1);
}

TEST(SystemCalls, every_entry_of_the_kernels_table_is_there) {
  const SystemCalls& table = kernel();
  EXPECT_NE(table.monotonic_ns, nullptr);
  EXPECT_NE(table.thread_cpu_ns, nullptr);
  EXPECT_NE(table.futex_wait, nullptr);
  EXPECT_NE(table.futex_wake, nullptr);
  EXPECT_NE(table.thread_create, nullptr);
  EXPECT_NE(table.thread_join, nullptr);
  EXPECT_NE(table.thread_set_name, nullptr);
  EXPECT_NE(table.gettid, nullptr);
  EXPECT_NE(table.getpid, nullptr);
  EXPECT_NE(table.fork, nullptr);
  EXPECT_NE(table.affinity, nullptr);
  EXPECT_NE(table.set_affinity, nullptr);
  EXPECT_NE(table.current_cpu, nullptr);
  EXPECT_NE(table.yield, nullptr);
  EXPECT_NE(table.random, nullptr);
  EXPECT_NE(table.read_file, nullptr);
  EXPECT_NE(table.write_error, nullptr);
}

TEST(Kernel, the_clock_does_not_go_back) {
  const std::int64_t first = kernel().monotonic_ns();
  EXPECT_GE(kernel().monotonic_ns(), first);
  EXPECT_GT(first, 0);
}

TEST(Kernel, a_thread_has_used_cpu_time) {
  EXPECT_GE(kernel().thread_cpu_ns(pthread_self()), 0);
}

TEST(Kernel, ids_are_those_of_the_process) {
  EXPECT_EQ(kernel().getpid(), ::getpid());
  pid_t other = 0;
  std::thread([&other] { other = kernel().gettid(); }).join();
  EXPECT_NE(other, kernel().gettid());
}

TEST(Kernel, a_futex_wait_on_another_value_returns_at_once) {
  const std::uint32_t word = 1;
  EXPECT_EQ(kernel().futex_wait(&word, 2, never_ns), EAGAIN);
}

TEST(Kernel, a_futex_wait_ends_at_a_deadline_that_has_passed) {
  const std::uint32_t word = 1;
  EXPECT_EQ(kernel().futex_wait(&word, 1, 1), ETIMEDOUT);
  EXPECT_EQ(kernel().futex_wait(&word, 1, 0), ETIMEDOUT);
  EXPECT_EQ(kernel().futex_wait(&word, 1, -5), ETIMEDOUT);
}

TEST(Kernel, a_futex_wake_without_sleepers_is_no_error) {
  const std::uint32_t word = 1;
  EXPECT_EQ(kernel().futex_wake(&word, 1), 0);
}

TEST(Kernel, random_bytes_differ) {
  std::array<std::uint64_t, 2> a{};
  std::array<std::uint64_t, 2> b{};
  ASSERT_EQ(kernel().random(a.data(), sizeof a), 0);
  ASSERT_EQ(kernel().random(b.data(), sizeof b), 0);
  EXPECT_NE(a, b);
}

TEST(Kernel, reads_a_small_file_whole) {
  std::array<char, 64> buffer{};
  const ssize_t size = kernel().read_file("/proc/self/comm", buffer.data(), buffer.size());
  ASSERT_GT(size, 0);
  EXPECT_EQ(buffer[static_cast<std::size_t>(size) - 1], '\n');
}

TEST(Kernel, reads_no_more_than_the_buffer_holds) {
  std::array<char, 4> buffer{'x', 'x', 'x', 'x'};
  EXPECT_EQ(kernel().read_file("/proc/self/maps", buffer.data(), 3), 3);
  EXPECT_EQ(buffer[3], 'x');
}

TEST(Kernel, a_missing_file_is_an_errno) {
  char buffer = 0;
  EXPECT_EQ(kernel().read_file("/no/such/file", &buffer, 1), -ENOENT);
}

TEST(Kernel, a_thread_starts_and_is_joined) {
  pthread_t thread{};
  int value = 0;
  const auto entry = [](void* argument) -> void* {
    *static_cast<int*>(argument) = 7;
    return nullptr;
  };
  ASSERT_EQ(kernel().thread_create(&thread, 0, entry, &value), 0);
  ASSERT_EQ(kernel().thread_join(thread), 0);
  EXPECT_EQ(value, 7);
}

TEST(Kernel, a_thread_name_longer_than_the_kernel_takes_is_an_errno) {
  EXPECT_EQ(kernel().thread_set_name(pthread_self(), "a name of more than 15 bytes"), ERANGE);
}

}  // namespace
}  // namespace coeval
