// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "threading/helpers.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>
#include <coeval/multiprocessing/process.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>
#include <coeval/pickle/pickle.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace multiprocessing_test {

using threading_test::Bunch;
using threading_test::until;

// For a child, in which an EXPECT_ is seen by nobody: ends it with code 1.
inline void require(bool condition) {
  if (!condition) {
    throw std::logic_error("a requirement of the test does not hold");
  }
}

// Runs a function in a process; its exit code.
template <class F, class... Args>
int in_process(F function, Args... args) {
  coeval::multiprocessing::Process process(function, args...);
  process.start();
  process.join();
  return process.exitcode().value();
}

// A process that is running; it is killed and reaped at the end.
template <class F, class... Args>
coeval::multiprocessing::Process started(F function, Args... args) {
  coeval::multiprocessing::Process process(function, args...);
  process.start();
  return process;
}

inline void kill_and_join(coeval::multiprocessing::Process& process) {
  process.kill();
  process.join();
}

// Numbers in memory that processes share; nothing protects them but their being atomic.
class SharedNumbers {
 public:
  explicit SharedNumbers(std::size_t count = 1) : memory_(count * sizeof(std::atomic<long>)) {}

  std::atomic<long>& operator[](std::size_t i) const {
    return reinterpret_cast<std::atomic<long>*>(memory_.data())[i];
  }
  // A number that is torn when two change it at once.
  long get(std::size_t i = 0) const { return (*this)[i].load(std::memory_order_relaxed); }
  void set(std::size_t i, long value) const { (*this)[i].store(value, std::memory_order_relaxed); }
  void add_unprotected(std::size_t i = 0) const { set(i, get(i) + 1); }
  void until_is(long value, std::size_t i = 0) const {
    until([&] { return (*this)[i].load() >= value; });
  }

  void save(coeval::pickle::OutputArchive& archive) const { memory_.save(archive); }
  static SharedNumbers load(coeval::pickle::InputArchive& archive) {
    return SharedNumbers(coeval::multiprocessing::SharedMemory::load(archive));
  }

 private:
  explicit SharedNumbers(coeval::multiprocessing::SharedMemory memory)
      : memory_(std::move(memory)) {}

  coeval::multiprocessing::SharedMemory memory_;
};

// While it lives, signals end every sleep on shared memory at once.
class SignalsAllTheTime {
 private:
  static const coeval::SystemCalls& table() {
    static const coeval::SystemCalls interrupted = [] {
      coeval::SystemCalls calls = coeval::kernel();
      calls.shared_futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                   std::int64_t deadline) noexcept {
        const int ended = coeval::kernel().shared_futex_wait(word, expected, 0);
        std::this_thread::yield();
        return ended == ETIMEDOUT && deadline > 0 ? EINTR : ended;
      };
      return calls;
    }();
    return interrupted;
  }

  threading_test::SystemScope scope_{table()};
};

// A handle that went to and fro as bytes: the same object, mapped once more.
template <class T>
T pickled(const T& handle) {
  return coeval::pickle::loads_parcel<T>(coeval::pickle::dumps_parcel(handle));
}

// The letter of a process's state in /proc: S when it sleeps, T when it is stopped.
inline char state_of_process(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(") ");
  return name_end == std::string::npos ? '?' : text.at(name_end + 2);
}

// Stops a process once it sleeps.
inline void stop(const coeval::multiprocessing::Process& process) {
  const pid_t pid = process.pid().value();
  until([pid] { return state_of_process(pid) == 'S'; });
  ::kill(pid, SIGSTOP);
  until([pid] { return state_of_process(pid) == 'T'; });
}

// What T::load() makes of memory that an object of another type, of the given size or of chance
// made; the error it gives.
template <class T>
std::string error_of_loading(const coeval::multiprocessing::SharedMemory& memory) {
  try {
    coeval::pickle::OutputArchive archive = coeval::pickle::OutputArchive::with_descriptors();
    memory.save(archive);
    coeval::pickle::Parcel parcel = archive.take();
    coeval::pickle::InputArchive input(parcel.bytes, parcel.descriptors);
    static_cast<void>(T::load(input));
    return "";
  } catch (const coeval::PickleError& error) {
    return error.what();
  }
}

}  // namespace multiprocessing_test
