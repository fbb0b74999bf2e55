// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/system.hpp"

#include "model/scheduler.hpp"

#include <cerrno>
#include <cstring>

namespace model {
namespace {

// A pthread_t of the model: 1 + the thread's number. The kernel's are addresses.
bool is_model_thread(pthread_t thread) noexcept {
  return thread >= 1 && thread <= max_threads;
}
int id_of(pthread_t thread) noexcept {
  return static_cast<int>(thread) - 1;
}

std::int64_t monotonic_ns() noexcept {
  const Scheduler* s = Scheduler::current();
  return s != nullptr ? s->now_ns() : coeval::kernel().monotonic_ns();
}

std::int64_t thread_cpu_ns(pthread_t thread) noexcept {
  return is_model_thread(thread) ? 0 : coeval::kernel().thread_cpu_ns(thread);
}

int thread_create(pthread_t* thread, std::size_t stack_size, void* (*entry)(void*),
                  void* argument) noexcept {
  Scheduler* s = Scheduler::current();
  if (s == nullptr) {
    return coeval::kernel().thread_create(thread, stack_size, entry, argument);
  }
  // A later number than any other now, so the name tells the threads apart.
  const int id = s->spawn("thread", [entry, argument] { entry(argument); }, -1);
  s->rename(id, "thread " + std::to_string(id));
  *thread = static_cast<pthread_t>(id) + 1;
  return 0;
}

int thread_join(pthread_t thread) noexcept {
  Scheduler* s = Scheduler::current();
  if (s == nullptr || !is_model_thread(thread)) {
    return coeval::kernel().thread_join(thread);
  }
  s->join(std::uint32_t{1} << static_cast<unsigned>(id_of(thread)),
          std::source_location::current());
  return 0;
}

pthread_t thread_self() noexcept {
  const Scheduler* s = Scheduler::current();
  return s != nullptr ? static_cast<pthread_t>(s->running()) + 1 : coeval::kernel().thread_self();
}

int thread_set_name(pthread_t thread, const char* name) noexcept {
  Scheduler* s = Scheduler::current();
  if (s == nullptr) {
    return coeval::kernel().thread_set_name(thread, name);
  }
  s->rename(is_model_thread(thread) ? id_of(thread) : s->running(), name);
  return 0;
}

pid_t thread_id() noexcept {
  const Scheduler* s = Scheduler::current();
  return s != nullptr ? 1000 + s->running() : coeval::kernel().gettid();
}

int random(void* buffer, std::size_t size) noexcept {
  if (Scheduler::current() == nullptr) {
    return coeval::kernel().random(buffer, size);
  }
  std::memset(buffer, 0x5a, size);
  return 0;
}

// Two processors, and no limits of a control group.
int affinity(std::size_t size, cpu_set_t* set) noexcept {
  if (Scheduler::current() == nullptr) {
    return coeval::kernel().affinity(size, set);
  }
  CPU_ZERO_S(size, set);
  CPU_SET_S(0, size, set);
  CPU_SET_S(1, size, set);
  return 0;
}

int set_affinity(std::size_t size, const cpu_set_t* set) noexcept {
  return Scheduler::current() == nullptr ? coeval::kernel().set_affinity(size, set) : 0;
}

ssize_t read_file(const char* path, char* buffer, std::size_t size) noexcept {
  return Scheduler::current() == nullptr ? coeval::kernel().read_file(path, buffer, size) : -ENOENT;
}

coeval::SystemCalls model_table() noexcept {
  coeval::SystemCalls table = coeval::kernel();
  table.monotonic_ns = monotonic_ns;
  table.thread_cpu_ns = thread_cpu_ns;
  table.thread_create = thread_create;
  table.thread_join = thread_join;
  table.thread_self = thread_self;
  table.thread_set_name = thread_set_name;
  table.gettid = thread_id;
  table.affinity = affinity;
  table.set_affinity = set_affinity;
  table.random = random;
  table.read_file = read_file;
  return table;
}

const coeval::SystemCalls& table() noexcept {
  static const coeval::SystemCalls calls = model_table();
  return calls;
}

}  // namespace

ModelSystem::ModelSystem() noexcept : before_(coeval::replace_system_calls(table())) {}

ModelSystem::~ModelSystem() {
  coeval::replace_system_calls(before_);
}

}  // namespace model
