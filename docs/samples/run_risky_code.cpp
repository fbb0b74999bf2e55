// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

// [decode]
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

Picture decode(std::string_view file) {  // calls a library that nobody trusts
  if (file.find("crash") != file.npos) {
    std::abort();
  }
  return {2, 1, {0, 255}};
}
// [decode]

void one_task() {
  const std::string file = "crash";
  int died_of = 0;
  // [one]
  coeval::ProcessPoolExecutor pool({.max_workers = 4, .name = "decoders"});
  const coeval::Future<Picture> picture = pool.with({.name = "holiday.png"}).submit(decode, file);
  try {
    std::printf("%d pixels wide\n", picture.result().width);
  } catch (const coeval::WorkerDied& error) {
    std::puts(error.what());  // task 'holiday.png' of pool 'decoders' died of SIGABRT in worker 0 …
    died_of = error.signal();  // SIGABRT; 0 if the process called exit()
  }
  // [one]
  EXPECT(died_of == SIGABRT);
  EXPECT(pool.submit(decode, "another").result().width == 2);
}

void many() {
  coeval::ProcessPoolExecutor pool({.max_workers = 2});
  const std::vector<std::string> files = {"one", "crash", "three"};
  std::map<std::string, Picture> pictures;
  // [map]
  auto decoded = pool.map(decode, files);
  auto each = decoded.begin();
  for (const std::string& file : files) {
    try {
      pictures[file] = *each;
    } catch (const coeval::WorkerDied& error) {
      std::printf("%s is left out: %s\n", file.c_str(), error.what());
    }
    ++each;
  }
  // [map]
  EXPECT(pictures.size() == 2 && pictures.contains("three"));
}

// [hang]
Picture hang(std::string_view) {
  std::this_thread::sleep_for(24h);
  return {};
}
// [hang]

void limits() {
  coeval::ProcessPoolExecutor pool({.max_workers = 2});
  const std::string file = "any";
  bool timed_out = false;
  bool died = false;
  // [timeout]
  const auto hung = pool.with({.timeout = 100ms}).submit(hang, file);
  try {
    hung.result();
  } catch (const coeval::TimeoutError& error) {
    std::puts(error.what());  // … did not end within its timeout of 100 ms; its process was ended
    timed_out = true;
  }
  // [timeout]
  // [retries]
  const auto tried = pool.with({.max_retries = 2}).submit(decode, "crash");
  try {
    tried.result();
  } catch (const coeval::WorkerDied& error) {
    std::puts(error.what());  // it has killed three processes
    died = true;
  }
  // [retries]
  EXPECT(timed_out && died);
}

// [initializer]
std::map<std::string, int> model;  // each process has its own

void load_model(const std::string& path) {
  model = {{path, 1}};
}

int classify(std::string_view name) {
  return model.at(std::string(name));
}
// [initializer]

void prepared() {
  // [prepared]
  coeval::ProcessPoolExecutor pool({.max_workers = 4}, load_model, "model.bin");
  const int kind = pool.submit(classify, "model.bin").result();
  // [prepared]
  EXPECT(kind == 1 && model.empty());
}

// [view]
double mean(std::span<const double> samples) {
  const double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
  return sum / static_cast<double>(samples.size());
}
// [view]

void large() {
  coeval::ProcessPoolExecutor pool({.max_workers = 1});
  // [large]
  const std::vector<double> samples(1'000'000, 0.5);
  const double result = pool.submit(mean, samples).result();
  // [large]
  EXPECT(result == 0.5);
}

int main() {
  one_task();
  many();
  limits();
  prepared();
  large();
}
