// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Which files a process pool reads as large results: none that is too large, or that can be cut off
// while it does.

#include "executors/processes/exchange/buffers.hpp"

#include <coeval/core/errors.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace coeval::detail {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;

FileDescriptor file_of(off_t size, off_t allocated, int seals) {
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.get(), size), 0);
  EXPECT_TRUE(allocated == 0 || ::posix_fallocate(file.get(), 0, allocated) == 0);
  EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

TEST(ReceivedBuffers, a_file_of_a_pool_is_taken_and_its_descriptor_is_not_needed) {
  ReceivedBuffers buffers(4 * mib);
  {
    const SharedBuffer sent(7, 100);
    sent.bytes()[99] = std::byte{42};
    buffers.add(7, sent.file());
    EXPECT_TRUE(buffers.has(7));
  }
  EXPECT_EQ(buffers.bytes(7, 100)[99], std::byte{42});
  EXPECT_THROW(buffers.bytes(7, mib + 1), PickleError);
  EXPECT_THROW(buffers.bytes(8, 1), PickleError);
  buffers.forget(7);
  EXPECT_FALSE(buffers.has(7));
}

TEST(ReceivedBuffers, no_hole_can_be_made_in_a_file_that_was_taken) {
  const SharedBuffer sent(7, mib);
  ReceivedBuffers buffers(mib);
  buffers.add(7, sent.file());
  EXPECT_NE(::fallocate(sent.file().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_NE(::madvise(sent.bytes().data(), 4096, MADV_REMOVE), 0);
}

TEST(ReceivedBuffers, a_file_that_can_change_its_size_or_is_too_large_is_refused) {
  ReceivedBuffers buffers(mib);
  EXPECT_THROW(buffers.add(1, file_of(4096, 4096, F_SEAL_GROW | F_SEAL_FUTURE_WRITE)), PickleError);
  EXPECT_THROW(buffers.add(1, file_of(4096, 4096, F_SEAL_SHRINK | F_SEAL_GROW)), PickleError);
  EXPECT_THROW(buffers.add(1, file_of(off_t{2} << 20, off_t{2} << 20, all_seals)), PickleError);
  EXPECT_THROW(buffers.add(1, file_of(off_t{40} << 30, 0, all_seals)), PickleError);
  EXPECT_THROW(buffers.add(1, FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))),
               PickleError);
  EXPECT_FALSE(buffers.has(1));
}

TEST(ReceivedBuffers, there_are_no_more_than_a_pool_can_have) {
  ReceivedBuffers buffers(mib);
  const FileDescriptor file = file_of(4096, 4096, all_seals);
  EXPECT_THROW(
      {
        for (std::uint32_t number = 1; number < 5000; ++number) {
          buffers.add(number, file);
        }
      },
      PickleError);
}

}  // namespace
}  // namespace coeval::detail
