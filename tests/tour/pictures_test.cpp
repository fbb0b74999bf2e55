// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The pieces of the tour's fourth chapter: decoding, encoding, and the pictures it renders.

#include "apps/tour/pictures.hpp"
#include "apps/tour/jpeg.hpp"
#include "apps/tour/png.hpp"
#include "apps/tour/rendered_pictures.hpp"

#include <coeval/multiprocessing/multiprocessing.hpp>

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using tour::blank_picture;
using tour::decode;
using tour::encode;
using tour::Picture;
using tour::PictureFormat;
using tour::Size;

// Colours that change slowly, as JPEG likes them.
Picture slope(Size size) {
  Picture picture{.size = size, .pixels = {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (const int value : {255 * x / size.width, 255 * y / size.height, 128}) {
        picture.pixels.push_back(static_cast<unsigned char>(value));
      }
    }
  }
  return picture;
}

std::string error_of(const std::string& bytes) {
  try {
    decode({.name = "holiday", .bytes = bytes});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

// A PNG file of one row, as libpng's own writer makes it.
std::string written_by_libpng(png_uint_32 format, const std::vector<unsigned char>& row,
                              png_uint_32 width) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = 1;
  image.format = format;
  std::string file(4096, '\0');
  png_alloc_size_t size = file.size();
  if (png_image_write_to_memory(&image, file.data(), &size, 0, row.data(), 0, nullptr) == 0) {
    throw std::runtime_error(image.message);
  }
  file.resize(size);
  return file;
}

TEST(Pictures, png_comes_back_as_it_was) {
  for (const Size size : {Size{.width = 1, .height = 1}, Size{.width = 61, .height = 40}}) {
    const Picture before = slope(size);
    const Picture after = decode({.name = "a.png", .bytes = encode(before, PictureFormat::png)});
    EXPECT_EQ(after.size, before.size);
    EXPECT_EQ(after.pixels, before.pixels);
  }
}

TEST(Pictures, jpeg_comes_back_nearly_as_it_was) {
  const Picture before = slope({.width = 61, .height = 40});
  const Picture after = decode({.name = "a.jpg", .bytes = encode(before, PictureFormat::jpeg)});
  ASSERT_EQ(after.size, before.size);
  ASSERT_EQ(after.pixels.size(), before.pixels.size());
  int largest = 0;
  for (std::size_t i = 0; i < before.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(int{before.pixels[i]} - int{after.pixels[i]}));
  }
  EXPECT_LE(largest, 24);
}

TEST(Pictures, what_is_transparent_lies_on_white) {
  const std::string file =
      written_by_libpng(PNG_FORMAT_RGBA, {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 51}, 3);
  const Picture picture = decode({.name = "a.png", .bytes = file});
  EXPECT_EQ(picture.pixels, (std::vector<unsigned char>{10, 20, 30, 255, 255, 255, 204, 224, 244}));
}

TEST(Pictures, gray_becomes_three_equal_colours) {
  const std::string file = written_by_libpng(PNG_FORMAT_GRAY, {0, 77, 255}, 3);
  const Picture picture = decode({.name = "a.png", .bytes = file});
  EXPECT_EQ(picture.pixels, (std::vector<unsigned char>{0, 0, 0, 77, 77, 77, 255, 255, 255}));
}

TEST(Pictures, file_that_ends_too_early_raises_wherever_it_ends) {
  const Picture picture = slope({.width = 16, .height = 12});
  for (const PictureFormat format : {PictureFormat::png, PictureFormat::jpeg}) {
    const std::string file = encode(picture, format);
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_TRUE(error_of(file.substr(0, size)).starts_with("holiday: ")) << size;
    }
  }
}

TEST(Pictures, error_has_the_name_of_the_file_and_the_words_of_the_library) {
  const Picture picture = slope({.width = 160, .height = 120});
  std::string jpeg = encode(picture, PictureFormat::jpeg);
  jpeg.resize(jpeg.size() / 2);
  EXPECT_EQ(error_of(jpeg), "holiday: libjpeg: Premature end of JPEG file");
  std::string png = encode(picture, PictureFormat::png);
  png[16] = static_cast<char>(~png[16]);  // the width
  EXPECT_EQ(error_of(png), "holiday: libpng: IHDR: CRC error");
  EXPECT_EQ(error_of("GIF89a"), "holiday: neither a PNG nor a JPEG file");
  EXPECT_EQ(error_of(""), "holiday: neither a PNG nor a JPEG file");
}

TEST(Pictures, wrong_byte_anywhere_is_an_error_or_another_picture) {
  const Picture picture = slope({.width = 16, .height = 12});
  for (const PictureFormat format : {PictureFormat::png, PictureFormat::jpeg}) {
    const std::string file = encode(picture, format);
    for (std::size_t i = 0; i < file.size(); ++i) {
      for (const int flipped : {0x01, 0x80, 0xFF}) {
        std::string wrong = file;
        wrong[i] = static_cast<char>(wrong[i] ^ flipped);
        const std::string error = error_of(wrong);
        EXPECT_TRUE(error == "none" || error.starts_with("holiday: ")) << i << ": " << error;
      }
    }
  }
}

TEST(Pictures, too_large_ones_are_refused) {
  const Picture long_line =
      blank_picture({.width = tour::most_pixels_a_side + 1, .height = 1}, 0, 0, 0);
  EXPECT_NE(error_of(encode(long_line, PictureFormat::png)), "none");
  EXPECT_EQ(error_of(encode(long_line, PictureFormat::jpeg)), "holiday: too many pixels");
}

TEST(Pictures, picture_without_pixels_cannot_be_encoded) {
  EXPECT_THROW(encode(Picture(), PictureFormat::png), std::runtime_error);
  EXPECT_THROW(encode(Picture(), PictureFormat::jpeg), std::runtime_error);
}

TEST(RenderedPictures, half_of_the_dozen_are_png_and_half_jpeg) {
  const std::vector<std::string> names = tour::rendered_names();
  EXPECT_EQ(names.size(), 12U);
  int png = 0;
  for (const std::string& name : names) {
    const tour::PictureFile file{.name = name, .bytes = tour::render(name)};
    png += tour::format_of(file) == PictureFormat::png ? 1 : 0;
    EXPECT_EQ(tour::format_of(file) == PictureFormat::png, name.ends_with(".png")) << name;
    const Picture picture = decode(file);
    EXPECT_EQ(picture.size, tour::rendered_size) << name;
    const auto [darkest, lightest] = std::ranges::minmax(picture.pixels);
    EXPECT_GT(lightest - darkest, 100) << name << " shows nothing";
  }
  EXPECT_EQ(png, 6);
}

TEST(RenderedPictures, two_are_corrupt) {
  for (const std::string name : {"truncated.jpg", "wrong_bytes.png"}) {
    EXPECT_EQ(std::ranges::count(tour::broken_names(), name), 1);
    EXPECT_NE(error_of(tour::render(name)), "none") << name;
  }
}

void decode_crash() {
  try {
    decode({.name = "crash.png", .bytes = tour::render("crash.png")});
  } catch (const std::exception&) {
    // That would not be a crash: the process ends well.
  }
}

TEST(RenderedPictures, last_one_crashes_the_process_that_decodes_it) {
  EXPECT_EQ(tour::broken_names().back(), "crash.png");
  coeval::multiprocessing::Process process(decode_crash);
  process.start();
  process.join();
  EXPECT_NE(process.exitcode(), 0);
}

TEST(RenderedPictures, other_name_is_an_error) {
  EXPECT_THROW(tour::render("holiday.png"), std::invalid_argument);
}

}  // namespace
