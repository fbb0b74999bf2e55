// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <string>
#include <vector>

namespace tour {

inline constexpr Size rendered_size = {.width = 1600, .height = 1200};

// A dozen pictures that this program can make, half of them PNG and half JPEG.
std::vector<std::string> rendered_names();

// And three that are broken: a JPEG that ends too early, a PNG with wrong bytes, and a PNG at which
// decode() crashes.
std::vector<std::string> broken_names();

// The content of the file with one of these names. std::invalid_argument for another. Thread-safe.
std::string render(const std::string& name);

}  // namespace tour
