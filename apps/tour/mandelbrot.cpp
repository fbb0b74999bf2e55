// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "mandelbrot.hpp"

#include <cstddef>

namespace tour {

namespace {

constexpr int columns = 448;
constexpr int iteration_limit = 20'000;
constexpr int rows_per_character = 12;
constexpr int columns_per_character = 8;

// How many steps of z = z * z + c, from 0, stay within the circle of radius 2.
int steps(double cx, double cy) {
  double x = 0;
  double y = 0;
  int n = 0;
  while (n < iteration_limit && x * x + y * y <= 4) {
    const double next_x = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next_x;
    ++n;
  }
  return n;
}

char shade(int n) {
  if (n == iteration_limit) {
    return mandelbrot_shades.back();
  }
  std::size_t level = 0;
  while (level + 2 < mandelbrot_shades.size() && n > 2 << level) {
    ++level;
  }
  return mandelbrot_shades[level];
}

}  // namespace

MandelbrotRow mandelbrot_row(int y) {
  MandelbrotRow row;
  const double cy = -1.2 + 2.4 * (y + 0.5) / mandelbrot_rows;
  for (int x = 0; x < columns; ++x) {
    const int n = steps(-2.2 + 3.2 * (x + 0.5) / columns, cy);
    row.iterations += static_cast<std::uint64_t>(n);
    if (y % rows_per_character == rows_per_character / 2 &&
        x % columns_per_character == columns_per_character / 2) {
      row.picture += shade(n);
    }
  }
  row.picture.erase(row.picture.find_last_not_of(' ') + 1);
  return row;
}

}  // namespace tour
