// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// What ThreadSanitizer cannot see of exceptions: they are counted in libstdc++, which is not
// instrumented. So the thread that drops the last reference, and frees the exception, seems to race
// with those that have read it and dropped theirs before. Each drop is told here. Built with
// ThreadSanitizer only.

#include <cxxabi.h>
#include <dlfcn.h>

#include <exception>

extern "C" void __tsan_acquire(void* address);  // NOLINT(bugprone-reserved-identifier)
extern "C" void __tsan_release(void* address);  // NOLINT(bugprone-reserved-identifier)

namespace {

using Function = void(void*);

// The function that the one of this name here takes the place of.
template <class F>
F* next_of(const char* name) noexcept {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// std::exception_ptr's, whose first word is the exception.
extern "C" void release_exception(void* self) noexcept
    asm("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
extern "C" void release_exception(void* self) noexcept {
  static Function* const next =
      next_of<Function>("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
  if (void* const exception = *static_cast<void**>(self)) {
    __tsan_release(exception);
    __tsan_acquire(exception);
  }
  next(self);
}

namespace __cxxabiv1 {

// The end of a catch drops a reference inside of libstdc++; this one before it tells of it.
extern "C" void __cxa_end_catch() {  // NOLINT(bugprone-reserved-identifier)
  static auto* const next = next_of<void()>("__cxa_end_catch");
  static_cast<void>(std::current_exception());
  next();
}

}  // namespace __cxxabiv1
