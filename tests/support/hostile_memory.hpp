// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// HostileMemory: what another process can do to the memory of an object that it shares.

#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/pickle.hpp>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace support {

// A second mapping of all memory files of a handle, as another process would have it: the words of 4
// bytes that they begin with, numbered in one row. For one thread at a time.
class HostileMemory {
 public:
  static constexpr std::size_t most_bytes = 4096;  // of each file

  template <class Handle>
  explicit HostileMemory(const Handle& handle)
      : files_(coeval::pickle::dumps_parcel(handle).descriptors) {
    for (const coeval::FileDescriptor& file : files_) {
      struct stat status{};
      ::fstat(file.get(), &status);
      const std::size_t size = std::min(most_bytes, static_cast<std::size_t>(status.st_size));
      void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
      if (at == MAP_FAILED) {
        throw std::runtime_error("HostileMemory: mmap");
      }
      parts_.push_back({static_cast<std::uint32_t*>(at), size / sizeof(std::uint32_t)});
    }
  }
  HostileMemory(const HostileMemory&) = delete;
  HostileMemory& operator=(const HostileMemory&) = delete;
  ~HostileMemory() {
    for (const Part& part : parts_) {
      ::munmap(part.words, part.count * sizeof(std::uint32_t));
    }
  }

  std::size_t words() const noexcept {
    std::size_t count = 0;
    for (const Part& part : parts_) {
      count += part.count;
    }
    return count;
  }
  std::uint32_t get(std::size_t word) const noexcept {
    return std::atomic_ref(*at(word)).load(std::memory_order_relaxed);
  }
  void set(std::size_t word, std::uint32_t value) const noexcept {
    std::atomic_ref(*at(word)).store(value, std::memory_order_relaxed);
  }
  // Wakes who sleeps on the word: what it expected there may be gone.
  void wake(std::size_t word) const noexcept {
    ::syscall(SYS_futex, at(word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
  std::vector<std::uint32_t> copy() const {
    std::vector<std::uint32_t> all(words());
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = get(i);
    }
    return all;
  }
  void restore(const std::vector<std::uint32_t>& all) const noexcept {
    for (std::size_t i = 0; i < all.size(); ++i) {
      set(i, all[i]);
    }
  }

 private:
  struct Part {
    std::uint32_t* words;
    std::size_t count;
  };

  std::uint32_t* at(std::size_t word) const noexcept {
    for (const Part& part : parts_) {
      if (word < part.count) {
        return part.words + word;
      }
      word -= part.count;
    }
    return parts_.front().words;
  }

  std::vector<coeval::FileDescriptor> files_;
  std::vector<Part> parts_;
};

// A thread that calls a function again and again until the end of a scope.
class Meanwhile {
 public:
  template <class F>
  explicit Meanwhile(F function)
      : thread_([this, function = std::move(function)]() mutable {
          while (!ends_.load(std::memory_order_relaxed)) {
            function();
          }
        }) {}
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  ~Meanwhile() {
    ends_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace support
