// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A pool of processes by hand: they take numbers from one queue and put what they find into
// another.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <vector>

namespace multiprocessing = coeval::multiprocessing;

using Numbers = multiprocessing::JoinableQueue<int>;
using Primes = multiprocessing::Queue<int>;

bool is_prime(int number) {
  for (int divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) {
      return false;
    }
  }
  return number > 1;
}

void find_primes(const Numbers& numbers, const Primes& primes) {
  while (true) {
    if (const int number = numbers.get(); is_prime(number)) {
      primes.put(number);
    }
    numbers.task_done();
  }
}

int main() {
  const Numbers numbers(100);
  const Primes primes;
  std::vector<multiprocessing::Process> workers;
  for (int i = 0; i < multiprocessing::cpu_count(); ++i) {
    workers.emplace_back(multiprocessing::ProcessOptions{.daemon = true}, find_primes, numbers,
                         primes);
    workers.back().start();
  }
  for (int number = 0; number < 10'000; ++number) {
    numbers.put(number);  // waits while 100 numbers wait
  }
  numbers.join();
  std::printf("%zu primes below 10000\n", primes.qsize());
}
