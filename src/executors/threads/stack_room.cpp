// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/stack_room.hpp"

#include <pthread.h>

#include <cstdint>

namespace coeval::detail {
namespace {

struct Bounds {
  std::uintptr_t lowest = UINTPTR_MAX;
  std::size_t size = 0;
};

Bounds bounds_of_this_thread() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return {};
  }
  void* lowest = nullptr;
  std::size_t size = 0;
  const int error = pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  return error == 0 ? Bounds{reinterpret_cast<std::uintptr_t>(lowest), size} : Bounds{};
}

}  // namespace

StackRoom stack_room() noexcept {
  thread_local const Bounds bounds = bounds_of_this_thread();
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return here > bounds.lowest ? StackRoom{.size = bounds.size, .left = here - bounds.lowest}
                              : StackRoom{};
}

}  // namespace coeval::detail
