// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace coeval {
namespace {

// Runs a shell script as a spawned child and returns its exit code or minus its signal.
class ProcessCallsTest : public testing::Test {
 protected:
  int run(const std::string& script, int descriptor = STDERR_FILENO) {
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = script;
    std::array<char*, 4> arguments{shell.data(), option.data(), text.data(), nullptr};
    sigset_t blocked{};
    sigemptyset(&blocked);
    const SpawnRequest request{.path = "/bin/sh",
                               .arguments = arguments.data(),
                               .environment = environ,
                               .descriptor = descriptor,
                               .blocked = &blocked};
    pid_t pid = 0;
    EXPECT_EQ(sys().process.spawn(request, &pid), 0);
    child_.reset(sys().process.open(pid));
    EXPECT_TRUE(child_);
    return wait();
  }
  int wait() {
    pollfd ended{.fd = child_.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(sys().descriptor.poll(&ended, 1, never_ns), 1);
    int code = 12345;
    EXPECT_EQ(sys().process.reap(child_.get(), &code), 0);
    return code;
  }

  FileDescriptor child_;
};

TEST_F(ProcessCallsTest, a_child_ends_with_its_exit_code) {
  EXPECT_EQ(run("exit 7"), 7);
}

TEST_F(ProcessCallsTest, a_child_that_a_signal_kills_has_a_negative_code) {
  EXPECT_EQ(run("kill -9 $$"), -SIGKILL);
}

TEST_F(ProcessCallsTest, a_child_is_reaped_once) {
  run("exit 5");
  siginfo_t end{};
  EXPECT_EQ(::waitid(P_PIDFD, static_cast<id_t>(child_.get()), &end, WEXITED | WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(sys().process.signal(child_.get(), SIGTERM), ESRCH);
}

TEST_F(ProcessCallsTest, the_end_of_a_child_that_was_reaped_is_told_where_the_kernel_keeps_it) {
  run("exit 5");
  int code = 12345;
  const int error = sys().process.reap(child_.get(), &code);
  EXPECT_TRUE((error == 0 && code == 5) || (error == ECHILD && code == 12345)) << error;
}

TEST_F(ProcessCallsTest, a_child_has_the_descriptors_0_to_3_and_no_other) {
  const FileDescriptor inheritable(::open("/dev/null", O_RDONLY));  // without close-on-exec
  ASSERT_GT(inheritable.get(), 2);
  EXPECT_EQ(run("[ -e /proc/$$/fd/3 ] && [ ! -e /proc/$$/fd/" +
                std::to_string(inheritable.get() == 3 ? 4 : inheritable.get()) + " ]"),
            0);
}

TEST_F(ProcessCallsTest, the_descriptor_3_may_be_handed_over_as_itself) {
  const FileDescriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_GE(::dup3(file.get(), 100, O_CLOEXEC), 0);
  EXPECT_EQ(run("[ -e /proc/$$/fd/3 ]", 100), 0);
  ::close(100);
}

TEST(SharedFutex, is_no_private_one) {
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* const word = static_cast<std::uint32_t*>(page);
  EXPECT_EQ(sys().shared_futex_wait(word, 1, never_ns), EAGAIN);
  EXPECT_EQ(sys().shared_futex_wait(word, 0, 0), ETIMEDOUT);
  const pid_t child = ::fork();
  if (child == 0) {
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0) {
      sys().shared_futex_wait(word, 0, never_ns);
    }
    ::_exit(static_cast<int>(*word % 256));
  }
  EXPECT_EQ(sys().shared_futex_store(word, 2047), 0);
  EXPECT_EQ(*word, 2047U);
  const FileDescriptor process(sys().process.open(child));
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(sys().descriptor.poll(&ended, 1, never_ns), 1);
  int code = 0;
  EXPECT_EQ(sys().process.reap(process.get(), &code), 0);
  EXPECT_EQ(code, 2047 % 256);
  EXPECT_EQ(sys().shared_futex_add(word, 2), 0);
  EXPECT_EQ(*word, 2049U);
  EXPECT_EQ(sys().shared_futex_or(word, 3), 0);
  EXPECT_EQ(*word, 2051U);
  ::munmap(page, 4096);
}

}  // namespace
}  // namespace coeval
