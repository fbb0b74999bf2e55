// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <unistd.h>
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace multiprocessing = coeval::multiprocessing;
using coeval::threading::Guard;

// [array]
struct Pixel {
  std::uint8_t red, green, blue;
};

void invert(const multiprocessing::SharedArray<Pixel>& image, std::size_t from, std::size_t to) {
  for (Pixel& pixel : image.span().subspan(from, to - from)) {
    pixel = {std::uint8_t(~pixel.red), std::uint8_t(~pixel.green), std::uint8_t(~pixel.blue)};
  }
}
// [array]

void array() {
  // [array_start]
  const multiprocessing::SharedArray<Pixel> image(1920 * 1080);
  multiprocessing::Process upper(invert, image, 0, image.size() / 2);
  multiprocessing::Process lower(invert, image, image.size() / 2, image.size());
  // [array_start]
  upper.start();
  lower.start();
  upper.join();
  lower.join();
  EXPECT(std::ranges::count(image, 255, &Pixel::green) == 1920 * 1080);
}

// [handle]
struct Request {
  std::string filter;
  multiprocessing::SharedArray<Pixel> image;
};

void serve(multiprocessing::Connection connection) {
  const auto request = connection.recv<Request>();
  invert(request.image, 0, request.image.size());
  connection.send(request.filter + " is done");
}
// [handle]

void handle() {
  auto [here, there] = multiprocessing::Pipe();
  multiprocessing::Process server(serve, std::move(there));
  server.start();
  // [handle_send]
  const Request request{.filter = "invert",
                        .image = multiprocessing::SharedArray<Pixel>(1920 * 1080)};
  here.send(request);  // some 100 bytes and a descriptor
  // [handle_send]
  EXPECT(here.recv<std::string>() == "invert is done");
  server.join();
  EXPECT(request.image[7].red == 255);
}

void value() {
  // [value]
  const multiprocessing::Value<int> hits;
  hits.update([](int& n) { ++n; });
  {
    const Guard guard(hits.get_lock());  // several accesses as one
    if (hits.get() > 100) {
      hits.set(0);
    }
  }
  // [value]
  EXPECT(hits.get() == 1);
}

void values() {
  // [values]
  const multiprocessing::Array<int> ages(12);
  ages.update([](std::span<int> decades) { ++decades[3]; });
  // [values]
  EXPECT(ages.get(3) == 1);
}

void death() {
  const multiprocessing::Value<int> hits;
  multiprocessing::Process process(
      [](const multiprocessing::Value<int>& shared) { shared.update([](int&) { std::_Exit(1); }); },
      hits);
  process.start();
  process.join();
  // [death]
  try {
    hits.update([](int& n) { ++n; });
  } catch (const coeval::OwnerDied&) {
    hits.set(0);  // half changed, perhaps: begin anew
  }
  // [death]
  EXPECT(hits.get() == 0);
}

void named() {
  const std::string name = "coeval-sample-" + std::to_string(::getpid());
  // [named]
  auto table = multiprocessing::SharedMemory::create(name, 4096);
  // In another program of the same user:
  const auto same_table = multiprocessing::SharedMemory::attach(name);
  // At the end, in one of them:
  table.unlink();
  // [named]
  EXPECT(same_table.size() == 4096);
}

int main() {
  array();
  handle();
  value();
  values();
  death();
  named();
}
