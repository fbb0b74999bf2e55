// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A task that takes all memory costs its worker and not the program, and WorkerDied says why.

#include "executors/processes/support.hpp"

#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace process_pool_test {
namespace {

using coeval::kernel;
using coeval::ProcessPoolExecutor;
using coeval::replace_system_calls;
using coeval::SystemCalls;
using coeval::WorkerDied;
using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

int own_score() {
  std::ifstream file("/proc/self/oom_score_adj");
  int score = -1;
  file >> score;
  return score;
}

TEST(OutOfMemory, meets_a_worker_first) {
  const int here = own_score();
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(own_score).result(), 1000);
  EXPECT_EQ(own_score(), here);
}

// ---- what WorkerDied says, with the files of control groups that a test makes up

std::atomic<int> kills{0};
std::atomic<const char*> groups{""};
std::atomic<const char*> counter{""};

ssize_t read_file(const char* path, char* buffer, std::size_t size) noexcept {
  std::string text;
  if (std::string_view(path) == "/proc/self/cgroup") {
    text = groups.load();
  } else if (std::string_view(path) == counter.load()) {
    text = "oom 7\noom_kill " + std::to_string(kills.load()) + "\noom_group_kill 0\n";
  } else if (std::string_view(path).starts_with("/sys/fs/cgroup")) {
    return -ENOENT;
  } else {
    return kernel().read_file(path, buffer, size);
  }
  const std::size_t count = std::min(size, text.size());
  std::memcpy(buffer, text.data(), count);
  return static_cast<ssize_t>(count);
}

class OutOfMemoryText : public testing::Test {
 protected:
  void use(const char* own_groups, const char* file) {
    groups = own_groups;
    counter = file;
    kills = 3;
    table_.read_file = read_file;
    replace_system_calls(table_);
  }
  void TearDown() override { replace_system_calls(kernel()); }

 private:
  SystemCalls table_ = kernel();
};

int be_killed() {
  ::raise(SIGKILL);
  return 0;
}

void expect_texts() {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto death = [&pool] { return text_of<WorkerDied>(pool.submit(be_killed)); };
  const std::string by_kill = "SIGKILL (a kill -9)";
  const std::string by_kernel = "SIGKILL (out of memory: the kernel killed it)";
  std::string text = death();
  EXPECT_NE(text.find(by_kill), std::string::npos) << text;
  kills += 2;
  for (int i = 0; i < 2; ++i) {
    text = death();
    EXPECT_NE(text.find(by_kernel), std::string::npos) << text;
  }
  text = death();
  EXPECT_NE(text.find(by_kill), std::string::npos) << text;
}

TEST_F(OutOfMemoryText, is_by_the_counter_of_version_2) {
  use("0::/system.slice/decoder.service\n",
      "/sys/fs/cgroup/system.slice/decoder.service/memory.events");
  expect_texts();
}

TEST_F(OutOfMemoryText, is_by_the_counter_of_version_1) {
  use("5:cpu,cpuacct:/\n4:memory:/docker/4711\n0::/\n",
      "/sys/fs/cgroup/memory/docker/4711/memory.oom_control");
  expect_texts();
}

// The path is one of the host, and the root that of the container.
TEST_F(OutOfMemoryText, is_by_the_counter_of_a_containers_root) {
  use("0::/kubepods/pod1\n", "/sys/fs/cgroup/memory.events");
  expect_texts();
}

TEST_F(OutOfMemoryText, is_both_where_nothing_counts) {
  use("", "");
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::string text = text_of<WorkerDied>(pool.submit(be_killed));
  EXPECT_NE(text.find("(a kill -9, or the kernel was out of memory)"), std::string::npos) << text;
}

// ---- the kernel's own, in a control group of 200 MB

constexpr std::size_t megabyte = std::size_t{1} << 20;

void* take(std::size_t size) {
  void* const memory = std::malloc(size);
  multiprocessing_test::require(memory != nullptr);
  std::memset(memory, 1, size);
  asm volatile("" : : "r"(memory) : "memory");
  return memory;
}

int leak() {
  while (true) {
    take(megabyte);
  }
}

// A group of this test, in version 1 or 2; without a name if this user can make none.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::size_t limit) {
    const std::string name = "/coeval-test-" + std::to_string(::getpid());
    const bool version_1 = ::access("/sys/fs/cgroup/memory", W_OK) == 0;
    const std::string folder = (version_1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") + name;
    if (::mkdir(folder.c_str(), 0755) != 0) {
      return;
    }
    folder_ = folder;
    const bool is_limited =
        write(version_1 ? "memory.limit_in_bytes" : "memory.max", std::to_string(limit));
    write(version_1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max",
          version_1 ? std::to_string(limit) : "0");
    if (!is_limited) {
      ::rmdir(folder_.c_str());
      folder_.clear();
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() {
    if (!folder_.empty()) {
      until([this] { return ::rmdir(folder_.c_str()) == 0; });  // when the last process is gone
    }
  }

  const std::string& folder() const noexcept { return folder_; }

 private:
  bool write(const std::string& file, const std::string& text) const {
    std::ofstream out(folder_ + "/" + file);
    out << text << std::flush;
    return out.good();
  }

  std::string folder_;
};

void be_a_program_with_a_leaking_task(const std::string& group, Connection test) {
  std::ofstream(group + "/cgroup.procs") << ::getpid() << std::flush;
  take(130 * megabyte);
  ProcessPoolExecutor pool({.max_workers = 2});
  const auto other = pool.submit(square, 3);
  test.send(text_of<WorkerDied>(pool.submit(leak)));
  multiprocessing_test::require(other.result() == 9 && pool.submit(square, 4).result() == 16);
}

TEST(OutOfMemory, in_a_control_group_costs_the_worker_that_leaks) {
  if (under_sanitizer) {
    GTEST_SKIP() << "a sanitizer's shadow does not fit into the group";
  }
  const MemoryGroup group(200 * megabyte);
  if (group.folder().empty()) {
    GTEST_SKIP() << "this user cannot limit a control group's memory";
  }
  auto [here, there] = Pipe();
  Process program(be_a_program_with_a_leaking_task, group.folder(), std::move(there));
  program.start();
  const auto text = here.recv<std::string>();
  EXPECT_NE(text.find("out of memory: the kernel killed it"), std::string::npos) << text;
  program.join();
  EXPECT_EQ(program.exitcode(), 0);
}

}  // namespace
}  // namespace process_pool_test
