// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/file_descriptor.hpp>

#include "core/system_scope.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace coeval {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

FileDescriptor open_null() {
  return FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

TEST(FileDescriptor, closes_what_it_owns) {
  int number = -1;
  {
    const FileDescriptor file = open_null();
    number = file.get();
    EXPECT_TRUE(file);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, owns_none_at_first_and_for_a_negative_number) {
  EXPECT_FALSE(FileDescriptor());
  EXPECT_EQ(FileDescriptor(-7).get(), -1);
  EXPECT_EQ(to_string(FileDescriptor()), "<FileDescriptor closed>");
}

TEST(FileDescriptor, moves_its_ownership) {
  FileDescriptor first = open_null();
  const int number = first.get();
  FileDescriptor second = std::move(first);
  EXPECT_EQ(second.get(), number);
  EXPECT_EQ(to_string(second), "<FileDescriptor " + std::to_string(number) + ">");
  FileDescriptor third = open_null();
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(is_open(replaced));
}

TEST(FileDescriptor, gives_the_number_away) {
  FileDescriptor file = open_null();
  const int number = file.release();
  EXPECT_FALSE(file);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(FileDescriptor, a_duplicate_is_of_its_own_and_closed_on_exec) {
  FileDescriptor file = open_null();
  const FileDescriptor copy = file.duplicate();
  EXPECT_NE(copy.get(), file.get());
  file.reset();
  EXPECT_TRUE(is_open(copy.get()));
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(FileDescriptor().duplicate());
}

TEST(FileDescriptor, a_duplicate_that_the_kernel_refuses_is_an_error) {
  const FileDescriptor file = open_null();
  const support::SystemScope scope([](SystemCalls& table) {
    table.descriptor.duplicate = [](int) noexcept { return -EMFILE; };
  });
  try {
    static_cast<void>(file.duplicate());
    FAIL() << "no exception";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EMFILE);
  }
}

}  // namespace
}  // namespace coeval
