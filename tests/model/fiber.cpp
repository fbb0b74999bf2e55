// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "model/fiber.hpp"

#include <cxxabi.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#if defined(MODEL_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(MODEL_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(MODEL_ASSEMBLY)
// model_switch_stack(void** save, void* load): keeps the registers that a called function must keep
// (System V ABI, section 3.2.1) on the stack that is left, and takes them from the one entered.
asm(R"(
.text
.p2align 4
.type model_switch_stack, @function
model_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size model_switch_stack, .-model_switch_stack
)");
extern "C" void model_switch_stack(void** save, void* load) noexcept;
#endif

namespace model {
namespace {

constexpr std::size_t guard_size = 4096;
constexpr std::size_t stack_size = std::size_t{256} * 1024;

// The fiber that was left last and the one that was entered: the entered one has no other way to
// know them.
Fiber* entered = nullptr;
[[maybe_unused]] Fiber* left = nullptr;

}  // namespace

Fiber::~Fiber() {
#if defined(MODEL_THREAD_SANITIZER)
  if (owns_tsan_fiber_) {
    __tsan_destroy_fiber(tsan_fiber_);
  }
#endif
  if (stack_ != nullptr) {
#if defined(MODEL_ADDRESS_SANITIZER)
    __asan_unpoison_memory_region(stack_, stack_size);
#endif
    munmap(stack_ - guard_size, stack_size + guard_size);
  }
}

void Fiber::map_stack() {
  void* memory = mmap(nullptr, stack_size + guard_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "mmap of a fiber's stack");
  }
  mprotect(memory, guard_size, PROT_NONE);
  stack_ = static_cast<char*>(memory) + guard_size;
}

void Fiber::start(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
  exceptions_ = {};
  if (stack_ == nullptr) {
    map_stack();
  }
#if defined(MODEL_ADDRESS_SANITIZER)
  // The frames that never returned left their red zones. The fake stack is used again, too: to make
  // one takes a thousand times as long as an execution.
  __asan_unpoison_memory_region(stack_, stack_size);
  bottom_ = stack_;
  size_ = stack_size;
#endif
#if defined(MODEL_THREAD_SANITIZER)
  if (owns_tsan_fiber_) {
    __tsan_destroy_fiber(tsan_fiber_);
  }
  tsan_fiber_ = __tsan_create_fiber(0);
  owns_tsan_fiber_ = true;
#endif
#if defined(MODEL_ASSEMBLY)
  // The first switch pops six registers and returns into run(), whose frame ends in a null address.
  auto** top = reinterpret_cast<void**>(stack_ + stack_size);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(+[] { run(entered); });
  for (int i = 0; i < 6; ++i) {
    *--top = nullptr;
  }
  stack_pointer_ = static_cast<void*>(top);
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = stack_size;
  context_.uc_link = nullptr;
  makecontext(&context_, +[] { run(entered); }, 0);
#endif
}

void Fiber::switch_to(Fiber& next) noexcept {
  auto* in_flight = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
  exceptions_ = *in_flight;
  *in_flight = next.exceptions_;
  left = this;
  entered = &next;
#if defined(MODEL_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
#endif
#if defined(MODEL_THREAD_SANITIZER)
  if (tsan_fiber_ == nullptr) {
    tsan_fiber_ = __tsan_get_current_fiber();
  }
  __tsan_switch_to_fiber(next.tsan_fiber_, 0);
#endif
#if defined(MODEL_ASSEMBLY)
  model_switch_stack(&stack_pointer_, next.stack_pointer_);
#else
  swapcontext(&context_, &next.context_);
#endif
  arrived();
}

void Fiber::arrived() noexcept {
#if defined(MODEL_ADDRESS_SANITIZER)
  // The address sanitizer tells where the stack that was left lies: only so is the program's own
  // stack known.
  __sanitizer_finish_switch_fiber(fake_stack_, &left->bottom_, &left->size_);
#endif
}

void Fiber::run(Fiber* self) noexcept {
  self->arrived();
#if defined(MODEL_ADDRESS_SANITIZER)
  __asan_handle_no_return();  // frees the frames of earlier runs in the fake stack
#endif
  self->entry_(self->argument_);
  std::abort();  // entry must not return
}

}  // namespace model
