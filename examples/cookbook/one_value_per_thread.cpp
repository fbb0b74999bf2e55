// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A thing that is dear to make and not thread-safe: each worker gets its own, and keeps it.

#include <coeval/coeval.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

// Stands for a parser or a connection: two threads in one encoder would mix up its buffer.
class Encoder {
 public:
  const std::string& encode(const std::string& word) {
    buffer_.assign(word.rbegin(), word.rend());
    std::ranges::replace(buffer_, 'e', '3');
    return buffer_;
  }

 private:
  std::string buffer_;
};

int main() {
  const coeval::threading::local<Encoder> encoder;

  coeval::ThreadPoolExecutor pool({.max_workers = 2});
  const auto encode = [&encoder](const std::string& word) { return encoder->encode(word); };
  const std::vector<std::string> words = {"needle", "level", "coeval"};
  for (const std::string& code : pool.map(encode, words)) {
    std::puts(code.c_str());
  }
}
