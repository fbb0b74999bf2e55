// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Results in the order in which they come, not the order in which they were asked for.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;

std::string ask(std::chrono::milliseconds distance) {
  std::this_thread::sleep_for(distance);
  return "it is " + std::to_string(distance.count()) + " ms away";
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 3});

  // A future is a key too: here it leads to the name of the server that was asked.
  std::unordered_map<coeval::Future<std::string>, std::string> servers;
  servers[pool.submit(ask, 900ms)] = "Sydney";
  servers[pool.submit(ask, 50ms)] = "Berlin";
  servers[pool.submit(ask, 450ms)] = "Boston";

  std::vector<coeval::Future<std::string>> answers;
  for (const auto& [future, server] : servers) {
    answers.push_back(future);
  }
  for (const auto& future : coeval::as_completed(answers)) {
    std::printf("%s: %s\n", servers[future].c_str(), future.result().c_str());
  }
}
