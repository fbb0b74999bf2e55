// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;

std::string fetch(const std::string& url) {
  return "fetched " + url;
}

void scope() {
  const std::vector<std::string> urls = {"url1", "url2"};
  std::vector<std::string> pages;
  // [scope]
  {
    coeval::ThreadPoolExecutor pool({.max_workers = 3});
    pages = coeval::list(pool.map(fetch, urls));
  }  // shutdown(): waits for everything that is queued
  // [scope]
  EXPECT(pages.size() == 2);
}

void references() {
  coeval::ThreadPoolExecutor pool;
  // [references]
  std::vector<int> numbers;
  const auto append = [](std::vector<int>& to, int n) { to.push_back(n); };
  pool.submit(append, std::ref(numbers), 1).result();
  // [references]
  EXPECT(numbers.size() == 1);
}

void promise() {
  // [promise]
  coeval::Promise<int> promise;
  coeval::Future<int> future = promise.future();
  promise.set_result(42);
  // [promise]
  EXPECT(future.result() == 42);
}

void void_results() {
  coeval::ThreadPoolExecutor pool;
  const std::vector<int> numbers = {1, 2, 3};
  const auto show = [](int) {};
  // [void]
  for (const std::monostate& done : pool.map(show, numbers)) {
    static_cast<void>(done);  // Python's None
  }
  // [void]
}

int main() {
  scope();
  references();
  promise();
  void_results();
}
