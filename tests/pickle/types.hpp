// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Types of a program that the tests of pickle write and read, and their bytes.

#include <coeval/pickle/pickle.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coeval::pickle::sample {

enum class Colour : std::uint8_t { red, green };

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};

struct Point {
  float x = 0;
  int y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

// With padding, an array, and another aggregate in the middle.
struct Row {
  char kind = 0;
  double value = 0;
  int cells[3] = {};
  Point at;
  std::string name;
  friend bool operator==(const Row&, const Row&) = default;
};

// Without padding, so it is copied whole, with an array object in it.
struct Quote {
  double price = 0;
  std::array<char, 8> symbol = {};
  friend bool operator==(const Quote&, const Quote&) = default;
};

struct Table {
  std::vector<Row> rows;
  std::optional<Row> best;
  std::array<std::string, 2> titles;
  Colour colour = Colour::red;
  bool sorted = false;
  friend bool operator==(const Table&, const Table&) = default;
};

struct Node {
  int value = 0;
  std::unique_ptr<Node> next;
};

struct Wide {
  int m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12;
  std::string m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23, m24;
  friend bool operator==(const Wide&, const Wide&) = default;
};

class Account {
 public:
  Account() = default;
  Account(std::string owner, int balance) : owner_(std::move(owner)), balance_(balance) {}
  friend bool operator==(const Account&, const Account&) = default;

  template <Archive A>
  void serialize(A& archive) {
    archive(owner_, balance_);
  }

 private:
  std::string owner_;
  int balance_ = 0;
};

class Celsius {
 public:
  explicit Celsius(double degrees) : degrees_(degrees) {}
  friend bool operator==(const Celsius&, const Celsius&) = default;

  void save(OutputArchive& archive) const { archive(degrees_); }
  static Celsius load(InputArchive& archive) { return Celsius(archive.read<double>()); }

 private:
  double degrees_;
};

// A type that the program cannot change.
class Foreign {
 public:
  int get() const { return value_; }
  void set(int value) { value_ = value; }

 private:
  int value_ = 0;
};
template <Archive A>
void serialize(A& archive, Foreign& foreign) {
  int value = foreign.get();
  archive(value);
  foreign.set(value);
}

// Without the structure of its type in front.
template <class T>
Bytes written(const T& value) {
  OutputArchive archive;
  archive(value);
  return archive.take().bytes;
}

}  // namespace coeval::pickle::sample
