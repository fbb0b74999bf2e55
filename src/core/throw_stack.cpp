// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// An exception is thrown in two phases. In the first the unwinder asks the personality routine of
// each frame, from the throw outwards, whether it will catch, while all frames still stand; in the
// second it leaves them. The probe below is a frame with a personality routine of ours, which never
// catches: when it is asked, nobody inside will, and the stack is there to be recorded.

#include <coeval/core/throw_stack.hpp>

#include "core/frame_names.hpp"

#include <unwind.h>

#include <algorithm>
#include <string>
#include <vector>

// coeval_throw_probe(function, context, stack) calls function(context), and holds the stack in a
// register that calls preserve, where the personality routine finds it.
#if defined(__x86_64__)
#define COEVAL_HAS_PROBE 1
asm(R"(
  .pushsection .text
  .globl coeval_throw_probe
  .hidden coeval_throw_probe
  .type coeval_throw_probe, @function
  .balign 16
coeval_throw_probe:
  .cfi_startproc
  .cfi_personality 0x1b, coeval_throw_personality
  endbr64
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbx, 0
  movq %rdx, %rbx
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  popq %rbx
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbx
  ret
  .cfi_endproc
  .size coeval_throw_probe, . - coeval_throw_probe
  .popsection
)");
#elif defined(__aarch64__)
#define COEVAL_HAS_PROBE 1
asm(R"(
  .pushsection .text
  .globl coeval_throw_probe
  .hidden coeval_throw_probe
  .type coeval_throw_probe, %function
  .balign 16
coeval_throw_probe:
  .cfi_startproc
  .cfi_personality 0x1b, coeval_throw_personality
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset x29, -32
  .cfi_offset x30, -24
  str x19, [sp, #16]
  .cfi_offset x19, -16
  mov x29, sp
  mov x19, x2
  mov x9, x0
  mov x0, x1
  blr x9
  ldr x19, [sp, #16]
  .cfi_restore x19
  ldp x29, x30, [sp], #32
  .cfi_restore x29
  .cfi_restore x30
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size coeval_throw_probe, . - coeval_throw_probe
  .popsection
)");
#endif

namespace coeval {

#ifdef COEVAL_HAS_PROBE

extern "C" __attribute__((visibility("hidden"))) void coeval_throw_probe(void (*function)(void*),
                                                                         void* context,
                                                                         ThrowStack* stack);

// What the personality routine may do with a ThrowStack. It runs inside a throw: it allocates
// nothing and raises nothing.
struct ThrowRecorder {
#ifdef __x86_64__
  static constexpr int stack_register = 3;  // rbx
#else
  static constexpr int stack_register = 19;  // x19
#endif

  ThrowStack* stack;

  static ThrowStack* of(_Unwind_Context* context) noexcept {
    return reinterpret_cast<ThrowStack*>(_Unwind_GetGR(context, stack_register));
  }

  // Adds a frame, until that of this probe: several may be nested.
  static _Unwind_Reason_Code add(_Unwind_Context* context, void* self) noexcept {
    ThrowStack& stack = *static_cast<ThrowRecorder*>(self)->stack;
    const auto probe = reinterpret_cast<_Unwind_Ptr>(&coeval_throw_probe);
    if (stack.count_ == ThrowStack::most_addresses ||
        (_Unwind_GetRegionStart(context) == probe && of(context) == &stack)) {
      return _URC_END_OF_STACK;
    }
    // The address behind a call may be that of the next line or function already.
    int is_before_instruction = 0;
    const auto address = _Unwind_GetIPInfo(context, &is_before_instruction);
    stack.addresses_[stack.count_++] = address - (is_before_instruction != 0 ? 0 : 1);
    return _URC_NO_REASON;
  }

  static void record(ThrowStack* stack) noexcept {
    stack->count_ = 0;
    ThrowRecorder self{stack};
    _Unwind_Backtrace(&ThrowRecorder::add, &self);
  }
};

extern "C" __attribute__((visibility("hidden"), used)) _Unwind_Reason_Code coeval_throw_personality(
    int /*version*/, _Unwind_Action actions, _Unwind_Exception_Class /*language*/,
    _Unwind_Exception* /*exception*/, _Unwind_Context* context) noexcept {
  if ((actions & _UA_SEARCH_PHASE) != 0) {
    ThrowRecorder::record(ThrowRecorder::of(context));
  }
  return _URC_CONTINUE_UNWIND;
}

void ThrowStack::call(void (*function)(void*), void* context) {
  count_ = 0;
  coeval_throw_probe(function, context, this);
}

#else

void ThrowStack::call(void (*function)(void*), void* context) {
  function(context);
}

#endif

std::string ThrowStack::text() const {
  return detail::frame_lines(addresses());
}

}  // namespace coeval
