// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tour {

inline constexpr int mandelbrot_rows = 216;

// The characters of the picture, from far outside the set to inside.
inline constexpr std::string_view mandelbrot_shades = " .:-=+*%@#";

struct MandelbrotRow {
  std::uint64_t iterations = 0;
  std::string picture;  // empty where the row is too fine for a terminal
};

// Computes row y of a picture of the Mandelbrot set, y in 0 … mandelbrot_rows - 1. Some rows take
// a hundred times as long as others.
MandelbrotRow mandelbrot_row(int y);

}  // namespace tour
