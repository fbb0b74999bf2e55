// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The same question to several servers: the first answer counts, and the others are told to stop.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <stop_token>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// A task that takes a std::stop_token first can be asked to end while it runs.
std::string ask(std::stop_token stop, std::string server, std::chrono::seconds distance) {
  coeval::threading::Event told;
  std::stop_callback tell(stop, [&told] { told.set(); });
  return server + (told.wait(distance) ? " was told to stop" : " answered");
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 3});
  const std::vector servers = {pool.submit(ask, "moon", 60s), pool.submit(ask, "here", 0s),
                               pool.submit(ask, "mars", 600s)};

  const auto [done, not_done] = coeval::wait(servers, coeval::ReturnWhen::first_completed);
  std::puts(done.front().result().c_str());
  for (auto future : not_done) {
    future.stop();  // a task that runs is told; one that has not begun never does
  }
  std::printf("%zu others were stopped\n", coeval::wait(not_done).done.size());
}
