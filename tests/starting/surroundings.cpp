// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// surroundings MODE: starts a process and a pool where something about the program is out of the
// ordinary, and prints "started", or the error that says why that cannot be. A child that comes to
// main() prints "a child has run main()", and goes no further.

#include <coeval/coeval.hpp>

#include "starting/surroundings_library.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using coeval::ProcessPoolExecutor;
using coeval::multiprocessing::Process;
using coeval::multiprocessing::Semaphore;

void end_with_seven() {
  ::_exit(7);
}

int twice(int n) {
  return 2 * n;
}

void check(bool is_good, const char* what) {
  if (!is_good) {
    std::printf("failed: %s\n", what);
    std::fflush(stdout);
    std::_Exit(1);
  }
}

void start_process(void (*target)()) {
  Process process(target);
  process.start();
  process.join();
  check(process.exitcode() == 7, "the exit code");
}

template <class F>
void start_pool(F task) {
  ProcessPoolExecutor pool({.max_workers = 1});
  check(pool.submit(task, 21).result() == 42, "the result");
}

// What two starts say: of a process and of a pool.
bool start(void (*target)() = end_with_seven, int (*task)(int) = twice) {
  int failed = 0;
  for (const bool pool : {false, true}) {
    try {
      pool ? start_pool(task) : start_process(target);
    } catch (const std::exception& error) {
      std::printf("%s: %s\n", pool ? "pool" : "process", error.what());
      ++failed;
    }
  }
  if (failed == 0) {
    std::puts("started");
  }
  return failed == 0;
}

// A pool that a static initialiser uses, before main() could be taken over.
const std::string error_before_main = [] {
  if (std::getenv("COEVAL_TEST_EARLY") == nullptr) {
    return std::string();
  }
  try {
    start_pool(twice);
    return std::string("it has started");
  } catch (const std::exception& error) {
    return std::string(error.what());
  }
}();

// The death of a process that held a permit, and had the number that a living one has in the outer
// namespace, of which /proc is.
void see_a_holder_die(const std::string& outer_pid) {
  Process first(end_with_seven);  // what is made for the first start has taken its numbers then
  first.start();
  first.join();
  Semaphore semaphore(1);
  Process process(
      [](Semaphore held) {
        held.acquire();
        ::_exit(7);
      },
      semaphore);
  std::ofstream("/proc/sys/kernel/ns_last_pid") << std::stoi(outer_pid) - 1 << std::flush;
  process.start();
  process.join();
  if (std::to_string(*process.pid()) != outer_pid) {
    std::puts("no number may be chosen");
  }
  try {
    semaphore.acquire(std::chrono::seconds(5));
    std::puts("it has got a permit, or none");
  } catch (const coeval::OwnerDied&) {
    std::puts("its death was told");
  }
}

// cap_net_bind_service, effective, as capability.h has it: VFS_CAP_REVISION_2.
void give_capability(const char* path) {
  const std::array<std::uint32_t, 5> capability{0x02000001, 1U << 10, 0, 0, 0};
  if (::setxattr(path, "security.capability", capability.data(), sizeof capability, 0) != 0) {
    std::perror("security.capability");
    std::_Exit(77);
  }
}

// The stack of a crash has names, though the worker has the library by another path.
void see_a_crash(int (*task)(int)) {
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    pool.submit(task, 1).result();
  } catch (const coeval::WorkerDied& died) {
    std::puts(died.stack().find("library_crash") != std::string::npos ? "the crash has its stack"
                                                                      : died.what());
  }
}

// A function of a library that was loaded by a path from the working directory of that moment.
void start_plugin() {
  void* const plugin = ::dlopen("lib/libplugin.so", RTLD_NOW);
  check(plugin != nullptr, "the plug-in");
  const auto target = reinterpret_cast<void (*)()>(::dlsym(plugin, "library_end_with_seven"));
  const auto task = reinterpret_cast<int (*)(int)>(::dlsym(plugin, "library_twice"));
  check(target != nullptr && task != nullptr, "its functions");
  check(::chdir("/") == 0, "chdir");
  start(target, task);
  const auto initialize = reinterpret_cast<void (*)()>(::dlsym(plugin, "library_initialize"));
  ProcessPoolExecutor pool({.max_workers = 1, .working_directory = "/proc"}, initialize);
  check(pool.submit(task, 21).result() == 42, "the result in another working directory");
}

const char* interpreter() {
  const char* path = "";
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
  for (unsigned long i = 0; i < ::getauxval(AT_PHNUM); ++i) {
    if (headers[i].p_type == PT_INTERP) {
      path = reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(headers) -
                                           headers[0].p_vaddr + headers[i].p_vaddr);
    }
  }
  return path;
}

void run(std::string_view mode, const char* argument) {
  if (mode == "interpreter") {
    std::puts(interpreter());
  } else if (mode == "give_capability") {
    give_capability(argument);
  } else if (mode == "plain") {
    start();
  } else if (mode == "marked_by_itself") {
    ::setenv("COEVAL_CHILD_OF", "1", 1);
    start();
  } else if (mode == "is_privileged") {
    std::puts(::getauxval(AT_SECURE) != 0 ? "yes" : "no");
  } else if (mode == "early") {
    std::puts(error_before_main.c_str());
  } else if (mode == "elsewhere") {
    check(::chdir("/") == 0, "chdir");
    start(library_end_with_seven, library_twice);
  } else if (mode == "renamed") {
    check(::rename("../../installed", "../../renamed") == 0, "rename");
    check(start(library_end_with_seven, library_twice), "both");
    see_a_crash(library_crash);
  } else if (mode == "plugin") {
    start_plugin();
  } else if (mode == "unfindable") {
    check(::rename("lib", "gone") == 0, "rename");
    ProcessPoolExecutor pool({.max_workers = 1});
    pool.submit(twice, 21).result();
  } else if (mode == "deleted") {
    check(::unlink("bin/program") == 0, "unlink");
    start();
  } else if (mode == "effective_user") {
    check(::seteuid(65534) == 0, "seteuid");
    start();
  } else if (mode == "unshared") {
    check(::unshare(CLONE_NEWPID) == 0, "unshare");
    start_process(end_with_seven);
  } else if (mode == "holder") {
    see_a_holder_die(argument);
  } else if (mode == "as_child") {
    std::array<char*, 2> arguments{program_invocation_name, nullptr};
    ::execv("/proc/./self/exe", arguments.data());
  } else {
    check(false, "a mode of this program");
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A child must not come here. It would inherit the variable.
  check(std::getenv("COEVAL_TEST_MAIN") == nullptr, "a child has run main()");
  ::setenv("COEVAL_TEST_MAIN", "entered", 1);
  try {
    run(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::puts(error.what());
  }
  return 0;
}
