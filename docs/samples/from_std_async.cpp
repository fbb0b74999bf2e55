// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <chrono>
#include <future>
#include <string>

using namespace std::chrono_literals;

std::string load(const std::string& name) {
  return "text of " + name;
}

std::string before() {
  // [before]
  std::future<std::string> text = std::async(std::launch::async, load, "a.txt");
  if (text.wait_for(10s) != std::future_status::ready) {
    return "not there yet";  // and here the destructor of text waits all the same
  }
  return text.get();
  // [before]
}

std::string after(coeval::ThreadPoolExecutor& pool) {
  // [after]
  coeval::Future<std::string> text = pool.submit(load, "a.txt");
  if (!text.wait(10s)) {
    return "not there yet";  // the task goes on; nothing waits for it here
  }
  return text.result();
  // [after]
}

int main() {
  coeval::ThreadPoolExecutor pool;
  EXPECT(before() == after(pool));
}
