// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/multiprocessing/connection.hpp>

#include <coeval/multiprocessing/process.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coeval::multiprocessing {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::string text_of(const pickle::Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void echo(Connection connection) {
  try {
    while (true) {
      connection.send_bytes(connection.recv_bytes());
    }
  } catch (const EOFError&) {
    return;
  }
}

TEST(Connection, carries_values_both_ways) {
  auto [left, right] = Pipe();
  left.send(42);
  right.send(std::string("answer"));
  EXPECT_EQ(right.recv<int>(), 42);
  EXPECT_EQ(left.recv<std::string>(), "answer");
}

TEST(Connection, carries_values_between_processes) {
  auto [here, there] = Pipe();
  Process process(echo, std::move(there));
  process.start();
  for (const std::size_t size : {0UL, 1UL, 65519UL, 65536UL, 65537UL, 5'000'000UL}) {
    const std::string sent(size, 'x');
    here.send_bytes(bytes_of(sent));
    EXPECT_EQ(text_of(here.recv_bytes()), sent) << size;
  }
  here.close();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(Connection, keeps_the_order_and_the_borders_of_messages) {
  auto [left, right] = Pipe();
  for (const char* text : {"a", "", "bc"}) {
    left.send_bytes(bytes_of(text));
  }
  EXPECT_EQ(text_of(right.recv_bytes()), "a");
  EXPECT_EQ(text_of(right.recv_bytes()), "");
  EXPECT_EQ(text_of(right.recv_bytes()), "bc");
}

TEST(Connection, the_end_of_the_other_side_comes_after_what_it_sent) {
  auto [left, right] = Pipe();
  right.send(1);  // never read by left: the kernel calls that a reset
  left.send(2);
  left.close();
  EXPECT_TRUE(right.poll());
  EXPECT_EQ(right.recv<int>(), 2);
  EXPECT_TRUE(right.poll());
  EXPECT_THROW(right.recv<int>(), EOFError);
  EXPECT_THROW(right.recv<int>(), EOFError);
  try {
    right.send(3);
    FAIL() << "no exception";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EPIPE);
  }
}

TEST(Connection, poll_waits_until_there_is_something) {
  auto [left, right] = Pipe();
  EXPECT_FALSE(right.poll());
  EXPECT_FALSE(right.poll(5ms));
  threading::Thread sender([&end = left] { end.send(1); });
  sender.start();
  EXPECT_TRUE(right.poll(never));
  EXPECT_EQ(right.recv<int>(), 1);
  sender.join();
}

TEST(Connection, recv_and_send_give_up_at_their_deadline_and_lose_nothing) {
  auto [left, right] = Pipe();
  EXPECT_THROW(right.recv<int>(5ms), TimeoutError);
  EXPECT_THROW(right.recv<int>(0s), TimeoutError);
  int sent = 0;
  const std::string text(10'000, 'x');
  try {
    while (true) {
      left.send_bytes(bytes_of(text), 5ms);
      ++sent;
    }
  } catch (const TimeoutError&) {
    EXPECT_GT(sent, 5);
  }
  for (int i = 0; i < sent; ++i) {
    EXPECT_EQ(right.recv_bytes().size(), text.size());
  }
  EXPECT_FALSE(right.poll());
}

TEST(Connection, one_way_ends_refuse_the_other_way) {
  auto [receiver, sender] = Pipe(false);
  EXPECT_TRUE(receiver.readable() && !receiver.writable());
  EXPECT_TRUE(sender.writable() && !sender.readable());
  sender.send(1);
  EXPECT_EQ(receiver.recv<int>(), 1);
  EXPECT_THROW(receiver.send(1), RuntimeError);
  EXPECT_THROW(sender.recv<int>(), RuntimeError);
  EXPECT_THROW(static_cast<void>(sender.poll()), RuntimeError);
  EXPECT_EQ(to_string(sender), "<Connection " + std::to_string(sender.fileno()) + " sends>");
}

TEST(Connection, a_closed_end_is_an_error_to_use) {
  auto [left, right] = Pipe();
  left.close();
  left.close();
  EXPECT_TRUE(left.closed());
  EXPECT_THROW(left.send(1), RuntimeError);
  EXPECT_THROW(left.recv<int>(), RuntimeError);
  EXPECT_EQ(to_string(left), "<Connection closed>");
  EXPECT_THROW(Connection().recv<int>(), RuntimeError);
}

TEST(Connection, a_message_of_another_type_is_an_error_and_the_next_one_is_read) {
  auto [left, right] = Pipe();
  left.send(std::string("no number"));
  left.send(7);
  EXPECT_THROW(right.recv<int>(), PickleError);
  EXPECT_EQ(right.recv<int>(), 7);
}

TEST(Connection, a_message_longer_than_allowed_is_refused) {
  auto [left, right] = Pipe();
  left.send_bytes(bytes_of("four"));
  left.send_bytes(bytes_of("five"));
  EXPECT_THROW(right.recv_bytes(3), ValueError);
  EXPECT_EQ(text_of(right.recv_bytes(4)), "five");
}

TEST(Connection, carries_descriptors) {
  auto [left, right] = Pipe();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const FileDescriptor reading(pipe[0]);
  left.send(FileDescriptor(pipe[1]));
  {
    const auto writing = right.recv<FileDescriptor>();
    EXPECT_EQ(::fcntl(writing.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::write(writing.get(), "x", 1), 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(reading.get(), &byte, 1), 1);
  EXPECT_EQ(::read(reading.get(), &byte, 1), 0) << "somebody still has the writing end";
}

TEST(Connection, carries_connections) {
  auto [left, right] = Pipe();
  auto [inner, other] = Pipe();
  left.send(other);
  other.close();
  auto received = right.recv<Connection>();
  received.send(5);
  EXPECT_EQ(inner.recv<int>(), 5);
}

TEST(Connection, refuses_packets_that_no_connection_sends) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
  Connection connection{FileDescriptor(pair[0])};
  const FileDescriptor hostile(pair[1]);
  const auto send = [&](std::uint64_t size, std::uint32_t descriptors, std::uint32_t in_file,
                        std::size_t rest) {
    std::vector<char> packet(16 + rest, 'x');
    std::memcpy(packet.data(), &size, 8);
    std::memcpy(packet.data() + 8, &descriptors, 4);
    std::memcpy(packet.data() + 12, &in_file, 4);
    ASSERT_GT(::send(hostile.get(), packet.data(), packet.size(), 0), 0);
    EXPECT_THROW(connection.recv_bytes(), PickleError)
        << size << " " << descriptors << " " << in_file << " " << rest;
  };
  send(1'000'000'000'000, 0, 0, 4);
  send(3, 0, 0, 4);
  send(4, 1, 0, 4);
  send(4, 0, 1, 0);
  send(4, 0xffffffff, 1, 0);
  ASSERT_EQ(::send(hostile.get(), "short", 5, 0), 5);
  EXPECT_THROW(connection.recv_bytes(), PickleError);
  connection.send(1);
}

TEST(Connection, takes_over_only_a_socket_of_its_kind) {
  EXPECT_THROW(Connection{FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC))}, ValueError);
  EXPECT_THROW(Connection{FileDescriptor(::socket(AF_UNIX, SOCK_STREAM, 0))}, ValueError);
  EXPECT_THROW(Connection{FileDescriptor()}, ValueError);
}

// connection.wait, as in TestWait.
TEST(ConnectionWait, gives_those_that_are_ready_in_the_order_given) {
  auto [a, b] = Pipe();
  auto [c, d] = Pipe();
  EXPECT_TRUE(connection::wait({b, d}, 0s).empty());
  EXPECT_TRUE(connection::wait({b, d}, -1s).empty());
  EXPECT_TRUE(connection::wait({b, d}, 5ms).empty());
  c.send(1);
  EXPECT_EQ(connection::wait({b, d}), (std::vector<connection::Waitable>{d}));
  a.close();
  EXPECT_EQ(connection::wait({b, d}), (std::vector<connection::Waitable>{b, d}));
}

TEST(ConnectionWait, takes_sentinels_and_sockets) {
  auto [here, there] = Pipe();
  Process process(echo, std::move(there));
  process.start();
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const FileDescriptor one(pair[0]);
  const FileDescriptor two(pair[1]);
  EXPECT_TRUE(connection::wait({process.sentinel(), one, here}, 0s).empty());
  ASSERT_EQ(::write(two.get(), "x", 1), 1);
  EXPECT_EQ(connection::wait({process.sentinel(), one, here}).size(), 1U);
  here.close();
  EXPECT_EQ(connection::wait({process.sentinel()}).size(), 1U);
}

TEST(ConnectionWait, a_closed_descriptor_is_an_error) {
  auto [a, b] = Pipe();
  b.close();
  EXPECT_THROW(connection::wait({a, b}), ValueError);
  EXPECT_THROW(connection::wait({1'000'000}, 0s), ValueError);
}

}  // namespace
}  // namespace coeval::multiprocessing
