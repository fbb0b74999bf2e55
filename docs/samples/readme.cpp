// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// [lesson]
#include <coeval/coeval.hpp>

#include <cstdio>
#include <string>
#include <vector>

// Blocks on a socket, in real life.
std::string fetch(const std::string& url) {
  return "fetched " + url;
}

int main() {
  const std::vector<std::string> urls = {"url1", "url2", "url3"};
  coeval::ThreadPoolExecutor pool({.max_workers = 3});
  for (const std::string& page : pool.map(fetch, urls)) {
    std::puts(page.c_str());
  }
}
// [lesson]
