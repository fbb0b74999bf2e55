// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/kill_points.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/core/system.hpp>
#include <coeval/pickle/pickle.hpp>
#include "threading/helpers.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace multiprocessing_test {

// How many instructions of an operation to step through; COEVAL_KILL_POINTS sets another number.
inline std::size_t wanted_points(std::size_t by_default) {
  const char* const given = std::getenv("COEVAL_KILL_POINTS");
  return given == nullptr ? by_default : std::strtoull(given, nullptr, 10);
}

// A survivor does not sleep: its clock jumps to the end of each sleep. A sleep that nothing would
// end is a wedge, and is thrown as an exception.
class NoSleep {
 public:
  NoSleep() { is_on = true; }
  NoSleep(const NoSleep&) = delete;
  NoSleep& operator=(const NoSleep&) = delete;
  ~NoSleep() { is_on = false; }

  // Sleeps are sleeps again for a scope, when a second survivor takes part.
  class Pause {
   public:
    Pause() { is_on = false; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    ~Pause() { is_on = true; }
  };

  // In force as long as it lives.
  class Table {
    threading_test::SystemScope scope_{table()};
  };

 private:
  static const coeval::SystemCalls& table() {
    static const coeval::SystemCalls sleepless = [] {
      coeval::SystemCalls calls = coeval::kernel();
      calls.monotonic_ns = []() noexcept {
        return coeval::kernel().monotonic_ns() + (is_on ? forward : 0);
      };
      calls.shared_futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                   std::int64_t deadline) noexcept {
        if (!is_on) {
          return coeval::kernel().shared_futex_wait(word, expected, deadline);
        }
        if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) {
          return EAGAIN;
        }
        if (deadline == coeval::never_ns || ++sleeps > 1000) {
          std::cerr << "wedged: a survivor would sleep for ever\n";
          std::abort();
        }
        forward = std::max(forward, deadline - coeval::kernel().monotonic_ns());
        return ETIMEDOUT;
      };
      return calls;
    }();
    return sleepless;
  }

  inline static thread_local bool is_on = false;
  inline static thread_local std::int64_t forward = 0;

 public:
  // Since the last check began.
  inline static thread_local int sleeps = 0;
};

// A handle, and a second one of memory of the same shape that is overwritten with that of the first.
template <class T>
class TwoCopies {
 public:
  // looked_at: how many bytes of each memory may change.
  TwoCopies(T handle, std::size_t looked_at) : live(std::move(handle)) {
    coeval::pickle::Parcel parcel = coeval::pickle::dumps_parcel(live);
    std::vector<coeval::FileDescriptor> copies;
    for (const coeval::FileDescriptor& file : parcel.descriptors) {
      copies.push_back(add_memory(file, looked_at));
    }
    parcel.descriptors = std::move(copies);
    copy.emplace(coeval::pickle::loads_parcel<T>(std::move(parcel)));
  }
  TwoCopies(const TwoCopies&) = delete;
  TwoCopies& operator=(const TwoCopies&) = delete;
  ~TwoCopies() {
    for (const Memory& memory : memories_) {
      ::munmap(memory.live, memory.size);
      ::munmap(memory.copy, memory.size);
    }
  }

  // The first memory as new, and the second like it.
  void begin_anew() {
    for (const Memory& memory : memories_) {
      std::copy_n(memory.first.data(), memory.size, memory.live);
      std::copy_n(memory.live, memory.size, memory.copy);
    }
  }
  void overwrite_copy() {
    for (const Memory& memory : memories_) {
      std::copy_n(memory.live, memory.size, memory.copy);
    }
  }
  std::vector<coeval::testing::KillPoints::Window> windows() const {
    std::vector<coeval::testing::KillPoints::Window> result;
    for (const Memory& memory : memories_) {
      result.push_back(
          {.live = {memory.live, memory.looked_at}, .copy = {memory.copy, memory.looked_at}});
    }
    return result;
  }

  T live;
  std::optional<T> copy;

 private:
  struct Memory {
    std::byte* live;
    std::byte* copy;
    std::size_t size;
    std::size_t looked_at;
    std::vector<std::byte> first;
  };

  static std::byte* map(int fd, std::size_t size) {
    return static_cast<std::byte*>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  }
  coeval::FileDescriptor add_memory(const coeval::FileDescriptor& file, std::size_t looked_at) {
    struct stat status{};
    ::fstat(file.get(), &status);
    const auto size = static_cast<std::size_t>(status.st_size);
    coeval::FileDescriptor other(::memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(other.get(), status.st_size), 0);
    EXPECT_EQ(::fcntl(other.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    Memory memory{.live = map(file.get(), size),
                  .copy = map(other.get(), size),
                  .size = size,
                  .looked_at = std::min(size, looked_at),
                  .first = {}};
    memory.first.assign(memory.live, memory.live + size);
    std::copy_n(memory.live, size, memory.copy);
    memories_.push_back(std::move(memory));
    return other;
  }

  std::vector<Memory> memories_;
};

// One thing that is done to a handle, and what is true for a survivor of who is killed in it.
template <class T>
struct KilledIn {
  const char* name;
  std::function<void(const T&)> before;     // with the handle as new
  std::function<void(const T&)> operation;  // is stepped through
  std::function<void(const T&)> check;      // on a copy, after each change of the memory
  std::function<void(const T&)> after = [](const T&) {};  // on the first one, unless it died
};

// Steps through an operation until there were enough points, and prints what was found.
template <class T>
void step_often(const T& handle, const KilledIn<T>& what, std::size_t enough,
                std::size_t looked_at = 2048) {
  if (!coeval::testing::can_single_step()) {
    GTEST_SKIP() << "single steps need x86-64 and no sanitizer";
  }
  const NoSleep::Table table;
  std::thread stepped([&] {
    TwoCopies<T> copies(handle, looked_at);
    coeval::testing::KillPoints points(copies.windows(), [&] {
      const NoSleep no_sleep;
      NoSleep::sleeps = 0;
      try {
        what.check(*copies.copy);
      } catch (const std::exception& error) {
        ADD_FAILURE() << what.name << ": " << error.what();
      }
    });
    while (points.points() < wanted_points(enough) && !::testing::Test::HasFailure()) {
      copies.begin_anew();
      what.before(copies.live);
      copies.overwrite_copy();
      points.step([&] { what.operation(copies.live); });
      what.after(copies.live);
    }
    EXPECT_GT(points.states(), 2U);
    std::cout << "kill points of " << what.name << ": " << points.points() << ", in "
              << points.states() << " states of the memory; "
              << (::testing::Test::HasFailure() ? "see above" : "0")
              << " wedged, lost, doubled or corrupt\n";
  });
  stepped.join();
}

}  // namespace multiprocessing_test
