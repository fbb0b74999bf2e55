// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "picture_work.hpp"

#include "folder.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tour {

namespace {

constexpr std::size_t largest_file = 64 << 20;

// The pixels of a row or column that one pixel of the result covers, and how much of each: the
// weights' sum is 1.
struct Cover {
  std::size_t first = 0;
  std::vector<float> weights = {};
};

std::vector<Cover> covers(int from, int to) {
  std::vector<Cover> all;
  const double step = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * step;
    const double end = std::min<double>((i + 1) * step, from);
    Cover cover{.first = static_cast<std::size_t>(begin)};
    for (double pixel = std::floor(begin); pixel < end; ++pixel) {
      const double part = std::min(pixel + 1, end) - std::max(pixel, begin);
      cover.weights.push_back(static_cast<float>(part / (end - begin)));
    }
    all.push_back(std::move(cover));
  }
  return all;
}

Size fitted(Size size, Size limit) {
  const double scale = std::min({1.0, static_cast<double>(limit.width) / size.width,
                                 static_cast<double>(limit.height) / size.height});
  const auto scaled = [scale](int length) {
    return std::max(1, static_cast<int>(std::lround(length * scale)));
  };
  return {.width = scaled(size.width), .height = scaled(size.height)};
}

unsigned char to_byte(float value) {
  return static_cast<unsigned char>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

PictureFile load(const std::filesystem::path& path) {
  std::optional<std::string> bytes = read_file(path, largest_file);
  if (!bytes) {
    throw std::runtime_error(path.filename().native() + ": cannot be read, or is too large");
  }
  return {.name = path.filename().native(), .bytes = *std::move(bytes)};
}

}  // namespace

Picture shrink(const Picture& picture, Size limit) {
  const Size size = fitted(picture.size, limit);
  if (size == picture.size) {
    return picture;
  }
  const std::vector<Cover> columns = covers(picture.size.width, size.width);
  const std::vector<Cover> rows = covers(picture.size.height, size.height);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(picture.size.width);

  Picture small{.size = size, .pixels = {}};
  small.pixels.reserve(3 * columns.size() * rows.size());
  std::vector<float> sums(row_bytes);  // of the rows that a row of the result covers
  for (const Cover& row : rows) {
    std::ranges::fill(sums, 0.0F);
    for (std::size_t y = 0; y < row.weights.size(); ++y) {
      const unsigned char* source = picture.pixels.data() + (row.first + y) * row_bytes;
      for (std::size_t i = 0; i < row_bytes; ++i) {
        sums[i] += row.weights[y] * static_cast<float>(source[i]);
      }
    }
    for (const Cover& column : columns) {
      for (std::size_t channel = 0; channel < 3; ++channel) {
        float sum = 0;
        for (std::size_t x = 0; x < column.weights.size(); ++x) {
          sum += column.weights[x] * sums[3 * (column.first + x) + channel];
        }
        small.pixels.push_back(to_byte(sum));
      }
    }
  }
  return small;
}

Picture sharpen(const Picture& picture) {
  constexpr int blur[] = {1, 2, 1};  // in each direction: sixteenths
  const int width = picture.size.width;
  const int height = picture.size.height;
  const auto pixel = [&](int x, int y) {
    return picture.pixels.data() + 3 * (static_cast<std::size_t>(std::clamp(y, 0, height - 1)) *
                                            static_cast<std::size_t>(width) +
                                        static_cast<std::size_t>(std::clamp(x, 0, width - 1)));
  };
  Picture sharp{.size = picture.size, .pixels = {}};
  sharp.pixels.reserve(picture.pixels.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        int blurred = 0;
        for (int dy = 0; dy < 3; ++dy) {
          for (int dx = 0; dx < 3; ++dx) {
            blurred += blur[dy] * blur[dx] * pixel(x + dx - 1, y + dy - 1)[channel];
          }
        }
        const int value = pixel(x, y)[channel];
        sharp.pixels.push_back(
            static_cast<unsigned char>(std::clamp(value + (16 * value - blurred) / 16, 0, 255)));
      }
    }
  }
  return sharp;
}

// shown: develop
Thumbnail develop(const std::string& path) {
  const PictureFile file = load(path);
  const Picture picture = decode(file);
  const Picture small = sharpen(shrink(picture, thumbnail_size));
  return {.source = picture.size, .file = encode(small, format_of(file))};
}
// shown: end

}  // namespace tour
