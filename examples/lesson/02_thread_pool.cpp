// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The lesson's second program: a pool of threads fetches pages. It takes half a second, not one and
// a half.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

const std::vector<std::string> urls = {"url1", "url2", "url3"};

std::string fetch(const std::string& url) {
  std::this_thread::sleep_for(500ms);  // simulate I/O
  return "fetched " + url;
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 3});
  const std::vector<std::string> results = coeval::list(pool.map(fetch, urls));

  const char* before = "[";
  for (const std::string& result : results) {
    std::printf("%s'%s'", before, result.c_str());
    before = ", ";
  }
  std::puts("]");
}
