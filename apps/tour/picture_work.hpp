// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <string>

namespace tour {

// The picture in a size that fits into the limit and keeps the shape. Each pixel is the average of
// the area it covers. A picture that fits already stays as it is.
Picture shrink(const Picture& picture, Size limit);

// Unsharp mask: adds the difference between each pixel and its blurred neighbourhood of 3 x 3.
Picture sharpen(const Picture& picture);

struct Thumbnail {
  Size source;
  std::string file = {};  // its content, in the format of the source
};

inline constexpr Size thumbnail_size = {.width = 240, .height = 180};

// The work of chapter 4: from the path of a PNG or JPEG file to a thumbnail. An ordinary function
// that knows nothing of threads and processes. std::runtime_error with the file's name if it cannot
// be read or decoded. Thread-safe.
Thumbnail develop(const std::string& path);

}  // namespace tour
