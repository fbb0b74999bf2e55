// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Processes fill their parts of one array: it is in memory that all of them see, so no element is
// sent to and fro.

#include <coeval/coeval.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <numeric>
#include <vector>

namespace multiprocessing = coeval::multiprocessing;

using Numbers = multiprocessing::SharedArray<double>;

// One period of a sine, of which this process computes a part.
void sample(const Numbers& wave, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const double turn = static_cast<double>(i) / static_cast<double>(wave.size());
    wave[i] = std::sin(2 * std::numbers::pi * turn);
  }
}

int main() {
  const Numbers wave(1'000'000);
  constexpr std::size_t part = 250'000;
  std::vector<multiprocessing::Process> workers;
  for (std::size_t from = 0; from < wave.size(); from += part) {
    workers.emplace_back(sample, wave, from, from + part).start();
  }
  for (multiprocessing::Process& worker : workers) {
    worker.join();
  }
  std::printf("%zu samples from %+.1f to %+.1f\n", wave.size(), std::ranges::min(wave),
              std::ranges::max(wave));
  const double squares = std::inner_product(wave.begin(), wave.end(), wave.begin(), 0.0);
  std::printf("root mean square: %.4f\n", std::sqrt(squares / static_cast<double>(wave.size())));
}
