// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// program MODE: does to itself what the mode says, then starts processes, and succeeds if they did.

#include <coeval/coeval.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using coeval::multiprocessing::Connection;
using coeval::multiprocessing::Pipe;
using coeval::multiprocessing::Process;

const std::string initialised(42, 'x');  // a child has run the static initialisers

void multiply(Connection connection, int n) {
  connection.send(n * static_cast<int>(initialised.size()));
}

void multiply_in_a_grandchild(Connection connection, int n) {
  Process process(multiply, std::move(connection), n);
  process.start();
  process.join();
}

void check(bool is_good, const char* what) {
  if (!is_good) {
    std::printf("failed: %s\n", what);
    std::fflush(stdout);
    std::_Exit(1);
  }
}

template <class F>
void ask(F target) {
  auto [here, there] = Pipe();
  Process process(target, std::move(there), 2);
  process.start();
  check(here.recv<int>() == 84, "the answer");
  process.join();
  check(process.exitcode() == 0, "the exit code");
}

__attribute__((noinline)) void raise_one() {
  throw std::runtime_error("as it should");
}

void check_exceptions() {
  coeval::ThrowStack stack;
  try {
    stack.watch([] { raise_one(); });
  } catch (const std::runtime_error&) {
    check(stack.text().find("raise_one") != std::string::npos, "the stack");
  }
  Process process(raise_one);
  process.start();
  process.join();
  check(process.exitcode() == 1, "the exit code of an exception");
}

// Nothing of the kind is in the program's file any more.
void replace(const char* path) {
  check(::unlink(path) == 0, "unlink");
  std::FILE* const file = std::fopen(path, "w");
  check(file != nullptr && std::fputs("#!/bin/false\n", file) >= 0 && std::fclose(file) == 0,
        "the other file");
}

}  // namespace

int main(int argc, char** argv) {
  // A child must not come here. It would inherit the variable.
  check(std::getenv("COEVAL_TEST_MAIN") == nullptr, "a child has run main()");
  ::setenv("COEVAL_TEST_MAIN", "entered", 1);
  const std::string_view mode = argc > 1 ? argv[1] : "";
  std::vector<std::jthread> threads;
  if (mode == "threads") {
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          delete new int(1);  // the heap's locks are taken most of the time
        }
      });
    }
  } else if (mode == "elsewhere") {
    check(::chdir("/") == 0, "chdir");
  } else if (mode == "moved") {
    check(::rename(argv[0], (std::string(argv[0]) + ".moved").c_str()) == 0, "rename");
  } else if (mode == "deleted") {
    check(::unlink(argv[0]) == 0, "unlink");
  } else if (mode == "replaced") {
    replace(argv[0]);
  } else if (mode == "raises") {
    check_exceptions();
  } else {
    check(mode == "relative", "a mode of this program");
  }
  ask(multiply);
  ask(multiply_in_a_grandchild);
  std::puts("started");
  return 0;
}
