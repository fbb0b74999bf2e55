// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "contact_sheet.hpp"

#include "letters.hpp"
#include "picture_work.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string_view>

namespace tour {

namespace {

using Color = std::array<unsigned char, 3>;

constexpr Color paper = {24, 25, 29};
constexpr Color ink = {205, 207, 212};
constexpr Color red = {92, 26, 30};
constexpr Color light_red = {236, 106, 94};

constexpr int gap = 16;
constexpr int letter_scale = 2;
constexpr int letter_step = (letter_width + 1) * letter_scale;
constexpr int caption_height = letter_height * letter_scale + 8;
constexpr int tile_width = thumbnail_size.width + gap;
constexpr int tile_height = thumbnail_size.height + caption_height + gap;

class Sheet {
 public:
  explicit Sheet(Size size) : picture_(blank_picture(size, paper[0], paper[1], paper[2])) {}

  void fill(int left, int top, Size size, Color color) {
    for (int y = top; y < top + size.height; ++y) {
      for (int x = left; x < left + size.width; ++x) {
        std::ranges::copy(color, at(x, y));
      }
    }
  }

  void paste(int left, int top, const Picture& picture) {
    const std::size_t row_bytes = 3 * static_cast<std::size_t>(picture.size.width);
    for (int y = 0; y < picture.size.height; ++y) {
      std::copy_n(picture.pixels.data() + static_cast<std::size_t>(y) * row_bytes, row_bytes,
                  at(left, top + y));
    }
  }

  // Both diagonals of a field.
  void cross_out(int left, int top, Size size) {
    for (int x = 0; x + 1 < size.width; ++x) {
      const int y = x * (size.height - 1) / size.width;
      fill(left + x, top + y, {.width = 2, .height = 2}, light_red);
      fill(left + x, top + size.height - 2 - y, {.width = 2, .height = 2}, light_red);
    }
  }

  // In the middle of a width, or as much of the text as that takes.
  void write(std::string_view text, int left, int top, int width, Color color) {
    text = text.substr(0, static_cast<std::size_t>(width / letter_step));
    left += (width - static_cast<int>(text.size()) * letter_step + letter_scale) / 2;
    for (const char c : text) {
      const auto rows = letter(c);
      for (int y = 0; y < letter_height; ++y) {
        for (int x = 0; x < letter_width; ++x) {
          if ((rows[static_cast<std::size_t>(y)] >> (letter_width - 1 - x) & 1) != 0) {
            fill(left + x * letter_scale, top + y * letter_scale,
                 {.width = letter_scale, .height = letter_scale}, color);
          }
        }
      }
      left += letter_step;
    }
  }

  Picture take() { return std::move(picture_); }

 private:
  unsigned char* at(int x, int y) {
    return picture_.pixels.data() +
           3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture_.size.width) +
                static_cast<std::size_t>(x));
  }

  Picture picture_;
};

void draw(Sheet& sheet, const Tile& tile, int left, int top) {
  const Size size = tile.picture.size;
  if (size.width > thumbnail_size.width || size.height > thumbnail_size.height) {
    throw std::invalid_argument("a picture is larger than its tile");
  }
  if (size == Size()) {
    const int line = letter_height * letter_scale;
    const int middle = top + (thumbnail_size.height - line) / 2;
    sheet.fill(left, top, thumbnail_size, red);
    sheet.cross_out(left, top, thumbnail_size);
    sheet.fill(left, middle - 8, {.width = thumbnail_size.width, .height = line + 16}, red);
    sheet.write(tile.remark, left, middle, thumbnail_size.width, light_red);
  } else {
    sheet.paste(left + (thumbnail_size.width - size.width) / 2,
                top + (thumbnail_size.height - size.height) / 2, tile.picture);
  }
  sheet.write(tile.name, left, top + thumbnail_size.height + 6, thumbnail_size.width,
              size == Size() ? light_red : ink);
}

}  // namespace

Picture contact_sheet(const std::vector<Tile>& tiles) {
  if (tiles.empty()) {
    throw std::invalid_argument("no tile for the sheet");
  }
  const auto count = static_cast<int>(tiles.size());
  const int columns = static_cast<int>(std::ceil(std::sqrt(1.5 * count)));
  const int rows = (count + columns - 1) / columns;
  Sheet sheet({.width = columns * tile_width + gap, .height = rows * tile_height + gap});
  for (int i = 0; i < count; ++i) {
    draw(sheet, tiles[static_cast<std::size_t>(i)], gap + i % columns * tile_width,
         gap + i / columns * tile_height);
  }
  return sheet.take();
}

}  // namespace tour
