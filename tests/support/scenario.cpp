// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "support/scenario.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/process.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <system_error>
#include <thread>

namespace coeval::testing {
namespace {

int entries_of(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

int shared_mappings() {
  int count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const bool shared = line.find("/memfd:coeval") != std::string::npos ||
                        line.find("/dev/shm/") != std::string::npos;
    count += shared ? 1 : 0;
  }
  return count;
}

// Of all threads.
int count_children() {
  int count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "children");
    for (int pid = 0; file >> pid;) {
      ++count;
    }
  }
  return count;
}

}  // namespace

void require(bool holds, const char* what) {
  if (!holds) {
    throw WrongResult(what);
  }
}

std::string error_of_run(void (*run)()) {
  try {
    run();
    return {};
  } catch (const WrongResult&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const std::system_error& error) {
    return error.what();
  } catch (const std::bad_alloc& error) {
    return error.what();
  }
}

Holdings Holdings::now() {
  return {.descriptors = entries_of("/proc/self/fd"),
          .mappings = shared_mappings(),
          .threads = entries_of("/proc/self/task"),
          .children = count_children()};
}

std::string to_string(const Holdings& holdings) {
  return std::to_string(holdings.descriptors) + " descriptors, " +
         std::to_string(holdings.mappings) + " mappings, " + std::to_string(holdings.threads) +
         " threads, " + std::to_string(holdings.children) + " children";
}

namespace {

bool is_more(const Holdings& now, const Holdings& before) {
  return now.descriptors > before.descriptors || now.mappings > before.mappings ||
         now.threads > before.threads || now.children > before.children;
}

// When it returns the thread that starts processes, which stays, has let go of all earlier ones.
void start_and_forget_one() {
  multiprocessing::Process process([] {});
  process.start();
  process.join();
  process.close();
}

}  // namespace

Holdings holdings_after(const std::vector<Scenario>& scenarios) {
  start_and_forget_one();
  const int threads = Holdings::now().threads;
  for (const Scenario& scenario : scenarios) {
    EXPECT_EQ(error_of_run(scenario.run), "") << scenario.name;
  }
  while (Holdings::now().threads > threads) {
    std::this_thread::yield();
  }
  start_and_forget_one();
  return Holdings::now();
}

void wait_for(const Holdings& holdings) {
  bool said = false;
  const auto start = std::chrono::steady_clock::now();
  for (Holdings now = Holdings::now(); is_more(now, holdings); now = Holdings::now()) {
    if (!said && std::chrono::steady_clock::now() - start > std::chrono::seconds(5)) {
      std::fprintf(stderr, "waiting for %s\nthere are  %s\n", to_string(holdings).c_str(),
                   to_string(now).c_str());
      said = true;
    }
    std::this_thread::yield();
  }
}

}  // namespace coeval::testing
