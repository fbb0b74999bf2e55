// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/system.hpp>

#include "core/detach_this_thread.hpp"
#include "core/kernel_calls.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>

namespace coeval {
namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * nanoseconds_per_second + now.tv_nsec;
}

std::int64_t thread_cpu_ns(pthread_t thread) noexcept {
  clockid_t clock{};
  timespec used{};
  if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return -1;
  }
  return used.tv_sec * nanoseconds_per_second + used.tv_nsec;
}

// WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, so an interrupted wait is simply repeated.
int wait_on(const std::uint32_t* word, int operation, std::uint32_t expected,
            std::int64_t deadline_ns) noexcept {
  timespec deadline{};
  const timespec* until = nullptr;
  if (deadline_ns != never_ns) {
    // A time before the machine's start has passed as well as its start has.
    const std::int64_t when = deadline_ns > 0 ? deadline_ns : 0;
    deadline.tv_sec = when / nanoseconds_per_second;
    deadline.tv_nsec = when % nanoseconds_per_second;
    until = &deadline;
  }
  const long result =
      syscall(SYS_futex, word, operation, expected, until, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 ? 0 : errno;
}

int futex_wait(const std::uint32_t* word, std::uint32_t expected,
               std::int64_t deadline_ns) noexcept {
  return wait_on(word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline_ns);
}

int futex_wake(const std::uint32_t* word, int count) noexcept {
  const long result = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  return result >= 0 ? 0 : errno;
}

int shared_futex_wait(const std::uint32_t* word, std::uint32_t expected,
                      std::int64_t deadline_ns) noexcept {
  return wait_on(word, FUTEX_WAIT_BITSET, expected, deadline_ns);
}

int shared_futex_wake(const std::uint32_t* word, int count) noexcept {
  const long result = syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return result >= 0 ? 0 : errno;
}

// The operation changes the second word, which is the first one again, and wakes the sleepers of
// both; its comparison is of no interest.
int change_and_wake(std::uint32_t* word, std::uint32_t operation) noexcept {
  const long result = syscall(SYS_futex, word, FUTEX_WAKE_OP, INT_MAX,
                              static_cast<unsigned long>(0), word, operation);
  return result >= 0 ? 0 : errno;
}

int shared_futex_store(std::uint32_t* word, std::uint32_t value) noexcept {
  return change_and_wake(word, FUTEX_OP(FUTEX_OP_SET, value, FUTEX_OP_CMP_NE, 0U));
}

int shared_futex_or(std::uint32_t* word, std::uint32_t value) noexcept {
  return change_and_wake(word, FUTEX_OP(FUTEX_OP_OR, value, FUTEX_OP_CMP_NE, 0U));
}

int shared_futex_add(std::uint32_t* word, std::uint32_t value) noexcept {
  return change_and_wake(word, FUTEX_OP(FUTEX_OP_ADD, value, FUTEX_OP_CMP_NE, 0U));
}

int thread_create(pthread_t* thread, std::size_t stack_size, void* (*entry)(void*),
                  void* argument) noexcept {
  if (stack_size == 0) {
    return pthread_create(thread, nullptr, entry, argument);
  }
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) {
    return error;
  }
  error = pthread_attr_setstacksize(&attributes, stack_size);
  if (error == 0) {
    error = pthread_create(thread, &attributes, entry, argument);
  }
  pthread_attr_destroy(&attributes);
  return error;
}

int thread_join(pthread_t thread) noexcept {
  return pthread_join(thread, nullptr);
}

pthread_t thread_self() noexcept {
  return pthread_self();
}

int thread_set_name(pthread_t thread, const char* name) noexcept {
  return pthread_setname_np(thread, name);
}

pid_t thread_id() noexcept {
  return static_cast<pid_t>(syscall(SYS_gettid));
}

pid_t process_id() noexcept {
  return ::getpid();
}

pid_t fork_process() noexcept {
  const pid_t child = ::fork();
  return child >= 0 ? child : -errno;
}

int affinity(std::size_t size, cpu_set_t* set) noexcept {
  return sched_getaffinity(0, size, set) == 0 ? 0 : errno;
}

int set_affinity(std::size_t size, const cpu_set_t* set) noexcept {
  return sched_setaffinity(0, size, set) == 0 ? 0 : errno;
}

int current_cpu() noexcept {
  return sched_getcpu();
}

void yield() noexcept {
  sched_yield();
}

int random(void* buffer, std::size_t size) noexcept {
  return getentropy(buffer, size) == 0 ? 0 : errno;
}

ssize_t read_file(const char* path, char* buffer, std::size_t size) noexcept {
  const int fd = descriptor_kernel::above_standard(::open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) {
    return fd;
  }
  std::size_t filled = 0;
  ssize_t got = 0;
  while (filled < size) {
    got = ::read(fd, buffer + filled, size - filled);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  return error != 0 ? -error : static_cast<ssize_t>(filled);
}

void write_error(const char* text, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t wrote = ::write(STDERR_FILENO, text, size);
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote <= 0) {
      return;
    }
    text += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
}

constexpr SystemCalls kernel_table{.monotonic_ns = monotonic_ns,
                                   .thread_cpu_ns = thread_cpu_ns,
                                   .futex_wait = futex_wait,
                                   .futex_wake = futex_wake,
                                   .shared_futex_wait = shared_futex_wait,
                                   .shared_futex_wake = shared_futex_wake,
                                   .shared_futex_store = shared_futex_store,
                                   .shared_futex_or = shared_futex_or,
                                   .shared_futex_add = shared_futex_add,
                                   .thread_create = thread_create,
                                   .thread_join = thread_join,
                                   .thread_self = thread_self,
                                   .thread_set_name = thread_set_name,
                                   .gettid = thread_id,
                                   .getpid = process_id,
                                   .fork = fork_process,
                                   .affinity = affinity,
                                   .set_affinity = set_affinity,
                                   .current_cpu = current_cpu,
                                   .yield = yield,
                                   .random = random,
                                   .read_file = read_file,
                                   .write_error = write_error,
                                   .descriptor = descriptor_kernel::calls,
                                   .process = process_kernel::calls};

// A setting and no part of any protocol. Constant-initialised, so it is there before any
// constructor.
constinit std::atomic<const SystemCalls*> table_in_force{&kernel_table};

}  // namespace

const SystemCalls& sys() noexcept {
  return *table_in_force.load(std::memory_order_acquire);
}

const SystemCalls& kernel() noexcept {
  return kernel_table;
}

const SystemCalls& replace_system_calls(const SystemCalls& table) noexcept {
  return *table_in_force.exchange(&table, std::memory_order_acq_rel);
}

// No entry of the table: it cannot fail, so no test replaces it.
void detail::detach_this_thread() noexcept {
  pthread_detach(pthread_self());
}

}  // namespace coeval
