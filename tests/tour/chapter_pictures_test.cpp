// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Runs the tour's fourth chapter.

#include "apps/tour/pictures.hpp"
#include "support/sanitizers.hpp"
#include "tour/expect.hpp"
#include "tour/folder.hpp"
#include "tour/program.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace {

using tour_test::expect_no_text;
using tour_test::expect_text;
using tour_test::Folder;
using tour_test::Outcome;
using tour_test::Program;
using tour_test::run_tour;
using tour_test::Tour;
using tour_test::tour;

// Under a sanitizer its own report takes the place of the worker's.
constexpr bool has_stack = !support::under_sanitizer;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string small_picture(::tour::PictureFormat format) {
  return encode(::tour::blank_picture({.width = 40, .height = 30}, 90, 140, 30), format);
}

::tour::Size size_of_picture(const std::string& path) {
  return ::tour::decode({.name = path, .bytes = content_of(path)}).size;
}

TEST_F(Tour, fourth_chapter_outlives_the_crash_and_says_where_it_was) {
  const Folder folder;
  const std::string sheet = folder.path() + "/sheet.png";
  const Outcome run = run_tour({"--chapter", "4", "--out", sheet}, {"TMPDIR=" + folder.path()});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "14 files");
  expect_text(run, "15 files");
  expect_text(run, "truncated.jpg: libjpeg: Premature end of JPEG file");
  expect_text(run, "wrong_bytes.png: libpng: ");
  expect_text(run, "crash.png killed the process");
  if (has_stack) {
    expect_text(run, "crash_on_purpose");
  }
  expect_text(run, sheet);
  EXPECT_EQ(size_of_picture(sheet), (::tour::Size{.width = 1296, .height = 670}));
  std::filesystem::remove(sheet);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it left something behind";
}

TEST_F(Tour, contact_sheet_is_a_temporary_file_unless_its_name_is_given) {
  const Folder folder;
  Folder pictures;
  pictures.write("a.png", small_picture(::tour::PictureFormat::png));
  const Outcome run =
      run_tour({"--chapter", "4", "--pictures", pictures.path()}, {"TMPDIR=" + folder.path()});
  EXPECT_EQ(run.status, 0) << run.output;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    EXPECT_TRUE(entry.path().native().ends_with("-contact-sheet.png")) << entry.path();
    EXPECT_EQ(size_of_picture(entry.path().native()).width, 784);
  }
  EXPECT_EQ(files, 1);
}

TEST_F(Tour, pictures_of_a_folder_are_found_below_it_whatever_their_names) {
  Folder folder;
  folder.write("a.png", small_picture(::tour::PictureFormat::png));
  folder.write("below/B.JPEG", small_picture(::tour::PictureFormat::jpeg));
  folder.write("wrong ending.jpg", small_picture(::tour::PictureFormat::png));
  folder.write("\033[31m\xff.png", small_picture(::tour::PictureFormat::png));
  folder.write("empty.png", "");
  folder.write("text.jpg", "no picture\n");
  folder.write("notes.txt", "not looked at\n");
  const Outcome run = run_tour(
      {"--chapter", "4", "--pictures", folder.path(), "--out", folder.path() + "/sheet.out"});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "6 pictures of " + folder.path());
  expect_text(run, "9 files");
  expect_text(run, "empty.png: neither a PNG nor a JPEG file");
  expect_text(run, "text.jpg: neither a PNG nor a JPEG file");
  expect_no_text(run, "\033");
  expect_no_text(run, "! ");
}

TEST_F(Tour, folder_without_pictures_is_an_error) {
  Folder folder;
  folder.write("notes.txt", "text\n");
  const Outcome run = run_tour({"--chapter", "4", "--pictures", folder.path()});
  EXPECT_EQ(run.status, 1);
  expect_text(run, "there is no PNG or JPEG file to work on");
}

TEST_F(Tour, missing_folder_of_pictures_is_bad_usage) {
  const Outcome run = run_tour({"--pictures", "/no/such/folder"});
  EXPECT_EQ(run.status, 2);
  expect_text(run, "/no/such/folder");
}

TEST_F(Tour, contact_sheet_that_cannot_be_written_is_an_error) {
  Folder folder;
  folder.write("a.png", small_picture(::tour::PictureFormat::png));
  const std::string sheet = folder.path() + "/no/such/folder/sheet.png";
  const Outcome run = run_tour({"--chapter", "4", "--pictures", folder.path(), "--out", sheet});
  EXPECT_EQ(run.status, 1);
  expect_text(run, "cannot write");
}

TEST_F(Tour, interrupt_leaves_no_rendered_picture_behind) {
  const Folder folder;
  Program program({.command = tour({"--chapter", "4"}), .variables = {"TMPDIR=" + folder.path()}});
  while (std::filesystem::is_empty(folder.path())) {
    std::this_thread::yield();  // until it renders
  }
  program.interrupt();
  EXPECT_EQ(program.finish().status, 128 + SIGINT);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
