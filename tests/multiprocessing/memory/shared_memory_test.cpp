// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/shared_memory.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/queue.hpp>
#include "multiprocessing/memory/memory_helpers.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using support::error_of;
using support::FreshName;

char read_at(const SharedMemory& memory, std::size_t at) {
  return std::to_integer<char>(memory.bytes()[at]);
}
void write_at(const SharedMemory& memory, std::size_t at, char letter) {
  memory.bytes()[at] = std::byte(letter);
}

TEST(SharedMemory, begins_with_zeroes_and_ends_with_its_last_handle) {
  const SharedMemory memory(100'000);
  EXPECT_EQ(memory.size(), 100'000U);
  EXPECT_TRUE(memory.name().empty());
  EXPECT_TRUE(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
  const SharedMemory copy = memory;
  write_at(copy, 99'999, 'x');
  EXPECT_EQ(read_at(memory, 99'999), 'x');
  EXPECT_EQ(copy, memory);
  EXPECT_NE(SharedMemory(1), memory);
}

// CPython's test_shared_memory_basics.
TEST(SharedMemory, two_attachments_of_a_name_see_the_same_bytes) {
  const FreshName name;
  const SharedMemory made = SharedMemory::create(name.text(), 512);
  const SharedMemory found = SharedMemory::attach(name.text());
  EXPECT_EQ(found.size(), 512U);
  EXPECT_EQ(found.name(), name.text());
  EXPECT_NE(found, made) << "it is a mapping of its own";
  EXPECT_NE(found.data(), made.data());
  write_at(made, 0, 'p');
  write_at(found, 511, 'q');
  EXPECT_EQ(read_at(found, 0), 'p');
  EXPECT_EQ(read_at(made, 511), 'q');
}

TEST(SharedMemory, unlink_takes_the_name_and_leaves_the_memory) {
  const FreshName name;
  SharedMemory memory = SharedMemory::create(name.text(), 10);
  SharedMemory other = SharedMemory::attach(name.text());
  memory.unlink();
  write_at(memory, 9, 'x');
  EXPECT_EQ(read_at(other, 9), 'x');
  EXPECT_EQ(error_of([&] { SharedMemory::attach(name.text()); }), ENOENT);
  EXPECT_EQ(error_of([&] { other.unlink(); }), ENOENT);
  EXPECT_THROW(SharedMemory(10).unlink(), RuntimeError);
}

// CPython's test_shared_memory_recreate.
TEST(SharedMemory, a_name_in_use_is_refused_until_it_is_unlinked) {
  const FreshName name;
  SharedMemory first = SharedMemory::create(name.text(), 10);
  write_at(first, 0, '1');
  EXPECT_EQ(error_of([&] { SharedMemory::create(name.text(), 10); }), EEXIST);
  EXPECT_EQ(SharedMemory::attach(name.text()).size(), 10U) << "the refusal has not unlinked it";
  first.unlink();
  const SharedMemory second = SharedMemory::create(name.text(), 20);
  EXPECT_EQ(read_at(second, 0), 0);
  EXPECT_EQ(read_at(first, 0), '1');
}

// CPython's test_shared_memory_name_with_embedded_null, and test_invalid_shared_memory_creation.
TEST(SharedMemory, a_name_is_one_to_250_bytes_without_slash_and_null) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("/a"), std::string("."), std::string(".."),
        std::string("a\0b", 3), std::string(251, 'x')}) {
    EXPECT_THROW(SharedMemory::create(name, 1), ValueError) << name;
    EXPECT_THROW(SharedMemory::attach(name), ValueError) << name;
  }
  std::string longest = FreshName().text();
  longest.resize(250, 'x');
  SharedMemory memory = SharedMemory::create(longest, 1);
  EXPECT_EQ(SharedMemory::attach(longest).name(), longest);
  memory.unlink();
}

TEST(SharedMemory, impossible_sizes_are_refused) {
  const FreshName name;
  for (const std::size_t size : {std::size_t{0}, std::numeric_limits<std::size_t>::max(),
                                 static_cast<std::size_t>(std::numeric_limits<off_t>::max())}) {
    EXPECT_THROW(SharedMemory{size}, ValueError) << size;
    EXPECT_THROW(SharedMemory::create(name.text(), size), ValueError) << size;
  }
}

TEST(SharedMemory, more_than_the_machine_has_is_an_error_and_leaves_no_name) {
  constexpr std::size_t too_much = std::size_t{1} << 46;
  const FreshName name;
  EXPECT_EQ(error_of([] { SharedMemory{too_much}; }), ENOMEM);
  EXPECT_EQ(error_of([&] { SharedMemory::create(name.text(), too_much); }), ENOMEM);
  EXPECT_EQ(error_of([&] { SharedMemory::attach(name.text()); }), ENOENT);
}

TEST(SharedMemory, a_closed_handle_refuses_everything_and_its_copies_do_not) {
  SharedMemory memory(10);
  const SharedMemory copy = memory;
  EXPECT_TRUE(memory);
  memory.close();
  memory.close();
  EXPECT_TRUE(memory.closed());
  EXPECT_FALSE(memory);
  EXPECT_THROW(memory.bytes(), RuntimeError);
  EXPECT_THROW(memory.data(), RuntimeError);
  EXPECT_THROW(memory.size(), RuntimeError);
  EXPECT_THROW(memory.name(), RuntimeError);
  EXPECT_THROW(memory.unlink(), RuntimeError);
  EXPECT_EQ(memory, SharedMemory());
  EXPECT_EQ(copy.size(), 10U);
}

// CPython's test_shared_memory_pickle_unpickle_dead_object.
TEST(SharedMemory, a_closed_handle_is_not_pickled) {
  EXPECT_THROW(pickle::dumps_parcel(SharedMemory()), RuntimeError);
}

TEST(SharedMemory, says_what_it_is) {
  const FreshName name;
  EXPECT_EQ(to_string(SharedMemory(4096)), "<SharedMemory 4096 bytes>");
  EXPECT_EQ(to_string(SharedMemory::create(name.text(), 7)),
            "<SharedMemory '" + name.text() + "' 7 bytes>");
  EXPECT_EQ(to_string(SharedMemory()), "<SharedMemory closed>");
}

void write_letter(const SharedMemory& memory, std::size_t at, char letter) {
  write_at(memory, at, letter);
}

// CPython's test_shared_memory_pickle_unpickle and test_shared_memory_across_processes.
TEST(SharedMemory, travels_to_a_process_with_a_name_and_without) {
  const FreshName name;
  for (const SharedMemory& memory : {SharedMemory(5000), SharedMemory::create(name.text(), 5000)}) {
    Process process(write_letter, memory, std::size_t{4999}, 'z');
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_EQ(read_at(memory, 4999), 'z') << to_string(memory);
  }
}

TEST(SharedMemory, a_process_may_make_it_and_end) {
  const auto make = [](Connection connection) {
    const SharedMemory memory(10'000);
    write_at(memory, 5, 'm');
    connection.send(std::vector{memory, memory});
  };
  auto [here, there] = Pipe();
  Process process(make, std::move(there));
  process.start();
  process.join();
  const auto memories = here.recv<std::vector<SharedMemory>>();
  ASSERT_EQ(memories.size(), 2U);
  EXPECT_EQ(read_at(memories[0], 5), 'm');
  write_at(memories[0], 6, 'n');
  EXPECT_EQ(read_at(memories[1], 6), 'n');
}

TEST(SharedMemory, a_process_attaches_by_name) {
  const FreshName name;
  const SharedMemory memory = SharedMemory::create(name.text(), 3);
  Process process([](const std::string& which) { write_at(SharedMemory::attach(which), 2, 'a'); },
                  name.text());
  process.start();
  process.join();
  EXPECT_EQ(read_at(memory, 2), 'a');
}

// Where Python's resource tracker unlinks what others may still need, a name stays:
// test_shared_memory_cleaned_after_process_termination, test_shared_memory_tracking.
TEST(SharedMemory, a_name_outlives_the_death_of_its_creator) {
  const FreshName name;
  const auto make_and_wait = [](const std::string& which, Connection connection) {
    const SharedMemory memory = SharedMemory::create(which, 100);
    write_at(memory, 99, 'd');
    connection.send(true);
    connection.recv<bool>();
  };
  auto [here, there] = Pipe();
  Process process(make_and_wait, name.text(), std::move(there));
  process.start();
  here.recv<bool>();
  process.kill();
  process.join();
  EXPECT_EQ(read_at(SharedMemory::attach(name.text()), 99), 'd');
}

TEST(SharedMemory, a_queue_refuses_it_and_says_what_carries_it) {
  const Queue<SharedMemory> queue;
  try {
    queue.put(SharedMemory(1));
    FAIL() << "it was put";
  } catch (const PickleError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("Connection"), std::string::npos) << text;
    EXPECT_NE(text.find("argument of a Process"), std::string::npos) << text;
  }
}

TEST(SharedMemory, memory_without_a_name_is_in_no_folder) {
  const SharedMemory memory(4096);
  EXPECT_NE(support::line_of_mapping(memory.data()).find("/memfd:"), std::string::npos);
  const FreshName name;
  const SharedMemory named = SharedMemory::create(name.text(), 4096);
  EXPECT_NE(support::line_of_mapping(named.data()).find("/dev/shm/" + name.text()),
            std::string::npos);
}

// What a program without this library leaves: a file whose creator has not given it a size, or one
// without pages.
TEST(SharedMemory, attach_takes_no_memory_without_a_size) {
  const FreshName name;
  const FileDescriptor file(
      ::shm_open(("/" + name.text()).c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  ASSERT_TRUE(file);
  EXPECT_THROW(SharedMemory::attach(name.text()), InvalidStateError);
}

TEST(SharedMemory, attach_gives_memory_the_pages_that_it_lacks) {
  const FreshName name;
  const FileDescriptor file(
      ::shm_open(("/" + name.text()).c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  ASSERT_EQ(::ftruncate(file.get(), 1'000'000), 0);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 500'000), 1);
  const SharedMemory memory = SharedMemory::attach(name.text());
  struct stat status{};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_size, 1'000'000);
  EXPECT_GE(status.st_blocks * 512, 1'000'000);
  EXPECT_EQ(read_at(memory, 500'000), 'x');
}

// CPython's resource tracker has no counterpart: what is taken is given back at once.
TEST(SharedMemory, a_thousand_rounds_leave_no_descriptor_and_no_mapping) {
  const FreshName name;
  const auto round = [&] {
    const SharedMemory memory(10'000);
    auto [left, right] = Pipe();
    left.send(memory);
    write_at(right.recv<SharedMemory>(), 1, 'x');
    SharedMemory named = SharedMemory::create(name.text(), 10'000);
    write_at(SharedMemory::attach(name.text()), 1, 'x');
    named.unlink();
    EXPECT_EQ(read_at(memory, 1), read_at(named, 1));
    EXPECT_THROW(SharedMemory::attach(name.text()), std::system_error);
  };
  round();
  const auto before = support::held();
  for (int i = 0; i < 1000; ++i) {
    round();
  }
  EXPECT_EQ(support::held(), before);
}

}  // namespace
}  // namespace coeval::multiprocessing
