// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A task cannot return memory with a name: it could shrink the file afterwards, and its pool's program
// would die of SIGBUS where it touches what is cut off.

#include <coeval/core/errors.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>
#include <coeval/pickle/archive.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using coeval::PickleError;
using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::SharedMemory;

constexpr std::size_t size = 8192;

class Name {
 public:
  Name() : text_("coeval-returned-" + std::to_string(::getpid())) {}
  ~Name() { ::shm_unlink(("/" + text_).c_str()); }
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

SharedMemory attach_to(const std::string& name) {
  return SharedMemory::attach(name);
}
std::vector<SharedMemory> attach_to_each(const std::vector<std::string>& names) {
  std::vector<SharedMemory> all;
  for (const std::string& name : names) {
    all.push_back(SharedMemory::attach(name));
  }
  return all;
}
SharedMemory nameless(int byte) {
  SharedMemory memory(size);
  memory.data()[size - 1] = static_cast<std::byte>(byte);
  return memory;
}
std::byte last_byte(const SharedMemory& memory) {
  return memory.data()[size - 1];
}
int own_pid() {
  return ::getpid();
}

// What says that it is named memory, and is written as a task that means harm would write it.
class Forged {
 public:
  explicit Forged(std::string name) : name_(std::move(name)) {}

  void save(coeval::pickle::OutputArchive& archive) const {
    const coeval::FileDescriptor file(::shm_open(("/" + name_).c_str(), O_RDWR, 0));
    archive.attach(file);
    archive(name_, static_cast<std::uint64_t>(size));
  }
  static Forged load(coeval::pickle::InputArchive& archive) {
    return Forged(SharedMemory::load(archive).name());
  }

 private:
  std::string name_;
};

Forged forge(const std::string& name) {
  return Forged(name);
}

TEST(NamedMemoryReturned, is_refused_in_the_task_which_says_what_to_return) {
  const Name name;
  const SharedMemory memory = SharedMemory::create(name.text(), size);
  ProcessPoolExecutor pool({.max_workers = 1});
  const int pid = pool.submit(own_pid).result();
  try {
    pool.submit(attach_to, name.text()).result();
    ADD_FAILURE() << "named memory came back";
  } catch (const PickleError& error) {
    EXPECT_NE(std::string(error.what()).find("return the name"), std::string::npos) << error.what();
  }
  EXPECT_THROW(pool.submit(attach_to_each, std::vector{name.text()}).result(), PickleError);
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

TEST(NamedMemoryReturned, is_refused_in_an_element_of_a_map) {
  const Name name;
  const SharedMemory memory = SharedMemory::create(name.text(), size);
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<std::string> names(5, name.text());
  auto results = pool.map({.chunksize = 5}, attach_to, names);
  int refused = 0;
  for (auto result = results.begin(); result != results.end(); ++result) {
    EXPECT_THROW(static_cast<void>(*result), PickleError);
    ++refused;
  }
  EXPECT_EQ(refused, 5);
}

TEST(NamedMemoryReturned, is_refused_by_the_program_too) {
  const Name name;
  const SharedMemory memory = SharedMemory::create(name.text(), size);
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THROW(pool.submit(forge, name.text()).result(), PickleError);
}

TEST(NamedMemoryReturned, may_be_an_argument_and_memory_without_a_name_may_return) {
  const Name name;
  const SharedMemory memory = SharedMemory::create(name.text(), size);
  memory.data()[size - 1] = std::byte{7};
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(last_byte, memory).result(), std::byte{7});
  EXPECT_EQ(last_byte(pool.submit(nameless, 9).result()), std::byte{9});
}

}  // namespace
