// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/operations.hpp"

#include "model/scheduler.hpp"

#include <fmt/format.h>

#include <string>

namespace model {
namespace {

Scheduler& scheduler() noexcept {
  return *Scheduler::current();
}

const char* name_of(std::memory_order order) noexcept {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

// Small numbers in decimal, addresses in hexadecimal.
std::string show(std::uint64_t value) {
  if (value <= 0xffffffffU) {
    return fmt::format("{}", value);
  }
  const auto negative = static_cast<std::int64_t>(value);
  return negative < 0 && negative > -1000 ? fmt::format("{}", negative)
                                          : fmt::format("{:#x}", value);
}

// Writes a step down when somebody wants to read it.
template <class... Args>
void trace(const Access& access, fmt::format_string<std::string, Args...> format, Args&&... args) {
  Scheduler& s = scheduler();
  if (s.trace() != nullptr) [[unlikely]] {
    std::string variable = s.trace()->name_of(access.address, s.memory().number_of(access.address));
    s.trace()->add(s.name(s.running()),
                   fmt::format(format, std::move(variable), std::forward<Args>(args)...),
                   access.where);
  }
}

bool tracing() noexcept {
  return scheduler().trace() != nullptr;
}

std::string stale(std::uint32_t age) {
  return age == 0 ? "" : fmt::format(", {} store{} behind", age, age == 1 ? "" : "s");
}

void check_birth(bool unborn) {
  if (unborn) [[unlikely]] {
    scheduler().fail(
        "data race: the atomic is used by a thread to which its construction is not visible");
  }
}

}  // namespace

bool exploring() noexcept {
  return Scheduler::current() != nullptr;
}

void before(const Access& access) {
  scheduler().point(access.where);
}

std::uint64_t load(const Access& access, std::uint64_t newest) {
  Scheduler& s = scheduler();
  const auto read = s.memory().load(s.running(), access.address, newest, access.order);
  if (tracing()) {
    trace(access, "load {} → {} ({}{})", show(read.value), name_of(access.order), stale(read.age));
  }
  check_birth(read.unborn);
  return read.value;
}

void store(const Access& access, std::uint64_t newest, std::uint64_t value) {
  Scheduler& s = scheduler();
  const bool unborn = s.memory().store(s.running(), access.address, newest, value, access.order);
  if (tracing()) {
    trace(access, "store {} = {} ({})", show(value), name_of(access.order));
  }
  check_birth(unborn);
  s.wrote();
}

void modify(const Access& access, const char* name, std::uint64_t newest, std::uint64_t value) {
  Scheduler& s = scheduler();
  const bool unborn = s.memory().modify(s.running(), access.address, newest, value, access.order);
  if (tracing()) {
    trace(access, "{1} {0}: {2} → {3} ({4})", name, show(newest), show(value),
          name_of(access.order));
  }
  check_birth(unborn);
  s.wrote();
}

Compared compare_exchange(const Access& access, std::memory_order failure, bool weak,
                          std::uint64_t newest, std::uint64_t expected, std::uint64_t desired) {
  Scheduler& s = scheduler();
  const auto read = s.memory().compare(s.running(), access.address, newest, expected, failure);
  check_birth(read.unborn);
  if (read.value != expected) {
    if (tracing()) {
      trace(access, "compare_exchange {}: is {}, not {} ({}{})", show(read.value), show(expected),
            name_of(failure), stale(read.age));
    }
    return {false, read.value};
  }
  if (weak && s.spurious_failure()) {
    trace(access, "compare_exchange {} fails for no reason");
    return {false, read.value};
  }
  modify(access, "compare_exchange", newest, desired);
  return {true, read.value};
}

bool wait(const Access& access, const std::uint64_t& newest, std::uint64_t expected,
          std::int64_t deadline_ns) {
  Scheduler& s = scheduler();
  s.memory().look(s.running(), access.address, newest);
  if (static_cast<std::uint32_t>(newest) != static_cast<std::uint32_t>(expected)) {
    if (tracing()) {
      trace(access, "wait on {}: is {}, not {}", show(newest), show(expected));
    }
    return true;
  }
  if (deadline_ns <= s.now_ns()) {
    trace(access, "wait on {}: the deadline has passed");
    return false;
  }
  if (tracing()) {
    trace(access, "sleeps on {} = {}{}", show(expected),
          deadline_ns == INT64_MAX ? "" : ", with a deadline");
  }
  return s.sleep(access.address, deadline_ns, access.where);
}

void notify(const Access& access, bool all) {
  if (tracing()) {
    trace(access, "notify_{1} {0}", all ? "all" : "one");
  }
  scheduler().wake(access.address, all);
}

void construct(const void* address, std::uint64_t value) {
  if (Scheduler* s = Scheduler::current()) {
    s->memory().construct(s->running(), address, value);
  }
}

void pause(const std::source_location& where) {
  if (exploring()) {
    scheduler().pause(where);
  }
}

}  // namespace model
