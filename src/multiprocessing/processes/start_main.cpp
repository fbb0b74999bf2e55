// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Takes a child over between the program's static initialisers and its main(), without a line in
// the program: the C start code calls __libc_start_main with the address of main, and the program
// finds this one before the C library's, which it then calls with a main() of its own.
//
// A program linked with -static has the C library's own, which this weak one does not displace:
// freeze_support() is for that.

#include "multiprocessing/processes/child.hpp"
#include "multiprocessing/processes/start_line.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace coeval::multiprocessing::detail {
namespace {

using Main = int (*)(int, char**, char**);
using StartMain = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);

Main program_main = nullptr;

// A program may define main() without parameters, which UndefinedBehaviorSanitizer sees here and not
// in the C library.
__attribute__((no_sanitize("undefined"))) int main_or_child(int count, char** arguments,
                                                            char** environment) {
  note_takeover(Takeover::done);
  StartLine::note();
  int exitcode = 0;
  if (run_if_child(&exitcode)) {
    return exitcode;
  }
  return program_main(count, arguments, environment);
}

}  // namespace
}  // namespace coeval::multiprocessing::detail

extern "C" __attribute__((weak, visibility("default"))) int __libc_start_main(  // NOLINT
    coeval::multiprocessing::detail::Main main, int count, char** arguments, void (*init)(),
    void (*fini)(), void (*rtld_fini)(), void* stack_end) {
  using coeval::multiprocessing::detail::main_or_child;
  using coeval::multiprocessing::detail::note_takeover;
  using coeval::multiprocessing::detail::program_main;
  using coeval::multiprocessing::detail::StartMain;
  using coeval::multiprocessing::detail::Takeover;
  const auto next = reinterpret_cast<StartMain>(dlsym(RTLD_NEXT, "__libc_start_main"));
  if (next == nullptr) {
    std::fputs("coeval: the C library has no __libc_start_main\n", stderr);
    std::abort();
  }
  program_main = main;
  note_takeover(Takeover::to_come);
  return next(&main_or_child, count, arguments, init, fini, rtld_fini, stack_end);
}
