// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Runs the tour's program on small folders, and with everything that can be wrong with them.

#include "tour/expect.hpp"
#include "tour/folder.hpp"
#include "tour/program.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <string>

namespace {

using tour_test::Busy;
using tour_test::expect_no_text;
using tour_test::expect_text;
using tour_test::Folder;
using tour_test::Outcome;
using tour_test::Program;
using tour_test::run_tour;
using tour_test::Tour;
using tour_test::tour;

TEST_F(Tour, help_names_the_options_and_ends_well) {
  const Outcome run = run_tour({"--help"});
  EXPECT_EQ(run.status, 0);
  for (const char* option :
       {"--folder", "--port", "--pictures", "--out", "--chapter", "--plain", "--color"}) {
    expect_text(run, option);
  }
}

TEST_F(Tour, bad_usage_ends_with_2) {
  EXPECT_EQ(run_tour({"--no-such-option"}).status, 2);
  EXPECT_EQ(run_tour({"--chapter", "9"}).status, 2);
  EXPECT_EQ(run_tour({"--port", "65536"}).status, 2);
  EXPECT_EQ(run_tour({"--plain", "--color"}).status, 2);
}

TEST_F(Tour, missing_folder_is_named_before_anything_runs) {
  const Outcome run = run_tour({"--folder", "/no/such/folder"});
  EXPECT_EQ(run.status, 2);
  expect_text(run, "/no/such/folder");
  expect_no_text(run, "A tour of");
}

TEST_F(Tour, first_chapter_prints_the_lesson_word_for_word) {
  const Outcome run = run_tour({"--chapter", "1"});
  EXPECT_EQ(run.status, 0);
  EXPECT_NE(run.output.find("\nA done\nB done\nAll done\n"), std::string::npos) << run.output;
  expect_text(run, "Thread t1(worker, \"A\", 1s);");
}

TEST_F(Tour, files_with_odd_names_and_sizes_arrive_whole) {
  Folder folder;
  folder.write("plain.txt", "text\n");
  folder.write("empty", "");
  folder.write("with space, 100% + ünïcode?#&.txt", "odd name\n");
  folder.write("line\nbreak", "odder name\n");
  folder.write("..dots", "not a way out\n");
  folder.write("bytes.bin", std::string("\0\r\n\xff", 4));
  folder.write("below/deeper/large.txt", std::string(1 << 20, 'x'));
  const Outcome run = run_tour({"--chapter", "2", "--folder", folder.path()});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "7 files");
  expect_no_text(run, "!");
}

TEST_F(Tour, what_cannot_be_served_is_left_out_and_counted) {
  Folder folder;
  folder.write("good.txt", "good\n");
  folder.write("huge.bin", std::string((1 << 20) + 1, 'x'));
  ASSERT_EQ(mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);  // would wait for ever
  std::filesystem::create_symlink("/etc/passwd", folder.path() + "/link");
  const Outcome run = run_tour({"--chapter", "2", "--folder", folder.path()});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "1 file of");
  expect_text(run, "1 file over 1 MiB");
}

TEST_F(Tour, unreadable_files_are_left_out_and_counted) {
  if (geteuid() == 0 && !tour_test::nobody_can_run_it()) {
    GTEST_SKIP() << "root may read everything, and nobody may not run the program";
  }
  Folder folder;
  folder.write("good.txt", "good\n");
  folder.write("secret.txt", "secret\n");
  folder.write("closed/inside.txt", "inside\n");
  chmod(folder.path().c_str(), 0755);
  chmod((folder.path() + "/secret.txt").c_str(), 0);
  chmod((folder.path() + "/closed").c_str(), 0);
  const Outcome run =
      Program({.command = tour_test::tour_as_nobody({"--chapter", "2", "--folder", folder.path()})})
          .finish();
  chmod((folder.path() + "/closed").c_str(), 0700);
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "1 file of");
  expect_text(run, "2 that cannot be read");
}

TEST_F(Tour, folder_without_files_is_an_error_and_the_tour_goes_on) {
  const Folder folder;
  const Outcome run = run_tour({"--chapter", "2", "--chapter", "1", "--folder", folder.path()});
  EXPECT_EQ(run.status, 1);
  expect_text(run, "no file to serve");
  expect_text(run, "All done");
}

TEST_F(Tour, more_files_than_the_limit_are_said_to_be_more) {
  Folder folder;
  for (int i = 0; i < 310; ++i) {
    folder.write("file" + std::to_string(i), std::to_string(i));
  }
  const Outcome run = run_tour({"--chapter", "2", "--folder", folder.path()});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "the first 300 files");
}

TEST_F(Tour, port_in_use_is_a_clear_line) {
  Folder folder;
  folder.write("a", "a");
  const Busy port;
  const Outcome run =
      run_tour({"--chapter", "2", "--folder", folder.path(), "--port", port.number()});
  EXPECT_EQ(run.status, 1);
  expect_text(run, "cannot listen on 127.0.0.1:" + port.number());
  expect_text(run, "--port");
}

TEST_F(Tour, file_that_changes_is_found_by_its_hash) {
  Folder folder;
  for (int i = 0; i < 50; ++i) {
    folder.write("file" + std::to_string(i), "as it was");
  }
  Program program({.command = tour({"--chapter", "2", "--folder", folder.path()})});
  program.read_until("check(fetch(url))");  // the hashes are computed; 50 files take a second
  folder.write("file9", "as it is!");       // the last one by name
  const Outcome run = program.finish();
  EXPECT_EQ(run.status, 1);
  expect_text(run, "file9: not the file that was on disk");
}

TEST_F(Tour, file_that_vanishes_is_told_and_no_error) {
  Folder folder;
  for (int i = 0; i < 50; ++i) {
    folder.write("file" + std::to_string(i), "as it was");
  }
  Program program({.command = tour({"--chapter", "2", "--folder", folder.path()})});
  program.read_until("check(fetch(url))");
  std::filesystem::remove(folder.path() + "/file9");
  const Outcome run = program.finish();
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "3 of the answers said that the file had gone");
}

TEST_F(Tour, proxy_of_the_environment_is_not_asked) {
  Folder folder;
  folder.write("a", "a");
  const Outcome run = run_tour({"--chapter", "2", "--folder", folder.path()},
                               {"http_proxy=http://127.0.0.1:1", "ALL_PROXY=http://127.0.0.1:1"});
  EXPECT_EQ(run.status, 0) << run.output;
}

TEST_F(Tour, without_python_the_third_chapter_says_so_and_goes_on) {
  const Outcome run = run_tour({"--chapter", "3"}, {"PATH=/nonexistent"});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "python3 is not installed");
  expect_text(run, "333332833333500000");
}

TEST_F(Tour, python_that_fails_is_quoted) {
  Folder folder;
  folder.write("python3", "#!/bin/sh\necho 'no such module' >&2\nexit 1\n");
  chmod((folder.path() + "/python3").c_str(), 0755);
  const Outcome run = run_tour({"--chapter", "3"}, {"PATH=" + folder.path() + ":/usr/bin:/bin"});
  EXPECT_EQ(run.status, 0) << run.output;
  expect_text(run, "python3 failed: no such module");
}

TEST_F(Tour, output_into_a_file_is_plain_ascii_of_80_columns) {
  const Folder folder;
  const Outcome run = run_tour(
      {"--chapter", "3", "--chapter", "4", "--chapter", "1", "--out", folder.path() + "/sheet.png"},
      {"TERM=xterm-256color", "LC_ALL=C.UTF-8",
       // What a sanitizer would say of the picture that crashes on purpose is wider.
       "ASAN_OPTIONS=handle_segv=0", "TSAN_OPTIONS=handle_segv=0"});
  EXPECT_EQ(run.status, 0);
  std::size_t column = 0;
  for (const char c : run.output) {
    ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
    column = c == '\n' ? 0 : column + 1;
    ASSERT_LE(column, 80U) << run.output;
  }
}

TEST_F(Tour, interrupt_ends_it_as_a_shell_expects) {
  Program program({.command = tour({"--chapter", "1"})});
  program.read_until("t1.start()");
  program.interrupt();
  EXPECT_EQ(program.finish().status, 128 + SIGINT);
}

TEST_F(Tour, output_that_cannot_be_written_is_an_error) {
  const Outcome run = run_tour({"--chapter", "1"}, {}, "/dev/full");
  EXPECT_EQ(run.status, 1);
  expect_text(run, "standard output cannot be written");
}

}  // namespace
