// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tour {

struct Size {
  int width = 0;
  int height = 0;

  bool operator==(const Size&) const = default;
};

// Red, green and blue of each pixel, a byte each, row by row from the top.
struct Picture {
  Size size;
  std::vector<unsigned char> pixels;
};

enum class PictureFormat { png, jpeg };

struct PictureFile {
  std::string name;  // for errors
  std::string bytes;
};

// Larger pictures are refused before any memory is taken for them.
inline constexpr int most_pixels_a_side = 16'384;
inline constexpr std::size_t most_pixels = 64'000'000;

// A picture of one colour.
Picture blank_picture(Size size, unsigned char red, unsigned char green, unsigned char blue);

// The format that the first bytes of a file show, whatever its name is. std::runtime_error if it is
// neither of the two.
PictureFormat format_of(const PictureFile& file);

// Decodes with libpng or libjpeg. What is transparent lies on white. std::runtime_error if the file
// is corrupt or too large, with the file's name and the library's own words. Thread-safe.
Picture decode(const PictureFile& file);

// The picture as the content of a file. std::runtime_error if the library cannot. Thread-safe.
std::string encode(const Picture& picture, PictureFormat format);

}  // namespace tour
