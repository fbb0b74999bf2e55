// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/local.hpp>

#include "threading/thread_registry.hpp"
#include "threading/thread_state.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/threading/lock.hpp>

#include <fmt/format.h>

#include <limits.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace coeval::threading::detail {

// 1. A value is in the table of its thread and in the list of its local, or in neither. Only who
//    takes it out of both, holding the lock, destroys it; afterwards, without the lock.
// 2. A table is written with the lock held. Its own thread reads an entry without it: the entry of
//    a living local is written by that thread only, and whoever clears the entry of a dying local
//    does so before the index can belong to another, which the reader must have been told about.
struct LocalTable {
  std::vector<LocalValue*> values;
};

namespace {

struct Indices {
  Lock lock;
  std::vector<std::size_t> unused COEVAL_GUARDED_BY(lock);
  std::size_t count COEVAL_GUARDED_BY(lock) = 0;
};

// Never destroyed: threads may outlive static objects.
Indices& indices() {
  static Indices& all = *new Indices;
  return all;
}

}  // namespace

LocalValue::~LocalValue() = default;

LocalBase::LocalBase() {
  Indices& all = indices();
  Guard guard(all.lock);
  if (all.unused.empty()) {
    all.unused.reserve(all.count + 1);  // so that the destructor need not allocate
    index_ = all.count++;
  } else {
    index_ = all.unused.back();
    all.unused.pop_back();
  }
}

LocalBase::~LocalBase() {
  Indices& all = indices();
  LocalValue* dying = nullptr;
  {
    Guard guard(all.lock);
    dying = values_;
    values_ = nullptr;
    for (const LocalValue* value = dying; value != nullptr; value = value->next) {
      if (value->table != nullptr) {
        value->table->values[index_] = nullptr;
      }
    }
    all.unused.push_back(index_);
  }
  while (dying != nullptr) {
    const std::unique_ptr<LocalValue> value(dying);
    dying = value->next;
  }
}

LocalValue* LocalBase::find() const noexcept {
  const LocalTable* const table = this_thread.locals;  // invariant 2
  return table != nullptr && index_ < table->values.size() ? table->values[index_] : nullptr;
}

LocalValue& LocalBase::insert(std::unique_ptr<LocalValue> value) {
  if (LocalValue* const made_meanwhile = find()) {
    return *made_meanwhile;  // by the very function that made value
  }
  if (this_thread.locals == nullptr) {
    auto table = std::make_unique<LocalTable>();
    if (!ThreadRegistry::get().watch_this_thread()) {
      throw std::system_error(ENOMEM, std::generic_category(),
                              "coeval::threading::local: pthread_setspecific");
    }
    this_thread.locals = table.release();
  }
  LocalTable& table = *this_thread.locals;
  Guard guard(indices().lock);
  if (index_ >= table.values.size()) {
    table.values.resize(index_ + 1);
  }
  value->local = this;
  value->table = &table;
  value->next = values_;
  if (values_ != nullptr) {
    values_->previous = value.get();
  }
  values_ = value.get();
  return *(table.values[index_] = value.release());
}

// Takes a value out of the list of its local.
void unlink(LocalValue& value) noexcept {
  (value.previous != nullptr ? value.previous->next : value.local->values_) = value.next;
  if (value.next != nullptr) {
    value.next->previous = value.previous;
  }
}

void destroy_locals() noexcept {
  LocalTable* const table = this_thread.locals;
  if (table == nullptr) {
    return;
  }
  Lock& lock = indices().lock;
  const auto take = [&](std::size_t index) {
    Guard guard(lock);
    LocalValue* const value = std::exchange(table->values[index], nullptr);
    if (value != nullptr) {
      unlink(*value);
    }
    return std::unique_ptr<LocalValue>(value);
  };
  // A destructor may use other locals and so make values again; as POSIX for its own
  // thread-specific values, a limited number of times.
  for (int round = 0; round < _POSIX_THREAD_DESTRUCTOR_ITERATIONS; ++round) {
    for (std::size_t index = table->values.size(); index-- > 0;) {
      take(index);
    }
  }
  {
    Guard guard(lock);
    for (LocalValue* const value : table->values) {
      if (value != nullptr) {
        value->table = nullptr;  // it is left to its local
      }
    }
    this_thread.locals = nullptr;
  }
  delete table;
}

void lock_locals() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  indices().lock.lock();
}
void unlock_locals() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  indices().lock.unlock();
}

}  // namespace coeval::threading::detail
