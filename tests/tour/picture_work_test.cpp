// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The pieces of the tour's fourth chapter: what it does to pictures, and the sheet it makes of them.

#include "apps/tour/picture_work.hpp"
#include "apps/tour/contact_sheet.hpp"
#include "apps/tour/temporary_folder.hpp"
#include "apps/tour/terminal.hpp"
#include "tour/folder.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using tour::blank_picture;
using tour::contact_sheet;
using tour::Picture;
using tour::Size;
using Bytes = std::vector<unsigned char>;

Picture gray_picture(Size size, const Bytes& values) {
  Picture picture{.size = size, .pixels = {}};
  for (const unsigned char value : values) {
    picture.pixels.insert(picture.pixels.end(), 3, value);
  }
  return picture;
}

TEST(Shrink, pixel_is_the_average_of_the_area_it_covers) {
  const Picture four = gray_picture({.width = 4, .height = 2}, {0, 20, 100, 100, 40, 60, 100, 104});
  const Picture two = tour::shrink(four, {.width = 2, .height = 2});
  EXPECT_EQ(two.size, (Size{.width = 2, .height = 1}));
  EXPECT_EQ(two.pixels, (Bytes{30, 30, 30, 101, 101, 101}));
}

TEST(Shrink, pixel_that_is_covered_in_part_counts_in_part) {
  const Picture three = gray_picture({.width = 3, .height = 1}, {0, 90, 180});
  const Picture two = tour::shrink(three, {.width = 2, .height = 2});
  EXPECT_EQ(two.pixels, (Bytes{30, 30, 30, 150, 150, 150}));
}

TEST(Shrink, colours_do_not_mix) {
  const Picture two{.size = {.width = 2, .height = 1}, .pixels = {10, 100, 0, 20, 200, 0}};
  EXPECT_EQ(tour::shrink(two, {.width = 1, .height = 1}).pixels, (Bytes{15, 150, 0}));
}

TEST(Shrink, shape_is_kept_and_nothing_vanishes) {
  const Size limit = {.width = 240, .height = 180};
  const auto shrunk = [&](int width, int height) {
    return tour::shrink(blank_picture({.width = width, .height = height}, 9, 99, 199), limit);
  };
  EXPECT_EQ(shrunk(1600, 1200).size, limit);
  EXPECT_EQ(shrunk(900, 1200).size, (Size{.width = 135, .height = 180}));
  EXPECT_EQ(shrunk(5000, 1).size, (Size{.width = 240, .height = 1}));
  EXPECT_EQ(shrunk(7, 5).size, (Size{.width = 7, .height = 5}));
  EXPECT_EQ(shrunk(1201, 733).pixels, blank_picture(shrunk(1201, 733).size, 9, 99, 199).pixels);
}

TEST(Sharpen, flat_areas_stay) {
  const Picture flat = blank_picture({.width = 5, .height = 4}, 3, 128, 255);
  EXPECT_EQ(tour::sharpen(flat).pixels, flat.pixels);
}

TEST(Sharpen, what_differs_from_its_neighbours_differs_more) {
  const Picture spot =
      gray_picture({.width = 3, .height = 3}, {80, 80, 80, 80, 100, 80, 80, 80, 80});
  const Picture sharp = tour::sharpen(spot);
  EXPECT_EQ(sharp.pixels[3 * 4], 115);  // 100, and what it has more than (4 * 100 + 12 * 80) / 16
  EXPECT_EQ(sharp.pixels[3 * 3], 78);   // 80, and less than (2 * 100 + 14 * 80) / 16
}

TEST(Sharpen, contrast_ends_at_black_and_white) {
  const Picture edge = gray_picture({.width = 2, .height = 1}, {2, 253});
  EXPECT_EQ(tour::sharpen(edge).pixels, (Bytes{0, 0, 0, 255, 255, 255}));
}

TEST(Develop, thumbnail_has_the_format_of_its_source) {
  const tour_test::Folder folder;
  const Picture picture = blank_picture({.width = 480, .height = 480}, 20, 120, 220);
  for (const auto format : {tour::PictureFormat::png, tour::PictureFormat::jpeg}) {
    folder.write("a", encode(picture, format));  // its name does not matter
    const tour::Thumbnail thumbnail = tour::develop(folder.path() + "/a");
    EXPECT_EQ(thumbnail.source, picture.size);
    const tour::PictureFile file{.name = "thumbnail", .bytes = thumbnail.file};
    EXPECT_EQ(tour::format_of(file), format);
    EXPECT_EQ(tour::decode(file).size, (Size{.width = 180, .height = 180}));
  }
}

TEST(Develop, file_that_is_not_there_is_named) {
  try {
    tour::develop("/no/such/holiday.png");
    FAIL() << "it was developed";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "holiday.png: cannot be read, or is too large");
  }
}

TEST(ContactSheet, size_grows_with_the_tiles) {
  const auto size_of = [](std::size_t tiles) {
    return contact_sheet(std::vector<tour::Tile>(tiles, {.name = "a.png"})).size;
  };
  EXPECT_EQ(size_of(1), (Size{.width = 528, .height = 234}));
  EXPECT_EQ(size_of(15), (Size{.width = 1296, .height = 670}));
  EXPECT_EQ(size_of(16), (Size{.width = 1296, .height = 888}));
}

TEST(ContactSheet, picture_is_on_its_tile_and_a_failure_is_red) {
  const Picture blue = blank_picture(tour::thumbnail_size, 1, 2, 250);
  const Picture sheet = contact_sheet(
      {{.name = "a.png", .picture = blue}, {.name = "b.png", .picture = {}, .remark = "crashed"}});
  const auto pixel = [&](int x, int y) {
    const auto* const at = sheet.pixels.data() + 3 * (y * sheet.size.width + x);
    return Bytes(at, at + 3);
  };
  EXPECT_EQ(pixel(16, 16), (Bytes{1, 2, 250}));
  EXPECT_EQ(pixel(16 + 239, 16 + 179), (Bytes{1, 2, 250}));
  EXPECT_NE(pixel(15, 16), (Bytes{1, 2, 250}));
  EXPECT_GT(pixel(256 + 16 + 60, 16 + 20)[0], 2 * pixel(256 + 16 + 60, 16 + 20)[1]);
}

TEST(ContactSheet, name_of_any_length_and_letters_fits) {
  const std::string name(300, '\xff');
  EXPECT_EQ(contact_sheet({{.name = name, .picture = {}, .remark = name}}).size,
            contact_sheet({{.name = "a"}}).size);
}

TEST(ContactSheet, no_tiles_and_too_large_ones_are_errors) {
  EXPECT_THROW(contact_sheet({}), std::invalid_argument);
  EXPECT_THROW(contact_sheet({{.name = "a", .picture = blank_picture({241, 1}, 0, 0, 0)}}),
               std::invalid_argument);
}

TEST(TemporaryFolder, is_gone_with_what_is_in_it) {
  std::filesystem::path path;
  {
    const tour::TemporaryFolder folder({"a", "b"});
    path = folder.path();
    tour::write_file(folder.file("a"), "text", tour::Making::forbidden);
    EXPECT_EQ(std::filesystem::file_size(folder.file("a")), 4U);
    EXPECT_EQ(std::filesystem::file_size(folder.file("b")), 0U);
    EXPECT_THROW(tour::write_file(folder.file("c"), "text", tour::Making::forbidden),
                 std::system_error);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryFolder, is_gone_too_if_a_file_cannot_be_made) {
  const tour_test::Folder folder;
  setenv("TMPDIR", folder.path().c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_THROW(tour::TemporaryFolder({"a", "no such folder/b"}), std::system_error);
  unsetenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Terminal, what_is_printed_of_elsewhere_obeys_nobody) {
  const tour::Terminal terminal(tour::Look::plain);
  EXPECT_EQ(terminal.printable("plain text.png"), "plain text.png");
  EXPECT_EQ(terminal.printable("\033[2J\n\x7f\xff\xc3\xa9"), "?[2J????");
}

}  // namespace
