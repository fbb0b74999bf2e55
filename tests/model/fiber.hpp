// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fiber: a thread of the model, which runs until it gives the processor to another fiber itself.

#include <cstddef>

// Other processors, and who asks for it, take the switch of the C library: it makes a system call.
#if defined(__x86_64__) && !defined(MODEL_PORTABLE_FIBERS)
#define MODEL_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define MODEL_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MODEL_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define MODEL_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MODEL_THREAD_SANITIZER 1
#endif
#endif

namespace model {

// A stack and the state of the processor on it. Not thread-safe: all fibers of a program run on one
// thread. Each fiber has its own exceptions in flight; thread_local variables are shared.
//
// Start may be called again when the fiber ended or will never be resumed: what was on its stack is
// gone then, and no destructor runs. The stack itself is kept until the Fiber is destroyed.
class Fiber {
 public:
  Fiber() noexcept = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the next switch to this fiber call entry(argument), which must never return.
  void start(void (*entry)(void*), void* argument);

  // Leaves this fiber, which must be the running one, and runs next where it left off.
  void switch_to(Fiber& next) noexcept;

 private:
  [[noreturn]] static void run(Fiber* self) noexcept;
  void map_stack();
  void arrived() noexcept;

  // What the C++ runtime keeps per thread: the exceptions being handled and the count in flight.
  struct Exceptions {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  char* stack_ = nullptr;  // null in the fiber that stands for the program's own thread
  Exceptions exceptions_;
#if defined(MODEL_ASSEMBLY)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_{};
#endif
#if defined(MODEL_ADDRESS_SANITIZER)
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#endif
#if defined(MODEL_THREAD_SANITIZER)
  void* tsan_fiber_ = nullptr;
  bool owns_tsan_fiber_ = false;
#endif
};

}  // namespace model
