// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Shared memory when the kernel has none, and when the other process means harm.

#include <coeval/multiprocessing/shared_memory.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include "core/system_scope.hpp"
#include "multiprocessing/memory/memory_helpers.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using support::error_of;
using support::FreshName;
using support::load_from;

// Each call of the kernel fails in its turn, and nothing is left behind.
class SharedMemoryFault : public testing::Test {
 protected:
  // What making memory, with a name and without, raises when the changed call fails.
  template <class Change>
  void expect_error(int error, Change change) {
    {
      const support::SystemScope scope(change);
      EXPECT_EQ(error_of([] { SharedMemory(10); }), error);
      EXPECT_EQ(error_of([this] { SharedMemory::create(name_.text(), 10); }), error);
    }
    EXPECT_EQ(error_of([this] { SharedMemory::attach(name_.text()); }), ENOENT);
    EXPECT_EQ(support::held(), before_);
  }

  const FreshName name_;
  const std::pair<std::ptrdiff_t, std::ptrdiff_t> before_ = support::held();
};

TEST_F(SharedMemoryFault, no_descriptor_is_an_error_at_the_creation) {
  expect_error(EMFILE, [](SystemCalls& table) {
    table.descriptor.memory_file = [](const char*) noexcept { return -EMFILE; };
    table.descriptor.shared_open = [](const char*, int, mode_t) noexcept { return -EMFILE; };
  });
}

TEST_F(SharedMemoryFault, no_size_is_an_error_at_the_creation) {
  expect_error(EFBIG, [](SystemCalls& table) {
    table.descriptor.truncate = [](int, off_t) noexcept { return EFBIG; };
  });
}

TEST_F(SharedMemoryFault, no_room_is_an_error_at_the_creation) {
  expect_error(ENOSPC, [](SystemCalls& table) {
    table.descriptor.allocate = [](int, off_t, off_t) noexcept { return ENOSPC; };
  });
}

TEST_F(SharedMemoryFault, no_place_is_an_error_at_the_creation) {
  expect_error(ENOMEM, [](SystemCalls& table) {
    table.descriptor.map = [](std::size_t, int, int, int* error) noexcept -> void* {
      *error = ENOMEM;
      return nullptr;
    };
  });
}

TEST_F(SharedMemoryFault, no_seal_is_an_error_at_the_creation) {
  const support::SystemScope scope(
      [](SystemCalls& table) { table.descriptor.seal = [](int, int) noexcept { return EPERM; }; });
  EXPECT_EQ(error_of([] { SharedMemory(10); }), EPERM);
  EXPECT_EQ(support::held(), before_);
}

// Runs a lambda in a process of its own, and returns its words.
template <class F>
std::string told(F target) {
  auto [here, there] = Pipe();
  Process process(target, std::move(there));
  process.start();
  std::string words;
  try {
    words = here.recv<std::string>();
  } catch (const EOFError&) {
    words = "nothing";
  }
  process.join();
  return words + " " + std::to_string(process.exitcode().value_or(-999));
}

TEST(SharedMemoryProcess, a_process_without_free_descriptors_gets_an_error) {
  EXPECT_EQ(told([](Connection connection) {
              // The undefined behaviour sanitizer needs descriptors when it first meets a type: the
              // error's before there are none, and that of the memory when there are some again.
              EXPECT_EQ(error_of([] { SharedMemory::attach(FreshName().text()); }), ENOENT);
              rlimit before{};
              ::getrlimit(RLIMIT_NOFILE, &before);
              const rlimit few{.rlim_cur = 10, .rlim_max = before.rlim_max};
              ::setrlimit(RLIMIT_NOFILE, &few);
              std::vector<SharedMemory> memories;
              const int error = error_of([&] {
                while (true) {
                  memories.emplace_back(10);
                }
              });
              ::setrlimit(RLIMIT_NOFILE, &before);
              connection.send(std::string(error == EMFILE ? "EMFILE" : "something else"));
            }),
            "EMFILE 0");
}

// A mount namespace of this process alone, with 1 MiB for named memory: whether there is one.
bool make_small_file_system() {
  const bool entered = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  return entered && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("coeval", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
}

// Touching memory in a file system without room is SIGBUS; it does not come to that.
TEST(SharedMemoryProcess, a_full_file_system_is_an_error_and_never_SIGBUS) {
  const std::string words = told([](Connection connection) {
    if (!make_small_file_system()) {
      connection.send(std::string("not allowed"));
      return;
    }
    std::string text;
    const auto note = [&](int error) {
      text += error == ENOSPC ? "ENOSPC " : std::to_string(error) + " ";
    };
    note(error_of([] { SharedMemory::create("large", 2 << 20); }));
    const SharedMemory half = SharedMemory::create("half", 600'000);
    note(error_of([] { SharedMemory::create("other", 600'000); }));
    note(error_of([] { SharedMemory::attach("other"); }));
    const FileDescriptor sparse(::shm_open("/sparse", O_RDWR | O_CREAT, 0600));
    ::ftruncate(sparse.get(), 600'000);
    note(error_of([] { SharedMemory::attach("sparse"); }));
    std::ranges::fill(half.bytes(), std::byte{1});
    connection.send(text);
  });
  if (words == "not allowed 0") {
    GTEST_SKIP() << "a mount namespace needs privileges";
  }
  EXPECT_EQ(words, "ENOSPC ENOSPC " + std::to_string(ENOENT) + " ENOSPC  0");
}

// The kernel takes back what a call has allocated when a signal comes: the calls have to be short.
TEST(SharedMemorySignals, memory_is_made_under_the_signals_of_a_timer) {
  static volatile std::sig_atomic_t signals = 0;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { signals = signals + 1; };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 2000},
                        .it_value = {.tv_sec = 0, .tv_usec = 2000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  EXPECT_EQ(SharedMemory(std::size_t{64} << 20).size(), std::size_t{64} << 20);
  const itimerval off{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &off, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  EXPECT_GT(signals, 0);
}

FileDescriptor file_of(const SharedMemory& memory) {
  return std::move(pickle::dumps_parcel(memory).descriptors.at(0));
}

std::string tried(int result) {
  return (result == 0 ? "done" : errno == EPERM ? "EPERM" : "another error") + std::string(" ");
}

TEST(SharedMemoryHarm, no_process_can_resize_it_or_undo_its_seals) {
  const SharedMemory memory(10'000);
  auto [here, there] = Pipe();
  const auto attack = [](Connection connection) {
    const FileDescriptor file = file_of(connection.recv<SharedMemory>());
    std::string text = tried(::ftruncate(file.get(), 0));
    text += tried(::ftruncate(file.get(), 20'000));
    text += tried(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE));
    text += tried(::fallocate(file.get(), FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 10'000));
    connection.send(text);
  };
  memory.bytes()[9'999] = std::byte{7};
  Process process(attack, std::move(there));
  process.start();
  here.send(memory);
  EXPECT_EQ(here.recv<std::string>(), "EPERM EPERM EPERM done ");
  process.join();
  // A hole has neither a SIGBUS nor the old bytes in it.
  EXPECT_EQ(memory.bytes()[9'999], std::byte{0});
  std::ranges::fill(memory.bytes(), std::byte{8});
  EXPECT_EQ(std::ranges::count(memory.bytes(), std::byte{8}), 10'000);
}

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

FileDescriptor memory_file(off_t size, int with_seals) {
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), size), 0);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, with_seals), 0);
  return file;
}
FileDescriptor read_only(const FileDescriptor& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

SharedMemory loaded(FileDescriptor file, const std::string& name, std::uint64_t size) {
  return load_from<SharedMemory>(std::move(file), name, size);
}

TEST(SharedMemoryHarm, what_comes_must_be_a_sealed_memory_file_of_the_announced_size) {
  EXPECT_EQ(loaded(memory_file(5000, seals), "", 5000).size(), 5000U);

  EXPECT_THROW(loaded(FileDescriptor(), "", 5000), PickleError);
  EXPECT_THROW(loaded(FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC)), "", 5000),
               PickleError);
  EXPECT_THROW(loaded(FileDescriptor(::open("/", O_RDONLY | O_CLOEXEC)), "", 5000), PickleError);
  EXPECT_THROW(loaded(memory_file(5000, 0), "", 5000), PickleError);
  EXPECT_THROW(loaded(memory_file(5000, F_SEAL_SHRINK | F_SEAL_SEAL), "", 5000), PickleError);
  EXPECT_THROW(loaded(memory_file(5000, F_SEAL_GROW | F_SEAL_SEAL), "", 5000), PickleError);
  EXPECT_THROW(loaded(memory_file(5000, seals | F_SEAL_WRITE), "", 5000), PickleError);
  EXPECT_THROW(loaded(read_only(memory_file(5000, seals)), "", 5000), PickleError);
  for (const std::uint64_t size : {0UL, 1UL, 4999UL, 5001UL, 1UL << 63, ~0UL}) {
    EXPECT_THROW(loaded(memory_file(5000, seals), "", size), PickleError) << size;
  }
  EXPECT_THROW(loaded(memory_file(0, seals), "", 0), PickleError);
}

TEST(SharedMemoryHarm, bytes_that_end_too_early_are_refused) {
  EXPECT_THROW(load_from<SharedMemory>(memory_file(5000, seals)), PickleError);
  EXPECT_THROW(load_from<SharedMemory>(memory_file(5000, seals), std::string()), PickleError);
  EXPECT_THROW(load_from<SharedMemory>(memory_file(5000, seals), std::uint64_t{1} << 60),
               PickleError);
}

TEST(SharedMemoryHarm, a_name_that_comes_is_one_that_create_would_take) {
  EXPECT_EQ(loaded(memory_file(5000, 0), "prices", 5000).name(), "prices");
  for (const std::string& name : {std::string("../prices"), std::string("a/b"),
                                  std::string("a\0b", 3), std::string(251, 'x')}) {
    EXPECT_THROW(loaded(memory_file(5000, 0), name, 5000), PickleError) << name;
  }
  EXPECT_THROW(loaded(read_only(memory_file(5000, 0)), "prices", 5000), PickleError);
  EXPECT_THROW(loaded(memory_file(100, 0), "prices", 5000), PickleError);
}

TEST(SharedMemoryHarm, a_refusal_leaves_no_descriptor_and_no_mapping) {
  const auto refuse = [] {
    EXPECT_THROW(loaded(memory_file(5000, 0), "", 5000), PickleError);
    EXPECT_THROW(loaded(memory_file(5000, seals), "", 5001), PickleError);
    EXPECT_THROW(loaded(read_only(memory_file(5000, seals)), "", 5000), PickleError);
  };
  refuse();
  const auto before = support::held();
  for (int i = 0; i < 100; ++i) {
    refuse();
  }
  EXPECT_EQ(support::held(), before);
}

}  // namespace
}  // namespace coeval::multiprocessing
