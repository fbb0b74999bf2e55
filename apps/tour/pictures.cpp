// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "pictures.hpp"

#include "jpeg.hpp"
#include "png.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace tour {

Picture blank_picture(Size size, unsigned char red, unsigned char green, unsigned char blue) {
  Picture picture{.size = size, .pixels = {}};
  const auto count = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  picture.pixels.reserve(3 * count);
  for (std::size_t i = 0; i < count; ++i) {
    picture.pixels.insert(picture.pixels.end(), {red, green, blue});
  }
  return picture;
}

PictureFormat format_of(const PictureFile& file) {
  if (file.bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    return PictureFormat::png;
  }
  if (file.bytes.starts_with("\xff\xd8\xff")) {
    return PictureFormat::jpeg;
  }
  throw std::runtime_error(file.name + ": neither a PNG nor a JPEG file");
}

Picture decode(const PictureFile& file) {
  const PictureFormat format = format_of(file);
  try {
    return format == PictureFormat::png ? decode_png(file.bytes) : decode_jpeg(file.bytes);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.name, error.what()));
  }
}

std::string encode(const Picture& picture, PictureFormat format) {
  return format == PictureFormat::png ? encode_png(picture) : encode_jpeg(picture);
}

}  // namespace tour
