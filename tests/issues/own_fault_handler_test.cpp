// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Programs handle faults of their own: garbage collectors, page guards, JITs. What WorkerDied shows
// is the crash, and not a fault that was planned and mended.

#include "executors/processes/support.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace process_pool_test {
namespace {

using coeval::ProcessPoolExecutor;
using coeval::WorkerDied;

constexpr const char* variable = "COEVAL_TEST_OWN_FAULT_HANDLER";
constexpr std::size_t page_size = 4096;

char* page = nullptr;
struct sigaction previous;
int mended = 0;

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto* const address = static_cast<char*>(info->si_addr);
  if (page != nullptr && address >= page && address < page + page_size) {
    ++mended;
    ::mprotect(page, page_size, PROT_READ | PROT_WRITE);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else {
    ::signal(signal, SIG_DFL);
  }
}

void install() {
  page =
      static_cast<char*>(::mmap(nullptr, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, &previous);
}

// Before the library's own handler, in the children of the tests that want it.
const bool is_installed_early = [] {
  const char* const wanted = std::getenv(variable);
  if (wanted != nullptr) {
    install();
  }
  return wanted != nullptr;
}();

__attribute__((noinline)) int write_to_guarded_page(int n) {
  ::mprotect(page, page_size, PROT_READ);
  *static_cast<volatile char*>(page) = static_cast<char>(n);
  return mended;
}
__attribute__((noinline)) int crash_by_abort(int n) {
  if (n >= 0) {
    std::abort();
  }
  return n;
}
__attribute__((noinline)) int crash_by_null(int n) {
  int* place = nullptr;
  asm volatile("" : "+r"(place));
  *place = n;
  return n;
}
__attribute__((noinline)) int crash_by_kill(int n) {
  ::kill(::getpid(), SIGKILL);
  return n;
}

// The handler is there before the library's, or, by an initializer, after it.
class OwnFaultHandler : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (under_sanitizer) {
      GTEST_SKIP() << "the sanitizer has handlers of its own";
    }
    if (GetParam()) {
      ::setenv(variable, "1", 1);
    }
  }
  ~OwnFaultHandler() override { ::unsetenv(variable); }

  // The stack of a crash after some faults that were mended.
  static std::string stack_of(int (*crash)(int), int faults) {
    if (GetParam()) {
      ProcessPoolExecutor pool({.max_workers = 1});
      return stack_in(pool, crash, faults);
    }
    ProcessPoolExecutor pool({.max_workers = 1}, install);
    return stack_in(pool, crash, faults);
  }

 private:
  static std::string stack_in(ProcessPoolExecutor& pool, int (*crash)(int), int faults) {
    for (int i = 1; i <= faults; ++i) {
      EXPECT_EQ(pool.submit(write_to_guarded_page, i).result(), i);
    }
    try {
      pool.submit(crash, 5).result();
    } catch (const WorkerDied& error) {
      return error.stack();
    }
    ADD_FAILURE() << "no crash";
    return "";
  }
};

bool is_of(const std::string& stack, const char* crash) {
  return stack.find(crash) != std::string::npos &&
         stack.find("write_to_guarded_page") == std::string::npos;
}

TEST_P(OwnFaultHandler, that_mended_faults_leaves_the_stack_of_an_abort) {
  for (const int faults : {0, 3}) {
    const std::string stack = stack_of(crash_by_abort, faults);
    EXPECT_TRUE(is_of(stack, "crash_by_abort")) << stack;
  }
}

TEST_P(OwnFaultHandler, that_mended_faults_leaves_the_stack_of_a_fault_that_it_does_not_mend) {
  const std::string stack = stack_of(crash_by_null, 3);
  EXPECT_TRUE(is_of(stack, "crash_by_null")) << stack;
}

TEST_P(OwnFaultHandler, that_mended_faults_leaves_no_stack_to_a_kill) {
  EXPECT_EQ(stack_of(crash_by_kill, 3), "");
}

INSTANTIATE_TEST_SUITE_P(Order, OwnFaultHandler, testing::Bool(),
                         [](const auto& order) { return order.param ? "first" : "last"; });

}  // namespace
}  // namespace process_pool_test
