// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Several results of different types at once, and what to do when all are there.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

std::string name_of(int user) {
  return user == 7 ? "Ada" : "nobody";
}
int age_of(int user) {
  return user == 7 ? 36 : 0;
}
int square(int n) {
  return n * n;
}

int main() {
  coeval::ThreadPoolExecutor pool;

  const auto user = coeval::when_all(pool.submit(name_of, 7), pool.submit(age_of, 7));
  const auto& [name, age] = user.result();
  std::printf("%s is %d\n", name.c_str(), age);

  std::vector<coeval::Future<int>> squares;
  for (int n = 1; n <= 4; ++n) {
    squares.push_back(pool.submit(square, n));
  }
  const auto total = coeval::when_all(squares).then([](const std::vector<int>& all) {
    int sum = 0;
    for (const int n : all) {
      sum += n;
    }
    return sum;
  });
  std::printf("1 + 4 + 9 + 16 = %d\n", total.result());
}
