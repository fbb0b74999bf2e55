// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/stack_room.hpp"

#include <pthread.h>

#include <cstdint>

namespace coeval::detail {
namespace {

std::uintptr_t lowest_address() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return UINTPTR_MAX;
  }
  void* lowest = nullptr;
  std::size_t size = 0;
  const int error = pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  return error == 0 ? reinterpret_cast<std::uintptr_t>(lowest) : UINTPTR_MAX;
}

}  // namespace

std::size_t stack_room() noexcept {
  thread_local const std::uintptr_t lowest = lowest_address();
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return here > lowest ? here - lowest : 0;
}

}  // namespace coeval::detail
