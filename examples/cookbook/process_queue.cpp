// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A process hands its results over in a queue.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <string>

namespace multiprocessing = coeval::multiprocessing;

struct Page {
  std::string url;
  std::size_t words = 0;
};

void crawl(multiprocessing::Queue<Page> pages) {
  for (const char* url : {"example.org", "example.org/about", "example.org/news"}) {
    pages.put({.url = url, .words = 100 * std::string(url).size()});
  }
  pages.put({});  // no url: that was all
}

int main() {
  const multiprocessing::Queue<Page> pages;
  multiprocessing::Process crawler(crawl, pages);
  crawler.start();
  for (Page page = pages.get(); !page.url.empty(); page = pages.get()) {
    std::printf("%s: %zu words\n", page.url.c_str(), page.words);
  }
  crawler.join();
}
