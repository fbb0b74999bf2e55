// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace tour {

// Each part from 0 to 1; what lies beyond is cut off.
struct Color {
  double red = 0;
  double green = 0;
  double blue = 0;
};

// A picture as a function: the colour at (x, y), where (0, 0) is the middle of the picture, y = 1
// its upper edge and y = -1 its lower one.
struct Scene {
  std::string_view file;  // the name for it
  Color (*color)(double x, double y);
};

std::span<const Scene> scenes();

}  // namespace tour
