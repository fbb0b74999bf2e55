// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/failing_new.hpp"

#if SUPPORT_CAN_REPLACE_NEW

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace support {
namespace {

thread_local int allocations_until_failure = 0;  // 0: none will fail
thread_local bool failed = false;

thread_local bool is_elsewhere = true;  // for those who count elsewhere
std::atomic<int> elsewhere_until_failure = 0;
std::atomic<bool> failed_elsewhere = false;

bool fails_elsewhere() noexcept {
  return is_elsewhere && elsewhere_until_failure.load(std::memory_order_relaxed) > 0 &&
         elsewhere_until_failure.fetch_sub(1) == 1;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (allocations_until_failure > 0 && --allocations_until_failure == 0) {
    failed = true;
    throw std::bad_alloc();
  }
  if (fails_elsewhere()) {
    failed_elsewhere = true;
    throw std::bad_alloc();
  }
  const std::size_t whole = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole > 0 ? whole : alignment);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

FailingNew::FailingNew(int nth) noexcept {
  failed = false;
  allocations_until_failure = nth;
}

FailingNew::~FailingNew() {
  allocations_until_failure = 0;
}

bool FailingNew::has_failed() noexcept {
  return failed;
}

FailingNewElsewhere::FailingNewElsewhere(int nth) noexcept {
  is_elsewhere = false;
  failed_elsewhere = false;
  elsewhere_until_failure = nth;
}

FailingNewElsewhere::~FailingNewElsewhere() {
  elsewhere_until_failure = 0;
  is_elsewhere = true;
}

bool FailingNewElsewhere::has_failed() noexcept {
  return failed_elsewhere;
}

}  // namespace support

void* operator new(std::size_t size) {
  return support::allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return support::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

#endif  // SUPPORT_CAN_REPLACE_NEW
