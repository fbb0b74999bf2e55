// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "pickle/counted_new.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t taken = 0;
}

#if SUPPORT_CAN_REPLACE_NEW

// The forms for arrays, and those that return null, call this one.
void* operator new(std::size_t size) {
  taken += size;
  if (void* const memory = std::malloc(size != 0 ? size : 1)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

#endif  // SUPPORT_CAN_REPLACE_NEW

namespace coeval::support {

CountedNew::CountedNew() : before_(taken) {}

std::size_t CountedNew::bytes() const {
  return taken - before_;
}

}  // namespace coeval::support
