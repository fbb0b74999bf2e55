// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/var.hpp"

#include "model/scheduler.hpp"

#include <fmt/format.h>

namespace model {

void Accesses::renew() const noexcept {
  const std::uint32_t execution = Scheduler::current()->memory().execution();
  if (execution_ != execution) {
    execution_ = execution;
    written_ = {};
    reads_ = {};
  }
}

void Accesses::read(const std::source_location& where) const {
  Scheduler* s = Scheduler::current();
  if (s == nullptr) {
    return;
  }
  renew();
  const Clock& now = s->memory().clock(s->running());
  if (s->trace() != nullptr) {
    s->trace()->add(s->name(s->running()), fmt::format("reads {}", name_), where);
  }
  if (!written_.happened_before(now)) {
    report("read", where, written_.thread, "write", written_at_);
  }
  reads_.set(s->running(), now.of(s->running()));
  read_at_ = where;
}

void Accesses::write(const std::source_location& where) {
  Scheduler* s = Scheduler::current();
  if (s == nullptr) {
    return;
  }
  renew();
  const Clock& now = s->memory().clock(s->running());
  if (s->trace() != nullptr) {
    s->trace()->add(s->name(s->running()), fmt::format("writes {}", name_), where);
  }
  if (!written_.happened_before(now)) {
    report("write", where, written_.thread, "write", written_at_);
  }
  for (int thread = 0; thread < max_threads; ++thread) {
    if (reads_.of(thread) > now.of(thread)) {
      report("write", where, thread, "read", read_at_);
    }
  }
  written_ = s->memory().now(s->running());
  written_at_ = where;
}

void Accesses::report(const char* what, const std::source_location& where, int other,
                      const char* other_what, const std::source_location& other_where) const {
  Scheduler& s = *Scheduler::current();
  s.fail(fmt::format("data race on {}: the {} by {} at {} is not ordered after the {} by {} at {}",
                     name_, what, s.name(s.running()), place(where), other_what, s.name(other),
                     place(other_where)));
}

}  // namespace model
