// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

struct Photo {
  int width = 0;
  bool small = false;
};

void shrink(Photo& photo) {
  photo.small = true;
}

void loops(coeval::ThreadPoolExecutor& pool) {
  std::vector<Photo> photos(100);
  std::vector<double> xs(1000, 2.0);
  std::vector<double> ys(1000);
  // [for]
  coeval::parallel_for(pool, photos, shrink);  // shrink(photo) for each
  coeval::parallel_for(pool, std::size_t{0}, xs.size(), [&](std::size_t i) {
    ys[i] = 2 * xs[i] + 1;  // for each number from 0 on
  });
  // [for]
  EXPECT(photos.back().small && ys.back() == 5.0);
  // [options]
  coeval::parallel_for(pool, {.grain = 1}, photos, shrink);  // few and long: one at a time
  // [options]
  // [reduce]
  const double sum = coeval::parallel_reduce(pool, xs, 0.0);
  const double norm = std::sqrt(
      coeval::parallel_reduce(pool, xs, 0.0, std::plus<>(), [](double x) { return x * x; }));
  // [reduce]
  EXPECT(sum == 2000.0 && norm > 63.2 && norm < 63.3);
  std::vector<int> numbers{3, 1, 2};
  // [sort]
  coeval::parallel_sort(pool, numbers);
  coeval::parallel_sort(pool, photos, std::ranges::greater(), &Photo::width);
  // [sort]
  EXPECT(numbers == (std::vector<int>{1, 2, 3}));
}

struct Node {
  int value = 1;
  std::unique_ptr<Node> left = {};
  std::unique_ptr<Node> right = {};
};

// [tree]
int sum_of(coeval::ThreadPoolExecutor& pool, const Node* node) {
  if (node == nullptr) {
    return 0;
  }
  int left = 0;
  coeval::TaskGroup group(pool);
  group.run([&] { left = sum_of(pool, node->left.get()); });  // perhaps on another thread
  const int right = sum_of(pool, node->right.get());          // here, meanwhile
  group.wait();
  return node->value + left + right;
}
// [tree]

void groups(coeval::ThreadPoolExecutor& pool) {
  Node root;
  root.left = std::make_unique<Node>();
  root.right = std::make_unique<Node>();
  EXPECT(sum_of(pool, &root) == 3);

  const std::string place = "nowhere";
  std::string message;
  // [errors]
  try {
    coeval::TaskGroup group(pool);
    group.run([&] { throw std::runtime_error("no road to " + place); });
    group.run([](std::stop_token stop) {
      while (!stop.stop_requested()) {
      }  // what runs is asked to stop when another fails
    });
    group.wait();
  } catch (const coeval::ExceptionGroup& error) {
    message = error.what();  // counts and describes all that were raised
  }
  // [errors]
  EXPECT(message.find("no road to nowhere") != std::string::npos);
}

void stop(coeval::ThreadPoolExecutor& pool) {
  std::vector<int> work(1000);
  bool cancelled = false;
  // [stop]
  std::stop_source source;
  try {
    coeval::parallel_for(pool, {.grain = 10, .stop = source.get_token()}, work, [&](int& item) {
      item = 1;
      source.request_stop();  // most often from elsewhere
    });
  } catch (const coeval::CancelledError&) {
    cancelled = true;  // not all was done
  }
  // [stop]
  EXPECT(cancelled);
}

int main() {
  coeval::ThreadPoolExecutor pool({.max_workers = 2});
  loops(pool);
  groups(pool);
  stop(pool);
}
