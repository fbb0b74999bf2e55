// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "expect.hpp"

#include <coeval/coeval.hpp>

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// [plain]
struct Point {
  double x = 0;
  double y = 0;
};
struct Outline {
  std::string name;
  std::vector<Point> corners;
};

double length(const Outline& outline) {
  double sum = 0;
  for (std::size_t i = 1; i < outline.corners.size(); ++i) {
    const Point& from = outline.corners[i - 1];
    const Point& to = outline.corners[i];
    sum += std::hypot(to.x - from.x, to.y - from.y);
  }
  return sum;
}
// [plain]

// [serialize]
class Account {
 public:
  Account() = default;
  Account(std::string owner, long cents) : owner_(std::move(owner)), cents_(cents) {}

  template <coeval::pickle::Archive A>
  void serialize(A& archive) {
    archive(owner_, cents_);
  }

  long cents() const { return cents_; }

 private:
  std::string owner_;
  long cents_ = 0;
};
// [serialize]

// [save_and_load]
class Percentage {
 public:
  explicit Percentage(int value) : value_(value) {
    if (value < 0 || value > 100) {
      throw std::invalid_argument("no percentage: " + std::to_string(value));
    }
  }

  void save(coeval::pickle::OutputArchive& archive) const { archive(value_); }
  static Percentage load(coeval::pickle::InputArchive& archive) {
    return Percentage(archive.read<int>());
  }

  int value() const { return value_; }

 private:
  int value_;
};
// [save_and_load]

// [foreign]
namespace vendor {

class Colour {  // from a header that you cannot change
 public:
  unsigned rgb() const { return rgb_; }
  void set_rgb(unsigned rgb) { rgb_ = rgb; }

 private:
  unsigned rgb_ = 0;
};

template <coeval::pickle::Archive A>
void serialize(A& archive, Colour& colour) {
  unsigned rgb = colour.rgb();
  archive(rgb);
  colour.set_rgb(rgb);
}

}  // namespace vendor
// [foreign]

Account with_interest(const Account& account, Percentage rate) {
  return Account("the same", account.cents() + account.cents() * rate.value() / 100);
}

vendor::Colour inverse(vendor::Colour colour) {
  colour.set_rgb(0xFFFFFF - colour.rgb());
  return colour;
}

// [function_object]
struct Scale {
  double factor = 1;

  Outline operator()(Outline outline) const {
    for (Point& corner : outline.corners) {
      corner.x *= factor;
      corner.y *= factor;
    }
    return outline;
  }
};
// [function_object]

int main() {
  coeval::ProcessPoolExecutor pool({.max_workers = 1});
  const Outline square = {"square", {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}}};
  EXPECT(pool.submit(length, square).result() == 4);
  EXPECT(pool.submit(with_interest, Account("me", 200), Percentage(5)).result().cents() == 210);
  EXPECT(pool.submit(inverse, vendor::Colour()).result().rgb() == 0xFFFFFF);

  const std::vector<Outline> outlines = {square};
  std::vector<double> lengths;
  // [constant]
  const double factor = 2.5;
  for (const Outline& larger : pool.map(Scale{factor}, outlines)) {
    lengths.push_back(length(larger));
  }
  // [constant]
  EXPECT(lengths == std::vector{10.0});
}
