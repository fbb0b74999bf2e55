// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// Messages that travel in memory files.

#include "core/system_scope.hpp"
#include "support/descriptor_message.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/multiprocessing/connection.hpp>
#include <coeval/multiprocessing/detail/message.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

constexpr std::size_t large = 200'000;

// Sends a packet as send() makes it for a message of so many bytes in a file with these seals.
void send_file(const Connection& connection, std::size_t size, int seals) {
  const FileDescriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::string bytes(size, 'x');
  ASSERT_EQ(::write(file.get(), bytes.data(), size), static_cast<ssize_t>(size));
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);

  std::array<std::uint32_t, 4> header{static_cast<std::uint32_t>(large), 0, 0, 1};
  iovec part{.iov_base = header.data(), .iov_len = sizeof header};
  const int number = file.get();
  const support::DescriptorMessage message({&part, 1}, {&number, 1});
  ASSERT_EQ(::sendmsg(connection.fileno(), message.get(), 0), static_cast<ssize_t>(sizeof header));
}

TEST(LargeMessage, arrives_as_it_was_sent_whatever_it_is) {
  auto [left, right] = Pipe();
  std::vector<double> numbers(large);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = 0.5 * static_cast<double>(i);
  }
  const std::vector<std::string> texts(large / 8, "text");
  left.send(numbers);
  left.send(std::span(numbers));
  left.send(texts);
  left.send(std::string(large, 'x'));
  left.send(std::u16string(large, u'x'));
  EXPECT_EQ(right.recv<std::vector<double>>(), numbers);
  EXPECT_EQ(right.recv<std::vector<double>>(), numbers);
  EXPECT_EQ(right.recv<std::vector<std::string>>(), texts);
  EXPECT_EQ(right.recv<std::string>(), std::string(large, 'x'));
  EXPECT_EQ(right.recv<std::u16string>(), std::u16string(large, u'x'));
}

// What send() writes without a copy is what dumps() would have made.
TEST(LargeMessage, is_written_as_dumps_does) {
  auto [left, right] = Pipe();
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, large}) {
    const std::vector<int> numbers(size, 7);
    left.send(numbers);
    EXPECT_EQ(right.recv_bytes(), pickle::dumps(numbers));
    left.send(std::string(size, 'x'));
    EXPECT_EQ(right.recv_bytes(), pickle::dumps(std::string(size, 'x')));
  }
}

TEST(LargeMessage, in_a_file_that_can_change_is_refused) {
  auto [left, right] = Pipe();
  const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE}) {
    send_file(left, large, all & ~missing);
    EXPECT_THROW(right.recv_bytes(), PickleError) << missing;
  }
  send_file(left, large - 1, all);
  EXPECT_THROW(right.recv_bytes(), PickleError);
  send_file(left, large, all);
  EXPECT_EQ(right.recv_bytes().size(), large);
}

TEST(LargeMessage, for_which_there_is_no_room_is_not_sent) {
  auto [left, right] = Pipe();
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.descriptor.write = [](int, const iovec*, std::size_t) noexcept {
        return static_cast<ssize_t>(-ENOSPC);
      };
    });
    EXPECT_THROW(left.send(std::string(large, 'x')), std::system_error);
  }
  left.send(1);
  EXPECT_EQ(right.recv<int>(), 1);
}

// The kernel may write a part, or be interrupted.
TEST(LargeMessage, is_whole_when_the_kernel_writes_it_in_parts) {
  auto [left, right] = Pipe();
  std::string text(large, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>('a' + i % 26);
  }
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.descriptor.write = [](int fd, const iovec* parts, std::size_t count) noexcept {
        static int calls = 0;
        if (++calls % 3 == 0) {
          return static_cast<ssize_t>(-EINTR);
        }
        iovec first = parts[0].iov_len != 0 || count == 1 ? parts[0] : parts[1];
        first.iov_len = std::min<std::size_t>(first.iov_len, 7'777);
        return kernel().descriptor.write(fd, &first, 1);
      };
    });
    left.send(text);
  }
  EXPECT_EQ(right.recv<std::string>(), text);
}

TEST(LargeMessage, that_cannot_be_mapped_is_lost_and_the_next_one_is_read) {
  auto [left, right] = Pipe();
  left.send(std::string(large, 'x'));
  left.send(2);
  {
    const support::SystemScope scope([](SystemCalls& table) {
      table.descriptor.map_private = [](std::size_t, int, int, int* error) noexcept -> void* {
        *error = ENOMEM;
        return nullptr;
      };
    });
    EXPECT_THROW(right.recv<std::string>(), std::system_error);
  }
  EXPECT_EQ(right.recv<int>(), 2);
}

}  // namespace
}  // namespace coeval::multiprocessing
