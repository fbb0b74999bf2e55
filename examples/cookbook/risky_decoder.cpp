// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A decoder that crashes on one file, hangs on another and fails now and then: each costs its own
// result, and the pool goes on.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using Tries = coeval::multiprocessing::Value<int>;

int count(int& n) {
  return n++;
}

std::string decode(const std::string& file, const Tries& tries_of_flaky) {
  if (file == "crash.png" || (file == "flaky.png" && tries_of_flaky.update(count) == 0)) {
    std::abort();  // as the C library does when it finds its heap damaged
  }
  while (file == "endless.png") {
    std::this_thread::sleep_for(1h);
  }
  return "the picture of " + file;
}

int main() {
  const Tries tries_of_flaky(0);
  coeval::ProcessPoolExecutor pool({.max_workers = 2, .name = "decoders"});
  for (const std::string file : {"a.png", "crash.png", "flaky.png", "endless.png", "b.png"}) {
    const int retries = file == "flaky.png" ? 1 : 0;
    const auto picture = pool.with({.name = file, .timeout = 2s, .max_retries = retries})
                             .submit(decode, file, tries_of_flaky);
    try {
      std::puts(picture.result().c_str());
    } catch (const coeval::WorkerDied& error) {
      std::printf("%s killed its process with signal %d\n", file.c_str(), error.signal());
    } catch (const coeval::TimeoutError&) {
      std::printf("%s took too long, and was ended\n", file.c_str());
    }
  }
  std::printf("%zu were decoded, %zu were not\n", pool.stats().completed, pool.stats().failed);
}
